"""Trivy: ``trivy fs`` over the tree, ``trivy image`` and ``trivy sbom`` where asked for.

Flags and exit codes as seen with Trivy 0.76.0 and in its documentation. Zero means done,
whatever was found; anything else is a failure, and no report is written then.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from secagg.components import ROOT, Component
from secagg.parsing import Gap, RawReport
from secagg.process import Workplace
from secagg.scanners.base import Job, ScanRequest, Status, ToolRun
from secagg.scanners.options import TrivyOptions
from secagg.scanners.tool import About, Tool
from secagg.scanners.toolscanner import Attempt, ToolJob, ToolScanner

ABOUT = About(
    name="trivy",
    version_arguments=["--version"],
    supported=((0, 50), None),
    # Releases that carried a credential stealer, March 2026.
    bad=[((0, 69, 4), (0, 69, 6))],
    install="install Trivy: https://trivy.dev/latest/getting-started/installation/",
    variables=["TRIVY_USERNAME", "TRIVY_PASSWORD", "TRIVY_REGISTRY_TOKEN"],
)
# Files by which a scanned repository could change what Trivy reports.
_OWN_FILES = ("trivy.yaml", ".trivyignore", ".trivyignore.yaml", "trivy-secret.yaml")
_NPM_LOCKS = {"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"}


class TrivyScanner(ToolScanner[TrivyOptions]):
    """Plans and runs Trivy."""

    about = ABOUT
    options_type = TrivyOptions

    def jobs(self, tool: Tool, options: TrivyOptions, request: ScanRequest) -> list[Job | ToolRun]:
        places = [ROOT] if request.whole else [c.path for c in request.components]
        planned: list[Job | ToolRun] = [
            ToolJob(tool, place, None, request.timeout, self._tree(options, request, place))
            for place in places
        ]
        for image in options.images:
            run = self._named(options, "image", image)
            planned.append(ToolJob(tool, ROOT, f"image {image}", request.timeout, run))
        for sbom in options.sboms:
            run = self._named(options, "sbom", str(request.root / sbom))
            planned.append(ToolJob(tool, ROOT, f"sbom {sbom}", request.timeout, run))
        return planned

    def _tree(self, options: TrivyOptions, request: ScanRequest, place: str) -> Attempt:
        def attempt(tool: Tool, workplace: Workplace, run: ToolRun, timeout: float) -> None:
            target = request.root / place
            arguments = ["fs", *_common(options, workplace, timeout), str(target)]
            self._report(tool, workplace, run, timeout, arguments)
            run.gaps += _own_files(request.root, target, options)
            run.gaps += _without_lock(request, place)

        return attempt

    def _named(self, options: TrivyOptions, command: str, name: str) -> Attempt:
        def attempt(tool: Tool, workplace: Workplace, run: ToolRun, timeout: float) -> None:
            arguments = [command, *_common(options, workplace, timeout), name]
            self._report(tool, workplace, run, timeout, arguments)

        return attempt

    def _report(
        self, tool: Tool, workplace: Workplace, run: ToolRun, timeout: float, arguments: list[str]
    ) -> None:
        report = workplace.file("trivy.json")
        where = arguments.pop()
        arguments += ["--output", str(report), "--", where]
        finished = tool.run(arguments, workplace=workplace, timeout=timeout, outputs=[report])
        data = finished.files.get(report.name, b"")
        if data:
            component = None if run.component == ROOT else run.component
            run.reports.append(
                RawReport(name=_name(run), data=data, tool="trivy", component=component)
            )
        if not finished.ok:
            run.status, run.reason = Status.FAILED, tool.why(finished)
            run.hint = _hint(finished.stderr)
        elif not data:
            run.status, run.reason = Status.FAILED, "exited with code 0 and wrote no report"


def _common(options: TrivyOptions, workplace: Workplace, timeout: float) -> list[str]:
    arguments = [
        "--format=json",
        "--list-all-pkgs",
        "--scanners=" + ",".join(options.scanners),
        "--exit-code=0",
        "--quiet",
        "--no-progress",
        "--skip-version-check",
        # Its own deadline lies behind ours, so that a timeout has one message.
        f"--timeout={int(timeout) + 60}s",
    ]
    if not options.trust_target_config:
        nothing = workplace.file("none.yaml", b"")
        ignored = workplace.file("none.ignore", b"")
        arguments += [f"--config={nothing}", f"--ignorefile={ignored}", "--secret-config="]
    if options.cache_dir:
        arguments.append(f"--cache-dir={Path(options.cache_dir).expanduser().resolve()}")
    if options.offline:
        arguments += ["--offline-scan", "--skip-db-update", "--skip-java-db-update"]
        arguments.append("--skip-check-update")
    return arguments


def _own_files(root: Path, target: Path, options: TrivyOptions) -> list[Gap]:
    if options.trust_target_config:
        return []
    places = {root, target}
    there = sorted({name for place in places for name in _OWN_FILES if (place / name).is_file()})
    return [Gap(message=f"the repository's own {name} was not used") for name in there]


def _without_lock(request: ScanRequest, place: str) -> list[Gap]:
    """npm manifests whose dependencies Trivy cannot know, because no lock file is near."""
    gaps = []
    for component in request.components:
        if place not in (ROOT, component.path) or "package.json" not in component.manifests:
            continue
        if _has_lock(component, request) or not _has_dependencies(request.root, component):
            continue
        where = component.path if component.path != ROOT else "the root"
        gaps.append(
            Gap(
                message=f"no lock file for package.json in {where}: its dependencies were not seen",
                fatal=True,
            )
        )
    return gaps


def _has_lock(component: Component, request: ScanRequest) -> bool:
    """A lock file in the component's directory, or above it (workspaces share the root's)."""
    directory = request.root / component.path
    while True:
        if any((directory / name).is_file() for name in _NPM_LOCKS):
            return True
        if directory == request.root:
            return False
        directory = directory.parent


def _has_dependencies(root: Path, component: Component) -> bool:
    try:
        manifest = json.loads((root / component.path / "package.json").read_bytes())
    except (OSError, ValueError):
        return True
    return isinstance(manifest, dict) and bool(
        manifest.get("dependencies") or manifest.get("devDependencies")
    )


def _name(run: ToolRun) -> str:
    return "trivy" if run.mode is None else f"trivy {run.mode}"


def _hint(stderr: bytes) -> str | None:
    if b"cannot be specified on the first run" in stderr:
        return "Trivy has no vulnerability database yet: run once with a network, or set cache_dir"
    if b"failed to download vulnerability DB" in stderr or b"DB error" in stderr:
        return "Trivy could not get its database: check the network, or set tools.trivy.offline"
    return None


def modes(options: TrivyOptions) -> Sequence[str]:
    """What Trivy will be asked for, in words."""
    return ["fs", *(["image"] if options.images else []), *(["sbom"] if options.sboms else [])]
