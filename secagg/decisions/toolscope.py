"""What an entry of a scanner's own ignore file covers: that scanner's findings in a group.

Other tools' members are covered too if they report the same advisory or the same check. A secret
that TruffleHog reports as well still counts, whatever ``.gitleaksignore`` says. Entries of such
files act together: a group is covered once each of its members is.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from secagg.decisions.scope import members_of_advisory
from secagg.merge.rules import own_checks, plain_check
from secagg.model.finding import Finding, Kind
from secagg.packages.purl import PurlPattern, fits_any
from secagg.policy.selectors import normal_id, same_check
from secagg.system.globs import Glob, is_catch_all, is_wild
from secagg.system.patterns import lazy

_RANGE = lazy(r"[\^~<>=|*\s]|(?:^|\.)[xX](?:\.|$)")


class Chain(Struct, frozen=True):
    """A pattern of a dependency path: packages by name or ``name@version``.

    ``*`` matches any number of packages, also none. Unlike in Snyk, the pattern must match the
    whole path: ``a`` does not cover ``a > b``, but ``a > *`` does.
    """

    steps: tuple[str, ...]

    def matches(self, path: Sequence[str]) -> bool:
        """Tell whether ``path``, from a direct dependency (``name@version``) on, matches."""
        # The numbers of steps that match the path so far.
        reached = self._skipped({0})
        for package in path:
            next_reached = set()
            for step in reached:
                if step == len(self.steps):
                    continue
                if self.steps[step] == "*":
                    next_reached.add(step)
                elif _matches_package(self.steps[step], package):
                    next_reached.add(step + 1)
            reached = self._skipped(next_reached)
        return len(self.steps) in reached

    def _skipped(self, reached: set[int]) -> set[int]:
        """Return ``reached``, and what is reached if stars match no package."""
        for step in sorted(reached):
            while step < len(self.steps) and self.steps[step] == "*":
                step += 1
                reached.add(step)
        return reached


def chain(text: str) -> Chain:
    """Parse a pattern (``a > b@1.0``). Raises ``ValueError`` for ranges and part wildcards."""
    steps = tuple(step.strip() for step in text.split(" > "))
    if not all(steps) or len(steps) > 64:
        raise ValueError("its path has empty steps, or more than 64")
    for step in steps:
        if step != "*" and _RANGE.search(step.rpartition("@")[2] if "@" in step[1:] else ""):
            raise ValueError("its path has a version range, of which only exact ones are read")
        if step != "*" and "*" in step:
            raise ValueError("its path has a wildcard within a name")
    return Chain(steps)


def _matches_package(step: str, package: str) -> bool:
    if step == package:
        return True
    name, at, _ = package.rpartition("@")
    # The @ of an npm scope does not begin a version.
    return bool(at and name) and step == name


# One member of a group on one of its dependency paths: (the member's index, the path's index).
Atom = tuple[int, int]


class Fingerprint(Struct, frozen=True, kw_only=True):
    """The fingerprint of a leak as Gitleaks writes it; without ``commit`` it matches any commit."""

    uri: str
    rule: str
    line: int
    commit: str | None = None

    def matches_finding(self, finding: Finding) -> bool:
        """Tell whether ``finding`` has this fingerprint."""
        location = finding.location
        return (
            finding.rule_id == self.rule
            and location.start_line == self.line
            and location.uri == self.uri
            and (self.commit is None or location.commit == self.commit)
        )


class ToolScope(Struct, frozen=True, kw_only=True):
    """Findings of ``tool``: of ``kinds``, with the id ``name`` or the ``fingerprint``.

    ``paths`` and ``purls`` narrow it if they are set, ``chain`` to some dependency paths. With
    ``unless_fixable`` a finding that has a fix is not covered.
    """

    tool: str
    kinds: frozenset[Kind] = frozenset(Kind)
    name: str | None = None
    fingerprint: Fingerprint | None = None
    paths: tuple[Glob, ...] = ()
    purls: tuple[PurlPattern, ...] = ()
    chain: Chain | None = None
    unless_fixable: bool = False

    def atoms(self, members: Sequence[Finding]) -> frozenset[Atom]:
        """Return the atoms of a group's ``members`` that are covered."""
        covered: set[Atom] = set()
        fully_covered = [False] * len(members)
        for index, finding in enumerate(members):
            if finding.tool == self.tool and self._selects(finding):
                paths = self._paths_of(finding)
                covered.update((index, path) for path in paths)
                fully_covered[index] = paths == set(range(path_count(finding)))
        if any(fully_covered):
            for index in self._same_problem(members, fully_covered):
                covered.update((index, path) for path in range(path_count(members[index])))
        return frozenset(covered)

    def _selects(self, finding: Finding) -> bool:
        if finding.kind not in self.kinds:
            return False
        if self.fingerprint is not None and not self.fingerprint.matches_finding(finding):
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
            return set(range(path_count(finding)))
        vulnerability = finding.vulnerability
        paths = vulnerability.dependency_paths if vulnerability is not None else ()
        return {index for index, path in enumerate(paths) if self.chain.matches(path[1:])}

    def _same_problem(self, members: Sequence[Finding], fully_covered: Sequence[bool]) -> set[int]:
        """Return other tools' members that report the same problem under another id."""
        if self.name is None:
            return set()
        covered_finding = next(
            f for f, covered in zip(members, fully_covered, strict=True) if covered
        )
        if covered_finding.kind is Kind.MISCONFIGURATION:
            matching = same_check(members, fully_covered)
        elif covered_finding.kind is Kind.VULNERABILITY:
            about_advisory = members_of_advisory(members, normal_id(self.name))
            matching = [index in about_advisory for index in range(len(members))]
        else:
            return set()
        return {i for i, covered in enumerate(matching) if covered and members[i].tool != self.tool}


def path_count(finding: Finding) -> int:
    """Return the number of a finding's dependency paths, at least 1."""
    vulnerability = finding.vulnerability
    return max(1, len(vulnerability.dependency_paths)) if vulnerability is not None else 1


def has_id(finding: Finding, name: str) -> bool:
    """Tell whether ``name`` is the tool's own id of the finding."""
    if finding.rule_id == name:
        return True
    if finding.kind is Kind.VULNERABILITY:
        return normal_id(finding.rule_id) == normal_id(name)
    if finding.kind is Kind.MISCONFIGURATION:
        return plain_check(name) in own_checks(finding)
    return finding.kind is Kind.LICENSE and finding.license == name


def checked_id(name: str) -> str:
    """Return ``name`` if it can be an id. Raises ``ValueError`` for a wildcard."""
    if is_wild(name) or is_catch_all(name):
        raise ValueError("an id is expected, in which wildcards have no meaning")
    return name


def is_fixable(finding: Finding) -> bool:
    """Tell whether a fix is known."""
    vulnerability = finding.vulnerability
    return bool(finding.fix or (vulnerability is not None and vulnerability.fixed_versions))
