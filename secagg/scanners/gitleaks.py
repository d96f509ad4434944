"""Gitleaks: ``git`` over the history, ``dir`` over the work tree.

Commands of 8.19 and later, and ``detect`` of before. With ``--exit-code 0`` any other code is
a failure; but 0 with an empty report is also what a broken run gives, so standard error is
read for errors and for the number of commits.
"""

from __future__ import annotations

import re
from pathlib import Path

from secagg.components import ROOT
from secagg.parsing import Gap, RawReport
from secagg.process import Finished, Workplace
from secagg.scanners.base import Job, ScanRequest, Status, ToolRun
from secagg.scanners.options import GitleaksOptions
from secagg.scanners.tool import About, Tool, last_words
from secagg.scanners.toolscanner import Attempt, ToolJob, ToolScanner

ABOUT = About(
    name="gitleaks",
    version_arguments=["version"],
    supported=((8, 0), (9,)),
    install="install Gitleaks: https://github.com/gitleaks/gitleaks#getting-started",
)
_NEW_COMMANDS = (8, 19)
_OURS = b"[extend]\nuseDefault = true\n"
_ANSI = re.compile(rb"\x1b\[[0-9;]*m")


class GitleaksScanner(ToolScanner[GitleaksOptions]):
    """Plans and runs Gitleaks."""

    about = ABOUT
    options_type = GitleaksOptions

    def jobs(
        self, tool: Tool, options: GitleaksOptions, request: ScanRequest
    ) -> list[Job | ToolRun]:
        planned: list[Job | ToolRun] = []
        is_repository = (request.root / ".git").exists()
        for mode in options.modes:
            if mode == "git" and not is_repository:
                skipped = ToolRun(tool=self.name, status=Status.SKIPPED, mode=mode)
                skipped.reason = "not the root of a git repository: no history to look at"
                planned.append(skipped)
            elif mode == "git" or request.whole:
                attempt = self._attempt(options, request, mode, ROOT)
                planned.append(ToolJob(tool, ROOT, mode, request.timeout, attempt))
            else:
                for component in request.components:
                    attempt = self._attempt(options, request, mode, component.path)
                    planned.append(ToolJob(tool, component.path, mode, request.timeout, attempt))
        return planned

    def _attempt(
        self, options: GitleaksOptions, request: ScanRequest, mode: str, place: str
    ) -> Attempt:
        def attempt(tool: Tool, workplace: Workplace, run: ToolRun, timeout: float) -> None:
            target = request.root / place
            report = workplace.file("gitleaks.json")
            arguments = _command(tool, mode, request, target)
            arguments += [
                "--report-format=json",
                f"--report-path={report}",
                "--exit-code=0",
                "--no-banner",
                "--no-color",
                "--log-level=info",
                "--ignore-gitleaks-allow",
                f"--gitleaks-ignore-path={workplace.path}",
            ]
            if options.max_target_megabytes:
                arguments.append(f"--max-target-megabytes={options.max_target_megabytes}")
            if options.config:
                arguments.append(f"--config={request.root / options.config}")
            elif not options.trust_target_config:
                arguments.append(f"--config={workplace.file('ours.toml', _OURS)}")
            finished = tool.run(
                arguments,
                workplace=workplace,
                timeout=timeout,
                outputs=[report],
                variables={"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"},
            )
            data = finished.files.get(report.name)
            if data:
                component = None if place == ROOT else place
                name = f"gitleaks {mode}"
                run.reports.append(
                    RawReport(name=name, data=data, tool="gitleaks", component=component)
                )
            problem = _problem(tool, finished, mode, data)
            if problem is not None:
                run.status, run.reason = Status.FAILED, problem
            run.gaps += _own_files(request.root, target, options)

        return attempt


def _command(tool: Tool, mode: str, request: ScanRequest, target: Path) -> list[str]:
    version = tuple(int(part) for part in tool.version.split("."))
    commits = []
    if mode == "git" and request.since is not None:
        commits = [f"--log-opts={request.since}..HEAD"]
    if version >= _NEW_COMMANDS:
        return [mode, str(target), *commits]
    return ["detect", f"--source={target}", *(["--no-git"] if mode == "dir" else commits)]


def _problem(tool: Tool, finished: Finished, mode: str, data: bytes | None) -> str | None:
    """Why the run cannot be trusted, or ``None``."""
    if not finished.ok:
        return tool.why(finished)
    said = _ANSI.sub(b"", finished.stderr)
    errors = b"\n".join(line for line in said.splitlines() if re.search(rb"\b(ERR|FTL)\b", line))
    if errors:
        return "reported an error and exited with code 0" + last_words(errors, tool.redactor)
    if data is None:
        return "exited with code 0 and wrote no report"
    if mode == "git" and not re.search(rb"\b[1-9]\d* commits scanned", said):
        return "scanned no commits"
    if b"partial scan" in said:
        return "scanned only a part" + last_words(finished.stderr, tool.redactor)
    return None


def _own_files(root: Path, target: Path, options: GitleaksOptions) -> list[Gap]:
    gaps = []
    if (target / ".gitleaks.toml").is_file() and not (
        options.trust_target_config or options.config
    ):
        gaps.append(Gap(message="the repository's own .gitleaks.toml was not used"))
    ignore = target / ".gitleaksignore"
    if ignore.is_file():
        lines = ignore.read_text("utf-8", "replace").splitlines()
        entries = sum(1 for line in lines if line.strip() and not line.startswith("#"))
        if entries:
            message = f"the repository's .gitleaksignore hides what its {entries} entries name"
            gaps.append(Gap(message=message))
    return gaps
