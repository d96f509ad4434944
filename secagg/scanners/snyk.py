"""Snyk: open source dependencies, code, infrastructure as code, container images.

Command lines and exit codes are those of CLI 1.1307 (``snyk test --help``): 0 no problems, 1
problems, 2 failure, 3 no supported project, 69 unavailable, 75 maintenance, 77 no permission.
It builds some projects (Gradle, Maven, Python), so it runs the target's code.
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
from secagg.packages.manifests import counterpart_name, snyk_files
from secagg.scanners.base import Job, RunContext, ScanRequest, Status, ToolRun
from secagg.scanners.configuration import Unusable
from secagg.scanners.job import (
    ProgramJob,
    add_gap,
    components_in,
    prepare,
    read_report,
    scopes,
    skipped,
)
from secagg.scanners.options import SnykOptions, read_options
from secagg.scanners.program import ToolSpec, explain
from secagg.secrets.redactor import Secret
from secagg.system.process import ProcessResult, private_directory

SPEC = ToolSpec(
    name="snyk",
    title="Snyk",
    version_argv=("--version",),
    version_pattern=r"(?m)^v?(\d+\.\d+\.\d+)",
    supported=">=1.1000,<2",
    install="secagg tools install snyk",
    variables=(
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
_TOKEN_KEYS = ("api", "INTERNAL_OAUTH_TOKEN_STORAGE")
_TOKEN_VARIABLES = ("SNYK_TOKEN", "SNYK_OAUTH_TOKEN")
_LONGEST = 2000
# Texts are masked up to this length before they are cut, so that no secret is cut in two.
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
    """Tell whether the CLI will find a token, in the environment or stored by ``snyk auth``.

    A stored token becomes known to the redactor.
    """
    environ = context.environ
    if any(environ.get(name) for name in _TOKEN_VARIABLES):
        return True
    home = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", "/")) / ".config")
    try:
        config = json.loads((Path(home) / "configstore" / "snyk.json").read_bytes())
    except (OSError, ValueError):
        return False
    tokens = [config.get(name) for name in _TOKEN_KEYS] if isinstance(config, dict) else []
    for token in tokens:
        # The CLI may print it.
        if isinstance(token, str):
            context.redactor.learn(Secret(token))
    return any(tokens)


class SnykScanner:
    """Plans the products of Snyk that apply."""

    name = "snyk"

    def __init__(self, context: RunContext) -> None:
        self._context = context

    def plan(self, request: ScanRequest) -> Sequence[Job | ToolRun]:
        """Plan a job for each product and scope. Raises ConfigError for invalid options."""
        options = read_options(
            SnykOptions, self.name, request.options.get(self.name, {}), request.root
        )
        program = prepare(SPEC, options, self._context)
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
                if mode == "test" and not supported_manifests(components_in(request, scope)):
                    planned.append(skipped(SPEC, "no manifest that Snyk supports", mode=mode))
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

    An empty policy file replaces the target's ``.snyk``. What the target excludes from Snyk Code
    (``.dcignore``, ``exclude`` in ``.snyk``) cannot be overridden, only reported.
    """

    options: SnykOptions
    product: str
    image: str | None = None
    # Package managers fetch the dependencies of a manifest.
    protocols: ClassVar[Sequence[str]] = ("https", "ssh")

    def scan(self, tool_run: ToolRun) -> None:
        with private_directory() as directory:
            self.run_product(tool_run, directory)
        self._note_ignore_files(tool_run)

    def run_product(self, tool_run: ToolRun, directory: Path) -> None:
        """Run the product's command."""
        if self.product == "code":
            arguments, cwd = ["code", "test", "--sarif", str(self.target)], None
        elif self.product == "iac":  # It refuses paths outside of its working directory.
            arguments, cwd = ["iac", "test", "--json", "."], self.target
        else:
            arguments, cwd = ["container", "test", "--json", f"{self.image}"], None
        result = self.request_report(arguments, directory, cwd=cwd)
        if result.code == 3:
            tool_run.status = Status.SKIPPED
            tool_run.reason = f"Snyk found nothing that {self.product} supports"
            return
        self.add_report(tool_run, result)

    def request_report(
        self, arguments: Sequence[str], directory: Path, *, cwd: Path | None = None
    ) -> ProcessResult:
        """Run one command. Raises Unusable for exit codes other than 0, 1 and 3."""
        arguments = [*arguments]
        trusted = self.options.trust_target_config
        if self.product != "code" and not (trusted and not self.base_decides):
            policy = self.trusted_config((".snyk",), directory) / ".snyk" if trusted else None
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

    def add_report(self, tool_run: ToolRun, result: ProcessResult) -> list[Mapping[str, Any]]:
        """Add a report, and a fatal gap for each part that is an error; return all parts."""
        report = self.report(read_report(result.stdout, "Snyk"), rooted=self.product == "test")
        document = report.document
        parts = list(document) if is_list(document) else [document]
        if not all(isinstance(part, dict) for part in parts):
            raise Unusable("Snyk wrote something else than a Snyk report")
        if self.product == "code" and not isinstance(parts[0].get("runs"), list):
            raise Unusable("Snyk Code wrote something else than SARIF")
        for part in parts:
            if _is_error(part):
                project = part.get("displayTargetFile") or part.get("path") or "a project"
                add_gap(
                    tool_run,
                    f"Snyk did not check {project}: {part['error']}",
                    self.program.context,
                    fatal=True,
                )
        tool_run.reports.append(report)
        return parts

    def _failure(self, result: ProcessResult) -> Unusable:
        stderr = result.stderr.read_text("utf-8", "replace")[-20_000:]
        message = _error_message(result.stdout, self.program.context.redactor.mask)
        if re.search(r"MissingApiToken|authenticated account", f"{message} {stderr}"):
            return Unusable(NO_TOKEN, TOKEN_HINT)
        if result.code in _EXIT:
            return Unusable(_EXIT[result.code], message)
        failure = explain(result, self.program)
        return Unusable(f"{failure.reason}: {message}" if message else failure.reason, failure.hint)

    def _note_ignore_files(self, tool_run: ToolRun) -> None:
        trusted = self.options.trust_target_config
        for name in _IGNORE_FILES[self.product]:
            for path in self._existing(name):
                used = trusted or self.product == "code"
                text = f"the repository's own {path} was {'' if used else 'not '}used"
                fatal = self.product == "code" and self._touches(path)
                if fatal:
                    text = f"{text}, and this change touches it"
                add_gap(tool_run, text, self.program.context, fatal=fatal)

    def _touches(self, path: str) -> bool:
        """Whether the change touches the file ``path`` below the root."""
        controls = self.program.context.controls
        return controls is not None and bool(controls.touched(self.request.root / path))

    def _existing(self, name: str) -> list[str]:
        """The paths of the files called ``name`` in the scanned components."""
        if self.image is not None:
            return []
        components = components_in(self.request, self.component)
        directories = {self.component, *(component.path for component in components)}
        paths = [(Path(directory) / name).as_posix() for directory in sorted(directories)]
        return [path for path in paths if (self.request.root / path).is_file()]


@dataclass(frozen=True, kw_only=True)
class SnykTestJob(SnykJob):
    """Snyk Open Source.

    ``--all-projects`` knows workspaces, but silently drops projects that it cannot resolve (seen
    with 1.1307). So each manifest that is not in its report is scanned by name, which gives a
    result or an error.
    """

    def run_product(self, tool_run: ToolRun, directory: Path) -> None:
        manifests = supported_manifests(components_in(self.request, self.component))
        reported: set[str] = set()
        if self.component == ROOT:
            reported = self._all_projects(tool_run, directory)
        for manifest in manifests:
            if not reported & _project_paths(manifest):
                self._scan_manifest(tool_run, directory, manifest)
        for component in components_in(self.request, self.component):
            if "cargo" in component.ecosystems:
                add_gap(
                    tool_run,
                    f"Snyk does not read Cargo.lock: {component.path} was not checked by it",
                    self.program.context,
                )

    def _all_projects(self, tool_run: ToolRun, directory: Path) -> set[str]:
        result = self.request_report(
            ["test", "--all-projects", "--json", *self._flags(), str(self.target)], directory
        )
        if result.code == 3:
            return set()
        parts = self.add_report(tool_run, result)
        return {str(p.get("displayTargetFile")) for p in parts if not _is_error(p)}

    def _scan_manifest(self, tool_run: ToolRun, directory: Path, manifest: str) -> None:
        arguments = ["test", "--json", *self._flags(), f"--file={manifest}"]
        name = Path(manifest).name
        if name.startswith("requirements") and name != "requirements.txt":
            arguments.append("--package-manager=pip")
        context = self.program.context
        fatal = not self.options.allow_unread_manifests
        try:
            result = self.request_report([*arguments, str(self.request.root)], directory)
            if result.code != 3:
                self.add_report(tool_run, result)
                return
            reason = "it is not supported"
        except Unusable as failure:
            if context.cancellation.cancelled:
                raise
            reason = failure.reason
        add_gap(tool_run, f"Snyk did not check {manifest}: {reason}", context, fatal=fatal)

    def _flags(self) -> list[str]:
        return ["--dev"] if self.options.dev else []


def supported_manifests(components: Sequence[Component]) -> list[str]:
    """Return the manifests that Snyk supports, relative to the root."""
    manifests: list[str] = []
    for component in components:
        names = [name for e in component.ecosystems for name in snyk_files(e, component.manifests)]
        names += [
            n for n in component.manifests if n.startswith("requirements") and n.endswith(".txt")
        ]
        manifests += [str(PurePosixPath(component.path) / name) for name in names]
    return manifests


def _is_error(part: Mapping[str, Any]) -> bool:
    return part.get("ok") is False and "error" in part and "vulnerabilities" not in part


def _error_message(stdout: Path, mask: Callable[[str], str]) -> str | None:
    """The message of ``{"ok": false, "error": ...}``, which Snyk writes instead of a report.

    For errors in plain text (a missing token), with a stack, it is the first line. The message is
    masked and then cut.
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


def _project_paths(manifest: str) -> set[str]:
    """The paths that Snyk may report for a project: of its manifest or its lock file."""
    path = PurePosixPath(manifest)
    other = counterpart_name(path.name)
    return {manifest} | ({str(path.with_name(other))} if other else set())
