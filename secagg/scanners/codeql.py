"""CodeQL: a database for each language found, then its queries.

Commands and exit codes as in the public documentation of the CodeQL CLI: 0 done, 32 no code
of that language, 33 a query timed out, 98 cancelled, 99 out of memory, 100 internal error.
"""

from __future__ import annotations

import os
from pathlib import Path

from secagg.components import ROOT
from secagg.parsing import RawReport
from secagg.process import Ending, Finished, Workplace
from secagg.scanners.base import Job, ScanRequest, Status, ToolRun
from secagg.scanners.options import CodeqlOptions
from secagg.scanners.tool import About, Tool
from secagg.scanners.toolscanner import Attempt, ToolJob, ToolScanner
from secagg.sourcetree import files_by_suffix

ABOUT = About(
    name="codeql",
    version_arguments=["version", "--format=json"],
    supported=((2, 16), (3,)),
    install="install the CodeQL CLI bundle: https://github.com/github/codeql-action/releases",
)
_LANGUAGES = {
    ".py": "python",
    ".js": "javascript",
    ".jsx": "javascript",
    ".mjs": "javascript",
    ".ts": "javascript",
    ".tsx": "javascript",
    ".rs": "rust",
    ".go": "go",
    ".java": "java",
    ".kt": "java",
    ".cs": "csharp",
    ".rb": "ruby",
    ".c": "cpp",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".swift": "swift",
}
_WITHOUT_BUILD = {"python", "javascript", "ruby", "rust", "csharp", "java", "actions"}
_NO_CODE = 32
_REASONS = {
    33: "a query timed out: the other queries' results are kept",
    98: "was cancelled",
    99: "ran out of memory",
    100: "had an internal error",
}
_HINTS = {99: "set tools.codeql.ram_mb, or threads to fewer"}


class CodeqlScanner(ToolScanner[CodeqlOptions]):
    """Plans and runs CodeQL."""

    about = ABOUT
    options_type = CodeqlOptions

    def not_needed(self, options: CodeqlOptions, request: ScanRequest) -> str | None:
        if not self._languages(options, request):
            return "no code in a language that CodeQL knows"
        return None

    def jobs(self, tool: Tool, options: CodeqlOptions, request: ScanRequest) -> list[Job | ToolRun]:
        return [
            ToolJob(
                tool, ROOT, language, request.timeout, self._attempt(options, request, language)
            )
            for language in self._languages(options, request)
        ]

    def _languages(self, options: CodeqlOptions, request: ScanRequest) -> list[str]:
        if options.languages is not None:
            return options.languages
        places = [ROOT] if request.whole else [c.path for c in request.components]
        suffixes = {s for place in places for s in files_by_suffix(request.root / place)}
        found = {_LANGUAGES[suffix] for suffix in suffixes if suffix in _LANGUAGES}
        if (request.root / ".github" / "workflows").is_dir():
            found.add("actions")
        return sorted(found)

    def _attempt(self, options: CodeqlOptions, request: ScanRequest, language: str) -> Attempt:
        def attempt(tool: Tool, workplace: Workplace, run: ToolRun, timeout: float) -> None:
            database, report = workplace.file("database"), workplace.file("codeql.sarif")
            budget = _budget(options)
            create = [
                "database",
                "create",
                str(database),
                f"--language={language}",
                f"--source-root={request.root}",
                "--overwrite",
                *budget,
                *_build(options, language),
            ]
            created = tool.run(create, workplace=workplace, timeout=timeout)
            if created.code == _NO_CODE and created.ending is Ending.EXITED:
                run.status = Status.SKIPPED
                run.reason = f"no {language} code that CodeQL can analyse"
                return
            if not created.ok:
                _fail(run, tool, created)
                return
            analyze = [
                "database",
                "analyze",
                str(database),
                "--format=sarifv2.1.0",
                f"--output={report}",
                f"--sarif-category=/language:{language}",
                *budget,
                *(["--download"] if options.download else []),
                "--",
                f"{language}-{options.suite}.qls",
                *options.packs,
            ]
            analysed = tool.run(analyze, workplace=workplace, timeout=timeout, outputs=[report])
            data = analysed.files.get(report.name)
            if data:
                name = f"codeql {language}"
                run.reports.append(RawReport(name=name, data=data, tool="codeql"))
            if not analysed.ok:
                _fail(run, tool, analysed)
            elif not data:
                run.status, run.reason = Status.FAILED, "exited with code 0 and wrote no report"

        return attempt


def _fail(run: ToolRun, tool: Tool, finished: Finished) -> None:
    run.status = Status.FAILED
    said = tool.why(finished)
    known = _REASONS.get(finished.code or 0) if finished.ending is Ending.EXITED else None
    run.reason = f"{known} ({said})" if known else said
    run.hint = _HINTS.get(finished.code or 0)


def _build(options: CodeqlOptions, language: str) -> list[str]:
    if options.build_command:
        return [f"--command={options.build_command}"]
    if options.build_mode:
        return [f"--build-mode={options.build_mode}"]
    return ["--build-mode=none"] if language in _WITHOUT_BUILD else ["--build-mode=autobuild"]


def _budget(options: CodeqlOptions) -> list[str]:
    """Threads and memory: all processors but one, and two thirds of what is free."""
    threads = options.threads or max(1, (os.cpu_count() or 2) - 1)
    ram = options.ram_mb or max(2048, _available_mb() * 2 // 3)
    return [f"--threads={threads}", f"--ram={ram}"]


def _available_mb() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1024
    except (OSError, ValueError, IndexError):
        pass
    return 6144
