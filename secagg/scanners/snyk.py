"""Snyk: open source dependencies, code, infrastructure as code, container images.

Command lines and exit codes as of CLI 1.1307 (``snyk test --help``): 0 nothing found, 1
problems found, 2 failure, 3 no supported project, 69 unavailable, 75 maintenance, 77 no
permission. It builds what it has to (Gradle, Maven, Python): it runs the target's code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from secagg.jsonio.reading import is_list
from secagg.packages.components import ROOT, Component
from secagg.packages.manifests import name_beside, snyk_files
from secagg.scanners.base import Job, RunContext, ScanRequest, Status, ToolRun
from secagg.scanners.deciding import Unusable
from secagg.scanners.job import (
    ProgramJob,
    components_in,
    prepare,
    read_report,
    remark,
    scopes,
    skipped,
)
from secagg.scanners.options import SnykOptions, read_options
from secagg.scanners.program import Make, explain
from secagg.secrets.redactor import Secret
from secagg.system.process import ProcessResult, private_directory

MAKE = Make(
    name="snyk",
    title="Snyk",
    version_argv=("--version",),
    version_pattern=r"(?m)^v?(\d+\.\d+\.\d+)",
    supported=">=1.1000,<2",
    install="install the Snyk CLI 1.1000 or newer, or name it by tools.snyk.path",
    own=(
        "SNYK_TOKEN",
        "SNYK_OAUTH_TOKEN",
        "SNYK_API",
        "SNYK_CFG_ORG",
        "SNYK_HTTP_PROTOCOL_UPGRADE",
        "NODE_EXTRA_CA_CERTS",
        "JAVA_HOME",
        "VIRTUAL_ENV",
        "GOPATH",
        "GOMODCACHE",
    ),
    extra={"SNYK_DISABLE_ANALYTICS": "1", "NO_COLOR": "1", "CI": "true"},
    builds=True,
)

NO_TOKEN = "Snyk has no token"
TOKEN_HINT = "set SNYK_TOKEN, or run `snyk auth` as the user that scans"
_STORED = ("api", "INTERNAL_OAUTH_TOKEN_STORAGE")
_TOKENS = ("SNYK_TOKEN", "SNYK_OAUTH_TOKEN")
_LONGEST = 2000
# So much is masked before it is cut, so that a secret across the cut is seen whole.
_LONGEST_MASKED = 10_000
_NO_POLICY = "version: v1.25.0\nignore: {}\npatch: {}\n"
_EXIT = {
    69: "Snyk's service is unavailable",
    75: "Snyk's service is under maintenance",
    77: "Snyk's service does not permit this (organisation, plan or token)",
}
_IGNORE_FILES = {
    "test": (".snyk",),
    "code": (".snyk", ".dcignore"),
    "iac": (".snyk",),
    "container": (".snyk",),
}


def has_token(context: RunContext) -> bool:
    """True if the CLI will find a token: in the environment, or stored by ``snyk auth``."""
    environ = context.environ
    if any(environ.get(name) for name in _TOKENS):
        return True
    home = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", "/")) / ".config")
    try:
        stored = json.loads((Path(home) / "configstore" / "snyk.json").read_bytes())
    except (OSError, ValueError):
        return False
    tokens = [stored.get(name) for name in _STORED] if isinstance(stored, dict) else []
    for token in tokens:
        # The CLI may quote it.
        if isinstance(token, str):
            context.redactor.know(Secret(token))
    return any(tokens)


class SnykScanner:
    """Plans the products of Snyk that apply."""

    name = "snyk"

    def __init__(self, context: RunContext) -> None:
        self._context = context

    def plan(self, request: ScanRequest) -> Sequence[Job | ToolRun]:
        """One job a product and scope. Raises ConfigError for options that do not fit."""
        options = read_options(
            SnykOptions, self.name, request.options.get(self.name, {}), request.root
        )
        program = prepare(MAKE, options, self._context)
        if isinstance(program, ToolRun):
            return [program]
        if not has_token(self._context):
            return [
                ToolRun(
                    tool=self.name,
                    status=Status.FAILED,
                    version=program.version,
                    reason=NO_TOKEN,
                    hint=TOKEN_HINT,
                )
            ]
        planned: list[Job | ToolRun] = []
        for mode in options.modes:
            for scope in scopes(request):
                if mode == "test" and not wanted_manifests(components_in(request, scope)):
                    planned.append(skipped(MAKE, "no manifest that Snyk supports", mode=mode))
                    continue
                kind = SnykTestJob if mode == "test" else SnykJob
                planned.append(
                    kind(
                        program=program,
                        request=request,
                        component=scope,
                        mode=mode,
                        options=options,
                        product=mode,
                    )
                )
        planned += [
            SnykJob(
                program=program,
                request=request,
                mode=f"container {image}",
                options=options,
                product="container",
                image=image,
            )
            for image in options.containers
        ]
        return planned


@dataclass(frozen=True, kw_only=True)
class SnykJob(ProgramJob):
    """Snyk Code, IaC or Container: one command, one report on standard output.

    A policy file of ours stands in for the target's ``.snyk``. What the target keeps from
    Snyk Code (``.dcignore``, ``exclude`` in ``.snyk``) cannot be overruled, only told.
    """

    options: SnykOptions
    product: str
    image: str | None = None
    # Package managers fetch what a manifest names.
    protocols: ClassVar[Sequence[str]] = ("https", "ssh")

    def scan(self, tool_run: ToolRun) -> None:
        with private_directory() as directory:
            self.examine(tool_run, directory)
        self._say_what_acts(tool_run)

    def examine(self, tool_run: ToolRun, directory: Path) -> None:
        """Run the product's command."""
        if self.product == "code":
            arguments, cwd = ["code", "test", "--sarif", str(self.target)], None
        elif self.product == "iac":  # refuses a path outside of its working directory
            arguments, cwd = ["iac", "test", "--json", "."], self.target
        else:
            arguments, cwd = ["container", "test", "--json", f"{self.image}"], None
        result = self.ask(arguments, directory, cwd=cwd)
        if result.code == 3:
            tool_run.status = Status.SKIPPED
            tool_run.reason = f"Snyk found nothing that {self.product} supports"
            return
        self.keep(tool_run, result)

    def ask(
        self, arguments: Sequence[str], directory: Path, *, cwd: Path | None = None
    ) -> ProcessResult:
        """Run one command. Raises Unusable for any exit code that is not an answer."""
        arguments = [*arguments]
        trusted = self.options.trust_target_config
        if self.product != "code" and not (trusted and not self.base_decides):
            policy = self.own_files((".snyk",), directory) / ".snyk" if trusted else None
            if policy is None or not policy.exists():
                policy = directory / ".snyk"
                policy.write_text(_NO_POLICY)
            arguments.append(f"--policy-path={policy}")
        if self.options.org is not None:
            arguments.append(f"--org={self.options.org}")
        extra = {} if self.options.api is None else {"SNYK_API": self.options.api}
        result = self.execute(arguments, directory, cwd=cwd, ok=(0, 1, 2, 3, *_EXIT), extra=extra)
        if result.code not in (0, 1, 3):
            raise self._failure(result)
        return result

    def keep(self, tool_run: ToolRun, result: ProcessResult) -> list[Mapping[str, Any]]:
        """Keep a report; its parts come back, those that only tell of an error as fatal gaps."""
        report = self.report(read_report(result.stdout, "Snyk"), rooted=self.product == "test")
        document = report.document
        parts = list(document) if is_list(document) else [document]
        if not all(isinstance(part, dict) for part in parts):
            raise Unusable("Snyk wrote something else than a Snyk report")
        if self.product == "code" and not isinstance(parts[0].get("runs"), list):
            raise Unusable("Snyk Code wrote something else than SARIF")
        for part in parts:
            if _is_error(part):
                what = part.get("displayTargetFile") or part.get("path") or "a project"
                remark(
                    tool_run,
                    f"Snyk did not check {what}: {part['error']}",
                    self.program.context,
                    fatal=True,
                )
        tool_run.reports.append(report)
        return parts

    def _failure(self, result: ProcessResult) -> Unusable:
        stderr = result.stderr.read_text("utf-8", "replace")[-20_000:]
        message = _error_in(result.stdout, self.program.context.redactor.mask)
        if re.search(r"MissingApiToken|authenticated account", f"{message} {stderr}"):
            return Unusable(NO_TOKEN, TOKEN_HINT)
        if result.code in _EXIT:
            return Unusable(_EXIT[result.code], message)
        failure = explain(result, self.program)
        return Unusable(f"{failure.reason}: {message}" if message else failure.reason, failure.hint)

    def _say_what_acts(self, tool_run: ToolRun) -> None:
        trusted = self.options.trust_target_config
        for name in _IGNORE_FILES[self.product]:
            for place in self._places(name):
                if trusted or self.product == "code":
                    text = f"the repository's own {place} was used"
                else:
                    text = f"the repository's own {place} was not used"
                fatal = self.product == "code" and self.touched_place(place)
                if fatal:
                    text = f"{text}, and this change touches it"
                remark(tool_run, text, self.program.context, fatal=fatal)

    def touched_place(self, place: str) -> bool:
        """Return whether the change touches the file ``place`` below the root."""
        controls = self.program.context.controls
        return controls is not None and bool(controls.touched(self.request.root / place))

    def _places(self, name: str) -> list[str]:
        if self.image is not None:
            return []
        components = components_in(self.request, self.component)
        paths = {self.component, *(component.path for component in components)}
        places = [(Path(path) / name).as_posix() for path in sorted(paths)]
        return [place for place in places if (self.request.root / place).is_file()]


@dataclass(frozen=True, kw_only=True)
class SnykTestJob(SnykJob):
    """Snyk Open Source.

    ``--all-projects`` knows workspaces, but drops a project that it cannot resolve without a
    word (seen with 1.1307). So what it reports is compared with the manifests that are
    there, and each missing one is asked for by name: that gives its result, or the error.
    """

    def examine(self, tool_run: ToolRun, directory: Path) -> None:
        wanted = wanted_manifests(components_in(self.request, self.component))
        reported: set[str] = set()
        if self.component == ROOT:
            reported = self._all_projects(tool_run, directory)
        for manifest in wanted:
            if not reported & _names_of(manifest):
                self._one(tool_run, directory, manifest)
        for component in components_in(self.request, self.component):
            if "cargo" in component.ecosystems:
                remark(
                    tool_run,
                    f"Snyk does not read Cargo.lock: {component.path} was not checked by it",
                    self.program.context,
                )

    def _all_projects(self, tool_run: ToolRun, directory: Path) -> set[str]:
        result = self.ask(
            ["test", "--all-projects", "--json", *self._flags(), str(self.target)], directory
        )
        if result.code == 3:
            return set()
        parts = self.keep(tool_run, result)
        return {str(p.get("displayTargetFile")) for p in parts if not _is_error(p)}

    def _one(self, tool_run: ToolRun, directory: Path, manifest: str) -> None:
        arguments = ["test", "--json", *self._flags(), f"--file={manifest}"]
        name = Path(manifest).name
        if name.startswith("requirements") and name != "requirements.txt":
            arguments.append("--package-manager=pip")
        context = self.program.context
        fatal = not self.options.allow_unread_manifests
        try:
            result = self.ask([*arguments, str(self.request.root)], directory)
            if result.code != 3:
                self.keep(tool_run, result)
                return
            why = "it is not supported"
        except Unusable as failure:
            if context.cancellation.cancelled:
                raise
            why = failure.reason
        remark(tool_run, f"Snyk did not check {manifest}: {why}", context, fatal=fatal)

    def _flags(self) -> list[str]:
        return ["--dev"] if self.options.dev else []


def _is_error(part: Mapping[str, Any]) -> bool:
    return part.get("ok") is False and "error" in part and "vulnerabilities" not in part


def _error_in(stdout: Path, mask: Callable[[str], str]) -> str | None:
    """The message of ``{"ok": false, "error": ...}``, which Snyk writes instead of a report.

    Some errors (a missing token) are printed there as they are, with a stack: its first line.
    It is masked and then cut.
    """
    try:
        text = stdout.read_text("utf-8", "replace").strip()
        document = json.loads(text)
    except (OSError, RecursionError):
        return None
    except ValueError:
        return mask(text.partition("\n")[0][:_LONGEST_MASKED])[:_LONGEST] or None
    if isinstance(document, dict) and isinstance(document.get("error"), str):
        return mask(document["error"].strip()[:_LONGEST_MASKED])[:_LONGEST]
    return None


def wanted_manifests(components: Sequence[Component]) -> list[str]:
    """Return the manifests, relative to the root, that Snyk should report on."""
    wanted: list[str] = []
    for component in components:
        names = [name for e in component.ecosystems for name in snyk_files(e, component.manifests)]
        names += [
            n for n in component.manifests if n.startswith("requirements") and n[-4:] == ".txt"
        ]
        wanted += [str(PurePosixPath(component.path) / name) for name in names]
    return wanted


def _names_of(manifest: str) -> set[str]:
    """The paths by which Snyk may call a project: its lock file, or the manifest beside it."""
    path = PurePosixPath(manifest)
    other = name_beside(path.name)
    return {manifest} | ({str(path.with_name(other))} if other else set())
