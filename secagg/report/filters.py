"""Which problems to show: every filter given must let a problem through, in whatever order."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from secagg.errors import UsageError
from secagg.ids import begins
from secagg.model.finding import Kind, Package, Severity
from secagg.model.problem import Problem, package_of
from secagg.report.standing import (
    ShownState,
    age_days,
    has_fix,
    overdue,
    owners_of,
    severity_label,
    severity_rank,
    standing,
)
from secagg.system.globs import means_nothing, paths

_NAMED = 8
Predicate = Callable[[Problem], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What is asked for; what is left out does not matter. Within one field any value will do.

    ``severities`` are words (``unknown`` among them). ``at_least`` lets problems through whose
    severity nobody knows: they may be as bad. ``paths`` are patterns as in ``.gitignore``,
    ``packages`` names or purls, which may have wildcards;
    ``owners`` may be ``none``; ``ids`` are advisory ids, CWEs, rule ids or beginnings of
    identities; every word of ``text`` must occur somewhere. ``new_since`` is in UTC.
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
    new_since: datetime.datetime | None = None
    fix_available: bool | None = None
    overdue: bool = False
    text: str = ""


def predicates(filters: Filters, today: datetime.date) -> list[Predicate]:
    """One predicate for each filter that is set; a problem is shown if all of them hold."""
    found: list[Predicate] = []
    if filters.severities:
        found.append(lambda p: severity_label(p) in filters.severities)
    if filters.at_least is not None:
        found.append(partial(_at_least, filters.at_least.rank))
    if filters.kinds:
        found.append(lambda p: p.kind in filters.kinds)
    if filters.tools:
        found.append(lambda p: not filters.tools.isdisjoint(p.tools))
    if filters.components:
        found.append(partial(_in_component, filters.components))
    if filters.paths:
        for pattern in filters.paths:
            if means_nothing(pattern):
                raise UsageError(
                    f"--path: {pattern!r} is no pattern", hint="patterns are those of .gitignore"
                )
        found.append(partial(_on_path, paths(filters.paths)))
    if filters.states:
        found.append(lambda p: standing(p, today) in filters.states)
    if filters.owners:
        found.append(partial(_owned, frozenset(o.lower().lstrip("@") for o in filters.owners)))
    if filters.packages:
        from secagg.packages.purl import package_test

        found.append(partial(_of_package, package_test(filters.packages, versions=True)))
    if filters.ids:
        found.append(partial(_has_id, tuple(sorted(i.lower() for i in filters.ids))))
    if filters.older_than is not None:
        found.append(partial(_older, filters.older_than.days, today))
    if filters.new_since is not None:
        found.append(partial(_new_since, filters.new_since))
    if filters.fix_available is not None:
        found.append(lambda p: has_fix(p) is filters.fix_available)
    if filters.overdue:
        found.append(lambda p: overdue(p, today))
    found += [partial(_says, word) for word in filters.text.casefold().split()]
    return found


def strangers(filters: Filters, problems: Sequence[Problem], today: datetime.date) -> list[str]:
    """A sentence for each word of ``filters`` that no problem answers to, in whatever state.

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
    """The problems that every predicate lets through, in the order given."""
    chosen = list(wanted)
    return [problem for problem in problems if all(holds(problem) for holds in chosen)]


def searchable(problem: Problem) -> str:
    """Everything about a problem that a person may search for, folded for comparison."""
    words: list[str | None] = [
        problem.identity,
        problem.title,
        problem.message,
        problem.rule_id,
        problem.rule_name,
        problem.uri,
        problem.image,
        problem.logical,
        problem.resource,
        problem.component,
        problem.package,
        problem.version,
        problem.purl,
        problem.fix,
        problem.why,
        *problem.aliases,
        *problem.cwes,
        *problem.tools,
        *owners_of(problem),
    ]
    if problem.triage is not None:
        words.append(problem.triage.reason)
    return "\n".join(word for word in words if word).casefold()


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


def _new_since(at: datetime.datetime, problem: Problem) -> bool:
    """First seen, or seen again after it had been fixed, at ``at`` or later."""
    times = (problem.first_seen, problem.reopened_at)
    return any(time is not None and time >= at for time in times)


def _says(word: str, problem: Problem) -> bool:
    return word in searchable(problem)
