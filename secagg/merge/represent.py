"""One finding that speaks for a group: the worst severity, the best fix, the fullest text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from secagg.finding import Finding, Kind, Vulnerability

_T = TypeVar("_T")

# Whose words are shown where several say the same: advisories, then the code analysers.
_PREFERRED = ("trivy", "snyk", "codeql", "gitleaks", "trufflehog")


def represent(members: Sequence[Finding]) -> Finding:
    """The representative of ``members``: the only one, or a copy of the preferred one with the
    worst severity and with what the others know besides. It does not depend on their order."""
    if len(members) == 1:
        return members[0]
    first = min(members, key=_preference)
    worst = max(members, key=_badness)
    return replace(
        first,
        severity=worst.severity,
        severity_known=worst.severity_known,
        score=worst.score,
        ratings=_union(member.ratings for member in members),
        cwes=_union(member.cwes for member in members),
        references=_union(member.references for member in members),
        vulnerability=_vulnerability(first, members),
        fix=first.fix or next((m.fix for m in sorted(members, key=_preference) if m.fix), None),
        sarif=None,
    )


def _preference(finding: Finding) -> tuple[bool, int, str, str, int, str, str]:
    """Work tree before history, then the preferred tool, then what orders any two findings."""
    in_history = finding.secret is not None and finding.secret.in_history
    tool = finding.tool
    rank = _PREFERRED.index(tool) if tool in _PREFERRED else len(_PREFERRED)
    place = finding.location
    line = place.start_line or 0
    return in_history, rank, tool, place.uri or "", line, place.commit or "", finding.rule_id


def _badness(finding: Finding) -> tuple[bool, int, float, tuple[int, ...]]:
    rank = tuple(-ord(c) for c in finding.tool)
    return finding.severity_known, finding.severity.rank, finding.score or 0.0, rank


def _vulnerability(first: Finding, members: Sequence[Finding]) -> Vulnerability | None:
    if first.kind is not Kind.VULNERABILITY:
        return first.vulnerability
    ordered = sorted(members, key=_preference)
    known = [m.vulnerability for m in ordered if m.vulnerability is not None]
    if not known:
        return None
    return replace(
        known[0],
        aliases=_union(v.aliases for v in known),
        fixed_versions=next((v.fixed_versions for v in known if v.fixed_versions), ()),
        dependency_paths=_union(v.dependency_paths for v in known),
        direct=next((v.direct for v in known if v.direct is not None), None),
        scope=next((v.scope for v in known if v.scope is not None), None),
        epss=next((v.epss for v in known if v.epss is not None), None),
        kev=next((v.kev for v in known if v.kev is not None), None),
        published=next((v.published for v in known if v.published is not None), None),
    )


def _union(parts: Iterable[Iterable[_T]]) -> tuple[_T, ...]:
    union: list[_T] = []
    for part in parts:
        union += [value for value in part if value not in union]
    return tuple(union)
