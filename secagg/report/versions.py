"""Which of two versions is the newer one, where an ecosystem's rules say so plainly.

PyPI by PEP 440 (the ``packaging`` library); npm, Cargo and Go by Semantic Versioning 2.0.0, 11.
For other ecosystems (Maven, Debian, RPM, ...) there is no answer rather than a guess.
"""

from __future__ import annotations

import re
from typing import Any

_SEMVER = re.compile(
    r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
)
_SEMANTIC = frozenset({"npm", "cargo", "golang"})


def version_key(package_type: str | None, version: str | None) -> tuple[Any, ...] | None:
    """A key that orders versions of one ecosystem, ``None`` where they cannot be ordered safely.

    ``key[0]`` is the release line (major and minor, behind PyPI's epoch).
    """
    if version is None or len(version) > 100:
        return None
    if package_type in _SEMANTIC:
        return _semantic(version)
    return _pep440(version) if package_type == "pypi" else None


def _semantic(version: str) -> tuple[Any, ...] | None:
    match = _SEMVER.fullmatch(version)
    if match is None:
        return None
    major, minor, patch, pre = int(match[1]), int(match[2]), int(match[3]), match[4]
    # A pre-release comes before its release; numbers come before words (11.4.3).
    parts = (
        ()
        if pre is None
        else tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in pre.split("."))
    )
    return (major, minor), patch, pre is None, parts


def _pep440(version: str) -> tuple[Any, ...] | None:
    from packaging.version import InvalidVersion, Version

    try:
        parsed = Version(version)
    except InvalidVersion:
        return None
    return (parsed.epoch, parsed.major, parsed.minor), parsed
