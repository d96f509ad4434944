"""Filters are a conjunction, orders are total, groups lose nothing."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg.errors import UsageError
from secagg.history.document import HISTORY_FIELDS, decode, encode
from secagg.model.finding import Kind, Severity
from secagg.model.problem import Problem, Snippet, Source, State, TimelineStep, Triage
from secagg.report.filters import Filters, parse_age, parse_since, predicates, select
from secagg.report.formats import LISTS, Format, compose, written
from secagg.report.query import KEYS, GroupBy, Query, answer, ordered, sections
from secagg.report.source import RecordedHistory
from secagg.report.standing import ACTIVE, ShownState, overdue, standing
from tests.report.make import NOW, TODAY, problem, run, vulnerability
from tests.report.strategies import made, problems, single_filters

DAY = datetime.timedelta(days=1)


@given(st.lists(problems, max_size=6), st.lists(single_filters, max_size=4), st.randoms())
def test_filters_are_a_conjunction_and_free_of_order(
    recorded_problems: list[Problem], wanted: list[dict[str, object]], random: Any
) -> None:
    fields: dict[str, object] = {}
    for one in wanted:
        fields |= one
    together = select(recorded_problems, predicates(made(fields), TODAY))
    names = list(fields)
    random.shuffle(names)
    one_by_one = recorded_problems
    for name in names:
        one_by_one = select(one_by_one, predicates(made({name: fields[name]}), TODAY))
    assert [id(p) for p in one_by_one] == [id(p) for p in together]


@given(st.lists(problems, max_size=6), single_filters)
def test_a_filter_and_its_rest_are_everything(
    recorded_problems: list[Problem], one: dict[str, object]
) -> None:
    (wanted, *more) = predicates(made(one), TODAY)
    assert not more
    kept = select(recorded_problems, [wanted])
    left = select(recorded_problems, [lambda p: not wanted(p)])
    assert len(kept) + len(left) == len(recorded_problems)


@given(
    st.lists(problems, max_size=6, unique_by=lambda p: p.identity),
    st.lists(st.sampled_from([*KEYS, "-due", "-severity", "state"]), max_size=3),
    st.randoms(),
)
def test_order_does_not_depend_on_the_order_given(
    recorded_problems: list[Problem], keys: list[str], random: Any
) -> None:
    first = [p.identity for p in ordered(recorded_problems, keys, TODAY)]
    shuffled = list(recorded_problems)
    random.shuffle(shuffled)
    assert [p.identity for p in ordered(shuffled, keys, TODAY)] == first
    assert sorted(first) == sorted(p.identity for p in recorded_problems)


@given(
    st.lists(problems, max_size=8, unique_by=lambda p: p.identity),
    st.lists(st.sampled_from([*KEYS, "-due", "state"]), max_size=2),
    st.integers(0, 9),
)
def test_the_first_few_in_order_are_those_of_the_whole_order(
    recorded_problems: list[Problem], keys: list[str], limit: int
) -> None:
    whole = ordered(recorded_problems, keys, TODAY)
    assert ordered(recorded_problems, keys, TODAY, limit=limit) == whole[:limit]


# Lists are read without details: whatever is asked, they must not look at them.
@given(
    st.lists(problems, max_size=6, unique_by=lambda p: p.identity),
    st.lists(single_filters, max_size=3),
    st.sampled_from(sorted(LISTS)),
    st.none() | st.sampled_from(GroupBy),
)
def test_lists_say_the_same_without_details(
    recorded_problems: list[Problem],
    wanted: list[dict[str, object]],
    output_format: Format,
    group_by: GroupBy | None,
) -> None:
    fields: dict[str, object] = {}
    for single in wanted:
        fields |= single
    for one in recorded_problems:
        one.sources = (Source(tool="trivy", rule_id="R", severity=Severity.LOW),)
        one.steps = (TimelineStep(uri="a.py", line=1),)
        one.snippet = Snippet(start_line=1, lines=("a",))
        one.dependency_paths = (("app", "lodash"),)
        one.references = one.related = ("r",)
    without = [decode(encode(p), details=False) for p in recorded_problems]
    for lean, whole in zip(without, recorded_problems, strict=True):
        for name in HISTORY_FIELDS:
            setattr(lean, name, getattr(whole, name))
    said = [
        b"".join(
            written(
                compose(
                    RecordedHistory(some, [run()]),
                    Query(filters=made(fields)),
                    NOW,
                    group_by=group_by,
                ),
                output_format,
            )
        )
        for some in (recorded_problems, without)
    ]
    assert said[0] == said[1]


@given(st.lists(problems, max_size=6), st.sampled_from(GroupBy))
def test_no_problem_is_lost_in_groups(recorded_problems: list[Problem], by: GroupBy) -> None:
    every = sections(recorded_problems, by, all_problems=recorded_problems)
    assert {id(p) for section in every for p in section.problems} == {
        id(p) for p in recorded_problems
    }
    assert all(section.total == len(section.problems) for section in every)
    totals = {section.name: section.total for section in every}
    # A limit cuts rows and never counts.
    for section in sections(recorded_problems[:2], by, all_problems=recorded_problems):
        assert section.total == totals[section.name]


@given(st.lists(problems, max_size=8), st.none() | st.integers(0, 10))
def test_a_limit_cuts_rows_and_no_counts(
    recorded_problems: list[Problem], limit: int | None
) -> None:
    found = answer(Query(limit=limit), recorded_problems, TODAY)
    assert len(found.related) == len(recorded_problems)
    assert len(found.matching) == sum(standing(p, TODAY) in ACTIVE for p in recorded_problems)
    assert found.rows == ordered(found.matching, (), TODAY)[:limit]
    assert len(found.rows) == min(
        len(found.matching), len(found.matching) if limit is None else limit
    )


def _shown(filters: Filters, *recorded_problems: Problem) -> list[Problem]:
    return select(recorded_problems, predicates(filters, TODAY))


def test_an_unknown_severity_is_not_filtered_away_by_a_least_one() -> None:
    unknown = problem("unknown", severity=Severity.NONE, severity_known=False)
    low = problem("low", severity=Severity.LOW)
    assert _shown(Filters(at_least=Severity.CRITICAL), unknown, low) == [unknown]
    assert _shown(Filters(severities=frozenset({"unknown"})), unknown, low) == [unknown]
    assert _shown(Filters(severities=frozenset({"none"})), unknown, low) == []


def test_paths_are_patterns_as_in_gitignore() -> None:
    inside, outside = problem("in", uri="web/src/a/b.ts"), problem("out", uri="engine/web/b.ts")
    nowhere = problem("nowhere", uri=None)
    assert _shown(Filters(paths=("/web/**/*.ts",)), inside, outside, nowhere) == [inside]
    assert _shown(Filters(paths=("*.ts", "!/engine/**")), inside, outside, nowhere) == [inside]


def test_a_component_holds_what_is_below_it_and_nothing_beside_it() -> None:
    below, beside = problem("a", component="web/app"), problem("b", component="website")
    assert _shown(Filters(components=frozenset({"web"})), below, beside) == [below]


def test_an_id_is_an_alias_a_weakness_a_rule_or_the_beginning_of_an_identity() -> None:
    known = vulnerability("CVE-2026-0001", aliases=("GHSA-x",), cwes=("CWE-79",))
    other = problem("other")
    for word in ("cve-2026-0001", "ghsa-X", "CWE-79", known.identity[:8]):
        assert _shown(Filters(ids=frozenset({word})), known, other) == [known], word
    assert _shown(Filters(ids=frozenset({known.identity[:3]})), known, other) == []


def test_an_expired_decision_counts_no_more() -> None:
    accepted = problem(
        triage=Triage(state=State.ACCEPTED, reason="until the release", expires=TODAY)
    )
    assert standing(accepted, TODAY) is ShownState.ACCEPTED
    assert standing(accepted, TODAY + DAY) is ShownState.OPEN


def test_a_persons_word_does_not_fix_what_is_still_there() -> None:
    said = problem(triage=Triage(state=State.FIXED, reason="merged"))
    assert standing(said, TODAY) is ShownState.OPEN
    said.fixed_at = NOW
    assert standing(said, TODAY) is ShownState.FIXED


def test_an_exception_of_the_policy_is_a_state_of_its_own() -> None:
    excepted = problem(exception="secagg-exceptions.yaml:3", due=TODAY - DAY)
    assert standing(excepted, TODAY) is ShownState.EXCEPTED
    assert not overdue(excepted, TODAY)
    assert overdue(problem(due=TODAY - DAY), TODAY)
    assert not overdue(problem(due=TODAY), TODAY)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-03-01", datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)),
        ("2026-03-01T10:00:00+02:00", datetime.datetime(2026, 3, 1, 8, tzinfo=datetime.UTC)),
        ("7d", NOW - 7 * DAY),
        ("2w", NOW - 14 * DAY),
        (run(3).commit, NOW - 3 * DAY),
        ((run(3).commit or "")[:9], NOW - 3 * DAY),
        (run(3).key, NOW - 3 * DAY),
    ],
)
def test_moments(text: str, wanted: datetime.datetime) -> None:
    assert parse_since(text, [run(3), run(1)], NOW) == wanted


def test_last_is_the_last_run_of_each_branch() -> None:
    runs = [run(3), run(1, branch="other"), run(9)]
    last = parse_since("last", runs, NOW)
    seen = [
        problem("here", first_seen=NOW - 2 * DAY),
        problem("before", first_seen=NOW - 4 * DAY),
        problem("elsewhere", branch="other", first_seen=NOW - 2 * DAY),
        problem("back", first_seen=NOW - 9 * DAY, reopened_at=NOW - 3 * DAY),
    ]
    holds = predicates(Filters(new_since=last), TODAY)
    assert [p.title for p in select(seen, holds)] == ["Problem here", "Problem back"]
    with pytest.raises(UsageError):
        parse_since("last", [], NOW)


@pytest.mark.parametrize("text", ["yesterday", "", "20260", "fffffff"])
def test_a_moment_that_nobody_knows_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_since(text, [run(3)], NOW)


def test_ages() -> None:
    assert parse_age("30") == parse_age("30d") == parse_age("1m") == 30 * DAY
    with pytest.raises(UsageError):
        parse_age("-3d")


def test_worst_first() -> None:
    exploited = vulnerability("CVE-1", severity=Severity.HIGH, kev=True)
    plain = problem("plain", severity=Severity.HIGH, score=8.9)
    critical = problem("critical", severity=Severity.CRITICAL)
    secret = problem("secret", severity=Severity.HIGH, kind=Kind.SECRET, verified=True)
    found = ordered([plain, secret, critical, exploited], (), TODAY)
    assert found == [critical, exploited, secret, plain]
    with pytest.raises(UsageError, match="sort"):
        ordered([], ["beauty"], TODAY)
