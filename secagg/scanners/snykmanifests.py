"""The manifests that Snyk Open Source should report on, and the names it gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from secagg.packages.components import Component

# What `--file` takes, most telling first: of the files for one manager one is enough.
_MANIFESTS: Mapping[str, Sequence[Sequence[str]]] = {
    "npm": (("package-lock.json", "yarn.lock", "pnpm-lock.yaml"),),
    "pypi": (("poetry.lock",), ("Pipfile",), ("uv.lock",)),
    "golang": (("go.mod",),),
    "maven": (("pom.xml",), ("build.gradle", "build.gradle.kts")),
}
# A project may be reported under the name of the file beside its lock file.
_BESIDE = {
    "package-lock.json": "package.json",
    "yarn.lock": "package.json",
    "pnpm-lock.yaml": "package.json",
    "poetry.lock": "pyproject.toml",
    "uv.lock": "pyproject.toml",
    "Pipfile": "Pipfile.lock",
}


def wanted_manifests(components: Sequence[Component]) -> list[str]:
    """The manifests, relative to the root, that Snyk should report on."""
    wanted: list[str] = []
    for component in components:
        for ecosystem in component.ecosystems:
            for names in _MANIFESTS.get(ecosystem, ()):
                name = next((name for name in names if name in component.manifests), None)
                if name is not None:
                    wanted.append(str(PurePosixPath(component.path) / name))
        wanted += [
            str(PurePosixPath(component.path) / name)
            for name in component.manifests
            if name.startswith("requirements") and name.endswith(".txt")
        ]
    return wanted


def names_of(manifest: str) -> set[str]:
    """The paths by which Snyk may call a project: its lock file, or the manifest beside it."""
    path = PurePosixPath(manifest)
    other = _BESIDE.get(path.name)
    return {manifest} | ({str(path.with_name(other))} if other else set())
