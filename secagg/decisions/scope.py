"""What an exception covers, as people write it: rows by identity, advisory, package, rule, path.

All keys of one exception must hold of a row as a whole: at least one of the row's members says
so, and none says otherwise. An exception for ``tests/**`` does not silence what another tool sees
in ``src/`` too, and one for version 1.2 does not silence 1.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secagg.decisions.advisories import spoken_for
from secagg.merge.check import checks_of, own_checks, plain_check
from secagg.merge.groups import Group
from secagg.merge.identity import known_as
from secagg.model.finding import Finding, Kind
from secagg.model.place import manifest_place
from secagg.packages.images import fits_image
from secagg.packages.purl import PurlPattern, agreed, fits_any
from secagg.system.globs import Glob, PathGlob


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Keys that must all hold; within one key any value will do. Empty keys say nothing.

    ``advisories`` are sets of ids of which each must hold by one of its names, written as by
    :func:`secagg.decisions.advisories.plain`; ``images`` are container images (``pkg:oci``), of
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
            and all(_named(members, names) for names in self.advisories)
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
        held = [any(rule_matches(f, rule) for rule in self.rules) for f in members]
        return all(held) or all(same_check(members, held))


def _named(members: Sequence[Finding], names: Sequence[str]) -> bool:
    found: set[int] = set()
    for name in names:
        found |= spoken_for(members, name)
    return len(found) == len(members)


def rule_matches(finding: Finding, rule: Glob) -> bool:
    """Whether ``rule`` is the finding's, by any spelling of a check's id."""
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
    held = [
        None if p.uri is None else p.image is None and any(g.matches(p.uri) for g in paths)
        for p in places
    ]
    if True not in held or False not in held:
        return held
    manifests = {
        manifest_place(p.uri or "")
        for f, p, known in zip(members, places, held, strict=True)
        if known and f.package is not None
    }
    return [
        known is not False
        or (f.package is not None and p.image is None and manifest_place(p.uri or "") in manifests)
        if known is not None
        else None
        for f, p, known in zip(members, places, held, strict=True)
    ]
