"""Snyk: ``snyk test`` per component, and ``code``, ``iac`` and ``container`` where asked for.

Exit codes: 0 nothing found, 1 something found, 2 failure, 3 no supported project.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from secagg.components import ROOT, Component
from secagg.parsing import RawReport
from secagg.process import Ending, Workplace
from secagg.scanners.base import Job, ScanRequest, Status, ToolRun
from secagg.scanners.options import SnykOptions
from secagg.scanners.tool import About, Refused, Tool
from secagg.scanners.toolscanner import Attempt, ToolJob, ToolScanner

ABOUT = About(
    name="snyk",
    version_arguments=["--version"],
    supported=((1, 1000), (2,)),
    install="install the Snyk CLI: https://docs.snyk.io/snyk-cli/install-or-update-the-snyk-cli",
    variables=["SNYK_TOKEN", "SNYK_OAUTH_TOKEN", "SNYK_API", "SNYK_HTTP_PROTOCOL_UPGRADE"],
)
# Manifests that `snyk test --file=` takes, the best of a directory first.
_TESTED = (
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "poetry.lock",
    "Pipfile",
    "requirements.txt",
    "go.mod",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
)
_REASONS = {
    69: ("its service is unavailable", "try again later"),
    75: ("its service is under maintenance", "try again later"),
    77: ("the token has no permission", "check the token's organization"),
}


class SnykScanner(ToolScanner[SnykOptions]):
    """Plans and runs Snyk."""

    about = ABOUT
    options_type = SnykOptions

    def not_needed(self, options: SnykOptions, request: ScanRequest) -> str | None:
        if options.modes == ["test"] and not any(_files(c) for c in request.components):
            return "no manifest that Snyk can test"
        return None

    def jobs(self, tool: Tool, options: SnykOptions, request: ScanRequest) -> list[Job | ToolRun]:
        if not (tool.variables.get("SNYK_TOKEN") or tool.variables.get("SNYK_OAUTH_TOKEN")):
            raise Refused("has no token", "set SNYK_TOKEN (https://app.snyk.io/account)")
        planned: list[Job | ToolRun] = []
        if "test" in options.modes:
            for component in request.components:
                for file in _files(component):
                    attempt = self._attempt(options, request, ["test", f"--file={file}"], component)
                    planned.append(ToolJob(tool, component.path, file, request.timeout, attempt))
        root = next((c for c in request.components if c.path == ROOT), Component(ROOT))
        for mode, command in (("code", ["code", "test"]), ("iac", ["iac", "test"])):
            if mode in options.modes:
                attempt = self._attempt(options, request, command, root)
                planned.append(ToolJob(tool, ROOT, mode, request.timeout, attempt))
        if "container" in options.modes:
            for image in options.images:
                attempt = self._attempt(options, request, ["container", "test", image], root)
                planned.append(ToolJob(tool, ROOT, f"image {image}", request.timeout, attempt))
        return planned

    def _attempt(
        self, options: SnykOptions, request: ScanRequest, command: list[str], component: Component
    ) -> Attempt:
        def attempt(tool: Tool, workplace: Workplace, run: ToolRun, timeout: float) -> None:
            arguments = [*command, "--sarif" if command[0] == "code" else "--json"]
            if options.org:
                arguments.append(f"--org={options.org}")
            if not options.trust_target_config:
                arguments.append("--ignore-policy")
            variables = {
                "SNYK_DISABLE_ANALYTICS": "1",
                "SNYK_CFG_DISABLESUGGESTIONS": "true",
                "CI": "1",
                "XDG_CONFIG_HOME": str(workplace.path),
            }
            if options.api:
                variables["SNYK_API"] = options.api
            finished = tool.run(
                arguments,
                workplace=workplace,
                timeout=timeout,
                cwd=request.root / component.path,
                variables=variables,
            )
            if finished.ending is Ending.EXITED and finished.code in (0, 1):
                self._keep(run, finished.stdout)
                return
            reason, hint = _explained(finished.code, finished.stdout)
            run.status = Status.FAILED
            run.reason = tool.redactor.mask(reason) if reason else tool.why(finished)
            run.hint = hint

        return attempt

    def _keep(self, run: ToolRun, stdout: bytes) -> None:
        if not stdout.strip():
            run.status, run.reason = Status.FAILED, "exited normally and wrote no report"
            return
        name = f"snyk {run.mode}" if run.mode else "snyk"
        component = None if run.component == ROOT else run.component
        run.reports.append(RawReport(name=name, data=stdout, tool="snyk", component=component))


def _files(component: Component) -> list[str]:
    """The manifests to test: one for each ecosystem, since a lock file stands for its manifest."""
    chosen: dict[str, str] = {}
    ecosystems = {"package-lock.json": "npm", "yarn.lock": "npm", "pnpm-lock.yaml": "npm"}
    ecosystems |= {"poetry.lock": "pypi", "Pipfile": "pypi", "requirements.txt": "pypi"}
    for name in _TESTED:
        if name in component.manifests:
            chosen.setdefault(ecosystems.get(name, name), name)
    return list(chosen.values())


def _explained(code: int | None, stdout: bytes) -> tuple[str | None, str | None]:
    """Reason and hint from the error object that Snyk prints instead of a report."""
    if code in _REASONS:
        return _REASONS[code]
    try:
        document = json.loads(stdout)
    except ValueError:
        return None, None
    if not isinstance(document, dict) or not isinstance(document.get("error"), str):
        return None, None
    reason = document["error"].strip().splitlines()[0][:300]
    hint = "run `snyk auth` or renew SNYK_TOKEN" if "authenticat" in reason.lower() else None
    return f"exited with code {code}: {reason}", hint


def token_present(variables: Sequence[str] = ("SNYK_TOKEN", "SNYK_OAUTH_TOKEN")) -> bool:
    """Whether a token is in the environment; its value is nobody's business."""
    return any(os.environ.get(name) for name in variables)
