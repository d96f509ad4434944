"""Filters in the user's words, for every command that picks problems from the history."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from secagg.errors import UsageError
from secagg.model.finding import Kind, Severity
from secagg.model.problem import RunRecord
from secagg.report.filters import Filters
from secagg.report.standing import SEVERITY_LABELS, ShownState
from secagg.report.when import age, moment

_ALL = "all"
_Word = TypeVar("_Word", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterWords:
    """Options as they were given; see :class:`secagg.report.filters.Filters`."""

    severity: Sequence[str] = ()
    at_least: str | None = None
    kind: Sequence[str] = ()
    tool: Sequence[str] = ()
    component: Sequence[str] = ()
    path: Sequence[str] = ()
    state: Sequence[str] = ()
    owner: Sequence[str] = ()
    package: Sequence[str] = ()
    id: Sequence[str] = ()
    older_than: str | None = None
    new_since: str | None = None
    fix: bool | None = None
    overdue: bool = False
    search: str = ""


def filters_of(
    request: FilterWords, runs: Sequence[RunRecord] | None, now: datetime.datetime
) -> Filters:
    """Read the filters in ``request`` at the time ``now`` (UTC).

    Without ``runs`` they are checked, and no run is looked up. Raises :class:`UsageError` for words
    that mean nothing here.
    """
    since = None
    if request.new_since is not None and runs is not None:
        since = moment(request.new_since, runs, now)
    states = frozenset(ShownState) if _ALL in request.state else None
    for label in request.severity:
        if label not in SEVERITY_LABELS:
            raise UsageError(f"no severity {label!r}", hint="one of " + ", ".join(SEVERITY_LABELS))
    return Filters(
        severities=frozenset(request.severity),
        at_least=(
            None if request.at_least is None else choice(Severity, request.at_least, "--at-least")
        ),
        kinds=frozenset(choice(Kind, word, "--kind") for word in request.kind),
        tools=frozenset(request.tool),
        components=frozenset(request.component),
        paths=tuple(request.path),
        states=states or frozenset(choice(ShownState, word, "--state") for word in request.state),
        owners=frozenset(request.owner),
        packages=frozenset(request.package),
        ids=frozenset(request.id),
        older_than=None if request.older_than is None else age(request.older_than),
        new_since=since,
        fix_available=request.fix,
        overdue=request.overdue,
        text=request.search,
    )


def choice(kind: type[_Word], word: str, option: str) -> _Word:
    """Read one word of several. Raises :class:`UsageError` that names them and the option."""
    try:
        return kind(word)
    except ValueError:
        known = ", ".join(str(member) for member in kind)
        raise UsageError(f"{option}: no {word!r}", hint=f"one of {known}") from None
