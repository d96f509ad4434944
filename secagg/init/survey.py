"""Survey a repository for ``secagg init``, and read the answers of earlier runs."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from secagg.errors import ConfigError
from secagg.packages.components import ROOT, Component, find_components
from secagg.scanners.snyk import supported_manifests
from secagg.system.files import walk
from secagg.system.git import git
from secagg.system.tomltext import loads_toml
from secagg.system.yamlfile import read_text

NAME = ".secagg-init.toml"

FEATURES = (
    "dependency-update",
    "performance-test",
    "db-migration",
    "docs-generation",
    "release",
)


class Answers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The options of ``secagg init``: a second run without any writes the same files.

    ``branches``: the default branch first. ``minute`` is when the daily scan runs. ``action`` is
    ``OWNER/NAME@COMMIT``, or empty where the repository has a copy of the action. ``wheel`` is a
    version of secagg and the digest of its wheel, such as ``1.0 sha256:...``.
    """

    branches: list[str]
    minute: int
    ci: Literal["github", "gitlab"] = "github"
    features: list[str] = []
    snyk: bool = True
    codeql: bool = True
    runner: str = "ubuntu-latest"
    action: str = ""
    wheel: str = ""

    @property
    def copied(self) -> bool:
        """Whether jobs install secagg from locks in the repository."""
        return self.ci == "gitlab" or not self.action

    def text(self) -> str:
        """Return the text of the file with the answers."""
        lines = [
            f"{name} = {json.dumps(value)}" for name, value in msgspec.to_builtins(self).items()
        ]
        return "# What secagg init was told. Options of its next run change this file.\n" + (
            "\n".join(lines) + "\n"
        )


def read_answers(root: Path) -> Answers | None:
    """Read the answers of an earlier run; None if there is none. Raises :class:`ConfigError`."""
    path = root / NAME
    if not path.is_file():
        return None
    try:
        return msgspec.convert(loads_toml(read_text(path)), Answers)
    except ValueError as error:
        raise ConfigError(str(error), where=NAME, hint=f"mend {NAME}, or remove it") from error


# CodeQL's languages by file suffix, each with its build mode (its documentation, "build modes":
# Go has none but a build).
_LANGUAGES = {
    "javascript-typescript": (".js .jsx .mjs .cjs .ts .tsx .mts .cts .vue", "none"),
    "python": (".py", "none"),
    "rust": (".rs", "none"),
    "go": (".go", "autobuild"),
    "java-kotlin": (".java", "none"),
    "csharp": (".cs", "none"),
    "ruby": (".rb", "none"),
    "c-cpp": (".c .cc .cpp .cxx", "none"),
}

_COMPOSE = re.compile(r"(?:docker-)?compose(?:\.[\w.-]+)?\.ya?ml")
_BRANCH = re.compile(r"[A-Za-z0-9][\w./-]{0,99}")


@dataclass(frozen=True, slots=True, order=True)
class Update:
    """One entry of dependabot.yml: Dependabot's name of an ecosystem, and its directories."""

    ecosystem: str
    directories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The repository's components, languages and updates.

    ``snyk`` are the directories to scan with Snyk, none below another. ``languages`` are CodeQL's
    with their build modes.
    """

    name: str
    default_branch: str
    components: tuple[Component, ...]
    languages: tuple[tuple[str, str], ...]
    updates: tuple[Update, ...]
    snyk: tuple[str, ...]

    def places(self, ecosystem: str) -> list[str]:
        """Return the directories with a manifest of an ecosystem (a purl type)."""
        return [c.path for c in self.components if ecosystem in c.ecosystems]

    @property
    def minute(self) -> int:
        """The minute (1 to 58) of the daily scan, which differs between repositories."""
        return 1 + int(hashlib.sha256(self.name.encode()).hexdigest(), 16) % 58


def survey(root: Path) -> Survey:
    """Survey the repository at ``root``, without running anything in it."""
    components = tuple(
        c for c in find_components(root) if not c.path.startswith((".github/", ".gitlab/"))
    )
    suffixes: set[str] = set()
    compose: set[str] = set()
    terraform: set[str] = set()
    for directory, names in walk(root):
        path = directory.relative_to(root).as_posix()
        suffixes |= {PurePosixPath(name).suffix for name in names}
        if any(_COMPOSE.fullmatch(name) for name in names):
            compose.add(path)
        if any(name.endswith(".tf") for name in names):
            terraform.add(path)
    return Survey(
        name=_name(root),
        default_branch=_default_branch(root),
        components=components,
        languages=tuple(
            (language, mode)
            for language, (language_suffixes, mode) in _LANGUAGES.items()
            if suffixes & set(language_suffixes.split())
        ),
        updates=_updates(components, compose, terraform),
        snyk=_outermost([c.path for c in components if supported_manifests([c])]),
    )


def _updates(
    components: tuple[Component, ...], compose: set[str], terraform: set[str]
) -> tuple[Update, ...]:
    directories_by_ecosystem: dict[str, set[str]] = {
        "docker-compose": compose,
        "terraform": terraform,
    }
    for component in components:
        for ecosystem in component.ecosystems:
            directories_by_ecosystem.setdefault(
                _dependabot_ecosystem(ecosystem, component.manifests), set()
            ).add(component.path)
    return tuple(
        Update(ecosystem, tuple(f"/{'' if d == ROOT else d}" for d in sorted(directories)))
        for ecosystem, directories in sorted(directories_by_ecosystem.items())
        if directories
    )


def _dependabot_ecosystem(ecosystem: str, manifests: tuple[str, ...]) -> str:
    """Return Dependabot's name for an ecosystem (its options reference, ``package-ecosystem``)."""
    if ecosystem == "pypi":
        return "uv" if "uv.lock" in manifests else "pip"
    if ecosystem == "maven":
        return "maven" if "pom.xml" in manifests else "gradle"
    return {"golang": "gomod"}.get(ecosystem, ecosystem)


def _outermost(paths: list[str]) -> tuple[str, ...]:
    """Return the paths that are below no other: a scan of a directory includes those below it."""
    if ROOT in paths:
        return (ROOT,)
    return tuple(p for p in paths if not any(p.startswith(f"{other}/") for other in paths))


def _name(root: Path) -> str:
    result = git(root, "remote", "get-url", "origin")
    url = result.text.strip() if result.code == 0 else ""
    match = re.search(r"[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?$", url)
    return match[1] if match else root.resolve().name


def _default_branch(root: Path) -> str:
    for arguments in (("rev-parse", "--abbrev-ref", "origin/HEAD"), ("branch", "--show-current")):
        result = git(root, *arguments)
        name = result.text.strip().removeprefix("origin/")
        if result.code == 0 and _BRANCH.fullmatch(name) and name != "HEAD":
            return name
    return "main"
