"""What an exception covers: groups by identity, advisory, package, rule or path.

Each key of an exception must match the group as a whole: at least one member matches, and none
contradicts. An exception for ``tests/**`` does not cover a group that another tool reports in
``src/`` too, and one for version 1.2 does not cover 1.3.

Two tools may report one problem under different ids, so an exception for one id covers a group
that another tool reported under an alias. It must not cover more: a Snyk advisory may span two
CVEs, and an exception for the one must not cover the group of the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from secagg.merge.groups import Group, known_as
from secagg.model.finding import Finding, Kind
from secagg.packages.purl import PurlPattern, agreed, fits_any, fits_image
from secagg.policy.selectors import by_rule, in_paths, normal_id
from secagg.system.globs import Glob, PathGlob


class GapScope(Struct, frozen=True, kw_only=True):
    """Gaps whose sentence contains one of ``patterns``: a path, or words with ``*``."""

    patterns: tuple[Glob, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> GapScope:
        """Make the scope from patterns as people write them."""
        return cls(patterns=tuple(Glob(f"*{text}*", flat=True) for text in texts))

    def covers_gap(self, sentence: str) -> bool:
        """Tell whether the gap that ``sentence`` states is covered."""
        return any(pattern.matches(sentence) for pattern in self.patterns)

    def covers(self, group: Group) -> bool:
        """Return False: a gap is no group."""
        return False


def ids_of(finding: Finding) -> frozenset[str]:
    """Return the normalized advisory ids of ``finding``; none if it is no vulnerability."""
    vulnerability = finding.vulnerability
    if vulnerability is None and finding.kind is not Kind.VULNERABILITY:
        return frozenset()
    aliases = vulnerability.aliases if vulnerability is not None else ()
    return frozenset({normal_id(alias) for alias in aliases} | {normal_id(finding.rule_id)})


def members_of_advisory(members: Sequence[Finding], name: str) -> frozenset[int]:
    """Return the indices of the ``members`` that are about the advisory ``name`` (normalized).

    If ``name`` is a member's only id of its database, all ids of that member name one problem.
    Another member that shares one of these ids has the same problem, unless it has another CVE.
    Without such a member ``name`` is only one of several problems, and no member is returned.
    """
    ids = [ids_of(member) for member in members]
    naming = {index for index, member_ids in enumerate(ids) if name in member_ids}
    database = _database(name)
    defining = [i for i in naming if sum(_database(other) == database for other in ids[i]) == 1]
    if not defining:
        return frozenset()
    problem_ids = frozenset().union(*(ids[index] for index in defining))
    covered = set(naming)
    changed = True
    while changed:
        changed = False
        for index, member_ids in enumerate(ids):
            if (
                index not in covered
                and member_ids & problem_ids
                and _cves_agree(_cves(member_ids), _cves(problem_ids))
            ):
                covered.add(index)
                problem_ids |= member_ids
                changed = True
    return frozenset(covered)


def _cves_agree(cves: frozenset[str], problem_cves: frozenset[str]) -> bool:
    return cves <= problem_cves or (not problem_cves and len(cves) == 1)


def _database(name: str) -> str:
    return name.partition("-")[0]


def _cves(ids: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in ids if name.startswith("CVE-"))


class Scope(Struct, frozen=True, kw_only=True):
    """Keys that must all match a group; one value of each key is enough. Empty keys match anything.

    ``advisories`` are sets of aliases, normalized by :func:`normal_id`: one of each set must
    match. ``images`` are container images (``pkg:oci``): one must be the group's, or, where
    ``purls`` name the package, may be. ``excluded_purls`` are packages for which a later VEX
    statement says otherwise.
    """

    identity: str | None = None
    advisories: tuple[tuple[str, ...], ...] = ()
    purls: tuple[PurlPattern, ...] = ()
    images: tuple[PurlPattern, ...] = ()
    excluded_purls: tuple[PurlPattern, ...] = ()
    rules: tuple[Glob, ...] = ()
    tool: str | None = None
    paths: tuple[PathGlob, ...] = ()

    def covers(self, group: Group) -> bool:
        """Tell whether ``group`` is covered as a whole."""
        members = group.members
        return (
            (self.identity is None or self.identity in known_as(group))
            and (self.tool is None or all(finding.tool == self.tool for finding in members))
            and all(_all_covered(members, names) for names in self.advisories)
            and (
                not self.purls
                or agreed(fits_any(finding.package, self.purls) for finding in members)
            )
            and (not self.images or self._in_image(members))
            and (not self.rules or all(by_rule(members, self.rules)))
            and (not self.paths or agreed(in_paths(members, self._matches_path)))
            and not any(
                fits_any(finding.package, self.excluded_purls) is not False for finding in members
            )
        )

    def _in_image(self, members: Sequence[Finding]) -> bool:
        answers = {fits_image(finding.location, self.images) for finding in members}
        return False not in answers and (bool(self.purls) or True in answers)

    def _matches_path(self, path: str) -> bool:
        return any(glob.matches(path) for glob in self.paths)


def _all_covered(members: Sequence[Finding], names: Sequence[str]) -> bool:
    covered: set[int] = set()
    for name in names:
        covered |= members_of_advisory(members, name)
    return len(covered) == len(members)
