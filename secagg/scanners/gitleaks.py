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
from secagg.scanners.deciding import Unusable, copied, require_base_only
from secagg.scanners.git import GitRepository, find_repository, say_what_part
from secagg.scanners.job import (
    ProgramJob,
    own_file,
    prepare,
    read_report,
    remark,
    scopes,
    skipped,
    whole_report,
)
from secagg.scanners.options import GitleaksOptions, read_options
from secagg.scanners.program import Make
from secagg.system.process import ProcessResult, last_lines, private_directory

MAKE = Make(
    name="gitleaks",
    title="Gitleaks",
    version_argv=("version",),
    version_pattern=r"v?(\d+\.\d+\.\d+)",
    supported=">=8.16,<9",
    install="install Gitleaks 8.19 or newer, or name it by tools.gitleaks.path",
)

_NEW_COMMANDS = Version("8.19")
_NO_ALLOW = Version("8.18")
_OUR_CONFIG = "[extend]\nuseDefault = true\n"
_OWN = (".gitleaks.toml", ".gitleaksignore")
_SCANNED = re.compile(r"\b(\d+) commits scanned")
_WRONG = re.compile(r"^.*\b(?:ERR|FTL)\b.*$", re.MULTILINE)
_IGNORED = re.compile(r"\bDBG\b.*skipping finding: (?:global )?fingerprint")


class GitleaksScanner:
    """Plans Gitleaks over history and work tree."""

    name = "gitleaks"

    def __init__(self, context: RunContext) -> None:
        self._context = context

    def plan(self, request: ScanRequest) -> Sequence[Job | ToolRun]:
        """One job a mode and scope. Raises ConfigError for options that do not fit."""
        options = read_options(
            GitleaksOptions, self.name, request.options.get(self.name, {}), request.root
        )
        program = prepare(MAKE, options, self._context)
        if isinstance(program, ToolRun):
            return [program]
        planned: list[Job | ToolRun] = []
        if "git" in options.modes:
            repository = find_repository(request.root, self._context)
            if repository is None:
                planned.append(skipped(MAKE, "not a git repository", mode="git"))
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

    def leaks(
        self, command: Sequence[str], source: Path, directory: Path, tool_run: ToolRun
    ) -> ProcessResult:
        """Run one command over ``source`` and keep its report.

        Gitleaks' own exit code for findings is set to 0, so any other is a failure; and since
        it also exits with 0 after errors, an error in its log is one too.
        """
        report = directory / "report.json"
        # Its ignore file is looked for in the working directory and in the source.
        nothing = directory / "nothing"
        nothing.mkdir()
        trusted = self.options.trust_target_config
        cwd = self.own_files(_OWN, directory) if trusted else nothing
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
        if not self.options.trust_target_config:
            arguments.append(f"--gitleaks-ignore-path={nothing}")
        if self.base_decides or not self.options.trust_target_config:
            if Version(self.program.version or "0") >= _NO_ALLOW:
                arguments.append("--ignore-gitleaks-allow")
            elif self.base_decides and self.adds_words(b"gitleaks:allow"):
                raise Unusable(
                    "this change adds gitleaks:allow, which this Gitleaks obeys", MAKE.install
                )
        new = Version(self.program.version or "0") >= _NEW_COMMANDS
        arguments += [str(source)] if new else [f"--source={source}"]
        try:
            result = self.execute(
                arguments,
                directory,
                cwd=cwd,
                watched=[report],
                extra={"GITLEAKS_CONFIG": "", "GITLEAKS_CONFIG_TOML": ""},
            )
        except Unusable:
            self._keep(report, tool_run)
            raise
        log = result.stderr.read_text("utf-8", "replace")
        if wrong := _WRONG.findall(log):
            self._keep(report, tool_run)
            message = self.program.context.redactor.mask("; ".join(wrong[:3]))
            raise Unusable("Gitleaks reported errors, more may be there than it found", message)
        tool_run.reports.append(self.report(read_report(report, "Gitleaks"), rooted=True))
        self._shape(tool_run)
        return result

    def _keep(self, report: Path, tool_run: ToolRun) -> None:
        """Keep the report of a run that failed, where it is whole: a finding is a finding."""
        if (kept := whole_report(self.report, report, rooted=True)) is not None and is_list(
            kept.document
        ):
            tool_run.reports.append(kept)

    def _rules(self, directory: Path, cwd: Path) -> list[str]:
        controls = self.program.context.controls
        given = self.options.config
        own = cwd / ".gitleaks.toml"
        if given is not None or (self.options.trust_target_config and own.exists()):
            rules = own
            if given is not None:
                (directory / "given").mkdir()
                rules = copied(controls, given, directory / "given", "tools.gitleaks.config")
            require_base_only(controls, rules, cwd, self.target)
            return [f"--config={rules}"]
        ours = directory / "gitleaks.toml"
        ours.write_text(_OUR_CONFIG)
        return [f"--config={ours}"]

    def _target_has(self, name: str) -> bool:
        return (self.target / name).exists()

    def _shape(self, tool_run: ToolRun) -> None:
        document = tool_run.reports[-1].document
        if document is not None and not is_list(document):
            raise Unusable("Gitleaks wrote something else than a list of findings")

    def say_what_was_not_used(self, tool_run: ToolRun) -> None:
        """One line for each file of the target that would have acted."""
        for name in _OWN:
            if self._target_has(name):
                remark(
                    tool_run,
                    own_file(name, used=self.options.trust_target_config),
                    self.program.context,
                )


@dataclass(frozen=True, kw_only=True)
class GitleaksGitJob(_GitleaksJob):
    """Gitleaks over history.

    Unless the target is trusted, Gitleaks is pointed at the repository's git directory
    instead of its work tree: there it finds no ``.gitleaksignore``, and git no
    ``.gitattributes`` that could call a file binary and so hide it (seen with 8.30).
    """

    repository: GitRepository

    def scan(self, tool_run: ToolRun) -> None:
        repository, context = self.repository, self.program.context
        if repository.shallow and self.request.since is None:
            remark(
                tool_run,
                "the clone is shallow: older history was not scanned (fetch-depth: 0 gets it)",
                context,
                fatal=not self.options.allow_shallow,
            )
        say_what_part(tool_run, repository, self.request.since, context)
        selection = repository.selection(self.request.since)
        limits = repository.limits(self.component)
        log = " ".join(["--diff-filter=tuxdb", "--no-textconv", *selection, *limits])
        trusted = self.options.trust_target_config and not self.base_decides
        source = self.request.root if trusted else repository.git_dir
        new = Version(self.program.version or "0") >= _NEW_COMMANDS
        command = ["git" if new else "detect", f"--log-opts={log}"]
        with private_directory() as directory:
            result = self.leaks(command, source, directory, tool_run)
            self._prove(result, [*selection, *limits])
        self.say_what_was_not_used(tool_run)

    def _prove(self, result: ProcessResult, arguments: Sequence[str]) -> None:
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

    Here a ``.gitleaksignore`` in the scanned directory always acts, but only on the paths as
    Gitleaks writes them, which are absolute: what such lines hide is counted and told.
    """

    def scan(self, tool_run: ToolRun) -> None:
        new = Version(self.program.version or "0") >= _NEW_COMMANDS
        command = ["dir"] if new else ["detect", "--no-git"]
        ignoring = self._target_has(".gitleaksignore")
        if ignoring:
            command.append("--log-level=debug")
        with private_directory() as directory:
            result = self.leaks(command, self.target, directory, tool_run)
            hidden = 0
            if ignoring:
                with result.stderr.open("r", encoding="utf-8", errors="replace") as log:
                    hidden = sum(bool(_IGNORED.search(line)) for line in log)
        self.say_what_was_not_used(tool_run)
        if hidden:
            remark(
                tool_run,
                f"the repository's own .gitleaksignore hid {hidden} finding{'s' * (hidden > 1)}",
                self.program.context,
                fatal=not self.options.trust_target_config or self.touched(".gitleaksignore"),
            )
