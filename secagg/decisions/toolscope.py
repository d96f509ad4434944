"""What a scanner's own ignore file covers: findings of that scanner, and rows by their ids.

The file covers its tool only. A row that other tools report too is covered as far as they
report the same advisory or the same check; a secret that TruffleHog found as well stays,
whatever ``.gitleaksignore`` says. Entries of such files act together: a row is covered once
each of its members is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from secagg.decisions.scope import plain, same_check, spoken_for
from secagg.merge.rules import own_checks, plain_check
from secagg.model.finding import Finding, Kind
from secagg.packages.purl import PurlPattern, fits_any
from secagg.system.globs import Glob, is_catch_all, is_wild

_RANGE = re.compile(r"[\^~<>=|*\s]|(?:^|\.)[xX](?:\.|$)")


@dataclass(frozen=True, slots=True)
class Chain:
    """The packages from a direct dependency on, by name and perhaps version.

    ``*`` stands for any packages, none among them. Unlike Snyk's own reading a chain covers a
    path to its end: ``a`` does not cover ``a > b``, unless it says ``a > *``.
    """

    steps: tuple[str, ...]

    def matches(self, path: Sequence[str]) -> bool:
        """``path`` leads from a direct dependency (``name@version``) to the package."""
        # Which of the steps' beginnings match what was seen of the path so far.
        reached = self._skipped({0})
        for package in path:
            after = set()
            for at in reached:
                if at == len(self.steps):
                    continue
                if self.steps[at] == "*":
                    after.add(at)
                elif _is(self.steps[at], package):
                    after.add(at + 1)
            reached = self._skipped(after)
        return len(self.steps) in reached

    def _skipped(self, reached: set[int]) -> set[int]:
        """``reached``, and what is reached where a star stands for nothing."""
        for at in sorted(reached):
            while at < len(self.steps) and self.steps[at] == "*":
                at += 1
                reached.add(at)
        return reached


def chain(text: str) -> Chain:
    """Read a chain. Raises ``ValueError`` for a version range, which is not understood."""
    steps = tuple(step.strip() for step in text.split(" > "))
    if not all(steps) or len(steps) > 64:
        raise ValueError("its path has empty steps, or more than 64")
    for step in steps:
        if step != "*" and _RANGE.search(step.rpartition("@")[2] if "@" in step[1:] else ""):
            raise ValueError("its path has a version range, of which only exact ones are read")
        if step != "*" and "*" in step:
            raise ValueError("its path has a wildcard within a name")
    return Chain(steps)


def _is(step: str, package: str) -> bool:
    if step == package:
        return True
    name, at, _ = package.rpartition("@")
    # A scope's own @ parts no version.
    return bool(at and name) and step == name


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
        """Return what of a row's ``members`` is covered."""
        collected: set[Atom] = set()
        whole = [False] * len(members)
        for index, finding in enumerate(members):
            if finding.tool == self.tool and self._is_meant(finding):
                taken = self._paths_of(finding)
                collected.update((index, path) for path in taken)
                whole[index] = taken == set(range(width(finding)))
        if any(whole):
            for index in self._others(members, whole):
                collected.update((index, path) for path in range(width(members[index])))
        return frozenset(collected)

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
        vulnerability = finding.vulnerability
        paths = vulnerability.dependency_paths if vulnerability is not None else ()
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
    """Return the number of a finding's dependency paths, at least 1."""
    vulnerability = finding.vulnerability
    return max(1, len(vulnerability.dependency_paths)) if vulnerability is not None else 1


def has_id(finding: Finding, name: str) -> bool:
    """Return whether ``name`` is the tool's own id of what it found."""
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
    """Return whether a fix is known."""
    vulnerability = finding.vulnerability
    return bool(finding.fix or (vulnerability is not None and vulnerability.fixed_versions))
