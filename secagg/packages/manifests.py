"""The table of manifests and lock files; a new one is a row of :data:`MANIFESTS`.

It has the files that describe one set of dependencies, which of them make their directory a
component, whether a manifest declares dependencies, which lock file covers it, and which file Snyk
takes. The table for users is in docs/coverage.md. Lock files are those that Trivy reads (its
documentation, "Coverage: Language").
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from secagg.system.patterns import lazy
from secagg.system.tomltext import loads_toml

_INCLUDE = lazy(r"(?:-r|--requirement)[\s=]*(?P<path>\S+)")
# Requirements of composer.json that are no packages.
_PLATFORM = frozenset({"php", "hhvm", "composer-plugin-api", "composer-runtime-api"})


class Manifest(Struct, frozen=True, kw_only=True):
    """A kind of manifest: globs of its names, and the names of the lock files that cover it.

    ``declares`` tells from its text whether it has dependencies that need a lock file; it may
    raise ``ValueError`` (or what a parser raises) for a broken one. ``above`` are lock files in a
    parent directory that cover it too; ``others`` are more files with the same dependencies.
    ``exact`` says that it names exact versions itself. ``ecosystem`` is the purl type, or
    ``docker``. ``component`` says that it makes its directory a component. ``snyk`` are the files
    that ``snyk test --file`` takes, the first existing one of each group.
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
        """Tell whether ``name`` is that of such a manifest."""
        return any(fnmatchcase(name, pattern) for pattern in self.names)


def mapping(value: Any) -> dict[str, Any]:
    """Return ``value`` if it is a mapping. Raises ``ValueError`` otherwise."""
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
    dynamic = mapping(mapping(tools.get("setuptools", {})).get("dynamic", {}))
    dependencies = [
        project.get("dependencies"),
        dynamic.get("dependencies"),
        *mapping(project.get("optional-dependencies", {})).values(),
        *mapping(document.get("dependency-groups", {})).values(),
        set(poetry.get("dependencies", {})) - {"python"},
        poetry.get("dev-dependencies"),
        *(mapping(g).get("dependencies") for g in mapping(poetry.get("group", {})).values()),
        *mapping(pdm.get("dev-dependencies", {})).values(),
    ]
    return any(dependencies)


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
    return any(name not in _PLATFORM and not name.startswith("ext-") for name in required)


def has_pattern(pattern: str) -> Callable[[str], bool]:
    """Make a test for a pattern in a manifest that is a program or is not worth parsing."""
    # The pattern is compiled on use: few commands read manifests.
    return lambda text: re.search(pattern, text, re.MULTILINE) is not None


_PYTHON_LOCKS = ("poetry.lock", "uv.lock", "pylock.toml")

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
        locks=_PYTHON_LOCKS,
        declares=_pyproject,
        others=("pdm.lock",),
        snyk=(("poetry.lock",), ("uv.lock",)),
    ),
    Manifest(ecosystem="pypi", names=("setup.cfg",), locks=_PYTHON_LOCKS, declares=_setup_cfg),
    Manifest(
        ecosystem="pypi",
        names=("setup.py",),
        locks=_PYTHON_LOCKS,
        declares=has_pattern(r"^[^#\n]*\b(?:install_requires|extras_require)\b"),
    ),
    Manifest(
        ecosystem="pypi",
        names=("Pipfile",),
        locks=("Pipfile.lock",),
        declares=_pipfile,
        snyk=(("Pipfile",),),
    ),
    # Requirements of pip have no lock file, and more names: see is_requirements.
    Manifest(
        ecosystem="pypi",
        names=("requirements*.txt",),
        others=("requirements.txt", "requirements.in"),
    ),
    Manifest(
        ecosystem="pypi",
        names=("requirements*.in",),
        locks=_PYTHON_LOCKS,
        declares=has_pattern(r"^[ \t]*[\w-]"),
        component=False,
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
        declares=has_pattern(r"\bdependencies\b"),
        snyk=(("build.gradle", "build.gradle.kts"),),
    ),
    Manifest(
        ecosystem="docker", names=("Dockerfile", "Containerfile", "Dockerfile.*", "*.Dockerfile")
    ),
    Manifest(
        ecosystem="maven",
        names=("build.sbt",),
        locks=("build.sbt.lock",),
        declares=has_pattern("libraryDependencies"),
        component=False,
    ),
    Manifest(
        ecosystem="nuget",
        names=("*.csproj", "*.fsproj", "*.vbproj"),
        locks=("packages.lock.json", "packages.config"),
        declares=has_pattern(r"<PackageReference[\s>]"),
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
        names=("*.gemspec",),
        locks=("Gemfile.lock",),
        declares=has_pattern(r"^[^#\n]*\.add_(?:runtime_)?dependency\b"),
        component=False,
    ),
    Manifest(
        ecosystem="gem",
        names=("Gemfile", "gems.rb"),
        locks=("Gemfile.lock",),
        declares=has_pattern(r"^[ \t]*(?:gem|gemspec)\b"),
        others=("gems.locked",),
        component=False,
    ),
    Manifest(
        ecosystem="swift",
        names=("Package.swift",),
        locks=("Package.resolved",),
        declares=has_pattern(r"\.package\("),
        component=False,
    ),
    Manifest(
        ecosystem="cocoapods",
        names=("Podfile",),
        locks=("Podfile.lock",),
        declares=has_pattern(r"^[ \t]*pod\b"),
        component=False,
    ),
    Manifest(
        ecosystem="pub",
        names=("pubspec.yaml",),
        locks=("pubspec.lock",),
        declares=has_pattern(
            r"^dependencies:[^\n]*\n(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]+(?!flutter:)\w"
        ),
        component=False,
    ),
    Manifest(
        ecosystem="hex",
        names=("mix.exs",),
        locks=("mix.lock",),
        declares=has_pattern(r"\{\s*:\w+\s*,\s*[\"'~]|\{\s*:\w+\s*,\s*(?:git|github|path|hex):"),
        above=("mix.lock",),
        component=False,
    ),
    Manifest(
        ecosystem="conan",
        names=("conanfile.txt", "conanfile.py"),
        locks=("conan.lock",),
        declares=has_pattern(r"^[ \t]*\[requires\][ \t]*\r?\n\s*[^\[\s]|\brequires\s*(?:=|\()"),
        component=False,
    ),
)


def component_kind(name: str) -> str | None:
    """Return the ecosystem of the component that a file called ``name`` makes; None if none."""
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

# The purl type of each name. Files of one type in one directory describe the same dependencies.
FAMILIES = {
    name: manifest.ecosystem
    for manifest in MANIFESTS
    if manifest.ecosystem != "docker"
    for name in (*manifest.names, *manifest.locks, *manifest.above, *manifest.others)
    if "*" not in name
}


def snyk_files(ecosystem: str, names: Collection[str]) -> list[str]:
    """Choose the files for Snyk Open Source from the file ``names`` of one directory."""
    groups = [group for m in MANIFESTS if m.ecosystem == ecosystem for group in m.snyk]
    chosen = (next((name for name in group if name in names), None) for group in groups)
    return [name for name in chosen if name is not None]


def counterpart_name(name: str) -> str | None:
    """Return the manifest of a lock file, or the lock file of a manifest that Snyk takes."""
    for manifest in MANIFESTS:
        if name in manifest.locks:
            return manifest.names[0]
        if manifest.locks and any(name in group for group in manifest.snyk):
            return manifest.locks[0]
    return None


def covers_member(lock: str, text: str, member: str, manifest: str) -> bool:
    """Tell whether a lock file in a parent directory covers a member of its workspace.

    ``lock`` is its name and ``text`` its content, ``member`` the relative path of the member's
    directory and ``manifest`` the content of its manifest. An unrelated lock file does not cover
    it. May raise what a parser raises.
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
            name = _package_name(manifest)
            packages = loads_toml(text).get("package", ())
            return name is not None and name in {_normalized(str(p.get("name"))) for p in packages}
        case _:
            return False


def is_workspace_member(workspace: str, member: str) -> bool:
    """Tell whether the package.json ``workspace`` has the member at the path ``member``."""
    globs = mapping(json.loads(workspace)).get("workspaces")
    if isinstance(globs, Mapping):
        globs = globs.get("packages")
    if not isinstance(globs, list):
        return False
    return any(
        fnmatchcase(member, glob.removeprefix("./").rstrip("/"))
        for glob in globs
        if isinstance(glob, str)
    )


def is_requirements(path: str) -> bool:
    """Tell whether ``path`` is a requirements file of pip, by its name or directory."""
    directory, _, name = path.rpartition("/")
    if not name.endswith(".txt"):
        return False
    return "requirements" in name or directory.rpartition("/")[2] == "requirements"


def included_files(text: str) -> list[str]:
    """Return the paths that a requirements file includes, as they are written there."""
    lines = (line.strip() for line in text.splitlines())
    return [m["path"] for line in lines if (m := _INCLUDE.match(line)) is not None]


def locks_of(names: Collection[str]) -> list[str]:
    """Return the ``names`` of lock files and of manifests with exact versions, sorted."""
    return sorted(name for name in names if name in _LOCKS)


def _package_name(manifest: str) -> str | None:
    document = loads_toml(manifest)
    for table in ("package", "project"):
        name = mapping(document.get(table, {})).get("name")
        if isinstance(name, str):
            return _normalized(name)
    return None


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


_LOCKS = frozenset(
    lock
    for manifest in MANIFESTS
    for lock in (*manifest.locks, *manifest.above, *(manifest.names if manifest.exact else ()))
)
