"""SQL answers as the filters, orders and counts in memory do, over random stores and questions."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secagg.errors import SecaggError, UsageError
from secagg.history import Store, current, open_store
from secagg.history import tables as t
from secagg.history.engine import transaction
from secagg.history.validate import validate
from secagg.model.finding import Kind, Severity
from secagg.model.problem import Problem, ProblemPlace, RunRecord, Source, State, Triage
from secagg.report import stored
from secagg.report.filters import Filters, unmatched_filters
from secagg.report.formats import Format, compose, written
from secagg.report.query import KEYS, GroupBy, Query, answer
from secagg.report.source import RecordedHistory
from secagg.report.standing import (
    SEVERITY_LABELS,
    LastRuns,
    ShownState,
    overdue,
    owners_of,
    severity_label,
    standing,
)
from secagg.report.stored import Page, StoredQuestion, StoreScope, page
from secagg.report.storedcounts import summary
from secagg.report.storedreport import StoredSource
from secagg.system.dates import utc_today
from tests.history.conftest import postgres
from tests.history.make import problem

__all__ = ["postgres"]

# Decisions expire by the clock of this machine.
TODAY = utc_today()
# A scan is never from the future.
NOW = datetime.datetime.combine(TODAY, datetime.time(), datetime.UTC)
DEFAULTS = StoreScope()
EVERY = StoreScope(default_branches=False)

_WORDS = st.sampled_from(["Lodash", "50%_off", "back\\slash", "straße", "İstanbul", "a b"])
_OWNERS = st.sampled_from(["@acme/Web", "@Acme/web", "dana", "none", "@acme/webshop"])
_DAYS = st.integers(-3, 3).map(lambda days: TODAY + datetime.timedelta(days=days))
_PURL = "pkg:npm/lodash@4.17.4"


@st.composite
def problems_of(draw: st.DrawFn, name: str) -> Problem:
    """A problem with few values for each field, so that filters hit and orders tie."""

    def one_of(*values: Any) -> Any:
        return draw(st.sampled_from(values))

    also = draw(st.lists(st.sampled_from("abcd".replace(name, "")), max_size=1))
    excepted = one_of(None, None, "file:3")
    return problem(
        name,
        *also,
        tools=sorted(draw(st.sets(st.sampled_from(["snyk", "trivy", "Trivy"]), min_size=1))),
        kind=draw(st.sampled_from(Kind)),
        severity=draw(st.sampled_from(Severity)),
        severity_known=draw(st.booleans()),
        title=draw(_WORDS),
        rule_id=one_of("CVE-2026-1", "py/a", "PY/a"),
        uri=one_of(None, "", "web/a.js", "web/app/b.js", "Web/a.js", "x" * 300, "y" * 600),
        image=one_of(None, "alpine:3"),
        line=one_of(None, 0, 3, 12, 10**30),
        component=one_of(None, ".", "web", "web/app", "webshop", "Web"),
        owners=tuple(draw(st.lists(_OWNERS, max_size=2, unique=True))),
        package=one_of(None, "lodash", "Lodash", "django"),
        package_type=one_of(None, "npm"),
        version=one_of(None, "4.17.4"),
        purl=one_of(None, _PURL),
        aliases=one_of((), ("CVE-2026-0001",), ("GHSA-1", "CVE-2026-0001")),
        cwes=one_of((), ("CWE-79",)),
        fixed_versions=one_of((), ("4.17.21",)),
        fix=one_of(None, "update it"),
        score=one_of(None, 0.0, 7.5, 9.8),
        epss=one_of(None, 0.0, 0.25, 0.5),
        kev=one_of(None, True, False),
        verified=one_of(None, True, False),
        due=draw(st.none() | _DAYS),
        places=one_of((), (ProblemPlace(uri="docs/x.js"),)),
        sources=one_of((), (Source(tool="trivy", rule_id="AVD-DS-0002", severity=Severity.LOW),)),
        approvals_needed=one_of(None, 2),
        exception=excepted,
        exception_state=None if excepted is None else one_of(None, State.FALSE_POSITIVE),
        exception_expires=None if excepted is None else draw(st.none() | _DAYS),
    )


class Scan(NamedTuple):
    """A scan so many hours ago."""

    repository: str
    branch: str
    hours: int
    problems: list[Problem]
    covered: list[tuple[str, str]]


class Decided(NamedTuple):
    """A decision after so many scans were recorded; it may be undone after the last."""

    after: int
    repository: str
    name: str
    decision: Triage
    undone: bool


@st.composite
def scans(draw: st.DrawFn) -> list[Scan]:
    made = []
    for _ in range(draw(st.integers(1, 5))):
        names = sorted(draw(st.sets(st.sampled_from("abcd"), max_size=4)))
        tools = draw(st.sets(st.sampled_from(["snyk", "trivy", "Trivy"])))
        made.append(
            Scan(
                draw(st.sampled_from(["acme/a", "acme/b"])),
                draw(st.sampled_from(["main", "main", "pull request: 1"])),
                draw(st.integers(0, 4)) * 200,
                [draw(problems_of(name)) for name in names],
                [(tool, ".") for tool in sorted(tools)],
            )
        )
    return made


decisions = st.lists(
    st.builds(
        Decided,
        st.integers(1, 5),
        st.sampled_from(["acme/a", "acme/b"]),
        st.sampled_from("abcd"),
        st.builds(
            Triage,
            state=st.sampled_from(State),
            reason=_WORDS,
            by=st.sampled_from(["dana", "ana"]),
            owner=st.none() | _OWNERS | st.just(""),
            at=st.integers(0, 1200).map(lambda hours: NOW - datetime.timedelta(hours=hours)),
            expires=st.none() | _DAYS,
        ),
        st.booleans(),
    ),
    max_size=4,
)

filters = st.fixed_dictionaries(
    {},
    optional={
        "severities": st.frozensets(st.sampled_from(SEVERITY_LABELS), min_size=1),
        "at_least": st.sampled_from(Severity),
        "kinds": st.frozensets(st.sampled_from(Kind), min_size=1),
        "tools": st.frozensets(st.sampled_from(["trivy", "s*", "gone"]), min_size=1),
        "components": st.frozensets(st.sampled_from(["web", "web/", ".", "w*", "w%"]), min_size=1),
        "paths": st.sampled_from([("web/",), ("*.js", "!web/app/"), ("/web/*", "docs/")]),
        "states": st.frozensets(st.sampled_from(ShownState)),
        "owners": st.frozensets(_OWNERS | st.just("@acme/*"), min_size=1),
        "packages": st.sampled_from(["lodash", "pkg:npm/*", "LO*", "pkg:npm/lodash@4.17.4"]).map(
            lambda word: frozenset({word})
        ),
        "ids": st.sampled_from(
            ["cve-2026-0001", "79", "PY/*", problem("a").identity[:8], "%", "ds-0002"]
        ).map(lambda word: frozenset({word})),
        "older_than": st.sampled_from([0, 1, 8, 9, 10**6]).map(
            lambda days: datetime.timedelta(days=days)
        ),
        "new_since": st.integers(0, 1000).map(lambda hours: NOW - datetime.timedelta(hours=hours)),
        "fix_available": st.booleans(),
        "overdue": st.just(True),
        "text": st.sampled_from(["lodash", "%", "_off", "\\", "STRASSE", "i̇stan", "a.js:3 trivy"]),
    },
)
sorts = st.lists(
    st.sampled_from([*KEYS, "state"]).flatmap(lambda key: st.sampled_from([key, f"-{key}"])),
    max_size=2,
)


def _record(store: Store, made: list[Scan], decided: list[Decided]) -> None:
    for number, scan in enumerate(made, 1):
        run = RunRecord(
            key=f"run {number}",
            repository=scan.repository,
            branch=scan.branch,
            commit=None,
            started_at=NOW - datetime.timedelta(hours=scan.hours, minutes=number),
            verdict="pass",
            policy="default",
        )
        store.record(run, scan.problems, scan.covered)
        for one in decided:
            if one.after == number:
                _decide(store, one)
    for one in decided:
        if one.undone:
            try:
                store.undo(one.repository, [problem(one.name).identity], who="dana")
            except SecaggError:
                continue


def _decide(store: Store, one: Decided) -> None:
    identity = problem(one.name).identity
    known = {p.identity for p in store.problems(one.repository)}
    if identity in known:
        store.triage(one.repository, [identity], one.decision)


def _rows(store: Store) -> list[Any]:
    with transaction(store._engine, reads=True) as connection:
        assert validate(connection) == []
        return [
            sorted(map(repr, connection.execute(table.select())))
            for table in (t.current_problem, t.current_text)
        ]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Store]:
    if request.param == "sqlite":
        place: Path = tmp_path_factory.mktemp("stored")
        with open_store(place / "s.db") as opened:
            yield opened
        return
    with open_store(request.getfixturevalue("postgres")) as opened:
        yield opened


class _KeptOpen:
    """The store of all tests, which no report closes."""

    def __init__(self, store: Store) -> None:
        self.reading = store.reading

    def close(self) -> None:
        """Leave it open."""


def _empty(store: Store) -> None:
    with transaction(store._engine) as connection:
        for table in reversed(t.METADATA.sorted_tables):
            if table.name != "audit":
                connection.execute(table.delete())


@pytest.fixture
def bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set how many branches and values are few, which a test may then change."""
    monkeypatch.setattr(stored, "_FEW_BRANCHES", 50)
    monkeypatch.setattr(stored, "_STEPS", 2000)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("bounds")
@given(
    scans(),
    decisions,
    st.lists(st.tuples(filters, sorts, st.integers(1, 4)), min_size=2, max_size=4),
)
def test_sql_answers_as_memory_does(
    store: Store, made: list[Scan], decided: list[Decided], asked: list[Any]
) -> None:
    _empty(store)
    _record(store, made, decided)
    before = _rows(store)
    with transaction(store._engine) as connection:
        connection.execute(t.current_problem.delete())
        connection.execute(t.current_text.delete())
        current.rebuild(connection)
    # What imports and decisions keep is what follows from the other tables.
    after_all = _rows(store)
    assert [sorted({*a} ^ {*b}) for a, b in zip(after_all, before, strict=True)] == [[], []]
    for scope, default in ((DEFAULTS, True), (EVERY, False)):
        # As if they were few, or many.
        stored._FEW_BRANCHES = 0 if default else 50
        problems = list(store.problems(None, default_branches=default))
        runs = store.newest_runs(default_branches=default)
        for fields, sort, limit in asked:
            stored._STEPS = 2 if limit % 2 else 2000
            wanted = Filters(**fields)
            if limit == 1:
                wanted = Filters(**(fields | {"new_since": LastRuns.of(runs)}))
            expected = answer(Query(filters=wanted, sort=tuple(sort)), problems, TODAY)
            found: list[Problem] = []
            one = page(store, scope, wanted, today=TODAY, sort=sort, limit=limit)
            assert one.total == len(expected.matching)
            found += one.rows
            while one.after is not None:
                one = page(
                    store, scope, wanted, today=TODAY, sort=sort, limit=limit, after=one.after
                )
                found += one.rows
            assert found == expected.rows
            _same_report(store, scope, Query(filters=wanted, sort=tuple(sort)), problems, runs)
            counted = summary(store, scope, wanted, today=TODAY)
            assert counted.total == len(expected.matching)
            assert counted.overdue == sum(overdue(p, TODAY) for p in expected.matching)
            for label, number in counted.by_severity.items():
                assert number == sum(severity_label(p) == label for p in expected.matching)
            for state, number in counted.by_state.items():
                assert number == sum(standing(p, TODAY) == state for p in expected.related)
            assert {c.name: c.total for c in counted.owners} == {
                name: sum(name in (owners_of(p) or ("(no owner)",)) for p in expected.matching)
                for p in expected.matching
                for name in owners_of(p) or ("(no owner)",)
            }
            assert sum(counted.by_age.values()) == counted.total


def _same_report(
    store: Store, scope: StoreScope, query: Query, problems: list[Problem], runs: list[RunRecord]
) -> None:
    """Compare what a report says of the store, and of the same problems in memory."""
    source = StoredSource(_KeptOpen(store), scope, runs, code=None, details=True)
    made = compose(source, query, NOW, runs=runs)
    expected = compose(RecordedHistory(problems, runs), query, NOW, runs=runs)
    assert made.overview == expected.overview
    for output_format in (Format.JSON, Format.CSV, Format.SARIF):
        assert b"".join(written(made, output_format)) == b"".join(written(expected, output_format))
    assert made.answer.matching == expected.answer.matching
    assert made.answer.related == expected.answer.related
    for by in GroupBy:
        assert made.answer.sections(by) == expected.answer.sections(by)
        assert made.answer.totals(by) == expected.answer.totals(by)
    for threshold in Severity:
        assert made.answer.failing(threshold, TODAY) == expected.answer.failing(threshold, TODAY)
    assert source.unmatched(query.filters, TODAY) == unmatched_filters(
        query.filters, problems, TODAY
    )
    assert source.problems() == problems
    source.close()


def test_a_page_stays_where_it_is_while_others_import(store: Store) -> None:
    _empty(store)
    scan = Scan("acme/a", "main", 48, [problem(name) for name in "bdfh"], [("trivy", ".")])
    _record(store, [scan], [])
    first = page(store, EVERY, Filters(), today=TODAY, sort=["path"], limit=2)
    more = [problem(name) for name in "abcdefghi"]
    run = RunRecord(
        key="later",
        repository="acme/a",
        branch="main",
        commit=None,
        started_at=NOW - datetime.timedelta(hours=1),
        verdict="pass",
        policy="default",
    )
    store.record(run, more, [])
    second = page(store, EVERY, Filters(), today=TODAY, sort=["path"], limit=9, after=first.after)
    identities = [p.identity for p in first.rows + second.rows]
    assert len(set(identities)) == len(identities)
    assert {p.identity for p in scan.problems} <= set(identities)
    assert second.total is None


def test_a_cursor_is_of_one_order_and_nothing_else(store: Store) -> None:
    _empty(store)
    _record(store, [Scan("acme/a", "main", 1, [problem("a"), problem("b")], [])], [])

    def asked(sort: list[str], after: str) -> Page:
        return page(store, EVERY, Filters(), today=TODAY, sort=sort, after=after, limit=1)

    cursor = page(store, EVERY, Filters(), today=TODAY, limit=1).after
    assert cursor is not None
    assert len(asked([], cursor).rows) == 1
    for sort, bad in ((["age"], cursor), ([], cursor[:-8]), ([], "%"), ([], "W10"), ([], "")):
        with pytest.raises(UsageError, match="no cursor"):
            asked(sort, bad)
    with pytest.raises(UsageError, match="cannot sort by 'gone'"):
        asked(["gone"], cursor)


def test_what_may_not_be_read_counts_nowhere(store: Store) -> None:
    _empty(store)
    scans_of = [Scan(f"acme/{name}", "main", 1, [problem("a")], []) for name in "abc"]
    _record(store, scans_of, [])
    scope = StoreScope(readable=lambda repository: repository != "acme/b")
    found = page(store, scope, Filters(packages=frozenset({"*"})), today=TODAY)
    assert found.total == 0
    found = page(store, scope, Filters(), today=TODAY)
    assert ([p.repository for p in found.rows], found.total) == (["acme/a", "acme/c"], 2)
    assert [c.name for c in summary(store, scope, Filters(), today=TODAY).repositories] == [
        "acme/a",
        "acme/c",
    ]
    with store.reading() as connection:
        none = StoredQuestion(connection, StoreScope(readable=lambda _: False), Filters(), TODAY)
        assert (none.total(), list(none.each((), details=False))) == (0, [])


def test_a_report_may_name_any_line(store: Store) -> None:
    _empty(store)
    lines = [problem(name, uri="a.py", line=line) for name, line in (("a", 2**64 - 1), ("b", 7))]
    _record(store, [Scan("acme/a", "main", 1, lines, [])], [])
    found = page(store, EVERY, Filters(), today=TODAY, sort=["path"])
    assert [p.line for p in found.rows] == [7, 2**64 - 1]


@pytest.mark.usefixtures("bounds")
def test_a_text_may_be_too_long_for_an_index(store: Store) -> None:
    _empty(store)
    digits = "".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(100))
    deep = "/".join(digits[at : at + 8] for at in range(0, len(digits), 8))
    _record(store, [Scan("acme/a", "main", 1, [problem("a", uri=f"{deep}/a.py")], [])], [])
    for stored._FEW_BRANCHES in (0, 50):
        for pattern, number in (("**/a.py", 1), ("**/b.py", 0)):
            filters = Filters(paths=(pattern,))
            assert page(store, EVERY, filters, today=TODAY).total == number
