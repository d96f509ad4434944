"""What an exception covers, as people write it: rows by id, advisory, package, rule, path.

All keys of one exception must hold of a row as a whole: at least one of the row's members says
so, and none says otherwise. An exception for ``tests/**`` does not silence what another tool sees
in ``src/`` too, and one for version 1.2 does not silence 1.3.

Two tools know one problem under different ids, so an exception for one id holds for a row that
another tool reported under an alias. It must not hold for more: Snyk's advisories may span two
CVEs, and an exception for the one must not silence the row of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secagg.merge.groups import Group, known_as
from secagg.merge.rules import checks_of, own_checks, plain_check
from secagg.model.finding import Finding, Kind
from secagg.model.place import manifest_place
from secagg.packages.advisories import Advisories
from secagg.packages.purl import PurlPattern, agreed, fits_any, fits_image
from secagg.system.globs import Glob, PathGlob


@dataclass(frozen=True, slots=True, kw_only=True)
class GapScope:
    """Patterns, of which one must occur in the gap's sentence: a path, or words with ``*``."""

    patterns: tuple[Glob, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> GapScope:
        """Make the scope of patterns as people write them."""
        return cls(patterns=tuple(Glob(f"*{text}*", flat=True) for text in texts))

    def covers_gap(self, sentence: str) -> bool:
        """Tell whether the gap that ``sentence`` states is covered."""
        return any(pattern.matches(sentence) for pattern in self.patterns)

    def covers(self, group: Group) -> bool:
        """Tell that no row is covered."""
        return False


_KNOWN = Advisories()


def plain(text: str) -> str:
    """An id in one spelling: ``cve-2021-1 `` and ``DEBIAN-CVE-2021-1`` are ``CVE-2021-1``."""
    return _KNOWN[text].id


def ids_of(finding: Finding) -> frozenset[str]:
    """Every advisory id of ``finding``, in one spelling; none for what is no vulnerability."""
    vulnerability = finding.vulnerability
    if vulnerability is None and finding.kind is not Kind.VULNERABILITY:
        return frozenset()
    aliases = vulnerability.aliases if vulnerability is not None else ()
    return frozenset({_KNOWN[alias].id for alias in aliases} | {_KNOWN[finding.rule_id].id})


def spoken_for(members: Sequence[Finding], name: str) -> frozenset[int]:
    """The indices of the ``members`` for which the advisory ``name`` (as :func:`plain`) speaks.

    A member speaks for others once ``name`` is its only id of that database: then all its ids
    are names of one problem, and a member that shares one is that problem too, unless it brings
    a second CVE. Without such a member the id is a part of what the row says, and speaks for
    nobody.
    """
    ids = [ids_of(member) for member in members]
    knowing = {index for index, own in enumerate(ids) if name in own}
    database = _database(name)
    anchors = [i for i in knowing if sum(_database(other) == database for other in ids[i]) == 1]
    if not anchors:
        return frozenset()
    same = frozenset().union(*(ids[index] for index in anchors))
    covered = set(knowing)
    grown = True
    while grown:
        grown = False
        for index, own in enumerate(ids):
            if index not in covered and own & same and _is_one_problem(_cves(own), _cves(same)):
                covered.add(index)
                same |= own
                grown = True
    return frozenset(covered)


def _is_one_problem(own: frozenset[str], known: frozenset[str]) -> bool:
    return own <= known or (not known and len(own) == 1)


def _database(name: str) -> str:
    return name.partition("-")[0]


def _cves(ids: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in ids if name.startswith("CVE-"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Keys that must all hold; within one key any value will do. Empty keys say nothing.

    ``advisories`` are sets of ids of which each must hold by one of its names, written as by
    :func:`secagg.decisions.scope.plain`; ``images`` are container images (``pkg:oci``), of
    which one must be the row's, or may be where ``purls`` name the package; ``not_purls`` are
    packages for which a later statement says otherwise (VEX).
    """

    identity: str | None = None
    advisories: tuple[tuple[str, ...], ...] = ()
    purls: tuple[PurlPattern, ...] = ()
    images: tuple[PurlPattern, ...] = ()
    not_purls: tuple[PurlPattern, ...] = ()
    rules: tuple[Glob, ...] = ()
    tool: str | None = None
    paths: tuple[PathGlob, ...] = ()

    def covers(self, group: Group) -> bool:
        """True if ``group`` is covered as a whole."""
        members = group.members
        return (
            (self.identity is None or self.identity in known_as(group))
            and (self.tool is None or all(f.tool == self.tool for f in members))
            and all(_all_covered(members, names) for names in self.advisories)
            and (not self.purls or agreed(fits_any(f.package, self.purls) for f in members))
            and (not self.images or self._in_image(members))
            and (not self.rules or self._by_rule(members))
            and (not self.paths or agreed(in_paths(members, self.paths)))
            and not any(fits_any(f.package, self.not_purls) is not False for f in members)
        )

    def _in_image(self, members: Sequence[Finding]) -> bool:
        answers = {fits_image(f.location, self.images) for f in members}
        return False not in answers and (bool(self.purls) or True in answers)

    def _by_rule(self, members: Sequence[Finding]) -> bool:
        matching = [any(rule_matches(f, rule) for rule in self.rules) for f in members]
        return all(matching) or all(same_check(members, matching))


def _all_covered(members: Sequence[Finding], names: Sequence[str]) -> bool:
    found: set[int] = set()
    for name in names:
        found |= spoken_for(members, name)
    return len(found) == len(members)


def rule_matches(finding: Finding, rule: Glob) -> bool:
    """Return whether ``rule`` is the finding's, by any spelling of a check's id."""
    if rule.matches(finding.rule_id):
        return True
    if finding.kind is not Kind.MISCONFIGURATION:
        return False
    if rule.regex is None:
        return plain_check(rule.text) in own_checks(finding)
    return any(rule.matches(check) for check in own_checks(finding))


def same_check(members: Sequence[Finding], held: Sequence[bool]) -> list[bool]:
    """``held``, and with it every misconfiguration that is the same check as one held."""
    named: frozenset[str] = frozenset().union(
        *(
            checks_of(f)
            for f, known in zip(members, held, strict=True)
            if known and f.kind is Kind.MISCONFIGURATION
        )
    )
    if not named:
        return list(held)
    return [
        known or (f.kind is Kind.MISCONFIGURATION and bool(checks_of(f) & named))
        for f, known in zip(members, held, strict=True)
    ]


def in_paths(members: Sequence[Finding], paths: Sequence[PathGlob]) -> list[bool | None]:
    """For each member whether its file is among ``paths``; None where it names no file.

    A manifest and its lock file are one place: what is said of the one holds for the other.
    Files inside of an image are no files of the repository.
    """
    places = [f.location for f in members]
    matching = [
        None if p.uri is None else p.image is None and any(g.matches(p.uri) for g in paths)
        for p in places
    ]
    if True not in matching or False not in matching:
        return matching
    manifests = {
        manifest_place(p.uri or "")
        for f, p, matches in zip(members, places, matching, strict=True)
        if matches and f.package is not None
    }
    return [
        matches is not False
        or (f.package is not None and p.image is None and manifest_place(p.uri or "") in manifests)
        if matches is not None
        else None
        for f, p, matches in zip(members, places, matching, strict=True)
    ]
