"""The representative of a group: one finding with the values chosen from all members.

What is chosen is stated by a :class:`Preference`; the members keep what each of them said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

from secagg.finding import Finding, Kind, Rating, SecretSighting, Severity, Vulnerability


class Prefer(StrEnum):
    """Whose word on severity counts where sources disagree."""

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


_NOT_A_VENDOR = frozenset({"nvd", "snyk", "trivy", "epss", "codeql"})
_SLOTS = tuple(field.name for field in fields(Finding))


def represent(members: Sequence[Finding], preference: Preference) -> Finding:
    """The representative of ``members`` (of one kind, in a fixed order).

    It is a member itself where that member says all there is to say, else a copy.
    """
    first = members[0]
    if len(members) == 1:
        if preference.severity is Prefer.HIGHEST or not first.ratings:
            return first
        return _with_severity(first, members, preference, copied=False)
    base = min(members, key=lambda f: _description_order(f, preference))
    chosen = _copy(base)
    _with_severity(chosen, members, preference, copied=True)
    if chosen.kind is Kind.VULNERABILITY:
        chosen.vulnerability = _vulnerability(members, preference)
    elif chosen.kind is Kind.SECRET and chosen.secret is not None:
        chosen.secret = _sighting(chosen.secret, members)
    if len({id(f.cwes) for f in members}) > 1:
        chosen.cwes = tuple(dict.fromkeys(cwe for f in members for cwe in f.cwes))
    chosen.fix = next(
        (f.fix for f in sorted(members, key=lambda f: _rank(f, preference.fix)) if f.fix), None
    )
    chosen.references = tuple(dict.fromkeys(url for f in members for url in f.references))
    if any(f.suppressions for f in members) and not all(f.suppressed for f in members):
        # One tool's suppression does not silence what another tool still says.
        chosen.suppressions = ()
    return chosen


def _rank(finding: Finding, order: tuple[str, ...]) -> tuple[int, str]:
    tool = finding.tool
    return (order.index(tool) if tool in order else len(order), tool)


def _description_order(finding: Finding, preference: Preference) -> tuple[bool, int, str]:
    rank, tool = _rank(finding, preference.description)
    in_history = finding.secret is not None and finding.secret.in_history
    return (in_history, rank, tool)


def _copy(finding: Finding) -> Finding:
    new = object.__new__(Finding)
    for name in _SLOTS:
        setattr(new, name, getattr(finding, name))
    return new


def _with_severity(
    chosen: Finding, members: Sequence[Finding], preference: Preference, *, copied: bool
) -> Finding:
    """Give ``chosen`` the preferred severity with its score (a copy unless ``copied``)."""
    severity, score, known = _severity(members, preference)
    if (severity, score, known) != (chosen.severity, chosen.score, chosen.severity_known):
        chosen = chosen if copied else _copy(chosen)
        chosen.severity, chosen.score, chosen.severity_known = severity, score, known
    if copied:
        ratings = [rating for f in members for rating in f.ratings]
        if len(ratings) > len(chosen.ratings):
            chosen.ratings = tuple(_distinct(ratings))
    return chosen


def _severity(
    members: Sequence[Finding], preference: Preference
) -> tuple[Severity, float | None, bool]:
    if preference.severity is not Prefer.HIGHEST:
        wanted = [
            rating
            for f in members
            for rating in f.ratings
            if (rating.source == "nvd")
            if preference.severity is Prefer.NVD
        ] or [
            rating
            for f in members
            for rating in f.ratings
            if preference.severity is Prefer.VENDOR and rating.source not in _NOT_A_VENDOR
        ]
        if wanted:
            best = max(wanted, key=lambda r: (r.severity.rank, r.score or 0.0))
            return best.severity, best.score, True
    worst = max(members, key=lambda f: (f.severity_known, f.severity.rank, f.score or 0.0))
    return worst.severity, worst.score, worst.severity_known


def _distinct(ratings: Iterable[Rating]) -> list[Rating]:
    return list({(r.source, r.severity, r.score, r.vector): r for r in ratings}.values())


def _vulnerability(members: Sequence[Finding], preference: Preference) -> Vulnerability | None:
    known = [f.vulnerability for f in members if f.vulnerability is not None]
    if len(known) <= 1:
        return known[0] if known else None
    by_fix = sorted(members, key=lambda f: _rank(f, preference.fix))
    ordered = [f.vulnerability for f in by_fix if f.vulnerability is not None]
    epss = [v.epss for v in known if v.epss is not None]
    kev = [v.kev for v in known if v.kev is not None]
    direct = [v.direct for v in known if v.direct is not None]
    return Vulnerability(
        aliases=tuple(dict.fromkeys(alias for v in known for alias in v.aliases)),
        fixed_versions=next((v.fixed_versions for v in ordered if v.fixed_versions), ()),
        dependency_paths=tuple(dict.fromkeys(path for v in known for path in v.dependency_paths)),
        direct=any(direct) if direct else None,
        scope=next((v.scope for v in ordered if v.scope), None),
        status=next((v.status for v in ordered if v.status), None),
        epss=max(epss) if epss else None,
        kev=any(kev) if kev else None,
        published=min((v.published for v in known if v.published), default=None),
    )


def _sighting(base: SecretSighting, members: Sequence[Finding]) -> SecretSighting:
    """One sighting for all: verified if any source verified it, in history if all saw it there."""
    seen = [f.secret for f in members if f.secret is not None]
    verified = [s.verified for s in seen if s.verified is not None]
    return SecretSighting(
        id=next((s.id for s in seen if s.id is not None), None),
        detector=base.detector,
        decoder=base.decoder,
        verified=any(verified) if verified else None,
        in_history=all(s.in_history for s in seen),
    )
