"""The base of all jobs: checks the pin, runs the program, turns failures into a tool run."""

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
from secagg.scanners.configuration import Unusable, copy_existing, in_change
from secagg.scanners.options import ToolOptions
from secagg.scanners.program import NotInstalled, Program, ToolSpec, explain, find_program
from secagg.system.git import quiet_environment
from secagg.system.process import ProcessResult, run


@dataclass(frozen=True, kw_only=True)
class ProgramJob(ABC):
    """A job that runs one program; subclasses do so in ``scan``."""

    program: Program
    request: ScanRequest
    component: str = ROOT
    mode: str | None = None
    lane: str | None = None
    # The protocols by which git may fetch, where the program uses git.
    protocols: ClassVar[Sequence[str]] = ()

    @property
    def tool(self) -> str:
        return self.program.spec.name

    @property
    def title(self) -> str:
        """The name of the run in messages and reports: tool and mode."""
        return f"{self.tool} {self.mode}" if self.mode else self.tool

    @property
    def timeout(self) -> float:
        return self.program.options.timeout or self.request.timeout

    @property
    def target(self) -> Path:
        """The directory to scan."""
        return self.request.root / self.component

    def run(self) -> ToolRun:
        """Run the tool to its end; failures are in the tool run."""
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
                f"{self.program.spec.title} wrote no report that can be read: {error.message}",
                error.hint,
                self.program.context,
            )
        tool_run.seconds = time.monotonic() - started
        return tool_run

    @abstractmethod
    def scan(self, tool_run: ToolRun) -> None:
        """Scan, and add reports and gaps to ``tool_run``. Raises Unusable for a failure."""

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

        By default the working directory is the private ``directory``, where the tool finds no
        configuration of the target.
        """
        context = self.program.context
        try:
            # For all calls of git by the scanner, in the target or elsewhere.
            git_environment = quiet_environment(
                self.target, context.environ, protocols=self.protocols
            )
        except UsageError as error:
            raise Unusable(error.message, error.hint) from None
        command = self.program.command(
            arguments,
            cwd=cwd or directory,
            timeout=self.timeout if timeout is None else timeout,
            watched=watched,
            extra={**git_environment, **(extra or {})},
        )
        result = run(command, directory, context.cancellation)
        if not result.exited(*ok):
            raise explain(result, self.program)
        return result

    @property
    def base_decides(self) -> bool:
        """Whether a change is scanned, so that configuration is read from its base."""
        return in_change(self.program.context.controls)

    def touched(self, name: str) -> bool:
        """Tell whether the change touches the target's file ``name``."""
        controls = self.program.context.controls
        return controls is not None and bool(controls.touched(self.target / name))

    def adds_words(self, *words: bytes) -> bool:
        """Tell whether a change adds a line with one of ``words`` (in lower case)."""
        controls = self.program.context.controls
        return controls is not None and controls.adds_words(words)

    def trusted_config(self, names: Sequence[str], directory: Path) -> Path:
        """Return the directory of the target's trusted configuration files ``names``.

        That is the target itself; in a change, a directory with copies of the base's files.
        """
        if not self.base_decides:
            return self.target
        copies = directory / "own"
        if not copies.exists():
            copies.mkdir()
            paths = [self.target / name for name in names]
            copy_existing(self.program.context.controls, paths, copies)
        return copies

    def report(self, data: bytes, *, rooted: bool = False) -> RawReport:
        """Make a report of ``data``; ``rooted`` says that its paths are relative to the root."""
        component = None if rooted or self.component == ROOT else self.component
        return RawReport(name=self.title, data=data, tool=self.tool, component=component)


def fail(tool_run: ToolRun, reason: str, hint: str | None, context: RunContext) -> None:
    """Mark a run as failed, unless it already is. The texts are masked."""
    if tool_run.status is not Status.FAILED:
        tool_run.status = Status.FAILED
        tool_run.reason = context.redactor.mask(reason)
        tool_run.hint = None if hint is None else context.redactor.mask(hint)


def prepare(spec: ToolSpec, options: ToolOptions, context: RunContext) -> Program | ToolRun:
    """Find the program; return a failed tool run with the reason where that is not possible."""
    try:
        return find_program(spec, options, context)
    except Unusable as problem:
        missing = isinstance(problem, NotInstalled)
        tool_run = ToolRun(tool=spec.name, status=Status.COMPLETE, missing=missing)
        fail(tool_run, problem.reason, problem.hint, context)
        return tool_run


def skipped(spec: ToolSpec, reason: str, *, mode: str | None = None) -> ToolRun:
    """Make the tool run of a tool that does not apply."""
    return ToolRun(tool=spec.name, status=Status.SKIPPED, mode=mode, reason=reason)


def scopes(request: ScanRequest) -> list[str]:
    """Return the paths to scan one by one: the root if all are chosen, else the components.

    A component within another chosen one is left out: it is scanned with that one.
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
    """Read a report file and delete it, as it may hold raw secrets.

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
    """Make the report of a failed run by ``make``; None where it is missing or not complete."""
    try:
        report = make(read_report(path, "it"), rooted=rooted)
        return report if report.document is not None else None
    except (Unusable, ReportError):
        return None


def config_file_note(name: str, *, used: bool) -> str:
    """Say whether the tool used its configuration file ``name`` of the repository."""
    if used:
        return f"the repository's own {name} was used"
    if "ignore" in name:
        return f"the tool was not given the repository's own {name}: its lines are exceptions here"
    return f"the repository's own {name} was not used"


def add_gap(
    tool_run: ToolRun,
    message: str,
    context: RunContext,
    *,
    fatal: bool = False,
    whole: bool = False,
) -> None:
    """Add a gap, masked; ``whole`` says that the run as a whole is in doubt."""
    tool_run.gaps.append(Gap(message=context.redactor.mask(message), fatal=fatal, whole=whole))
