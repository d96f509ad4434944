"""Gitleaks: secrets in the work tree and in the history of a git repository.

Commands, exit codes and messages as of 8.30 (README and ``--help``); before 8.19 the two
commands were ``detect`` and ``detect --no-git``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from secagg.jsonio.reading import is_list
from secagg.scanners.base import Job, RunContext, ScanRequest, ToolRun
from secagg.scanners.configuration import Unusable, copy_control, require_base_only
from secagg.scanners.git import GitRepository, find_repository, note_partial_history
from secagg.scanners.job import (
    ProgramJob,
    add_gap,
    config_file_note,
    prepare,
    read_report,
    scopes,
    skipped,
    whole_report,
)
from secagg.scanners.options import GitleaksOptions, read_options
from secagg.scanners.program import ToolSpec, other_version
from secagg.system.process import ProcessResult, last_lines, private_directory

SPEC = ToolSpec(
    name="gitleaks",
    title="Gitleaks",
    version_argv=("version",),
    version_pattern=r"v?(\d+\.\d+\.\d+)",
    supported=">=8.16,<9",
    install="secagg tools install gitleaks",
)

_NEW_COMMANDS = Version("8.19")
_IGNORES_ALLOW = Version("8.18")
_DEFAULT_RULES = "[extend]\nuseDefault = true\n"
_RULES_FILE, _IGNORE_FILE = ".gitleaks.toml", ".gitleaksignore"
_SCANNED = re.compile(r"\b(\d+) commits scanned")
_ERRORS = re.compile(r"^.*\b(?:ERR|FTL)\b.*$", re.MULTILINE)
_IGNORED = re.compile(r"\bDBG\b.*skipping finding: (?:global )?fingerprint")


class GitleaksScanner:
    """Plans Gitleaks for the history and the work tree."""

    name = "gitleaks"

    def __init__(self, context: RunContext) -> None:
        self._context = context

    def plan(self, request: ScanRequest) -> Sequence[Job | ToolRun]:
        """Plan a job for each mode and scope. Raises ConfigError for invalid options."""
        options = read_options(
            GitleaksOptions, self.name, request.options.get(self.name, {}), request.root
        )
        program = prepare(SPEC, options, self._context)
        if isinstance(program, ToolRun):
            return [program]
        planned: list[Job | ToolRun] = []
        if "git" in options.modes:
            repository = find_repository(request.root, self._context)
            if repository is None:
                planned.append(skipped(SPEC, "not a git repository", mode="git"))
            else:
                planned += [
                    GitleaksGitJob(
                        program=program,
                        request=request,
                        component=scope,
                        mode="git",
                        options=options,
                        repository=repository,
                    )
                    for scope in scopes(request)
                ]
        if "dir" in options.modes:
            planned += [
                GitleaksDirJob(
                    program=program, request=request, component=scope, mode="dir", options=options
                )
                for scope in scopes(request)
            ]
        return planned


@dataclass(frozen=True, kw_only=True)
class _GitleaksJob(ProgramJob):
    options: GitleaksOptions

    @property
    def _version(self) -> Version:
        return Version(self.program.version or "0")

    def run_gitleaks(
        self, command: Sequence[str], source: Path, directory: Path, tool_run: ToolRun
    ) -> ProcessResult:
        """Run one command over ``source`` and keep its report.

        The exit code for findings is set to 0, so any other code is a failure. Gitleaks exits
        with 0 after errors, too, so an error in its log is a failure.
        """
        report = directory / "report.json"
        # Gitleaks reads its ignore file from the working directory and from the source.
        empty = directory / "nothing"
        empty.mkdir()
        trusted = self.options.trust_target_config
        cwd = self.trusted_config((_RULES_FILE,), directory) if trusted else empty
        arguments = [
            *command,
            "--report-format=json",
            f"--report-path={report}",
            "--exit-code=0",
            "--no-banner",
            "--no-color",
            *self._rules(directory, cwd),
        ]
        if self.options.max_target_megabytes is not None:
            arguments.append(f"--max-target-megabytes={self.options.max_target_megabytes}")
        if self.base_decides or not trusted:
            # Its lines without a commit would hide another secret that a change puts on them.
            arguments.append(f"--gitleaks-ignore-path={empty}")
            if self._version >= _IGNORES_ALLOW:
                arguments.append("--ignore-gitleaks-allow")
            elif self.base_decides and self.adds_words(b"gitleaks:allow"):
                raise Unusable(
                    "this change adds gitleaks:allow, which this Gitleaks obeys",
                    other_version(SPEC),
                )
        arguments += [str(source)] if self._version >= _NEW_COMMANDS else [f"--source={source}"]
        try:
            result = self.execute(
                arguments,
                directory,
                cwd=cwd,
                watched=[report],
                extra={"GITLEAKS_CONFIG": "", "GITLEAKS_CONFIG_TOML": ""},
            )
        except Unusable:
            self._keep_partial_report(report, tool_run)
            raise
        log = result.stderr.read_text("utf-8", "replace")
        if errors := _ERRORS.findall(log):
            self._keep_partial_report(report, tool_run)
            message = self.program.context.redactor.mask("; ".join(errors[:3]))
            raise Unusable("Gitleaks reported errors, more may be there than it found", message)
        tool_run.reports.append(self.report(read_report(report, "Gitleaks"), rooted=True))
        self._check_shape(tool_run)
        return result

    def _keep_partial_report(self, report: Path, tool_run: ToolRun) -> None:
        """Keep the report of a failed run if it is complete: its findings count."""
        partial = whole_report(self.report, report, rooted=True)
        if partial is not None and is_list(partial.document):
            tool_run.reports.append(partial)

    def _rules(self, directory: Path, cwd: Path) -> list[str]:
        controls = self.program.context.controls
        config = self.options.config
        rules = cwd / _RULES_FILE
        if config is not None or (self.options.trust_target_config and rules.exists()):
            if config is not None:
                (directory / "given").mkdir()
                rules = copy_control(controls, config, directory / "given", "tools.gitleaks.config")
            require_base_only(controls, rules, cwd, self.target)
            return [f"--config={rules}"]
        rules = directory / "gitleaks.toml"
        rules.write_text(_DEFAULT_RULES)
        return [f"--config={rules}"]

    def _check_shape(self, tool_run: ToolRun) -> None:
        document = tool_run.reports[-1].document
        if document is not None and not is_list(document):
            raise Unusable("Gitleaks wrote something else than a list of findings")

    def note_config_files(self, tool_run: ToolRun) -> None:
        """Add a gap for each configuration file of the target."""
        trusted = self.options.trust_target_config
        for name, used in (
            (_RULES_FILE, trusted),
            (_IGNORE_FILE, trusted and not self.base_decides),
        ):
            if (self.target / name).exists():
                add_gap(tool_run, config_file_note(name, used=used), self.program.context)


@dataclass(frozen=True, kw_only=True)
class GitleaksGitJob(_GitleaksJob):
    """Gitleaks over the history.

    Unless the target is trusted, Gitleaks scans the git directory instead of the work tree. There
    it finds no ``.gitleaksignore``, and git no ``.gitattributes`` that hide files by calling them
    binary (seen with 8.30).
    """

    repository: GitRepository

    def scan(self, tool_run: ToolRun) -> None:
        repository, context = self.repository, self.program.context
        if repository.shallow and self.request.since is None:
            add_gap(
                tool_run,
                "the clone is shallow: older history was not scanned (fetch-depth: 0 gets it)",
                context,
                fatal=not self.options.allow_shallow,
            )
        note_partial_history(tool_run, repository, self.request.since, context)
        selection = repository.revision_arguments(self.request.since)
        limits = repository.path_arguments(self.component)
        log = " ".join(["--diff-filter=tuxdb", "--no-textconv", *selection, *limits])
        trusted = self.options.trust_target_config and not self.base_decides
        source = self.request.root if trusted else repository.git_dir
        git_command = "git" if self._version >= _NEW_COMMANDS else "detect"
        command = [git_command, f"--log-opts={log}"]
        with private_directory() as directory:
            result = self.run_gitleaks(command, source, directory, tool_run)
            self._check_completed(result, [*selection, *limits])
        self.note_config_files(tool_run)

    def _check_completed(self, result: ProcessResult, arguments: Sequence[str]) -> None:
        match = _SCANNED.search(result.stderr.read_text("utf-8", "replace"))
        if match is None:
            raise Unusable(
                "Gitleaks did not say how many commits it scanned",
                f"it said: {last_lines(result.stderr, self.program.context.redactor)}",
            )
        if int(match.group(1)) == 0 and self.repository.has_additions(arguments):
            raise Unusable("Gitleaks scanned no commit although there are some")


@dataclass(frozen=True, kw_only=True)
class GitleaksDirJob(_GitleaksJob):
    """Gitleaks over the work tree.

    Gitleaks always uses a ``.gitleaksignore`` in the scanned directory, but only for paths as it
    writes them, which are absolute. The findings that this hides are counted.
    """

    def scan(self, tool_run: ToolRun) -> None:
        command = ["dir"] if self._version >= _NEW_COMMANDS else ["detect", "--no-git"]
        has_ignore_file = (self.target / _IGNORE_FILE).exists()
        if has_ignore_file:
            command.append("--log-level=debug")
        with private_directory() as directory:
            result = self.run_gitleaks(command, self.target, directory, tool_run)
            hidden = 0
            if has_ignore_file:
                with result.stderr.open("r", encoding="utf-8", errors="replace") as log:
                    hidden = sum(bool(_IGNORED.search(line)) for line in log)
        self.note_config_files(tool_run)
        if hidden:
            add_gap(
                tool_run,
                f"the repository's own .gitleaksignore hid {hidden} finding{'s' * (hidden > 1)}",
                self.program.context,
                fatal=not self.options.trust_target_config or self.touched(_IGNORE_FILE),
            )
