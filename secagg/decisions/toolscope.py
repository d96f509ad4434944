"""What a scanner's own ignore file covers: that scanner's findings, and by their ids a row.

The file speaks for its tool only. A row that other tools report too is covered as far as they
report the same advisory or the same check; a secret that TruffleHog found as well stays,
whatever ``.gitleaksignore`` says. Entries of such files act together: a row is covered once
each of its members is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secagg.decisions.advisories import plain, spoken_for
from secagg.decisions.chains import Chain
from secagg.decisions.scope import same_check
from secagg.merge.check import own_checks, plain_check
from secagg.model.finding import Finding, Kind
from secagg.packages.purl import PurlPattern, fits_any
from secagg.system.globs import Glob, is_catch_all, is_wild

# One member of a row on one dependency path: (its index, the path's).
Atom = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The fingerprint of a leak as Gitleaks writes it; without ``commit`` it holds for any."""

    uri: str
    rule: str
    line: int
    commit: str | None = None

    def is_of(self, finding: Finding) -> bool:
        """True if ``finding`` has this fingerprint."""
        place = finding.location
        return (
            finding.rule_id == self.rule
            and place.start_line == self.line
            and place.uri == self.uri
            and (self.commit is None or place.commit == self.commit)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolScope:
    """Findings of ``tool``: of ``kinds``, with the id ``name`` or the fingerprint ``mark``.

    ``paths`` and ``purls`` narrow it where they are given, ``chain`` to some dependency paths,
    ``component`` to what is in that directory; ``unless_fixable`` ends it with a fix.
    """

    tool: str
    kinds: frozenset[Kind] = frozenset(Kind)
    name: str | None = None
    mark: Mark | None = None
    paths: tuple[Glob, ...] = ()
    purls: tuple[PurlPattern, ...] = ()
    chain: Chain | None = None
    unless_fixable: bool = False

    def atoms(self, members: Sequence[Finding]) -> frozenset[Atom]:
        """What of a row's ``members`` is covered."""
        found: set[Atom] = set()
        whole = [False] * len(members)
        for index, finding in enumerate(members):
            if finding.tool == self.tool and self._is_meant(finding):
                taken = self._paths_of(finding)
                found.update((index, path) for path in taken)
                whole[index] = taken == set(range(width(finding)))
        if any(whole):
            for index in self._others(members, whole):
                found.update((index, path) for path in range(width(members[index])))
        return frozenset(found)

    def _is_meant(self, finding: Finding) -> bool:
        if finding.kind not in self.kinds:
            return False
        if self.mark is not None and not self.mark.is_of(finding):
            return False
        if self.name is not None and not has_id(finding, self.name):
            return False
        if self.paths and not any(g.matches(finding.location.uri or "") for g in self.paths):
            return False
        if self.purls and fits_any(finding.package, self.purls) is not True:
            return False
        return not (self.unless_fixable and is_fixable(finding))

    def _paths_of(self, finding: Finding) -> set[int]:
        if self.chain is None:
            return set(range(width(finding)))
        known = finding.vulnerability
        paths = known.dependency_paths if known is not None else ()
        return {index for index, path in enumerate(paths) if self.chain.matches(path[1:])}

    def _others(self, members: Sequence[Finding], whole: Sequence[bool]) -> set[int]:
        """Other tools' members that are what this one says under another id."""
        if self.name is None:
            return set()
        own = next(f for f, known in zip(members, whole, strict=True) if known)
        if own.kind is Kind.MISCONFIGURATION:
            held = same_check(members, whole)
        elif own.kind is Kind.VULNERABILITY:
            spoken = spoken_for(members, plain(self.name))
            held = [index in spoken for index in range(len(members))]
        else:
            return set()
        return {i for i, known in enumerate(held) if known and members[i].tool != self.tool}


def width(finding: Finding) -> int:
    """The number of a finding's dependency paths, at least 1."""
    known = finding.vulnerability
    return max(1, len(known.dependency_paths)) if known is not None else 1


def has_id(finding: Finding, name: str) -> bool:
    """Whether ``name`` is the tool's own id of what it found."""
    if finding.rule_id == name:
        return True
    if finding.kind is Kind.VULNERABILITY:
        return plain(finding.rule_id) == plain(name)
    if finding.kind is Kind.MISCONFIGURATION:
        return plain_check(name) in own_checks(finding)
    return finding.kind is Kind.LICENSE and finding.license == name


def checked_id(name: str) -> str:
    """``name`` if it can be an id; raises ``ValueError`` for what reads as many of them."""
    if is_wild(name) or is_catch_all(name):
        raise ValueError("an id is expected, in which wildcards have no meaning")
    return name


def is_fixable(finding: Finding) -> bool:
    """Whether a fix is known."""
    known = finding.vulnerability
    return bool(finding.fix or (known is not None and known.fixed_versions))
