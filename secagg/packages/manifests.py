"""Manifests and lock files in one table: a new one is a row of :data:`MANIFESTS`.

The table says which files describe one set of dependencies, which of them make their directory a
component, what a manifest declares, which lock file covers it, and which file Snyk takes. The table
for people is in docs/coverage.md. Lock files are those that Trivy reads (its documentation,
"Coverage: Language").
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from secagg.system.tomltext import loads_toml

_LANGUAGES = frozenset({"php", "hhvm", "composer-plugin-api", "composer-runtime-api"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A sort of manifest: names (globs) of its files, and names of the locks that cover one.

    ``declares`` tells of its text whether it has dependencies that need a lock; it may raise
    ``ValueError`` (or what a parser raises) for a broken one. ``above`` are locks of a directory
    above that cover it as well; ``others`` are more files that describe the same dependencies.
    ``exact`` says that it names exact versions itself, as a lock does. ``ecosystem`` is the purl
    type, or ``docker``. With ``component`` its directory is a component of the repository.
    ``snyk`` are files that ``snyk test --file`` takes: of each group the first that is there is
    enough.
    """

    ecosystem: str
    names: tuple[str, ...]
    locks: tuple[str, ...] = ()
    declares: Callable[[str], bool] = lambda text: False
    above: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    exact: bool = False
    component: bool = True
    snyk: tuple[tuple[str, ...], ...] = ()

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
    document = loads_toml(text)
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
    import configparser

    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError(str(error)) from None
    required = parser.get("options", "install_requires", fallback="").strip()
    extras = parser.has_section("options.extras_require") and parser.items("options.extras_require")
    return bool(required or extras)


def _cargo(text: str) -> bool:
    document = loads_toml(text)
    tables = [document, *mapping(document.get("target", {})).values()]
    tables.append(mapping(document.get("workspace", {})))
    kinds = ("dependencies", "build-dependencies")
    return any(mapping(table).get(kind) for table in tables for kind in kinds)


def _pipfile(text: str) -> bool:
    document = loads_toml(text)
    return bool(document.get("packages") or document.get("dev-packages"))


def _composer(text: str) -> bool:
    required = mapping(mapping(json.loads(text)).get("require", {}))
    return any(name not in _LANGUAGES and not name.startswith("ext-") for name in required)


def _words(pattern: str) -> Callable[[str], bool]:
    """A test for a word in the code of a manifest that is a program itself."""
    # Compiled when it is asked for: few commands read a manifest.
    return lambda text: re.search(pattern, text, re.MULTILINE) is not None


_PYTHON = ("poetry.lock", "uv.lock", "pylock.toml")

MANIFESTS = (
    Manifest(
        ecosystem="npm",
        names=("package.json",),
        locks=(
            "package-lock.json",
            "npm-shrinkwrap.json",
            "yarn.lock",
            "pnpm-lock.yaml",
            "bun.lock",
        ),
        declares=_package_json,
        others=("bun.lockb",),
        snyk=(("package-lock.json", "yarn.lock", "pnpm-lock.yaml"),),
    ),
    Manifest(
        ecosystem="pypi",
        names=("pyproject.toml",),
        locks=_PYTHON,
        declares=_pyproject,
        others=("pdm.lock",),
        snyk=(("poetry.lock",), ("uv.lock",)),
    ),
    Manifest(ecosystem="pypi", names=("setup.cfg",), locks=_PYTHON, declares=_setup_cfg),
    Manifest(
        ecosystem="pypi",
        names=("setup.py",),
        locks=_PYTHON,
        declares=_words(r"^[^#\n]*\b(?:install_requires|extras_require)\b"),
    ),
    Manifest(
        ecosystem="pypi",
        names=("Pipfile",),
        locks=("Pipfile.lock",),
        declares=_pipfile,
        snyk=(("Pipfile",),),
    ),
    # Sets of requirements have no lock file, and more names: is_requirements.
    Manifest(
        ecosystem="pypi",
        names=("requirements*.txt",),
        others=("requirements.txt", "requirements.in"),
    ),
    Manifest(ecosystem="cargo", names=("Cargo.toml",), locks=("Cargo.lock",), declares=_cargo),
    Manifest(
        ecosystem="golang",
        names=("go.mod",),
        others=("go.sum", "Gopkg.toml", "Gopkg.lock"),
        exact=True,
        snyk=(("go.mod",),),
    ),
    Manifest(ecosystem="maven", names=("pom.xml",), exact=True, snyk=(("pom.xml",),)),
    Manifest(
        ecosystem="maven",
        names=("build.gradle", "build.gradle.kts"),
        locks=("gradle.lockfile",),
        declares=_words(r"\bdependencies\b"),
        snyk=(("build.gradle", "build.gradle.kts"),),
    ),
    Manifest(
        ecosystem="docker", names=("Dockerfile", "Containerfile", "Dockerfile.*", "*.Dockerfile")
    ),
    Manifest(
        ecosystem="maven",
        names=("build.sbt",),
        locks=("build.sbt.lock",),
        declares=_words("libraryDependencies"),
        component=False,
    ),
    Manifest(
        ecosystem="nuget",
        names=("*.csproj", "*.fsproj", "*.vbproj"),
        locks=("packages.lock.json", "packages.config"),
        declares=_words(r"<PackageReference[\s>]"),
        above=("Directory.Packages.props",),
        others=("project.assets.json",),
        component=False,
    ),
    Manifest(
        ecosystem="composer",
        names=("composer.json",),
        locks=("composer.lock",),
        declares=_composer,
        component=False,
    ),
    Manifest(
        ecosystem="gem",
        names=("Gemfile", "gems.rb"),
        locks=("Gemfile.lock",),
        declares=_words(r"^\s*(?:gem|gemspec)\b"),
        others=("gems.locked",),
        component=False,
    ),
    Manifest(
        ecosystem="swift",
        names=("Package.swift",),
        locks=("Package.resolved",),
        declares=_words(r"\.package\("),
        component=False,
    ),
    Manifest(
        ecosystem="cocoapods",
        names=("Podfile",),
        locks=("Podfile.lock",),
        declares=_words(r"^\s*pod\b"),
        component=False,
    ),
    Manifest(
        ecosystem="pub",
        names=("pubspec.yaml",),
        locks=("pubspec.lock",),
        declares=_words(r"^dependencies:[^\n]*\n(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]+(?!flutter:)\w"),
        component=False,
    ),
    Manifest(
        ecosystem="hex",
        names=("mix.exs",),
        locks=("mix.lock",),
        declares=_words(r"\{\s*:\w+\s*,\s*[\"'~]|\{\s*:\w+\s*,\s*(?:git|github|path|hex):"),
        above=("mix.lock",),
        component=False,
    ),
    Manifest(
        ecosystem="conan",
        names=("conanfile.txt", "conanfile.py"),
        locks=("conan.lock",),
        declares=_words(r"^\s*\[requires\]\s*\n\s*[^\[\s]|\brequires\s*(?:=|\()"),
        component=False,
    ),
)


def component_kind(name: str) -> str | None:
    """Return the ecosystem of the component that a file ``name`` makes of its directory, if any."""
    return _COMPONENT_FILES.get(name) or next(
        (kind for pattern, kind in _COMPONENT_PATTERNS if fnmatchcase(name, pattern)), None
    )


_COMPONENT_FILES = {
    name: manifest.ecosystem
    for manifest in MANIFESTS
    if manifest.component
    for name in (*manifest.names, *manifest.locks)
}
_COMPONENT_PATTERNS = [(name, kind) for name, kind in _COMPONENT_FILES.items() if "*" in name]

# The files of one ecosystem that describe one set of dependencies together, where they lie in one
# directory: each name with its purl type.
FAMILIES = {
    name: manifest.ecosystem
    for manifest in MANIFESTS
    if manifest.ecosystem != "docker"
    for name in (*manifest.names, *manifest.locks, *manifest.above, *manifest.others)
    if "*" not in name
}


def snyk_files(ecosystem: str, names: Collection[str]) -> list[str]:
    """Those of the file ``names`` of one directory that Snyk Open Source should report on."""
    groups = [group for m in MANIFESTS if m.ecosystem == ecosystem for group in m.snyk]
    first = (next((name for name in group if name in names), None) for group in groups)
    return [name for name in first if name is not None]


def name_beside(name: str) -> str | None:
    """The manifest beside a lock file, or the lock file beside a manifest that Snyk takes."""
    for manifest in MANIFESTS:
        if name in manifest.locks:
            return manifest.names[0]
        if manifest.locks and any(name in group for group in manifest.snyk):
            return manifest.locks[0]
    return None


def covers_member(lock: str, text: str, member: str, manifest: str) -> bool:
    """Return whether a lock file of a directory above locks a member of its workspace too.

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
            names = {p.get("name") for p in loads_toml(text).get("package", ())}
            return name is not None and name in {_plain(str(n)) for n in names}
        case _:
            return False


def is_workspace_member(workspace: str, member: str) -> bool:
    """Return whether the package.json ``workspace`` names ``member`` (a way from its directory)."""
    declared = mapping(json.loads(workspace)).get("workspaces")
    if isinstance(declared, Mapping):
        declared = declared.get("packages")
    patterns = declared if isinstance(declared, list) else []
    named = [p.removeprefix("./").rstrip("/") for p in patterns if isinstance(p, str)]
    return any(fnmatchcase(member, pattern) for pattern in named)


def _own_name(manifest: str) -> str | None:
    document = loads_toml(manifest)
    for table in ("package", "project"):
        name = mapping(document.get(table, {})).get("name")
        if isinstance(name, str):
            return _plain(name)
    return None


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


_INCLUDE = re.compile(r"(?:-r|--requirement)[\s=]*(?P<path>\S+)")


def is_requirements(path: str) -> bool:
    """Return whether ``path`` is a set of requirements of pip by its name or directory."""
    directory, _, name = path.rpartition("/")
    if not name.endswith(".txt"):
        return False
    return "requirements" in name or directory.rpartition("/")[2] == "requirements"


def included(text: str) -> list[str]:
    """Return the files that a set of requirements includes, as they are written there."""
    lines = (line.strip() for line in text.splitlines())
    return [m["path"] for line in lines if (m := _INCLUDE.match(line)) is not None]


def locks_of(names: Collection[str]) -> list[str]:
    """Return those of ``names`` that are lock files, or list exact versions themselves."""
    return sorted(name for name in names if name in _LOCKS)


_LOCKS = frozenset(
    lock
    for manifest in MANIFESTS
    for lock in (*manifest.locks, *manifest.above, *(manifest.names if manifest.exact else ()))
)
