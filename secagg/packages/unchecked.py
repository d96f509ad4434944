"""Manifests of ecosystems in which no scanner here looks for vulnerable packages.

Trivy reads no file of most of them, and has no advisories for the others (its documentation,
"Coverage: Language"). A change that adds one would otherwise look clean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from secagg.packages.manifests import Manifest, has_pattern, mapping
from secagg.system.tomltext import loads_toml


def _json(*keys: str) -> Callable[[str], bool]:
    """Make a test of whether a JSON object has something at one of ``keys`` (``a.b``)."""
    return lambda text: any(_at(_commented(text), key) for key in keys)


def _toml(*keys: str) -> Callable[[str], bool]:
    return lambda text: any(_at(loads_toml(text), key) for key in keys)


def _at(document: Any, key: str) -> Any:
    value: Any = mapping(document)
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _commented(text: str) -> Any:
    """Read JSON in which whole lines may be comments, as in ``deno.jsonc``."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("//"))
    return json.loads("\n".join(lines))


def _deno(text: str) -> bool:
    """Tell whether an import comes from a registry or an address, and not from the tree."""
    imports = _at(_commented(text), "imports")
    values = imports.values() if isinstance(imports, Mapping) else ()
    return any(re.match(r"(?:npm|jsr|https?):", str(value)) for value in values)


def _conda(text: str) -> bool:
    """Tell whether an environment has more than Python and pip themselves."""
    _, found, rest = text.partition("dependencies:")
    return bool(found) and any(_conda_names(rest))


def _conda_names(text: str) -> Iterator[str]:
    for match in re.finditer(r"^[ \t]*-[ \t]*[\"']?([\w.\[:/-]+)", text, re.MULTILINE):
        name = match[1].rpartition("::")[2].rstrip(":")
        if name not in ("python", "pip"):
            yield name


UNCHECKED = (
    Manifest(ecosystem="npm", names=("deno.json", "deno.jsonc", "jsr.json"), declares=_deno),
    Manifest(
        ecosystem="bower",
        names=("bower.json",),
        declares=_json("dependencies", "devDependencies"),
    ),
    Manifest(ecosystem="conda", names=("environment.yml", "environment.yaml"), declares=_conda),
    Manifest(
        ecosystem="conda",
        names=("pixi.toml",),
        declares=_toml("dependencies", "pypi-dependencies"),
    ),
    Manifest(
        ecosystem="nuget",
        names=("paket.dependencies",),
        declares=has_pattern(r"^[ \t]*(?:nuget|github|git|http)\s"),
    ),
    Manifest(ecosystem="vcpkg", names=("vcpkg.json",), declares=_json("dependencies")),
    Manifest(
        ecosystem="carthage", names=("Cartfile",), declares=has_pattern(r"^[ \t]*(?:github|git)\s")
    ),
    Manifest(
        ecosystem="cocoapods", names=("*.podspec",), declares=has_pattern(r"\.dependency\s*[(\"']")
    ),
    Manifest(
        ecosystem="julia", names=("Project.toml", "JuliaProject.toml"), declares=_toml("deps")
    ),
    Manifest(
        ecosystem="cran",
        names=("DESCRIPTION",),
        declares=lambda text: bool(
            re.search(r"^Package:", text, re.MULTILINE)
            and re.search(r"^(?:Imports|LinkingTo):\s*\w", text, re.MULTILINE)
        ),
    ),
    Manifest(ecosystem="cran", names=("renv.lock",), declares=_json("Packages")),
    Manifest(
        ecosystem="hackage",
        names=("*.cabal", "package.yaml"),
        declares=has_pattern(r"^[ \t]*(?:build-depends:|dependencies:[ \t]*\r?\n\s*-)"),
    ),
    Manifest(
        ecosystem="cpan",
        names=("cpanfile",),
        declares=has_pattern(r"^[ \t]*requires\s*[(\"'](?!perl\b)"),
    ),
    Manifest(
        ecosystem="clojars",
        names=("project.clj",),
        declares=has_pattern(r":dependencies\s*\[\s*\["),
    ),
    Manifest(
        ecosystem="clojars", names=("deps.edn",), declares=has_pattern(r":(?:mvn/version|git/)")
    ),
    Manifest(ecosystem="maven", names=("ivy.xml",), declares=has_pattern(r"<dependency\s")),
    Manifest(
        ecosystem="hex",
        names=("rebar.config",),
        declares=has_pattern(r"\{\s*deps\s*,\s*\[\s*[\w{']"),
    ),
    Manifest(
        ecosystem="luarocks",
        names=("*.rockspec",),
        declares=has_pattern(r"^[ \t]*dependencies\s*=\s*\{\s*[\"'](?!lua\b)"),
    ),
    Manifest(
        ecosystem="elm",
        names=("elm.json",),
        declares=_json("dependencies.direct", "dependencies.indirect"),
    ),
    Manifest(
        ecosystem="opam",
        names=("*.opam", "opam"),
        declares=has_pattern(r"^depends:\s*\[\s*\"(?!ocaml\")"),
    ),
    Manifest(ecosystem="dub", names=("dub.json",), declares=_json("dependencies")),
    Manifest(
        ecosystem="crystal",
        names=("shard.yml",),
        declares=has_pattern(r"^dependencies:[ \t]*\r?\n[ \t]+\w"),
    ),
    Manifest(
        ecosystem="nimble",
        names=("*.nimble",),
        declares=has_pattern(r"^[ \t]*requires\s*[(\"']++(?!nim\b)"),
    ),
    Manifest(
        ecosystem="zig",
        names=("build.zig.zon",),
        declares=has_pattern(r"\.dependencies\s*=\s*\.\{\s*\."),
    ),
)
"""The manifests, as rows of :data:`secagg.packages.manifests.MANIFESTS` without lock files."""
