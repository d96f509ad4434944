"""CodeQL: code analysis, with one database for each language.

Command lines and exit codes are those of GitHub's documentation ("CodeQL CLI manual", "exit
codes"), 2.15 and newer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from secagg.scanners.base import HEAVY, Job, RunContext, ScanRequest, Status, ToolRun
from secagg.scanners.configuration import Unusable, require_untouched
from secagg.scanners.job import ProgramJob, add_gap, fail, prepare, read_report, scopes, skipped
from secagg.scanners.options import CodeqlOptions, read_options
from secagg.scanners.program import Program, ToolSpec, explain
from secagg.system.files import files_by_suffix
from secagg.system.process import is_inside, private_directory, run

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)

_MIB = 1024 * 1024


def cpus() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_megabytes() -> int:
    """Return the memory in megabytes: the machine's, or the container's if that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _CGROUP_LIMITS:
        try:
            total = min(total, int(path.read_text()))
        except (OSError, ValueError):  # "max" means no limit.
            continue
    return total // _MIB


def spare_threads() -> int:
    """Return the threads for a heavy job; one processor is left to other jobs."""
    return max(1, cpus() - 1)


def spare_megabytes() -> int:
    """Return the megabytes for a heavy job: 60 % of the memory, and at least 2048."""
    return max(2048, memory_megabytes() * 6 // 10)


SPEC = ToolSpec(
    name="codeql",
    title="CodeQL",
    version_argv=("version", "--format=json"),
    version_pattern=r'"version"\s*:\s*"(\d+\.\d+\.\d+)',
    supported=">=2.15,<3",
    install="install the CodeQL bundle, or name it by tools.codeql.path",
    variables=(
        "JAVA_HOME",
        "GOPATH",
        "GOMODCACHE",
        "GOPROXY",
        "CARGO_HOME",
        "RUSTUP_HOME",
        "DOTNET_ROOT",
    ),
    builds=True,
)

# Suffixes of files by the name of CodeQL's extractor.
_ENDINGS = {
    "cpp": (".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp"),
    "csharp": (".cs",),
    "go": (".go",),
    "java": (".java", ".kt"),
    "javascript": (".cjs", ".js", ".jsx", ".mjs", ".ts", ".tsx", ".vue"),
    "python": (".py",),
    "ruby": (".rb",),
    "rust": (".rs",),
    "swift": (".swift",),
}

_ALIASES = {
    "c": "cpp",
    "c-cpp": "cpp",
    "c++": "cpp",
    "java-kotlin": "java",
    "kotlin": "java",
    "javascript-typescript": "javascript",
    "typescript": "javascript",
}

_BUILD_MODES = {
    "cpp": "none",
    "csharp": "none",
    "go": "autobuild",
    "java": "none",
    "rust": "none",
    "swift": "autobuild",
}

# Languages whose extractors run the project's code: the build, or Cargo's build scripts.
_EXECUTES = frozenset({"go", "rust", "swift"})
_QUERIES = (".ql", ".qll", ".qls", "qlpack.yml", "codeql-pack.yml", "codeql-workspace.yml")
_NO_CODE = 32
_QUERY_TIMEOUT = 33

_EXIT = {
    3: ("CodeQL does not find its own installation", "install the whole CodeQL bundle"),
    98: ("CodeQL was cancelled", None),
    99: ("CodeQL ran out of memory", "set tools.codeql.ram, or scan on a larger machine"),
    100: ("CodeQL has an internal error", "try another version of CodeQL"),
}


class CodeqlScanner:
    """Plans an analysis for each language of the tree."""

    name = "codeql"

    def __init__(self, context: RunContext) -> None:
        self._context = context

    def plan(self, request: ScanRequest) -> Sequence[Job | ToolRun]:
        """Plan a job for each language and scope. Raises ConfigError for invalid options."""
        options = read_options(
            CodeqlOptions, self.name, request.options.get(self.name, {}), request.root
        )
        work = [
            (scope, language)
            for scope in scopes(request)
            for language in _languages(request.root / scope, options)
        ]
        if not work:
            return [skipped(SPEC, "no code in a language that CodeQL knows")]
        program = prepare(SPEC, options, self._context)
        if isinstance(program, ToolRun):
            return [program]
        try:
            extractors = _extractors(program)
        except Unusable as problem:
            tool_run = ToolRun(tool=self.name, status=Status.COMPLETE, version=program.version)
            fail(tool_run, problem.reason, problem.hint, self._context)
            return [tool_run]
        return [
            self._plan_language(program, request, options, scope, language, extractors)
            for scope, language in work
        ]

    def _plan_language(
        self,
        program: Program,
        request: ScanRequest,
        options: CodeqlOptions,
        scope: str,
        language: str,
        extractors: set[str],
    ) -> Job | ToolRun:
        if language not in extractors:
            return ToolRun(
                tool=self.name,
                status=Status.FAILED,
                component=scope,
                mode=language,
                version=program.version,
                reason=f"this CodeQL cannot analyse {language}, which the repository has",
                hint="update CodeQL, or choose languages by tools.codeql.languages",
            )
        build_mode = options.build_modes.get(language, _BUILD_MODES.get(language))
        if not options.allow_builds and (language in _EXECUTES or build_mode == "autobuild"):
            tool_run = skipped(SPEC, f"{language} needs a build, which is not allowed")
            tool_run.component, tool_run.mode, tool_run.version = scope, language, program.version
            add_gap(tool_run, f"{language} was not analysed", self._context)
            return tool_run
        return CodeqlJob(
            program=program,
            request=request,
            component=scope,
            mode=language,
            lane=HEAVY,
            options=options,
            language=language,
            build_mode=build_mode,
        )


@dataclass(frozen=True, kw_only=True)
class CodeqlJob(ProgramJob):
    """Creates a database and analyses it. Both steps share the deadline."""

    options: CodeqlOptions
    language: str
    build_mode: str | None

    def scan(self, tool_run: ToolRun) -> None:
        self._check_queries()
        with private_directory() as directory:
            database, report = directory / "database", directory / "report.sarif"
            seconds = self._step(self._create(database), directory, self.timeout, tool_run)
            if seconds is None:
                tool_run.status = Status.SKIPPED
                tool_run.reason = f"CodeQL found no {self.language} code to analyse"
                return
            remaining = max(1.0, self.timeout - seconds)
            self._step(self._analyze(database, report), directory, remaining, tool_run, report)
            tool_run.reports.append(self.report(read_report(report, "CodeQL")))
            self._check_shape(tool_run)

    def _check_queries(self) -> None:
        """Refuse queries of the tree if the change touches any, as a suite may include all."""
        controls, root = self.program.context.controls, self.request.root
        if controls is None or not self.base_decides:
            return
        for key, query in (
            ("suite", self.options.suite),
            *(("packs", pack) for pack in self.options.packs),
        ):
            path = root / Path(query).expanduser()
            if not path.exists():
                continue
            require_untouched(controls, path, f"tools.codeql.{key}")
            touched = [name for name in controls.touched(root) if name.endswith(_QUERIES)]
            if touched and is_inside(path, root):
                raise Unusable(
                    f"tools.codeql.{key} leads to queries of the tree, and this change touches "
                    f"{touched[0]}",
                    "merge the change of the queries first",
                )

    def _create(self, database: Path) -> list[str]:
        mode = [f"--build-mode={self.build_mode}"] if self.build_mode else []
        return [
            "database",
            "create",
            str(database),
            f"--language={self.language}",
            f"--source-root={self.target}",
            "--overwrite",
            *mode,
            *self._resources(),
        ]

    def _analyze(self, database: Path, report: Path) -> list[str]:
        suite = self.options.suite
        if not suite.endswith((".qls", ".ql")) and "/" not in suite:
            suite = f"{self.language}-{suite}.qls"
        return [
            "database",
            "analyze",
            str(database),
            "--format=sarifv2.1.0",
            f"--output={report}",
            f"--sarif-category=/language:{self.language}",
            *self._resources(),
            *([] if self.options.offline else ["--download"]),
            suite,
            *self.options.packs,
        ]

    def _resources(self) -> list[str]:
        threads = spare_threads() if self.options.threads is None else self.options.threads
        return [f"--threads={threads}", f"--ram={self.options.ram or spare_megabytes()}"]

    def _step(
        self,
        arguments: Sequence[str],
        directory: Path,
        timeout: float,
        tool_run: ToolRun,
        report: Path | None = None,
    ) -> float | None:
        """Run one command; return its seconds, or None if there is no code to analyse."""
        context = self.program.context
        watched = () if report is None else (report,)
        command = self.program.command(arguments, cwd=directory, timeout=timeout, watched=watched)
        result = run(command, directory, context.cancellation)
        if result.exited(0):
            return result.seconds
        if result.exited(_NO_CODE) and report is None:
            return None
        failure = explain(result, self.program)
        if result.exited(_QUERY_TIMEOUT) and report is not None:
            fail(tool_run, "a CodeQL query timed out; the others' results are kept", None, context)
            return result.seconds
        if result.code is not None and result.exited(*_EXIT):
            reason, hint = _EXIT[result.code]
            raise Unusable(reason, "; ".join(filter(None, (hint, failure.hint))))
        raise failure

    def _check_shape(self, tool_run: ToolRun) -> None:
        document = tool_run.reports[-1].document
        runs = document.get("runs") if isinstance(document, dict) else None
        if not isinstance(runs, list) or not runs:
            raise Unusable("CodeQL wrote something else than SARIF with a run")
        for sarif_run in runs:
            for invocation in sarif_run.get("invocations") or ():
                if invocation.get("executionSuccessful") is False:
                    raise Unusable("CodeQL says in its report that the analysis did not succeed")


def _languages(target: Path, options: CodeqlOptions) -> list[str]:
    if options.languages:
        return list(dict.fromkeys(_ALIASES.get(name, name) for name in options.languages))
    suffixes = {suffix.lower() for suffix in files_by_suffix(target)}
    languages = {language for language, endings in _ENDINGS.items() if suffixes & set(endings)}
    workflows = target / ".github" / "workflows"
    if any(workflows.glob("*.yml")) or any(workflows.glob("*.yaml")):
        languages.add("actions")
    return sorted(languages)


def _extractors(program: Program) -> set[str]:
    """The languages that this CodeQL has extractors for."""
    with private_directory() as directory:
        command = program.command(
            ["resolve", "languages", "--format=json"], cwd=directory, timeout=120.0
        )
        result = run(command, directory, program.context.cancellation)
        if not result.exited(0):
            raise explain(result, program)
        try:
            return set(json.loads(result.stdout.read_bytes()))
        except (ValueError, TypeError, RecursionError):
            raise Unusable("CodeQL does not say which languages it knows") from None
