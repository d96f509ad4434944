"""TruffleHog 3: ``git`` over the history, ``filesystem`` where there is none.

It exits with 0 whatever went wrong, and also when asked to stop; so completion is proved by
its closing log line, and scan errors are asked for as an exit code.
"""

from __future__ import annotations

from pathlib import Path

from secagg.components import ROOT
from secagg.parsing import RawReport
from secagg.process import Finished, Workplace
from secagg.scanners.base import Job, ScanRequest, Status, ToolRun
from secagg.scanners.options import TrufflehogOptions
from secagg.scanners.tool import About, Tool
from secagg.scanners.toolscanner import ToolJob, ToolScanner

ABOUT = About(
    name="trufflehog",
    version_arguments=["--version"],
    supported=((3, 60), (4,)),
    install="install TruffleHog: https://github.com/trufflesecurity/trufflehog#floppy_disk-installation",
)
_FINISHED = b"finished scanning"
_ERRORS = b"encountered errors during scan"


class TrufflehogScanner(ToolScanner[TrufflehogOptions]):
    """Plans and runs TruffleHog."""

    about = ABOUT
    options_type = TrufflehogOptions

    def jobs(
        self, tool: Tool, options: TrufflehogOptions, request: ScanRequest
    ) -> list[Job | ToolRun]:
        mode = "git" if (request.root / ".git").exists() else "filesystem"
        common = ["--json", "--no-update", "--fail-on-scan-errors"]
        if not options.verify:
            common.append("--no-verification")

        def attempt(tool: Tool, workplace: Workplace, run: ToolRun, timeout: float) -> None:
            if mode == "git":
                arguments = ["git", _file_uri(request.root), *common]
                if request.since:
                    arguments += [f"--since-commit={request.since}", "--branch=HEAD"]
            else:
                arguments = ["filesystem", str(request.root), *common]
            finished = tool.run(arguments, workplace=workplace, timeout=timeout)
            if finished.stdout:
                name = f"trufflehog {mode}"
                run.reports.append(RawReport(name=name, data=finished.stdout, tool="trufflehog"))
            problem = _problem(tool, finished)
            if problem is not None:
                run.status, run.reason = Status.FAILED, problem

        return [ToolJob(tool, ROOT, mode, request.timeout, attempt)]


def _file_uri(root: Path) -> str:
    return root.as_uri()


def _problem(tool: Tool, finished: Finished) -> str | None:
    if not finished.ok:
        return tool.why(finished)
    if _ERRORS in finished.stderr:
        return "met errors during the scan" + tool.why(finished).removeprefix(finished.told())
    if _FINISHED not in finished.stderr:
        return "exited with code 0 without saying that it finished scanning"
    return None
