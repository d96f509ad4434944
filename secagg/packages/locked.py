"""Tell whether a lock file holds what the manifest beside it declares.

A lock file that lacks a declared package is as good as none: nobody has looked at what will be
installed. Package managers add it (``npm install``) or refuse (``npm ci``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from secagg.packages.manifests import mapping
from secagg.system.patterns import lazy
from secagg.system.tomltext import loads_toml

# Packages of the same repository, which are in no lock file of pnpm and Yarn.
_OF_WORKSPACE = ("workspace:", "link:", "portal:")
# Aliases, addresses and paths, which pnpm and Bun lock under another name.
_ELSEWHERE = lazy(r"[:/]")
# ``name@version`` in most lock files, ``/name/version`` in old ones of pnpm.
_ENTRY = lazy(r"""(?:^|[\s"'\[])/?((?:@[^\s"'@/]+/)?[^\s"'@/\[]+)[@/]""", re.MULTILINE)
_REQUIREMENT_NAME = lazy(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_SEPARATORS = lazy(r"[-_.]+")


def missing_packages(manifest: str, text: str, lock: str, locked: str) -> list[str]:
    """Return the packages that a manifest declares and its lock file does not hold.

    ``manifest`` and ``lock`` are the names of the files, ``text`` and ``locked`` their contents.
    Empty for other files than those of npm, Yarn, pnpm, Bun, Poetry and uv. May raise what a parser
    raises.
    """
    match manifest:
        case "package.json" if lock in ("package-lock.json", "npm-shrinkwrap.json"):
            names = list(_npm_wanted(text))
            held = _npm_locked(locked)
        case "package.json":
            wanted = _npm_wanted(text)
            names = [name for name, version in wanted.items() if not _ELSEWHERE.search(version)]
            held = set(_ENTRY.findall(locked))
        case "pyproject.toml" if lock in ("poetry.lock", "uv.lock"):
            names = list(dict.fromkeys(_python_names(text)))
            packages = loads_toml(locked).get("package", ())
            held = {_normalized(str(mapping(package).get("name"))) for package in packages}
        case _:
            return []
    return [name for name in names if name not in held]


def _npm_wanted(text: str) -> dict[str, str]:
    document = mapping(json.loads(text))
    return {
        name: str(version)
        for kind in ("dependencies", "optionalDependencies")
        for name, version in mapping(document.get(kind) or {}).items()
        if not str(version).startswith(_OF_WORKSPACE)
    }


def _npm_locked(locked: str) -> set[str]:
    document = mapping(json.loads(locked))
    paths = [path for path in mapping(document.get("packages", {})) if path]
    held = {path.rpartition("node_modules/")[2] for path in paths}
    return held.union(mapping(document.get("dependencies", {})))


def _python_names(text: str) -> Iterator[str]:
    document = loads_toml(text)
    required = mapping(document.get("project", {})).get("dependencies") or ()
    for requirement in required:
        if match := _REQUIREMENT_NAME.match(str(requirement)):
            yield _normalized(match[1])
    poetry = mapping(mapping(document.get("tool", {})).get("poetry", {}))
    for name in mapping(poetry.get("dependencies", {})):
        if name != "python":
            yield _normalized(name)


def _normalized(name: str) -> str:
    return _SEPARATORS.sub("-", name).lower()
