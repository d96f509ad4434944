"""The frame of every job: pin, private directory, time, and failures turned into a tool run."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar

from secagg.errors import ReportError, UsageError
from secagg.packages.components import ROOT, Component
from secagg.parsing import Gap, RawReport
from secagg.scanners.base import RunContext, ScanRequest, Status, ToolRun
from secagg.scanners.deciding import Unusable, copied_if_there, in_change
from secagg.scanners.options import ToolOptions
from secagg.scanners.program import Make, NotInstalled, Program, explain, find_program
from secagg.system.git import quiet_environment
from secagg.system.process import ProcessResult, run


@dataclass(frozen=True, kw_only=True)
class ProgramJob(ABC):
    """A job that runs one program. ``scan`` does the work and may raise Unusable."""

    program: Program
    request: ScanRequest
    component: str = ROOT
    mode: str | None = None
    lane: str | None = None
    # What git may fetch by, where the program asks git for anything.
    protocols: ClassVar[Sequence[str]] = ()

    @property
    def tool(self) -> str:
        return self.program.make.name

    @property
    def title(self) -> str:
        """What messages and reports call the run: tool and mode."""
        return f"{self.tool} {self.mode}" if self.mode else self.tool

    @property
    def timeout(self) -> float:
        return self.program.options.timeout or self.request.timeout

    @property
    def target(self) -> Path:
        """The directory to scan."""
        return self.request.root / self.component

    def run(self) -> ToolRun:
        """Run the tool to its end; whatever goes wrong is told in the tool run."""
        started = time.monotonic()
        tool_run = ToolRun(
            tool=self.tool,
            status=Status.COMPLETE,
            component=self.component,
            mode=self.mode,
            version=self.program.version,
        )
        try:
            self.program.check_pin()
            self.scan(tool_run)
        except Unusable as failure:
            fail(tool_run, failure.reason, failure.hint, self.program.context)
        except ReportError as error:
            fail(
                tool_run,
                f"{self.program.make.title} wrote no report that can be read: {error.message}",
                error.hint,
                self.program.context,
            )
        tool_run.seconds = time.monotonic() - started
        return tool_run

    @abstractmethod
    def scan(self, tool_run: ToolRun) -> None:
        """Do the work, and put reports and gaps into ``tool_run``."""

    def execute(
        self,
        arguments: Sequence[str],
        directory: Path,
        *,
        cwd: Path | None = None,
        ok: Sequence[int] = (0,),
        watched: Sequence[Path] = (),
        extra: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> ProcessResult:
        """Run the program once. Raises Unusable unless it exits with a code in ``ok``.

        Without ``cwd`` it works in the private ``directory``, where no configuration of the
        target can be found by accident.
        """
        context = self.program.context
        try:
            # Whatever a scanner asks git, in the target or elsewhere.
            quiet = quiet_environment(self.target, context.environ, protocols=self.protocols)
        except UsageError as error:
            raise Unusable(error.message, error.hint) from None
        command = self.program.command(
            arguments,
            cwd=cwd or directory,
            timeout=self.timeout if timeout is None else timeout,
            watched=watched,
            extra={**quiet, **(extra or {})},
        )
        result = run(command, directory, context.cancellation)
        if not result.exited(*ok):
            raise explain(result, self.program)
        return result

    @property
    def base_decides(self) -> bool:
        """Whether a change is scanned, so that the tree's own files are taken from its base."""
        return in_change(self.program.context.controls)

    def touched(self, name: str) -> bool:
        """Return whether the change touches the target's file ``name``."""
        controls = self.program.context.controls
        return controls is not None and bool(controls.touched(self.target / name))

    def adds_words(self, *words: bytes) -> bool:
        """Whether a change is scanned that adds a line with one of ``words`` (in lower case)."""
        controls = self.program.context.controls
        return controls is not None and controls.adds_words(words)

    def own_files(self, names: Sequence[str], directory: Path) -> Path:
        """Where the target's own configuration acts from, if it is trusted: its files ``names``.

        That is the target itself, and in a change a private directory with the base's copies.
        """
        if not self.base_decides:
            return self.target
        place = directory / "own"
        if not place.exists():
            place.mkdir()
            paths = [self.target / name for name in names]
            copied_if_there(self.program.context.controls, paths, place)
        return place

    def report(self, data: bytes, *, rooted: bool = False) -> RawReport:
        """``data`` as a report of this run; ``rooted`` if its paths start at the root anyway."""
        limited = None if rooted or self.component == ROOT else self.component
        return RawReport(name=self.title, data=data, tool=self.tool, component=limited)


def fail(tool_run: ToolRun, reason: str, hint: str | None, context: RunContext) -> None:
    """Mark a run as failed. The texts are masked here; the first failure is the one told."""
    if tool_run.status is not Status.FAILED:
        tool_run.status = Status.FAILED
        tool_run.reason = context.redactor.mask(reason)
        tool_run.hint = None if hint is None else context.redactor.mask(hint)


def prepare(make: Make, options: ToolOptions, context: RunContext) -> Program | ToolRun:
    """Return the program, or the failed tool run that says why there is none."""
    try:
        return find_program(make, options, context)
    except Unusable as problem:
        missing = isinstance(problem, NotInstalled)
        tool_run = ToolRun(tool=make.name, status=Status.COMPLETE, missing=missing)
        fail(tool_run, problem.reason, problem.hint, context)
        return tool_run


def skipped(make: Make, reason: str, *, mode: str | None = None) -> ToolRun:
    """Return a tool run that does not apply."""
    return ToolRun(tool=make.name, status=Status.SKIPPED, mode=mode, reason=reason)


def scopes(request: ScanRequest) -> list[str]:
    """Return the paths to scan one by one: the root alone if all is wanted, else the components.

    A component inside another chosen one is left out, for it is scanned with that one.
    """
    chosen = {component.path for component in request.components}
    if request.whole or ROOT in chosen:
        return [ROOT]
    return sorted(
        path
        for path in chosen
        if not any(str(parent) in chosen for parent in PurePosixPath(path).parents)
    )


def components_in(request: ScanRequest, scope: str) -> list[Component]:
    """Return the chosen components that are scanned with ``scope``."""
    return [
        component
        for component in request.components
        if scope == ROOT
        or component.path == scope
        or component.path.startswith(scope.rstrip("/") + "/")
    ]


def read_report(path: Path, title: str) -> bytes:
    """Return the bytes of a report file, which is gone then: it may hold raw secrets.

    Raises Unusable if it is missing or empty.
    """
    try:
        data = path.read_bytes()
        path.unlink()
    except OSError:
        raise Unusable(f"{title} ended without writing its report") from None
    if not data.strip():
        raise Unusable(f"{title} wrote an empty report")
    return data


def whole_report(
    make: Callable[..., RawReport], path: Path, *, rooted: bool = False
) -> RawReport | None:
    """The report of a run that failed, made by ``make``; None where it is missing or broken off."""
    try:
        report = make(read_report(path, "it"), rooted=rooted)
        return report if report.document is not None else None
    except (Unusable, ReportError):
        return None


def own_file(name: str, *, used: bool) -> str:
    """Say whether a tool was given the repository's own file ``name``, and what it does if not."""
    if used:
        return f"the repository's own {name} was used"
    if "ignore" in name:
        return f"the tool was not given the repository's own {name}: its lines are exceptions here"
    return f"the repository's own {name} was not used"


def remark(
    tool_run: ToolRun,
    message: str,
    context: RunContext,
    *,
    fatal: bool = False,
    whole: bool = False,
) -> None:
    """Note something that the run did not look at; ``whole`` where the run is in doubt itself."""
    tool_run.gaps.append(Gap(message=context.redactor.mask(message), fatal=fatal, whole=whole))
