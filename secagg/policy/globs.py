"""Globs of policies, compiled once: names, purls, and paths as in ``.gitignore``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate
from functools import cache
from urllib.parse import unquote

from pathspec import GitIgnoreSpec

from secagg.finding import Package
from secagg.identity import package_key

Matches = Callable[[str], bool]


def names(globs: Iterable[str]) -> Matches:
    """Whether a name matches any of ``globs`` (``*``, ``?``, ``[...]``), whatever its case."""
    pattern = re.compile("|".join(translate(glob.casefold()) for glob in globs))
    return cache(lambda name: pattern.match(name.casefold()) is not None)


def paths(patterns: Sequence[str]) -> Matches:
    """Whether a path relative to the root matches ``patterns`` (gitignore's rules)."""
    return cache(GitIgnoreSpec.from_lines(patterns).match_file)


def packages(globs: Sequence[str]) -> Callable[[Package], bool]:
    """Whether a package matches any of ``globs``: purls, or names where no ``pkg:`` leads.

    Versions, qualifiers and subpaths do not count; names are compared as their registry does.
    """
    by_purl = names(bare_purl(glob) for glob in globs if glob.startswith("pkg:"))
    by_name = names(glob for glob in globs if not glob.startswith("pkg:"))
    has_purl = any(glob.startswith("pkg:") for glob in globs)
    has_name = any(not glob.startswith("pkg:") for glob in globs)

    def matches(package: Package) -> bool:
        key = package_key(package)
        kind, _, name = key.partition("/")
        if has_purl:
            written = {f"pkg:{kind}/{name.replace(':', '/')}"}
            if package.purl is not None:
                written.add(bare_purl(package.purl))
            if any(by_purl(purl) for purl in written):
                return True
        return has_name and (by_name(name) or by_name(package.name))

    return matches


def bare_purl(purl: str) -> str:
    """A purl without version, qualifiers and subpath, decoded, pypi names by PEP 503."""
    whole = purl.partition("#")[0].partition("?")[0]
    head, slash, last = whole.rpartition("/")
    # A scope may start with an unencoded @ (pkg:npm/@types/node): it is no version.
    name = last[:1] + last[1:].partition("@")[0]
    bare = unquote(f"{head}{slash}{name}").lower()
    return re.sub(r"[-_.]+", "-", bare) if bare.startswith("pkg:pypi/") else bare
