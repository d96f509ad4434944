"""Choose the representative of a group: one finding with the best values of all members.

A :class:`Preference` says which values are best. The members themselves do not change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TypeVar

from msgspec import Struct

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
    """Whose severity counts if sources disagree."""

    HIGHEST = "highest"
    VENDOR = "vendor"
    NVD = "nvd"


class Preference(Struct, frozen=True, kw_only=True):
    """How a representative is chosen.

    ``severity`` is the highest one of the members (default), or that of the vendor (the
    distribution, the advisory database of the ecosystem) or of NVD, if there is one.
    ``description`` and ``fix`` are tools, most preferred first; other tools follow by name.
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

    It is a member itself if that has the best values in all fields, else a copy.
    """
    if len(members) == 1:
        base = members[0]
        if preference.severity is Prefer.HIGHEST or not base.ratings:
            return base
    else:
        base = _preferred(members, preference.description)
    changed = _changes(base, members, preference)
    return replace(base, **changed) if changed else base


def _changes(
    base: Finding, members: Sequence[Finding], preference: Preference
) -> dict[str, object]:
    """Return the fields in which the representative differs from ``base``."""
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
        changed["ratings"] = _all_ratings(ratings, [f.ratings for f in members])
    if base.suppressions and not all(f.suppressed for f in members):
        # A suppression of one tool does not apply to the findings of the others.
        changed["suppressions"] = ()
    if base.kind is Kind.VULNERABILITY:
        vulnerability = _vulnerability(members, preference)
        if vulnerability is not base.vulnerability:
            changed["vulnerability"] = vulnerability
    elif base.secret is not None:
        secret = _secret(base.secret, members)
        if secret is not base.secret:
            changed["secret"] = secret
    return changed


def _preferred(members: Sequence[Finding], order: tuple[str, ...]) -> Finding:
    """Return the preferred member: of the work tree before history, then by tool."""
    best = members[0]
    best_rank = _preference_key(best, order)
    for finding in members:
        if (finding is not best and finding.tool != best.tool) or finding.secret is not None:
            rank = _preference_key(finding, order)
            if rank < best_rank:
                best, best_rank = finding, rank
    return best


def _preference_key(finding: Finding, order: tuple[str, ...]) -> tuple[bool, int, str]:
    tool, secret = finding.tool, finding.secret
    rank = order.index(tool) if tool in order else len(order)
    return secret is not None and secret.in_history, rank, tool


def _union(first: tuple[_T, ...], others: Iterable[tuple[_T, ...]]) -> tuple[_T, ...]:
    union = dict.fromkeys(first)
    for other in others:
        if other is not first:
            for item in other:
                union[item] = None
    return tuple(union)


def _all_ratings(
    first: tuple[Rating, ...], others: Iterable[tuple[Rating, ...]]
) -> tuple[Rating, ...]:
    ratings = {(r.source, r.vector, r.severity, r.score): r for r in first}
    last = first
    for other in others:
        if other is not last and other is not first:
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
        ratings = [
            rating
            for finding in members
            for rating in finding.ratings
            if (rating.source == "nvd" if nvd else rating.source not in _NOT_A_VENDOR)
        ]
        if ratings:
            best = max(ratings, key=lambda r: (r.severity.rank, r.score or 0.0))
            return best.severity, best.score, True
    worst = members[0]
    for finding in members:
        if finding is not worst and _severity_rank(finding) > _severity_rank(worst):
            worst = finding
    return worst.severity, worst.score, worst.severity_known


def _severity_rank(finding: Finding) -> tuple[bool, int, float]:
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


def _secret(base: SecretSighting, members: Sequence[Finding]) -> SecretSighting:
    """Join the secrets of all members: verified if any is, in history only if all are."""
    secret_id, verified, in_history, key = base.id, base.verified, base.in_history, base.key
    for finding in members:
        secret = finding.secret
        if secret is None:
            continue
        if secret_id is None:
            secret_id, key = secret.id, secret.key
        if secret.verified is not None:
            verified = bool(verified or secret.verified)
        in_history = in_history and secret.in_history
    if (secret_id, verified, in_history) == (base.id, base.verified, base.in_history):
        return base
    return SecretSighting(
        id=secret_id,
        detector=base.detector,
        decoder=base.decoder,
        verified=verified,
        in_history=in_history,
        key=key,
    )
