"""Filters of the report and of triage: which problems to show."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TypeVar

from secagg.errors import UsageError
from secagg.ids import begins
from secagg.model.finding import Kind, Package, Severity
from secagg.model.problem import Problem, RunRecord, package_of
from secagg.report import words
from secagg.report.standing import (
    SEVERITY_LABELS,
    LastRuns,
    ShownState,
    age_days,
    has_fix,
    overdue,
    owners_of,
    severity_label,
    severity_rank,
    standing,
)
from secagg.system.dates import days, is_days
from secagg.system.globs import is_ignored_pattern, paths


def age(text: str) -> datetime.timedelta:
    """Read an age: ``30``, ``30d``, ``2w``, ``3m``, ``1y``. Raises :class:`UsageError`."""
    try:
        return datetime.timedelta(days=days(text))
    except ValueError:
        raise UsageError(
            f"{text!r} is no age", hint="a number with d, w, m or y, such as 30d"
        ) from None


def moment(
    text: str, runs: Sequence[RunRecord], now: datetime.datetime
) -> datetime.datetime | LastRuns:
    """The moment (UTC) that ``text`` names: a date, a date and time, an age, ``last``, or a run.

    ``last`` is the last run of each repository's branch, so that a scan of one does not hide what
    is new in another. A run is named by its key or its commit, or the beginning of either (7
    characters or more). Raises :class:`UsageError` where nothing, or more than one run, is meant.
    """
    text = text.strip()
    if text == "last":
        if not runs:
            raise UsageError("no run is recorded yet", hint="name a date instead")
        return LastRuns.of(runs)
    if is_days(text):
        return now - age(text)
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        return _run(text, runs)
    return at.replace(tzinfo=datetime.UTC) if at.tzinfo is None else at.astimezone(datetime.UTC)


def _run(text: str, runs: Sequence[RunRecord]) -> datetime.datetime:
    starts = {run.started_at for run in runs if text in (run.key, run.commit)}
    if not starts and len(text) >= 7:
        starts = {
            run.started_at
            for run in runs
            if run.key.startswith(text) or (run.commit or "").startswith(text)
        }
    if len(starts) == 1:
        return starts.pop()
    what = "is no date, age or recorded run" if not starts else "names more than one run"
    raise UsageError(
        f"{text!r} {what}", hint="such as 2026-01-31, 7d, last, or the commit of a recorded scan"
    )


_NAMED = 8


Predicate = Callable[[Problem], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What is asked for; what is left out does not matter. Within one field any value will do.

    ``severities`` are words (``unknown`` among them). ``at_least`` lets problems through whose
    severity nobody knows: they may be as bad. ``paths`` are patterns as in ``.gitignore``,
    ``packages`` names or purls, which may have wildcards;
    ``owners`` may be ``none``; ``ids`` are advisory ids, CWEs, rule ids or beginnings of
    identities; every word of ``text`` must occur somewhere. ``new_since`` is in UTC, or the last
    run of each branch. The report's page filters by the same rules (``page/assets/filter.js``).
    """

    severities: frozenset[str] = frozenset()
    at_least: Severity | None = None
    kinds: frozenset[Kind] = frozenset()
    tools: frozenset[str] = frozenset()
    components: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()
    states: frozenset[ShownState] = frozenset()
    owners: frozenset[str] = frozenset()
    packages: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    older_than: datetime.timedelta | None = None
    new_since: datetime.datetime | LastRuns | None = None
    fix_available: bool | None = None
    overdue: bool = False
    text: str = ""


def predicates(filters: Filters, today: datetime.date) -> list[Predicate]:
    """One predicate for each filter that is set; a problem is shown if all of them hold."""
    checks: list[Predicate] = []
    if filters.severities:
        checks.append(lambda p: severity_label(p) in filters.severities)
    if filters.at_least is not None:
        checks.append(partial(_at_least, filters.at_least.rank))
    if filters.kinds:
        checks.append(lambda p: p.kind in filters.kinds)
    if filters.tools:
        checks.append(lambda p: not filters.tools.isdisjoint(p.tools))
    if filters.components:
        checks.append(partial(_in_component, filters.components))
    if filters.paths:
        for pattern in filters.paths:
            if is_ignored_pattern(pattern):
                raise UsageError(
                    f"--path: {pattern!r} is no pattern", hint="patterns are those of .gitignore"
                )
        checks.append(partial(_on_path, paths(filters.paths)))
    if filters.states:
        checks.append(lambda p: standing(p, today) in filters.states)
    if filters.owners:
        checks.append(partial(_owned, frozenset(o.lower().lstrip("@") for o in filters.owners)))
    if filters.packages:
        from secagg.packages.purl import package_test

        checks.append(partial(_of_package, package_test(filters.packages, versions=True)))
    if filters.ids:
        checks.append(partial(_has_id, tuple(sorted(i.lower() for i in filters.ids))))
    if filters.older_than is not None:
        checks.append(partial(_older, filters.older_than.days, today))
    if filters.new_since is not None:
        checks.append(partial(new_since, filters.new_since))
    if filters.fix_available is not None:
        checks.append(lambda p: has_fix(p) is filters.fix_available)
    if filters.overdue:
        checks.append(lambda p: overdue(p, today))
    checks += [partial(_says, word) for word in filters.text.casefold().split()]
    return checks


def unmatched_filters(
    filters: Filters, problems: Sequence[Problem], today: datetime.date
) -> list[str]:
    """Return a sentence for each word of ``filters`` that no problem answers to, in whatever state.

    "0 problems" would read as if there were nothing to do, where a name is misspelt.
    """
    asked: list[tuple[str, str, Filters, Callable[[Problem], Iterable[str | None]]]] = []
    asked += [("tool", w, Filters(tools=frozenset({w})), _tools) for w in sorted(filters.tools)]
    asked += [
        ("component", w, Filters(components=frozenset({w})), lambda p: (p.component,))
        for w in sorted(filters.components)
    ]
    asked += [("path", w, Filters(paths=(w,)), _nothing) for w in filters.paths]
    asked += [
        ("owner", w, Filters(owners=frozenset({w})), owners_of)
        for w in sorted(filters.owners - {"none"})
    ]
    asked += [
        ("package", w, Filters(packages=frozenset({w})), _nothing) for w in sorted(filters.packages)
    ]
    asked += [("id", w, Filters(ids=frozenset({w})), _nothing) for w in sorted(filters.ids)]
    sentences = []
    for option, word, alone, values in asked:
        holds = predicates(alone, today)
        if not any(all(one(problem) for one in holds) for problem in problems):
            known = sorted({value for p in problems for value in values(p) if value})
            near = ", ".join(known[:_NAMED]) + (", ..." if len(known) > _NAMED else "")
            there = f" (there are {near})" if known else ""
            sentences.append(f"no problem, in whatever state, has the {option} {word}{there}")
    return sentences


def _tools(problem: Problem) -> Sequence[str]:
    return problem.tools


def _nothing(problem: Problem) -> Sequence[str]:
    return ()


def select(problems: Iterable[Problem], wanted: Iterable[Predicate]) -> list[Problem]:
    """Return the problems that every predicate lets through, in the order given."""
    chosen = list(wanted)
    return [problem for problem in problems if all(holds(problem) for holds in chosen)]


def searchable(problem: Problem) -> str:
    """Everything about a problem that a person may search for, folded for comparison.

    The report's page searches the same texts (``page/assets/filter.js``).
    """
    texts: list[str | None] = [
        problem.identity,
        problem.title,
        problem.message,
        problem.rule_id,
        problem.rule_name,
        words.title(problem),
        words.place(problem),
        problem.image,
        problem.logical,
        problem.resource,
        problem.component,
        problem.package,
        problem.version,
        problem.purl,
        words.remedy(problem),
        problem.fix,
        problem.why,
        *problem.aliases,
        *problem.cwes,
        *problem.tools,
        *owners_of(problem),
    ]
    if problem.triage is not None:
        texts.append(problem.triage.reason)
    return "\n".join(text for text in texts if text).casefold()


def _at_least(rank: int, problem: Problem) -> bool:
    return severity_rank(problem) >= rank or not problem.severity_known


def _in_component(components: frozenset[str], problem: Problem) -> bool:
    own = problem.component or "."
    return any(own == c or own.startswith(c.rstrip("/") + "/") for c in components)


def _owned(owners: frozenset[str], problem: Problem) -> bool:
    own = owners_of(problem)
    if not own:
        return "none" in owners
    return any(owner.lower().lstrip("@") in owners for owner in own)


def _on_path(matches: Callable[[str], bool], problem: Problem) -> bool:
    return problem.uri is not None and matches(problem.uri)


def _of_package(test: Callable[[Package | None], bool | None], problem: Problem) -> bool:
    return test(package_of(problem)) is True


def _has_id(ids: tuple[str, ...], problem: Problem) -> bool:
    own = {problem.rule_id.lower()}
    own.update(alias.lower() for alias in problem.aliases)
    own.update(cwe.lower() for cwe in problem.cwes)
    if not own.isdisjoint(ids):
        return True
    names = (problem.identity, *problem.known_as)
    return any(begins(i, names) for i in ids)


def _older(least: int, today: datetime.date, problem: Problem) -> bool:
    age = age_days(problem, today)
    return age is not None and age >= least


def new_since(at: datetime.datetime | LastRuns, problem: Problem) -> bool:
    """Tell whether it was first seen, or came back after it had been fixed, ``at`` or later."""
    if isinstance(at, LastRuns):
        start = at.since(problem)
        if start is None:
            return False
        at = start
    times = (problem.first_seen, problem.reopened_at)
    return any(time is not None and time >= at for time in times)


def _says(word: str, problem: Problem) -> bool:
    return word in searchable(problem)


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
        words = ", ".join(str(member) for member in kind)
        raise UsageError(f"{option}: no {word!r}", hint=f"one of {words}") from None
