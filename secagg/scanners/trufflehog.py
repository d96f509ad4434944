"""TruffleHog 3: secrets in the history of a git repository, or in a directory.

Command lines, exit codes and messages are those of its README and ``--help`` (3.60 and newer).
Verification sends secrets to the services concerned, so it is off by default.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from secagg.packages.components import ROOT
from secagg.scanners.base import Job, RunContext, ScanRequest, ToolRun
from secagg.scanners.configuration import Unusable
from secagg.scanners.git import GitRepository, count_lines, find_repository, note_partial_history
from secagg.scanners.job import ProgramJob, add_gap, fail, prepare, scopes
from secagg.scanners.options import TrufflehogOptions, read_options
from secagg.scanners.program import ToolSpec
from secagg.system.process import ProcessResult, last_lines, private_directory

SPEC = ToolSpec(
    name="trufflehog",
    title="TruffleHog",
    version_argv=("--version",),
    version_pattern=r"(?m)^trufflehog v?(\d+\.\d+\.\d+)",
    supported=">=3.60,<4",
    install="secagg tools install trufflehog",
)

_FINISHED = '"msg":"finished scanning"'
_ERRORS = "encountered errors during scan"
_COMMENT = "trufflehog:ignore"


class TrufflehogScanner:
    """Plans TruffleHog for the history, or for the work tree where there is none."""

    name = "trufflehog"

    def __init__(self, context: RunContext) -> None:
        self._context = context

    def plan(self, request: ScanRequest) -> Sequence[Job | ToolRun]:
        """Plan a job for each mode and scope. Raises ConfigError for invalid options."""
        options = read_options(
            TrufflehogOptions, self.name, request.options.get(self.name, {}), request.root
        )
        program = prepare(SPEC, options, self._context)
        if isinstance(program, ToolRun):
            return [program]
        repository = find_repository(request.root, self._context)
        modes = options.modes or ["filesystem" if repository is None else "git"]
        return [
            TrufflehogJob(
                program=program,
                request=request,
                component=scope,
                mode=mode,
                options=options,
                repository=repository,
            )
            for mode in modes
            for scope in scopes(request)
        ]


@dataclass(frozen=True, kw_only=True)
class TrufflehogJob(ProgramJob):
    """One TruffleHog scan.

    TruffleHog exits with 0 after errors and after SIGTERM, too. So a run is complete only if its
    log says that it finished, and mentions no errors.
    """

    options: TrufflehogOptions
    repository: GitRepository | None
    # TruffleHog clones the repository and scans the clone.
    protocols: ClassVar[Sequence[str]] = ("file",)

    def scan(self, tool_run: ToolRun) -> None:
        with private_directory() as directory:
            arguments = ["--json", "--no-update"]
            if not self.options.verify:
                arguments.append("--no-verification")
            if self.options.concurrency is not None:
                arguments.append(f"--concurrency={self.options.concurrency}")
            if self.mode == "git":
                arguments = ["git", self._repository(tool_run), *arguments]
                arguments += self._selection(directory)
            else:
                arguments = ["filesystem", str(self.target), *arguments]
            try:
                result = self.execute(arguments, directory)
            except Unusable:
                self._keep_partial_report(directory / "stdout", tool_run)
                raise
            tool_run.reports.append(self.report(result.stdout.read_bytes(), rooted=True))
            result.stdout.unlink()
            self._check_completed(tool_run, result)
        hidden = count_lines(self.target, self.repository, _COMMENT, self.program.context)
        if hidden:
            add_gap(
                tool_run,
                f"{hidden} lines of the repository carry {_COMMENT}, which hides them",
                self.program.context,
                fatal=self.adds_words(_COMMENT.encode()),
            )

    def _keep_partial_report(self, out: Path, tool_run: ToolRun) -> None:
        """Keep the complete lines that a failed run wrote."""
        try:
            data = out.read_bytes()
        except OSError:
            return
        lines = data[: data.rfind(b"\n") + 1]
        if lines.strip():
            tool_run.reports.append(self.report(lines, rooted=True))

    def _repository(self, tool_run: ToolRun) -> str:
        if self.repository is None:
            raise Unusable("not a git repository", "remove git from tools.trufflehog.modes")
        if self.repository.prefix:
            raise Unusable(
                "TruffleHog can only scan the history of a whole repository",
                "scan it from its top, or set tools.trufflehog.modes to [filesystem]",
            )
        if self.repository.shallow and self.request.since is None:
            add_gap(
                tool_run,
                "the clone is shallow: older history was not scanned (fetch-depth: 0 gets it)",
                self.program.context,
                fatal=not self.options.allow_shallow,
            )
        note_partial_history(tool_run, self.repository, self.request.since, self.program.context)
        return f"file://{self.request.root}"

    def _selection(self, directory: Path) -> list[str]:
        assert self.repository is not None
        arguments = []
        if self.request.since is not None:
            base = self.repository.commit(self.request.since)
            arguments = [f"--since-commit={base}", "--branch=HEAD"]
        if self.component != ROOT:
            include = directory / "include.txt"
            include.write_text(f"^{re.escape(self.component)}/\n")
            arguments.append(f"--include-paths={include}")
        return arguments

    def _check_completed(self, tool_run: ToolRun, result: ProcessResult) -> None:
        finished = errors = False
        with result.stderr.open("r", encoding="utf-8", errors="replace") as log:
            for line in log:
                finished = finished or _FINISHED in line.replace('": "', '":"')
                errors = errors or _ERRORS in line
        context = self.program.context
        message = last_lines(result.stderr, context.redactor)
        hint = f"it said: {message}" if message else "it said nothing on standard error"
        data = tool_run.reports[-1].data
        if errors:
            fail(tool_run, "TruffleHog met errors and did not scan everything", hint, context)
        elif not finished:
            fail(tool_run, "TruffleHog did not say that it finished scanning", hint, context)
        elif data and not data.endswith(b"\n"):
            fail(tool_run, "TruffleHog's output ends in the middle of a line", hint, context)
        elif any(not line.lstrip().startswith(b"{") for line in data.splitlines() if line.strip()):
            fail(tool_run, "TruffleHog wrote something else than JSON lines", hint, context)
