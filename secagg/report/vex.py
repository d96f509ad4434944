"""What triage has decided on each vulnerability of each package, for VEX documents.

A VEX statement speaks of a package in a product, and several problems may be about the same one
(two manifests): the most cautious decision speaks for all of them, so that a statement never
silences a problem that is still open.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from packageurl import PackageURL

from secagg.model.finding import Kind
from secagg.model.identity import canonical_alias
from secagg.model.problem import Problem
from secagg.report.standing import ShownState, expired, reason_of, standing

# The most cautious first.
_CAUTION = (
    ShownState.CONFIRMED,
    ShownState.OPEN,
    ShownState.ACCEPTED,
    ShownState.EXCEPTED,
    ShownState.FALSE_POSITIVE,
    ShownState.FIXED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VexStatement:
    """``standing`` holds for ``vulnerability`` in ``purl``, as part of ``product`` (a purl)."""

    product: str
    purl: str
    vulnerability: str
    aliases: tuple[str, ...]
    standing: ShownState
    reason: str | None
    at: datetime.datetime | None
    speaker: Problem
    problems: Sequence[Problem]


def statements(
    problems: Iterable[Problem], today: datetime.date, *, by_product: bool = True
) -> list[VexStatement]:
    """One statement for each product, package and vulnerability, in a stable order.

    Without ``by_product``, one for each package and vulnerability, whatever the products.
    """
    groups: dict[tuple[str, str, str], list[Problem]] = {}
    for problem in problems:
        if problem.kind is Kind.VULNERABILITY:
            name = canonical_alias(problem.aliases or (problem.rule_id,))
            product = product_purl(problem) if by_product else ""
            key = (product, package_purl(problem), name)
            groups.setdefault(key, []).append(problem)
    return [_statement(key, groups[key], today) for key in sorted(groups)]


def package_purl(problem: Problem) -> str:
    """The package's purl: the tool's, else made of what is known of the package."""
    if problem.purl and problem.purl.startswith("pkg:"):
        return problem.purl
    name = problem.package or problem.rule_id
    namespace, _, bare = name.rpartition("/")
    try:
        made = PackageURL(problem.package_type or "generic", namespace, bare, problem.version)
    except ValueError:
        made = PackageURL("generic", None, name, problem.version)
    return made.to_string()


def product_purl(problem: Problem) -> str:
    """What is scanned: the image, else the repository."""
    if problem.image is not None:
        return f"pkg:generic/{quote(problem.image, safe='')}"
    name = problem.repository or "repository"
    owner, slash, bare = name.partition("/")
    if slash and owner and bare and "/" not in bare and "." not in owner:
        return PackageURL("github", owner, bare).to_string()
    return f"pkg:generic/{quote(name, safe='')}"


def _statement(
    key: tuple[str, str, str], problems: list[Problem], today: datetime.date
) -> VexStatement:
    product, purl, name = key
    speaker = min(problems, key=lambda p: (_CAUTION.index(standing(p, today)), p.identity))
    aliases = {alias for p in problems for alias in (*p.aliases, p.rule_id)} - {name}
    triage = speaker.triage if not expired(speaker, today) else None
    state = standing(speaker, today)
    reason = reason_of(speaker, today)
    times = [at for at in (triage.at if triage else None, speaker.fixed_at) if at is not None]
    return VexStatement(
        product=product,
        purl=purl,
        vulnerability=name,
        aliases=tuple(sorted(aliases)),
        standing=state,
        reason=reason,
        at=max(times, default=None),
        speaker=speaker,
        problems=problems,
    )
