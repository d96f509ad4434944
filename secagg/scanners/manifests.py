"""Manifests and lock files: which there are, what a manifest declares, and which lock covers it.

The table for people is in docs/coverage.md. Lock files are those that Trivy reads (its
documentation, "Coverage: Language").
"""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

_XML_PACKAGE = re.compile(r"<PackageReference[\s>]")
_LANGUAGES = frozenset({"php", "hhvm", "composer-plugin-api", "composer-runtime-api"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A sort of manifest: names (globs) of its files, and names of the locks that cover one.

    ``declares`` tells of its text whether it has dependencies that need a lock; it may raise
    ``ValueError`` (or what a parser raises) for a broken one. ``above`` are locks of a directory
    above that cover it as well.
    """

    names: tuple[str, ...]
    locks: tuple[str, ...]
    declares: Callable[[str], bool]
    above: tuple[str, ...] = ()

    def is_named(self, name: str) -> bool:
        """Tell whether a file of this name is one."""
        return any(fnmatchcase(name, pattern) for pattern in self.names)


def mapping(value: Any) -> dict[str, Any]:
    """Take ``value`` for an object. Raises ``ValueError`` if it is none."""
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _package_json(text: str) -> bool:
    document = mapping(json.loads(text))
    return bool(document.get("dependencies") or document.get("optionalDependencies"))


def _pyproject(text: str) -> bool:
    document = tomllib.loads(text)
    project, tools = mapping(document.get("project", {})), mapping(document.get("tool", {}))
    poetry, pdm = mapping(tools.get("poetry", {})), mapping(tools.get("pdm", {}))
    named = [
        project.get("dependencies"),
        *mapping(project.get("optional-dependencies", {})).values(),
        *mapping(document.get("dependency-groups", {})).values(),
        set(poetry.get("dependencies", {})) - {"python"},
        poetry.get("dev-dependencies"),
        *(mapping(g).get("dependencies") for g in mapping(poetry.get("group", {})).values()),
        *mapping(pdm.get("dev-dependencies", {})).values(),
    ]
    return any(named)


def _setup_cfg(text: str) -> bool:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError(str(error)) from None
    required = parser.get("options", "install_requires", fallback="").strip()
    extras = parser.has_section("options.extras_require") and parser.items("options.extras_require")
    return bool(required or extras)


def _cargo(text: str) -> bool:
    document = tomllib.loads(text)
    tables = [document, *mapping(document.get("target", {})).values()]
    tables.append(mapping(document.get("workspace", {})))
    kinds = ("dependencies", "build-dependencies")
    return any(mapping(table).get(kind) for table in tables for kind in kinds)


def _pipfile(text: str) -> bool:
    document = tomllib.loads(text)
    return bool(document.get("packages") or document.get("dev-packages"))


def _composer(text: str) -> bool:
    required = mapping(mapping(json.loads(text)).get("require", {}))
    return any(name not in _LANGUAGES and not name.startswith("ext-") for name in required)


def _words(pattern: str) -> Callable[[str], bool]:
    """A test for a word in the code of a manifest that is a program itself."""
    found = re.compile(pattern, re.MULTILINE)
    return lambda text: found.search(text) is not None


_PYTHON = ("poetry.lock", "uv.lock", "pylock.toml")

MANIFESTS = (
    Manifest(
        names=("package.json",),
        locks=(
            "package-lock.json",
            "npm-shrinkwrap.json",
            "yarn.lock",
            "pnpm-lock.yaml",
            "bun.lock",
        ),
        declares=_package_json,
    ),
    Manifest(names=("pyproject.toml",), locks=_PYTHON, declares=_pyproject),
    Manifest(names=("setup.cfg",), locks=_PYTHON, declares=_setup_cfg),
    Manifest(
        names=("setup.py",),
        locks=_PYTHON,
        declares=_words(r"^[^#\n]*\b(?:install_requires|extras_require)\b"),
    ),
    Manifest(names=("Pipfile",), locks=("Pipfile.lock",), declares=_pipfile),
    Manifest(names=("Cargo.toml",), locks=("Cargo.lock",), declares=_cargo),
    Manifest(
        names=("build.gradle", "build.gradle.kts"),
        locks=("gradle.lockfile",),
        declares=_words(r"\bdependencies\b"),
    ),
    Manifest(
        names=("build.sbt",), locks=("build.sbt.lock",), declares=_words("libraryDependencies")
    ),
    Manifest(
        names=("*.csproj", "*.fsproj", "*.vbproj"),
        locks=("packages.lock.json", "packages.config"),
        declares=lambda text: _XML_PACKAGE.search(text) is not None,
        above=("Directory.Packages.props",),
    ),
    Manifest(names=("composer.json",), locks=("composer.lock",), declares=_composer),
    Manifest(
        names=("Gemfile", "gems.rb"),
        locks=("Gemfile.lock",),
        declares=_words(r"^\s*(?:gem|gemspec)\b"),
    ),
    Manifest(
        names=("Package.swift",), locks=("Package.resolved",), declares=_words(r"\.package\(")
    ),
    Manifest(names=("Podfile",), locks=("Podfile.lock",), declares=_words(r"^\s*pod\b")),
    Manifest(
        names=("pubspec.yaml",),
        locks=("pubspec.lock",),
        declares=_words(r"^dependencies:[^\n]*\n(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]+(?!flutter:)\w"),
    ),
    Manifest(
        names=("mix.exs",),
        locks=("mix.lock",),
        declares=_words(r"\{\s*:\w+\s*,\s*[\"'~]|\{\s*:\w+\s*,\s*(?:git|github|path|hex):"),
        above=("mix.lock",),
    ),
    Manifest(
        names=("conanfile.txt", "conanfile.py"),
        locks=("conan.lock",),
        declares=_words(r"^\s*\[requires\]\s*\n\s*[^\[\s]|\brequires\s*(?:=|\()"),
    ),
)


def covers_member(lock: str, text: str, member: str, manifest: str) -> bool:
    """Whether a lock file of a directory above locks a member of its workspace too.

    ``lock`` is its name and ``text`` its content, ``member`` the way from there to the
    directory of the member, ``manifest`` the member's own manifest. An unrelated lock file that
    happens to lie above does not. May raise what a parser raises.
    """
    match lock:
        case "package-lock.json" | "npm-shrinkwrap.json":
            return member in mapping(mapping(json.loads(text)).get("packages", {}))
        case "pnpm-lock.yaml":
            return (
                re.search(rf"^  ['\"]?{re.escape(member)}['\"]?:", text, re.MULTILINE) is not None
            )
        case "bun.lock":
            return f'"{member}": {{' in text
        case "yarn.lock":
            return f"@workspace:{member}" in text
        case "Cargo.lock" | "uv.lock":
            name = _own_name(manifest)
            names = {p.get("name") for p in tomllib.loads(text).get("package", ())}
            return name is not None and name in {_plain(str(n)) for n in names}
        case _:
            return False


def is_workspace_member(workspace: str, member: str) -> bool:
    """Whether the package.json ``workspace`` names ``member`` (a way from its directory)."""
    declared = mapping(json.loads(workspace)).get("workspaces")
    if isinstance(declared, Mapping):
        declared = declared.get("packages")
    patterns = declared if isinstance(declared, list) else []
    named = [p.removeprefix("./").rstrip("/") for p in patterns if isinstance(p, str)]
    return any(fnmatchcase(member, pattern) for pattern in named)


def _own_name(manifest: str) -> str | None:
    document = tomllib.loads(manifest)
    for table in ("package", "project"):
        name = mapping(document.get(table, {})).get("name")
        if isinstance(name, str):
            return _plain(name)
    return None


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


_INCLUDE = re.compile(r"(?:-r|--requirement)[\s=]*(?P<path>\S+)")


def is_requirements(path: str) -> bool:
    """Whether ``path`` is a set of requirements of pip by its name or directory."""
    directory, _, name = path.rpartition("/")
    if not name.endswith(".txt"):
        return False
    return "requirements" in name or directory.rpartition("/")[2] == "requirements"


def included(text: str) -> list[str]:
    """The files that a set of requirements includes, as they are written there."""
    lines = (line.strip() for line in text.splitlines())
    return [m["path"] for line in lines if (m := _INCLUDE.match(line)) is not None]


def locks_of(names: Collection[str]) -> list[str]:
    """Those of ``names`` that are lock files, or list exact versions themselves."""
    return sorted(name for name in names if name in _LOCKS)


_LOCKS = frozenset(
    {
        *(lock for manifest in MANIFESTS for lock in (*manifest.locks, *manifest.above)),
        "go.mod",
        "pom.xml",
    }
)
