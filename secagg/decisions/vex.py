"""VEX: what statements on vulnerabilities in packages come to, the latest word counting.

A statement that a product is not affected holds until a later one says that it is. Where two
cannot be told apart in time, the one that keeps the finding counts.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from secagg.decisions.advisories import plain
from secagg.decisions.dates import Ceiling
from secagg.decisions.entry import ScopedException, shortened
from secagg.decisions.scope import Scope
from secagg.model.problem import State
from secagg.packages.purl import PurlPattern
from secagg.policy.exception import DecisionSource, PolicyException


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement: ``silent`` if it says that the vulnerability ``names`` does not count.

    ``purls`` are the packages that it is about, ``images`` the container images (``pkg:oci``) in
    which; with images alone it is about all that is in them. ``moment`` is when it was made.
    ``problem`` is a sentence where it cannot be honoured.
    """

    source: str
    names: tuple[str, ...]
    silent: bool
    status: str
    purls: tuple[PurlPattern, ...]
    images: tuple[PurlPattern, ...] = ()
    moment: datetime.datetime | None = None
    reason: str | None = None
    author: str | None = None
    problem: str | None = None


def entries_of(statements: Sequence[Statement], ceiling: Ceiling) -> list[ScopedException]:
    """The exceptions that ``statements`` (of all documents, in their order) come to."""
    against: dict[str, list[Statement]] = {}
    for statement in statements:
        if not statement.silent:
            for name in statement.names:
                against.setdefault(plain(name), []).append(statement)
    return [_entry(s, against, ceiling) for s in statements if s.silent]


def _entry(
    statement: Statement, against: dict[str, list[Statement]], ceiling: Ceiling
) -> ScopedException:
    names = tuple(dict.fromkeys(plain(name) for name in statement.names))
    problem = statement.problem
    not_purls: dict[PurlPattern, None] = {}
    for other in (o for name in names for o in against.get(name, ())):
        if not _is_later(other, statement):
            continue
        if other.problem is not None or not other.purls:
            problem = problem or f"{other.source} says otherwise ({other.status})"
        not_purls |= dict.fromkeys(other.purls)
    if not statement.purls and not statement.images:
        problem = problem or "names no package by its purl"
    created = statement.moment.date() if statement.moment is not None else None
    where = " or ".join(purl.text for purl in statement.purls or statement.images)
    exception = PolicyException(
        origin=DecisionSource.VEX,
        state=State.FALSE_POSITIVE,
        source=statement.source,
        target=shortened(f"{' or '.join(names)} in {where or 'no package'}") or "",
        reason=shortened(statement.reason) or statement.status,
        owner=shortened(statement.author),
        created=created,
        refusal=problem or ceiling.foreign_refusal(created, None),
    )
    if not (statement.purls or statement.images) or not names:
        return ScopedException(exception, None)
    scope = Scope(
        advisories=(names,),
        purls=statement.purls,
        images=statement.images,
        not_purls=tuple(not_purls),
    )
    # Where all that it covers is taken back, nothing is covered and it is shown as unused.
    return ScopedException(exception, scope)


def _is_later(other: Statement, statement: Statement) -> bool:
    if other.moment is None or statement.moment is None:
        return True
    return other.moment >= statement.moment


def moment_of(text: object) -> datetime.datetime | None:
    """A time of a VEX document, in UTC; None where it says none."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        return moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return None
