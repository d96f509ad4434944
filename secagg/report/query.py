"""Query the problems of the history: filter, sort, limit, group."""

from __future__ import annotations

import datetime
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from heapq import nsmallest

from secagg.errors import UsageError
from secagg.model.finding import Kind, Severity
from secagg.model.problem import Problem
from secagg.report.filters import Filters, predicates, select
from secagg.report.standing import (
    ACTIVE,
    SEVERITY_LABELS,
    ShownState,
    owners_of,
    severity_label,
    severity_rank,
    standing,
)

_KIND_RANKS = {kind: rank for rank, kind in enumerate(Kind)}
_STATE_RANKS = {state: rank for rank, state in enumerate(ShownState)}
_LAST = "\U0010ffff"
Key = Callable[[Problem], tuple[object, ...]]


def severity_key(problem: Problem) -> tuple[object, ...]:
    """Return the sort key, worst first: severity, KEV, score, EPSS, kind, place."""
    return (
        -severity_rank(problem),
        not problem.severity_known,
        not problem.kev,
        not problem.verified,
        -(problem.score or 0.0),
        -(problem.epss or 0.0),
        _KIND_RANKS[problem.kind],
        *_place(problem),
    )


def _place(problem: Problem) -> tuple[object, ...]:
    return (problem.uri or problem.image or _LAST, problem.line or 0, problem.rule_id)


def _seconds(at: datetime.datetime | None) -> float:
    return at.timestamp() if at is not None else float("inf")


# Each in its usual direction: worst, oldest, most urgent or alphabetically first.
KEYS: dict[str, Key] = {
    "severity": severity_key,
    "age": lambda p: (_seconds(p.first_seen),),
    "newest": lambda p: (p.first_seen is None, -_seconds(p.first_seen) if p.first_seen else 0.0),
    "due": lambda p: (p.due or datetime.date.max,),
    "path": _place,
    "component": lambda p: (p.component or ".",),
    "kind": lambda p: (_KIND_RANKS[p.kind],),
    "rule": lambda p: (p.rule_id,),
    "package": lambda p: (p.package or _LAST, p.version or ""),
    "owner": lambda p: (owners_of(p) or (_LAST,),),
    "tool": lambda p: (p.tools,),
    "epss": lambda p: (-(p.epss or 0.0),),
    "score": lambda p: (-(p.score or 0.0),),
    "sources": lambda p: (-len(p.tools),),
}


def ordered(
    problems: Iterable[Problem],
    keys: Sequence[str],
    today: datetime.date,
    *,
    limit: int | None = None,
) -> list[Problem]:
    """Sort ``problems`` by ``keys``, the most significant first, and return the first ``limit``.

    ``-`` in front of a key reverses it. Equal problems are sorted worst first. Raises
    :class:`UsageError` for an unknown key.
    """
    if not keys and limit is not None:
        # Faster than sorting all, where a few of many are shown.
        return nsmallest(limit, problems, key=_worst_first)
    rows = sorted(problems, key=_worst_first)
    for name in reversed(keys):
        key_name = name.removeprefix("-")
        key = _state_key(today) if key_name == "state" else KEYS.get(key_name)
        if key is None:
            raise unknown_key(key_name)
        # A reverse sort is stable too.
        rows.sort(key=key, reverse=name.startswith("-"))
    return rows[:limit]


def unknown_key(name: str) -> UsageError:
    """Return the error for a key that problems cannot be sorted by."""
    key_names = ", ".join(sorted([*KEYS, "state"]))
    return UsageError(f"cannot sort by {name!r}", hint=f"one of {key_names}")


def _worst_first(problem: Problem) -> tuple[object, ...]:
    return (*severity_key(problem), problem.identity)


def _state_key(today: datetime.date) -> Key:
    return lambda p: (_STATE_RANKS[standing(p, today)],)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a report asks for. ``limit`` cuts the rows, never the counts; ``None`` shows all.

    Where ``filters`` name no state, the open and confirmed problems match.
    """

    filters: Filters = field(default_factory=Filters)
    sort: tuple[str, ...] = ()
    limit: int | None = None


class Answer(ABC):
    """The problems that match a query."""

    @property
    @abstractmethod
    def rows(self) -> Sequence[Problem]:
        """The matching problems in order, within the limit."""

    @property
    @abstractmethod
    def matching(self) -> Sequence[Problem]:
        """All problems that match."""

    @property
    @abstractmethod
    def related(self) -> Sequence[Problem]:
        """All that match the filters but for the states, fixed ones too."""

    @property
    @abstractmethod
    def total(self) -> int:
        """How many problems match, whatever the limit."""

    @abstractmethod
    def by_repository(self, *, every_state: bool) -> dict[str, Counter[str]]:
        """Count all that match (``every_state``: all related) by repository and severity."""

    @abstractmethod
    def worst(
        self, limit: int | None, *, every_state: bool, repository: str | None = None
    ) -> Sequence[Problem]:
        """Return the worst of all that match (``every_state``: all related), in order."""

    @abstractmethod
    def sections(self, by: GroupBy) -> list[Section]:
        """Group the rows, and count all that match in each section."""

    @abstractmethod
    def totals(self, by: GroupBy) -> dict[str, int]:
        """Count all that match in each section; a problem may be in several."""

    @abstractmethod
    def failing(self, threshold: Severity, today: datetime.date) -> int:
        """Count the open problems that match and are ``threshold`` or worse, or may be."""


class ListedAnswer(Answer):
    """An answer from problems in memory."""

    def __init__(
        self, rows: Sequence[Problem], matching: Sequence[Problem], related: Sequence[Problem]
    ) -> None:
        self._rows, self._matching, self._related = rows, matching, related

    @property
    def rows(self) -> Sequence[Problem]:
        return self._rows

    @property
    def matching(self) -> Sequence[Problem]:
        return self._matching

    @property
    def related(self) -> Sequence[Problem]:
        return self._related

    @property
    def total(self) -> int:
        return len(self._matching)

    def by_repository(self, *, every_state: bool) -> dict[str, Counter[str]]:
        counts: dict[str, Counter[str]] = {}
        for problem in self._related if every_state else self._matching:
            counts.setdefault(problem.repository or "", Counter())[severity_label(problem)] += 1
        return counts

    def worst(
        self, limit: int | None, *, every_state: bool, repository: str | None = None
    ) -> Sequence[Problem]:
        chosen = self._related if every_state else self._matching
        if repository is not None:
            chosen = [problem for problem in chosen if (problem.repository or "") == repository]
        return sorted(chosen, key=_worst_first)[:limit]

    def sections(self, by: GroupBy) -> list[Section]:
        return sections(self._rows, by, all_problems=self._matching)

    def totals(self, by: GroupBy) -> dict[str, int]:
        return {name: len(rows) for name, rows in _by_name(self._matching, by).items()}

    def failing(self, threshold: Severity, today: datetime.date) -> int:
        return sum(
            (severity_rank(problem) >= threshold.rank or not problem.severity_known)
            and standing(problem, today) in ACTIVE
            for problem in self._matching
        )


def answer(query: Query, problems: Iterable[Problem], today: datetime.date) -> Answer:
    """Return the answer to ``query`` on ``today`` (UTC)."""
    filters = replace(query.filters, states=frozenset())
    related = select(problems, predicates(filters, today))
    states = query.filters.states or ACTIVE
    matching = [problem for problem in related if standing(problem, today) in states]
    rows = ordered(matching, query.sort, today, limit=query.limit)
    return ListedAnswer(rows, matching, related)


class GroupBy(StrEnum):
    SEVERITY = "severity"
    COMPONENT = "component"
    OWNER = "owner"
    PACKAGE = "package"
    RULE = "rule"
    KIND = "kind"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a grouped report. A problem with two owners or tools is in two sections.

    ``total`` counts all its problems; ``problems`` are those to show.
    """

    name: str
    problems: list[Problem]
    total: int


NO_OWNER, NO_PACKAGE, NO_TOOL = "(no owner)", "(no package)", "(no tool)"
"""The sections of problems without an owner, package or tool."""

_NAMES: dict[GroupBy, Callable[[Problem], tuple[str, ...]]] = {
    GroupBy.SEVERITY: lambda p: (severity_label(p),),
    GroupBy.COMPONENT: lambda p: (p.component or ".",),
    GroupBy.OWNER: lambda p: owners_of(p) or (NO_OWNER,),
    GroupBy.PACKAGE: lambda p: (p.package or NO_PACKAGE,),
    GroupBy.RULE: lambda p: (p.rule_id,),
    GroupBy.KIND: lambda p: (str(p.kind),),
    GroupBy.TOOL: lambda p: p.tools or (NO_TOOL,),
}


def sections(
    rows: Iterable[Problem], by: GroupBy, *, all_problems: Iterable[Problem]
) -> list[Section]:
    """Group ``rows`` into sections, and count ``all_problems`` in each.

    Keeps the order of ``rows`` and leaves out sections without a row. The section with the most
    problems of the worst severity comes first; severities come from critical to none.
    """
    all_by_name = _by_name(all_problems, by)
    ranks = {name: Counter(map(severity_rank, of_name)) for name, of_name in all_by_name.items()}
    return sections_of(rows, by, ranks)


def sections_of(
    rows: Iterable[Problem], by: GroupBy, ranks: Mapping[str, Counter[int]]
) -> list[Section]:
    """Group ``rows`` as :func:`sections` does; ``ranks`` count the problems of each section."""
    shown_by_name = _by_name(rows, by)
    if by is GroupBy.SEVERITY:
        names = sorted(shown_by_name, key=SEVERITY_LABELS.index)
    else:
        names = sorted(shown_by_name, key=lambda name: (_weight(ranks[name]), name))
    return [Section(name, shown_by_name[name], ranks[name].total()) for name in names]


def _by_name(problems: Iterable[Problem], by: GroupBy) -> dict[str, list[Problem]]:
    groups: dict[str, list[Problem]] = {}
    for problem in problems:
        for name in dict.fromkeys(_NAMES[by](problem)):
            groups.setdefault(name, []).append(problem)
    return groups


def _weight(ranks: Counter[int]) -> tuple[int, ...]:
    return tuple(-ranks[rank] for rank in range(4, -1, -1))
