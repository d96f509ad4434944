"""The representative of a group: one finding with the values chosen from all members.

What is chosen is stated by a :class:`Preference`; the members keep what each of them said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from secagg.model.finding import (
    Finding,
    Kind,
    Rating,
    SecretSighting,
    Severity,
    Vulnerability,
    replace,
)


class Prefer(StrEnum):
    """Whose severity counts where sources disagree."""

    HIGHEST = "highest"
    VENDOR = "vendor"
    NVD = "nvd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """How a representative is chosen.

    ``severity``: the highest of the members' (default), or the word of the vendor (the
    distribution, the advisory database of the ecosystem) or of NVD where one is given, else
    the highest. ``description`` and ``fix`` name tools, most preferred first; tools not named
    follow by name.
    """

    severity: Prefer = Prefer.HIGHEST
    description: tuple[str, ...] = ("codeql", "trivy", "snyk", "gitleaks", "trufflehog")
    fix: tuple[str, ...] = ("trivy", "snyk", "codeql")


DEFAULT = Preference()
_NOT_A_VENDOR = frozenset({"nvd", "snyk", "trivy", "epss", "codeql"})
_T = TypeVar("_T")
_RANK = {severity: severity.rank for severity in Severity}


def represent(members: Sequence[Finding], preference: Preference) -> Finding:
    """Return the representative of ``members`` (of one kind, in a fixed order).

    It is a member itself where that member says all there is to say, else a copy.
    """
    if len(members) == 1:
        base = members[0]
        if preference.severity is Prefer.HIGHEST or not base.ratings:
            return base
    else:
        base = _preferred(members, preference.description)
    changed = _chosen(base, members, preference)
    return replace(base, **changed) if changed else base


def _chosen(base: Finding, members: Sequence[Finding], preference: Preference) -> dict[str, object]:
    """What a representative has other than ``base``, by field."""
    changed: dict[str, object] = {}
    severity, score, is_known = _severity(members, preference)
    if severity is not base.severity or score != base.score or is_known != base.severity_known:
        changed = {"severity": severity, "score": score, "severity_known": is_known}
    cwes, ratings = base.cwes, base.ratings
    other_fix = other_cwes = other_ratings = False
    for finding in members:
        if finding is base:
            continue
        if finding.fix and finding.fix != base.fix:
            other_fix = True
        if finding.cwes and finding.cwes != cwes:
            other_cwes = True
        if finding.ratings and finding.ratings is not ratings:
            other_ratings = True
    if other_fix:
        fix = _preferred([f for f in members if f.fix], preference.fix).fix
        if fix != base.fix:
            changed["fix"] = fix
    if other_cwes:
        changed["cwes"] = _union(cwes, [f.cwes for f in members])
    if other_ratings:
        changed["ratings"] = _distinct(ratings, [f.ratings for f in members])
    if base.suppressions and not all(f.suppressed for f in members):
        # One tool's suppression does not silence what another tool still says.
        changed["suppressions"] = ()
    if base.kind is Kind.VULNERABILITY:
        known_of_all = _vulnerability(members, preference)
        if known_of_all is not base.vulnerability:
            changed["vulnerability"] = known_of_all
    elif base.secret is not None:
        sighting = _sighting(base.secret, members)
        if sighting is not base.secret:
            changed["secret"] = sighting
    return changed


def _preferred(members: Sequence[Finding], order: tuple[str, ...]) -> Finding:
    """The member whose words count: of the work tree before history, then by tool."""
    best = members[0]
    best_rank = _order(best, order)
    for finding in members:
        if (finding is not best and finding.tool != best.tool) or finding.secret is not None:
            rank = _order(finding, order)
            if rank < best_rank:
                best, best_rank = finding, rank
    return best


def _order(finding: Finding, order: tuple[str, ...]) -> tuple[bool, int, str]:
    tool, secret = finding.tool, finding.secret
    rank = order.index(tool) if tool in order else len(order)
    return secret is not None and secret.in_history, rank, tool


def _union(own: tuple[_T, ...], others: Iterable[tuple[_T, ...]]) -> tuple[_T, ...]:
    union = dict.fromkeys(own)
    for other in others:
        if other is not own:
            for item in other:
                union[item] = None
    return tuple(union)


def _distinct(own: tuple[Rating, ...], others: Iterable[tuple[Rating, ...]]) -> tuple[Rating, ...]:
    ratings = {(r.source, r.vector, r.severity, r.score): r for r in own}
    last = own
    for other in others:
        if other is not last and other is not own:
            for rating in other:
                key = (rating.source, rating.vector, rating.severity, rating.score)
                ratings.setdefault(key, rating)
            last = other
    return tuple(ratings.values())


def _severity(
    members: Sequence[Finding], preference: Preference
) -> tuple[Severity, float | None, bool]:
    if preference.severity is not Prefer.HIGHEST:
        nvd = preference.severity is Prefer.NVD
        wanted = [
            rating
            for finding in members
            for rating in finding.ratings
            if (rating.source == "nvd" if nvd else rating.source not in _NOT_A_VENDOR)
        ]
        if wanted:
            best = max(wanted, key=lambda r: (r.severity.rank, r.score or 0.0))
            return best.severity, best.score, True
    worst = members[0]
    for finding in members:
        if finding is not worst and _how_bad(finding) > _how_bad(worst):
            worst = finding
    return worst.severity, worst.score, worst.severity_known


def _how_bad(finding: Finding) -> tuple[bool, int, float]:
    return finding.severity_known, _RANK[finding.severity], finding.score or 0.0


def _vulnerability(members: Sequence[Finding], preference: Preference) -> Vulnerability | None:
    vulnerabilities = [f.vulnerability for f in members if f.vulnerability is not None]
    if len(vulnerabilities) <= 1:
        return vulnerabilities[0] if vulnerabilities else None
    first = _preferred(members, preference.fix).vulnerability or vulnerabilities[0]
    fixed, scope, status = first.fixed_versions, first.scope, first.status
    direct, epss, kev, published = first.direct, first.epss, first.kev, first.published
    for other in vulnerabilities:
        if other is first:
            continue
        fixed = fixed or other.fixed_versions
        scope = scope or other.scope
        status = status or other.status
        if other.direct is not None:
            direct = bool(direct or other.direct)
        if other.kev is not None:
            kev = bool(kev or other.kev)
        if other.epss is not None and (epss is None or other.epss > epss):
            epss = other.epss
        if other.published and (not published or other.published < published):
            published = other.published
    paths = [v.dependency_paths for v in vulnerabilities if v.dependency_paths]
    return Vulnerability(
        aliases=_union(first.aliases, [v.aliases for v in vulnerabilities]),
        fixed_versions=fixed,
        dependency_paths=_union((), paths) if len(paths) > 1 else paths[0] if paths else (),
        direct=direct,
        scope=scope,
        status=status,
        epss=epss,
        kev=kev,
        published=published,
    )


def _either(one: bool | None, other: bool | None) -> bool | None:
    """True if either is, None if neither is known."""
    return one if other is None else bool(one or other)


def _sighting(base: SecretSighting, members: Sequence[Finding]) -> SecretSighting:
    """One sighting for all: verified if any source verified it, in history if all saw it there."""
    known, verified, in_history, key = base.id, base.verified, base.in_history, base.key
    for finding in members:
        seen = finding.secret
        if seen is None:
            continue
        if known is None:
            known, key = seen.id, seen.key
        verified = _either(verified, seen.verified)
        in_history = in_history and seen.in_history
    if (known, verified, in_history) == (base.id, base.verified, base.in_history):
        return base
    return SecretSighting(
        id=known,
        detector=base.detector,
        decoder=base.decoder,
        verified=verified,
        in_history=in_history,
        key=key,
    )
