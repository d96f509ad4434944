"""The upgrades that close the most problems, and which of two versions is newer.

The same path in another repository or on another branch is another manifest.

PyPI by PEP 440 (the ``packaging`` library); npm, Cargo and Go by Semantic Versioning 2.0.0, 11.
For other ecosystems (Maven, Debian, RPM, ...) there is no answer rather than a guess.
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from secagg.model.finding import Kind
from secagg.model.problem import Problem
from secagg.report.standing import severity_label, severity_rank

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


# The package's type and name, and where it is: repository, branch, manifest.
_Key = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """``closes`` of the ``problems`` of ``package`` in ``place`` go away with ``version``.

    ``ordered`` is False where the ecosystem's versions could not be compared: then only the
    problems count for which exactly this version is stated as fixed.
    """

    package: str
    package_type: str | None
    version: str
    place: str
    component: str
    closes: int
    problems: int
    worst: str
    worst_rank: int
    ordered: bool
    identities: tuple[str, ...]
    repository: str | None = None
    branch: str | None = None

    def where(self, *, several: bool) -> str:
        """Return the place, after its repository and branch where there are ``several``."""
        whose = " ".join(part for part in (self.repository, self.branch) if part)
        return f"{whose}: {self.place}" if several and whose else self.place

    @property
    def sentence(self) -> str:
        """``upgrade lodash to 4.17.21: closes 7``; the text is the scanners'."""
        of = f" of {self.problems}" if self.closes < self.problems else ""
        return f"upgrade {self.package} to {self.version}: closes {self.closes}{of}"


def upgrades(problems: Iterable[Problem], limit: int | None = None) -> list[Upgrade]:
    """Return the best upgrade for each package and manifest, those that close the most first.

    With a ``limit``, groups that cannot come among the first so many are not looked into.
    """
    groups: dict[_Key, list[Problem]] = {}
    for problem in problems:
        if problem.kind is Kind.VULNERABILITY and problem.package:
            where = problem.uri or problem.image or problem.component or "."
            whose = (problem.repository or "", problem.branch or "")
            key = (problem.package_type or "", problem.package, *whose, where)
            groups.setdefault(key, []).append(problem)
    best: list[Upgrade] = []
    for key, group in sorted(groups.items(), key=_hope):
        enough = limit is not None and 0 < limit <= len(best)
        if enough and _order(best[limit - 1]) <= _hope((key, group)):  # type: ignore[operator]
            break
        found = _best(key[0] or None, key[1], key[4], group)
        if found is not None:
            insort(best, found, key=_order)
    return best[:limit]


def _hope(item: tuple[_Key, Sequence[Problem]]) -> tuple[object, ...]:
    """Where the group's upgrade comes at best: no upgrade closes more or worse than all of it."""
    (kind, package, repository, branch, place), group = item
    most = -len(group), -max(map(severity_rank, group))
    return *most, package, place, kind, repository, branch


def _order(found: Upgrade) -> tuple[object, ...]:
    return (
        -found.closes,
        -found.worst_rank,
        found.package,
        found.place,
        found.package_type or "",
        found.repository or "",
        found.branch or "",
    )


def _best(kind: str | None, package: str, where: str, group: list[Problem]) -> Upgrade | None:
    candidates = {version for problem in group for version in problem.fixed_versions}
    if not candidates:
        return None
    keys = {version: version_key(kind, version) for version in candidates}
    installed = {version: version_key(kind, version) for version in {p.version for p in group}}
    ordered = None not in keys.values() and None not in installed.values()
    # Many problems say the same: they are looked at once.
    alike: dict[tuple[str | None, tuple[str, ...]], list[Problem]] = {}
    for problem in group:
        alike.setdefault((problem.version, problem.fixed_versions), []).append(problem)
    closed: dict[str, list[Problem]] = {}
    for version in candidates:
        closed[version] = [
            problem
            for (own, fixes), same in alike.items()
            if (_closes(version, own, fixes, keys, installed) if ordered else version in fixes)
            for problem in same
        ]
    most = max(len(found) for found in closed.values())
    if most == 0:
        return None
    equal = [version for version, found in closed.items() if len(found) == most]
    version = min(equal, key=lambda v: keys[v]) if ordered else min(equal)  # type: ignore[arg-type, return-value]
    return _upgrade(kind, package, where, group, version, closed[version], ordered)


def _closes(
    version: str,
    own_version: str | None,
    fixed_versions: tuple[str, ...],
    keys: dict[str, tuple[Any, ...] | None],
    installed: dict[str | None, tuple[Any, ...] | None],
) -> bool:
    """Whether ``version`` holds the fix, where all versions concerned can be compared.

    Fixes may be stated for several release lines (``1.2.5 or 2.0.3``): 2.0.1 is newer than one
    of them and still vulnerable. So it must be one of the stated versions, newer than all of
    them, or newer than all of its own line.
    """
    own, target = installed[own_version], keys[version]
    assert own is not None and target is not None
    if target <= own or not fixed_versions:
        return False
    fixes = [key for v in fixed_versions if (key := keys[v]) is not None]
    if target in fixes or target >= max(fixes):
        return True
    same_line = [key for key in fixes if key[0] == target[0]]
    return bool(same_line) and target >= max(same_line)


def _upgrade(
    kind: str | None,
    package: str,
    where: str,
    group: Sequence[Problem],
    version: str,
    closed: Sequence[Problem],
    ordered: bool,
) -> Upgrade:
    worst = max(closed, key=severity_rank)
    return Upgrade(
        package=package,
        package_type=kind,
        version=version,
        place=where,
        component=worst.component or ".",
        closes=len(closed),
        problems=len(group),
        worst=severity_label(worst),
        worst_rank=severity_rank(worst),
        ordered=ordered,
        identities=tuple(sorted(p.identity for p in closed)),
        repository=worst.repository,
        branch=worst.branch,
    )
