"""What a tool said holds until it has looked again: a failing tool makes nothing look better."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from secagg.history import Store
from secagg.model.finding import Severity
from secagg.model.problem import Problem, Snippet, Source, State, ToolRunRecord, Triage
from tests.history.make import REPO, day, ident, problem, run
from tests.history.make import see as recorded

TOOLS = ("gitleaks", "snyk", "trivy")
BOTH = [("snyk", "."), ("trivy", ".")]
TRIVY = [("trivy", ".")]


def ran(*tools: str) -> tuple[ToolRunRecord, ...]:
    return tuple(ToolRunRecord(tool=tool, component=".", status="complete") for tool in tools)


def see(store: Store, number: float, *problems: Problem, **fields: Any) -> None:
    """Record the run of day ``number``, in which every tool took part."""
    recorded(store, number, *problems, **({"tools": ran(*TOOLS)} | fields))


def said(severity: Severity, *tools: str, name: str = "a", **fields: Any) -> Problem:
    sources = tuple(
        Source(tool=tool, rule_id=f"{tool}-rule", severity=severity, message="as said")
        for tool in sorted(tools)
    )
    return problem(name, tools=tools, severity=severity, sources=sources, **fields)


def shown(store: Store, **asked: Any) -> Problem:
    (one,) = store.problems(REPO, "main", **asked)
    return one


def test_a_failing_tool_makes_no_problem_less(store: Store) -> None:
    see(store, 1, said(Severity.CRITICAL, "snyk", "trivy", line=3, due=day(9).date()), covered=BOTH)
    see(store, 2, said(Severity.LOW, "trivy", line=7), covered=TRIVY)
    one = shown(store)
    assert (one.severity, one.tools) == (Severity.CRITICAL, ("snyk", "trivy"))
    assert [source.tool for source in one.sources] == ["snyk", "trivy"]
    assert (one.line, one.last_seen, one.due) == (7, day(2), day(9).date())
    assert shown(store, details=False).severity is Severity.CRITICAL
    assert shown(store, as_of="main-1").line == 3
    # The run itself is told as it was.
    assert store.run("main-2")[1][0].severity is Severity.LOW


def test_it_holds_while_the_tool_fails_and_no_longer(store: Store) -> None:
    see(store, 1, said(Severity.CRITICAL, "snyk", "trivy"), covered=BOTH)
    low = said(Severity.LOW, "trivy")
    see(store, 2, low, covered=TRIVY)
    see(store, 3, low, covered=[*TRIVY, ("snyk", "another")])
    assert shown(store).severity is Severity.CRITICAL
    see(store, 4, low, covered=BOTH)
    assert (shown(store).severity, shown(store).tools) == (Severity.LOW, ("trivy",))
    # Snyk has taken it back: that it fails again brings nothing up again.
    see(store, 5, low, covered=TRIVY)
    assert shown(store).severity is Severity.LOW
    assert shown(store, as_of="main-3").severity is Severity.CRITICAL


def test_the_tool_itself_may_say_less(store: Store) -> None:
    see(store, 1, said(Severity.CRITICAL, "snyk", "trivy"), covered=BOTH)
    see(store, 2, said(Severity.MEDIUM, "snyk", "trivy"), covered=BOTH)
    see(store, 3, said(Severity.LOW, "trivy"), covered=TRIVY)
    assert shown(store).severity is Severity.MEDIUM


def test_what_is_said_now_counts_where_it_is_worse(store: Store) -> None:
    see(store, 1, said(Severity.LOW, "snyk", "trivy", verified=True, title="old"), covered=BOTH)
    see(store, 2, said(Severity.HIGH, "trivy", title="new"), covered=TRIVY)
    one = shown(store)
    assert (one.severity, one.title, one.verified) == (Severity.HIGH, "new", True)
    assert one.tools == ("snyk", "trivy")
    told = [(source.tool, source.severity) for source in one.sources]
    assert told == [("snyk", Severity.LOW), ("trivy", Severity.HIGH)]


def test_the_place_the_exception_and_the_decision_are_of_today(store: Store) -> None:
    before = said(
        Severity.HIGH,
        *("snyk", "trivy"),
        snippet=Snippet(start_line=3, lines=("old",)),
        action="fail",
        why="high",
    )
    see(store, 1, before, covered=BOTH)
    now = said(Severity.LOW, "trivy", uri="moved.lock", exception="e1", action="ignore", why="e1")
    see(store, 2, now, covered=TRIVY)
    made = Triage(state=State.CONFIRMED, reason="x", by="kim", at=day(2))
    store.triage(REPO, [ident("a")], made)
    one = shown(store)
    assert one.severity is Severity.HIGH
    assert (one.uri, one.snippet, one.exception) == ("moved.lock", None, "e1")
    assert (one.action, one.why, one.state) == ("ignore", "e1", State.CONFIRMED)


def test_only_the_words_of_those_who_have_not_looked_again_hold(store: Store) -> None:
    """Gitleaks has looked, and no longer sees what it saw; Snyk has not."""
    first = said(Severity.HIGH, *TOOLS, verified=True)
    see(store, 1, first, covered=[(tool, ".") for tool in TOOLS])
    see(store, 2, said(Severity.LOW, "trivy", message="new"), covered=[*TRIVY, ("gitleaks", ".")])
    one = shown(store)
    assert (one.severity, one.tools, one.verified) == (Severity.HIGH, ("snyk", "trivy"), None)
    told = [(source.tool, source.severity) for source in one.sources]
    assert told == [("snyk", Severity.HIGH), ("trivy", Severity.LOW)]


def test_who_looks_again_may_say_that_it_is_not_verified(store: Store) -> None:
    see(store, 1, said(Severity.HIGH, "snyk", "trivy", verified=True, kev=True), covered=BOTH)
    see(store, 2, said(Severity.HIGH, "trivy", verified=False), covered=TRIVY)
    assert (shown(store).verified, shown(store).kev) == (False, True)


def test_branches_and_other_problems_do_not_mix(store: Store) -> None:
    high, low = said(Severity.HIGH, "snyk", "trivy"), said(Severity.LOW, "trivy")
    see(store, 1, high, said(Severity.HIGH, "snyk", "trivy", name="b"), covered=BOTH)
    see(store, 2, low, said(Severity.LOW, "trivy", name="b"), covered=TRIVY)
    see(store, 3, low, branch="other", covered=TRIVY)
    found = {(p.branch, p.title): p.severity for p in store.problems(REPO)}
    assert found == {
        ("main", "problem a"): Severity.HIGH,
        ("main", "problem b"): Severity.HIGH,
        ("other", "problem a"): Severity.LOW,
    }


Day = tuple[dict[str, Severity], frozenset[str]]


def _expected(days: Sequence[Day]) -> list[Severity]:
    """What holds after ``days``, worked out the slow way: tool by tool, day by day."""
    words: dict[str, Severity] = {}
    knew: set[str] = set()
    last: dict[str, Severity] = {}
    for told, complete in days:
        for tool in complete:
            words.pop(tool, None)
        if told:
            # A day's problem has the worst that is said of it.
            worst = max(told.values(), key=_rank)
            last = dict.fromkeys(told, worst)
            words.update(last)
            knew |= set(told)
        elif knew <= complete:
            # Gone: all that knew it looked, on one day.
            words, knew, last = {}, set(), {}
    if not last:
        return []
    earlier = [severity for tool, severity in words.items() if tool not in last]
    return [max([*last.values(), *earlier], key=_rank)]


def _rank(severity: Severity) -> int:
    return severity.rank


def test_a_tool_that_nobody_runs_any_more(store: Store) -> None:
    """Its last report counts, however long ago, also of a run that did not look at everything."""
    see(store, 1, said(Severity.CRITICAL, "snyk", "trivy"), covered=BOTH)
    low = said(Severity.LOW, "trivy")
    for number in range(2, 8):
        see(store, number, low, covered=TRIVY, tools=ran("trivy"))
    assert shown(store).severity is Severity.CRITICAL
    # It fails, and sees a part: that is its last report.
    see(store, 8, said(Severity.MEDIUM, "snyk", "trivy"), covered=TRIVY)
    for number in range(9, 22):
        see(store, number, low, covered=TRIVY)
    assert shown(store).severity is Severity.MEDIUM


@pytest.mark.parametrize("seed", range(4))
def test_any_history(store: Store, seed: int) -> None:
    """Random histories, imported in any order, against the slow way."""
    chosen = random.Random(seed)
    for number in range(12):
        repository = f"acme/{number}"
        days: list[Day] = []
        for _ in range(chosen.randint(1, 6)):
            complete = frozenset(t for t in TOOLS if chosen.random() < 0.5)
            tools = [t for t in TOOLS if chosen.random() < 0.5]
            days.append(({t: chosen.choice(list(Severity)) for t in tools}, complete))
        order = list(enumerate(days))
        chosen.shuffle(order)
        for at, (told, complete) in order:
            worst = max(told.values(), key=_rank, default=Severity.NONE)
            seen = [said(worst, *told)] if told else []
            record = run(at, key=f"{repository} {at}", repository=repository, tools=ran(*TOOLS))
            store.record(record, seen, [(tool, ".") for tool in sorted(complete)])
        found = [p for p in store.problems(repository, "main") if p.state is not State.FIXED]
        assert [p.severity for p in found] == _expected(days), days
