"""Select the problems that the report and triage show."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TypeVar

from secagg.errors import UsageError
from secagg.ids import SHORTEST, begins, resolve
from secagg.model.finding import Kind, Package, Severity
from secagg.model.problem import Problem, RunRecord, package_of
from secagg.packages.components import ROOT
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
from secagg.system.dates import days, is_days, parse_time
from secagg.system.globs import Glob, is_ignored_pattern, names


def parse_age(text: str) -> datetime.timedelta:
    """Read an age: ``30``, ``30d``, ``2w``, ``3m``, ``1y``. Raises :class:`UsageError`."""
    try:
        return datetime.timedelta(days=days(text))
    except ValueError:
        raise UsageError(
            f"{text!r} is no age", hint="a number with d, w, m or y, such as 30d"
        ) from None


def parse_since(
    text: str, runs: Sequence[RunRecord], now: datetime.datetime
) -> datetime.datetime | LastRuns:
    """Read a time (UTC): a date, a date and time, an age before ``now``, ``last``, or a run.

    ``last`` is the last run of each repository's branch, so that a scan of one does not hide what
    is new in another. A run is its key or commit, or a prefix of 7 characters or more; its start
    is returned. Raises :class:`UsageError` if ``text`` is none of these, or fits several runs.
    """
    text = text.strip()
    if text == "last":
        if not runs:
            raise UsageError("no run is recorded yet", hint="name a date instead")
        return LastRuns.of(runs)
    if is_days(text):
        return now - parse_age(text)
    return parse_time(text) or _start_of_run(text, runs)


def _start_of_run(text: str, runs: Sequence[RunRecord]) -> datetime.datetime:
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


_VALUES_SHOWN = 8
Predicate = Callable[[Problem], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filters to apply: all that are set must match, each by any of its values.

    ``severities`` are words, ``unknown`` among them. ``at_least`` also matches problems of unknown
    severity: they may be as bad. ``paths`` are patterns as in ``.gitignore``. ``tools``,
    ``components``, ``owners``, ``packages`` and ``ids`` are patterns as in policies
    (:mod:`secagg.policy.selectors`): ``ids`` of advisories, CWEs, rules of any source, or first
    digits of a problem's id. Every word of ``text`` must occur. ``new_since`` is in UTC, or the
    last run of each branch. The report's page has the same rules (``page/assets/filter.js``).
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
    """Return a predicate for each filter that is set; all must hold for a problem to be shown."""
    checks: list[Predicate] = []
    if filters.severities:
        checks.append(lambda problem: severity_label(problem) in filters.severities)
    if filters.at_least is not None:
        checks.append(partial(_at_least, filters.at_least.rank))
    if filters.kinds:
        checks.append(lambda problem: problem.kind in filters.kinds)
    if filters.tools:
        checks.append(partial(_by_tool, names(filters.tools)))
    if filters.components or filters.paths or filters.owners or filters.ids:
        from secagg.policy import selectors
    if filters.components:
        checks.append(partial(_in_component, selectors.component_test(filters.components)))
    if filters.paths:
        for pattern in filters.paths:
            if is_ignored_pattern(selectors.rooted(pattern)):
                raise UsageError(
                    f"--path: {pattern!r} is no pattern", hint="patterns are those of .gitignore"
                )
        checks.append(partial(_on_path, selectors.path_test(filters.paths)))
    if filters.states:
        checks.append(lambda problem: standing(problem, today) in filters.states)
    if filters.owners:
        checks.append(partial(_has_owner, selectors.owner_test(filters.owners)))
    if filters.packages:
        from secagg.packages.purl import check_pattern, package_test

        for pattern in filters.packages:
            check_pattern(pattern)
        checks.append(partial(_of_package, package_test(filters.packages)))
    if filters.ids:
        checks.append(_id_test(filters.ids))
    if filters.older_than is not None:
        checks.append(partial(_is_older, filters.older_than.days, today))
    if filters.new_since is not None:
        checks.append(partial(new_since, filters.new_since))
    if filters.fix_available is not None:
        checks.append(lambda problem: has_fix(problem) is filters.fix_available)
    if filters.overdue:
        checks.append(lambda problem: overdue(problem, today))
    checks += [partial(_contains, word) for word in filters.text.casefold().split()]
    return checks


def unmatched_filters(
    filters: Filters, problems: Sequence[Problem], today: datetime.date
) -> list[str]:
    """Return a sentence for each word of ``filters`` that matches no problem in any state.

    Without it a misspelt name would show "0 problems", as if there were nothing to do.
    """
    sentences = []
    for option, word, single_filter in filter_words(filters):
        checks = predicates(single_filter, today)
        if not any(all(check(problem) for check in checks) for problem in problems):
            values_of = _VALUES_OF.get(option, _no_values)
            present = {value for problem in problems for value in values_of(problem) if value}
            sentences.append(unmatched_sentence(option, word, present))
    return sentences


def filter_words(filters: Filters) -> list[tuple[str, str, Filters]]:
    """Return the words that may be misspelt: the option, the word, and a filter of it alone."""
    words_of = {
        "tool": sorted(filters.tools),
        "component": sorted(filters.components),
        "path": filters.paths,
        "owner": sorted(filters.owners - {"none"}),
        "package": sorted(filters.packages),
        "id": sorted(filters.ids),
    }
    alone: dict[str, Callable[[str], Filters]] = {
        "tool": lambda word: Filters(tools=frozenset({word})),
        "component": lambda word: Filters(components=frozenset({word})),
        "path": lambda word: Filters(paths=(word,)),
        "owner": lambda word: Filters(owners=frozenset({word})),
        "package": lambda word: Filters(packages=frozenset({word})),
        "id": lambda word: Filters(ids=frozenset({word})),
    }
    return [
        (option, word, alone[option](word)) for option, words in words_of.items() for word in words
    ]


def unmatched_sentence(option: str, word: str, present: Iterable[str]) -> str:
    """Say that no problem has ``word``; ``present`` are words that some have."""
    values = sorted(present)
    shown = ", ".join(values[:_VALUES_SHOWN]) + (", ..." if len(values) > _VALUES_SHOWN else "")
    hint = f" (there are {shown})" if values else ""
    return f"no problem, in whatever state, has the {option} {word}{hint}"


def _no_values(problem: Problem) -> Sequence[str]:
    return ()


_VALUES_OF: dict[str, Callable[[Problem], Iterable[str]]] = {
    "tool": lambda problem: problem.tools,
    "component": lambda problem: (problem.component or ".",),
    "owner": owners_of,
}


def select(problems: Iterable[Problem], conditions: Iterable[Predicate]) -> list[Problem]:
    """Return the problems for which every predicate holds, in their order."""
    checks = list(conditions)
    return [problem for problem in problems if all(check(problem) for check in checks)]


def searchable(problem: Problem) -> str:
    """Return all texts of a problem that a person may search for, case-folded.

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


def _by_tool(matches: Callable[[str], bool], problem: Problem) -> bool:
    return any(map(matches, problem.tools))


def _in_component(matches: Callable[[str], bool], problem: Problem) -> bool:
    return matches(problem.component or ROOT)


def _has_owner(matches: Callable[[Sequence[str]], bool], problem: Problem) -> bool:
    return matches(owners_of(problem))


def _on_path(matches: Callable[[str], bool], problem: Problem) -> bool:
    if problem.image is not None:
        # Files inside an image are no files of the repository.
        return False
    uris = {problem.uri, *(p.uri for p in problem.places), *(s.uri for s in problem.sources)}
    return any(uri is not None and matches(uri) for uri in uris)


def _of_package(test: Callable[[Package | None], bool | None], problem: Problem) -> bool:
    return test(package_of(problem)) is True


def _id_test(ids: Iterable[str]) -> Predicate:
    """Make a predicate for ids as people type them, or patterns of them, of whatever kind."""
    from secagg.merge.rules import plain_check
    from secagg.policy.selectors import advisory_test, matches_rule

    texts = sorted({text.strip().lower() for text in ids} - {""})
    rules = [Glob(text, flat=True) for text in texts]
    is_advisory = advisory_test(texts)
    is_cwe = names(
        f"cwe-{text}" if len(text) < SHORTEST and text.isdigit() else text for text in texts
    )

    def has_id(problem: Problem) -> bool:
        if is_advisory(problem.aliases) or any(map(is_cwe, problem.cwes)):
            return True
        rule_ids = {problem.rule_id, *(source.rule_id for source in problem.sources)}
        is_check = problem.kind is Kind.MISCONFIGURATION
        checks = set(map(plain_check, rule_ids)) if is_check else set()
        if any(matches_rule(rule, rule_id, checks) for rule in rules for rule_id in rule_ids):
            return True
        known_as = (problem.identity, *problem.known_as)
        return any(begins(text, known_as) for text in texts)

    return has_id


def problem_with_id(text: str, problems: Sequence[Problem]) -> Problem | None:
    """Return the only one of ``problems`` with the id ``text``; None where none or several have it.

    ``text`` is as people type it in any command: an id that it has or had, or its first digits.
    """
    try:
        identity = resolve(text, [(p.identity, p.known_as) for p in problems])
    except UsageError:
        return None
    return next(problem for problem in problems if problem.identity == identity)


def _is_older(least: int, today: datetime.date, problem: Problem) -> bool:
    age = age_days(problem, today)
    return age is not None and age >= least


def new_since(at: datetime.datetime | LastRuns, problem: Problem) -> bool:
    """Tell whether a problem was first seen or reopened at the time ``at`` or later."""
    if isinstance(at, LastRuns):
        start = at.since(problem)
        if start is None:
            return False
        at = start
    times = (problem.first_seen, problem.reopened_at)
    return any(time is not None and time >= at for time in times)


def _contains(word: str, problem: Problem) -> bool:
    return word in searchable(problem)


_ALL = "all"
_Word = TypeVar("_Word", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterWords:
    """The filter options as typed on the command line; see :class:`Filters`."""

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

    Without ``runs`` the options are checked, but ``new_since`` is not resolved. Raises
    :class:`UsageError` for unknown words.
    """
    since = None
    if request.new_since is not None and runs is not None:
        since = parse_since(request.new_since, runs, now)
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
        older_than=None if request.older_than is None else parse_age(request.older_than),
        new_since=since,
        fix_available=request.fix,
        overdue=request.overdue,
        text=request.search,
    )


def choice(kind: type[_Word], word: str, option: str) -> _Word:
    """Read a word of the enum ``kind``. Raises :class:`UsageError` that lists all of them."""
    try:
        return kind(word)
    except ValueError:
        words = ", ".join(str(member) for member in kind)
        raise UsageError(f"{option}: no {word!r}", hint=f"one of {words}") from None
