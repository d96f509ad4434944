"""Find the upgrades that close the most problems, for each package and manifest.

Versions of PyPI are compared by PEP 440 (the ``packaging`` library), those of npm, Cargo and Go by
Semantic Versioning 2.0.0, 11. Those of other ecosystems (Maven, Debian, RPM, ...) are not compared.
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
# The package's type and name, then repository, branch and manifest.
_Key = tuple[str, str, str, str, str]


def version_key(package_type: str | None, version: str | None) -> tuple[Any, ...] | None:
    """Return a sort key of versions of one ecosystem; ``None`` where they cannot be compared.

    ``key[0]`` is the release line (major and minor, after PyPI's epoch).
    """
    if version is None or len(version) > 100:
        return None
    if package_type in _SEMANTIC:
        return _semantic(version)
    return _pep440(version) if package_type == "pypi" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """An upgrade of ``package`` in ``place`` to ``version`` closes ``closes`` of its ``problems``.

    ``ordered`` is False where versions cannot be compared: then only problems count whose advisory
    names exactly this version as fixed.
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
        """Return the place, with its repository and branch where there are ``several``."""
        origin = " ".join(part for part in (self.repository, self.branch) if part)
        return f"{origin}: {self.place}" if several and origin else self.place

    @property
    def sentence(self) -> str:
        """``upgrade lodash to 4.17.21: closes 7``, not escaped."""
        total = f" of {self.problems}" if self.closes < self.problems else ""
        return f"upgrade {self.package} to {self.version}: closes {self.closes}{total}"


def upgrades(problems: Iterable[Problem], limit: int | None = None) -> list[Upgrade]:
    """Return the best upgrade for each package and manifest, those that close the most first.

    With a ``limit``, skips groups that cannot be among the first.
    """
    groups: dict[_Key, list[Problem]] = {}
    for problem in problems:
        if problem.kind is Kind.VULNERABILITY and problem.package:
            place = problem.uri or problem.image or problem.component or "."
            origin = (problem.repository or "", problem.branch or "")
            key = (problem.package_type or "", problem.package, *origin, place)
            groups.setdefault(key, []).append(problem)
    best: list[Upgrade] = []
    for key, group in sorted(groups.items(), key=_best_possible_order):
        if limit is not None and has_best(best, limit, _best_possible_order((key, group))):
            break
        upgrade = _best_upgrade(key[0] or None, key[1], key[4], group)
        if upgrade is not None:
            insort(best, upgrade, key=_order)
    return best[:limit]


def order_of_group(
    problems: int, worst_rank: int, package: str, place: str, origin: tuple[str, str, str]
) -> tuple[object, ...]:
    """Return the order of the upgrade of a group, if one closes all of its ``problems``.

    ``origin`` are the package's type, the repository and the branch.
    """
    return -problems, -worst_rank, package, place, *origin


def has_best(best: Sequence[Upgrade], limit: int, following: tuple[object, ...]) -> bool:
    """Tell whether no group from ``following`` on can be among the first ``limit``."""
    return 0 < limit <= len(best) and _order(best[limit - 1]) <= following


def best_of(first: Sequence[Upgrade], second: Sequence[Upgrade], limit: int) -> list[Upgrade]:
    """Return the best upgrades of two lists, which are of different groups."""
    return sorted([*first, *second], key=_order)[:limit]


def _semantic(version: str) -> tuple[Any, ...] | None:
    match = _SEMVER.fullmatch(version)
    if match is None:
        return None
    major, minor, patch, pre = int(match[1]), int(match[2]), int(match[3]), match[4]
    # A pre-release comes before its release; numbers come before words (11.4.3).
    parts = (
        ()
        if pre is None
        else tuple(
            (0, int(part), "") if part.isdigit() else (1, 0, part) for part in pre.split(".")
        )
    )
    return (major, minor), patch, pre is None, parts


def _pep440(version: str) -> tuple[Any, ...] | None:
    from packaging.version import InvalidVersion, Version

    try:
        parsed = Version(version)
    except InvalidVersion:
        return None
    return (parsed.epoch, parsed.major, parsed.minor), parsed


def _best_possible_order(item: tuple[_Key, Sequence[Problem]]) -> tuple[object, ...]:
    """Return the order of an upgrade that closes all problems of the group."""
    (kind, package, repository, branch, place), group = item
    worst = max(map(severity_rank, group))
    return order_of_group(len(group), worst, package, place, (kind, repository, branch))


def _order(upgrade: Upgrade) -> tuple[object, ...]:
    return (
        -upgrade.closes,
        -upgrade.worst_rank,
        upgrade.package,
        upgrade.place,
        upgrade.package_type or "",
        upgrade.repository or "",
        upgrade.branch or "",
    )


def _best_upgrade(
    kind: str | None, package: str, place: str, group: list[Problem]
) -> Upgrade | None:
    candidates = {version for problem in group for version in problem.fixed_versions}
    if not candidates:
        return None
    keys = {version: version_key(kind, version) for version in candidates}
    installed = {version: version_key(kind, version) for version in {p.version for p in group}}
    ordered = None not in keys.values() and None not in installed.values()
    # Problems with the same versions are compared once.
    by_versions: dict[tuple[str | None, tuple[str, ...]], list[Problem]] = {}
    for problem in group:
        by_versions.setdefault((problem.version, problem.fixed_versions), []).append(problem)
    closed: dict[str, list[Problem]] = {}
    for version in candidates:
        closed[version] = [
            problem
            for (installed_version, fixes), problems in by_versions.items()
            if (
                _closes(version, installed_version, fixes, keys, installed)
                if ordered
                else version in fixes
            )
            for problem in problems
        ]
    most_closed = max(map(len, closed.values()))
    if most_closed == 0:
        return None
    best_versions = [version for version in candidates if len(closed[version]) == most_closed]
    version = min(best_versions, key=lambda v: keys[v]) if ordered else min(best_versions)  # type: ignore[arg-type, return-value]
    return _upgrade(kind, package, place, group, version, closed[version], ordered)


def _closes(
    version: str,
    installed_version: str | None,
    fixed_versions: tuple[str, ...],
    keys: dict[str, tuple[Any, ...] | None],
    installed: dict[str | None, tuple[Any, ...] | None],
) -> bool:
    """Return whether ``version`` has the fix; all versions must be comparable.

    An advisory may name fixes for several release lines (``1.2.5 or 2.0.3``): 2.0.1 is newer than
    one of them and still vulnerable. So ``version`` must be one of them, newer than all of them, or
    newer than all of its own line.
    """
    installed_key, target = installed[installed_version], keys[version]
    assert installed_key is not None and target is not None
    if target <= installed_key or not fixed_versions:
        return False
    fixes = [key for v in fixed_versions if (key := keys[v]) is not None]
    if target in fixes or target >= max(fixes):
        return True
    same_line = [key for key in fixes if key[0] == target[0]]
    return bool(same_line) and target >= max(same_line)


def _upgrade(
    kind: str | None,
    package: str,
    place: str,
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
        place=place,
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
