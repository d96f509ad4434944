"""The page's own filters give the rows, in the order, of the engine behind ``secagg report``."""

from __future__ import annotations

import datetime
import random
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from secagg.model.finding import Kind, Severity
from secagg.model.problem import Problem, State, Triage
from secagg.report.filters import Filters
from secagg.report.formats import compose
from secagg.report.query import GroupBy, Query, sections
from secagg.report.source import RecordedHistory
from secagg.report.standing import LastRuns, ShownState
from tests.report.browser import ready, write_page
from tests.report.make import NOW, TODAY, history, problem, run, vulnerability

_DAY = datetime.timedelta(days=1)
_ALL = frozenset(ShownState)
RUNS = [run(1), run(5), run(40)]


def _odd() -> list[Problem]:
    """Problems at which two engines could part: folding, missing values, nesting, limits."""
    return [
        problem("nested", component="web/admin", uri="web/admin/a.py"),
        problem("sibling", component="web2", uri="web2/a.py", owners=("@Acme/Web", "bo")),
        problem("none", component=None, owners=(), uri=None, line=None, image="alpine:3"),
        problem(
            "fold",
            title="STRASSE \u0130stanbul \u039f\u0394\u039f\u03a3 \u1e9e",
            owners=("acme/web",),
        ),
        problem("dotless", title="\u0131l\u0131k stra\u00dfe \ufb01le \u017f"),
        problem("space", message="a\u00a0b\x1cc\u2003d"),
        problem("late", due=TODAY - _DAY),
        problem("today", due=TODAY, first_seen=NOW),
        problem("new", first_seen=NOW - _DAY),
        problem("back", first_seen=NOW - 90 * _DAY, reopened_at=NOW - _DAY / 2),
        problem("gone", first_seen=NOW - _DAY, fixed_at=NOW),
        problem("old", first_seen=NOW - 30 * _DAY, severity_known=False),
        problem("nobody-knows", first_seen=None, severity=Severity.NONE, score=None),
        problem(
            "secret", kind=Kind.SECRET, fix="Rotate it.", commit="c" * 40, in_history_only=True
        ),
        problem(
            "advice", kind=Kind.MISCONFIGURATION, fix="Set a user.", tools=("trivy", "checkov")
        ),
        vulnerability(
            "CVE-2026-0002", package="\U0001f4e6", fixed_versions=("2.0", "3.0"), epss=0.4
        ),
        vulnerability("CVE-2026-0003", package="\uffee", version=None, uri="z/\ue000.lock"),
        problem(
            "accepted",
            triage=Triage(
                state=State.ACCEPTED, reason="only in Tests", owner="@acme/sec", expires=TODAY
            ),
        ),
        problem(
            "over",
            triage=Triage(state=State.FALSE_POSITIVE, reason="was so", expires=TODAY - _DAY),
        ),
        problem("excepted", exception="e.yaml:1", exception_expires=TODAY),
    ]


PROBLEMS = [*_odd(), *history(60, seed=7).recorded_problems]
SOURCE = RecordedHistory(PROBLEMS, RUNS)


def _case(asked: dict[str, object], filters: Filters) -> tuple[dict[str, object], Filters]:
    return asked, filters


# What the page is asked for, and what the engine is.
TABLE: list[tuple[dict[str, object], Filters]] = [
    ({}, Filters()),
    ({"state": "all"}, Filters(states=_ALL)),
    *(_case({"state": state}, Filters(states=frozenset({state}))) for state in ShownState),
    ({"state": "open,fixed"}, Filters(states=frozenset({ShownState.OPEN, ShownState.FIXED}))),
    ({"severity": "high,unknown"}, Filters(severities=frozenset({"high", "unknown"}))),
    *(_case({"at_least": str(s)}, Filters(at_least=s)) for s in Severity if s is not Severity.NONE),
    ({"kind": ["code", "secret"]}, Filters(kinds=frozenset({Kind.CODE, Kind.SECRET}))),
    ({"tool": "checkov"}, Filters(tools=frozenset({"checkov"}))),
    *(
        _case({"tool": pattern}, Filters(tools=frozenset({pattern})))
        for pattern in ("Checkov", "*", "t?ivy", "[b-c]*", "[!t]*", "tr*y", "[", "x*")
    ),
    *(
        _case({"component": pattern}, Filters(components=frozenset({pattern})))
        for pattern in ("web", "./web/", "WEB", "w*", "*/admin", "we?", "*", ".", "web2/*")
    ),
    ({"component": ["web/admin/", "."]}, Filters(components=frozenset({"web/admin/", "."}))),
    ({"owner": "ACME/web"}, Filters(owners=frozenset({"ACME/web"}))),
    *(
        _case({"owner": pattern}, Filters(owners=frozenset({pattern})))
        for pattern in ("@acme/*", "acme/*", "*", "NONE", "@*/web", "b[n-p]")
    ),
    ({"owner": ["none", "bo"]}, Filters(owners=frozenset({"none", "bo"}))),
    ({"overdue": "1"}, Filters(overdue=True)),
    ({"fix": "known"}, Filters(fix_available=True)),
    ({"fix": "none", "state": "all"}, Filters(fix_available=False, states=_ALL)),
    ({"age": "30"}, Filters(older_than=30 * _DAY)),
    ({"age": "0", "state": "all"}, Filters(older_than=0 * _DAY, states=_ALL)),
    ({"new": "1"}, Filters(new_since=LastRuns.of(RUNS))),
    ({"new": "1", "state": "all"}, Filters(new_since=LastRuns.of(RUNS), states=_ALL)),
    *(
        _case({"q": text, "state": "all"}, Filters(text=text, states=_ALL))
        for text in (
            *("strasse", "STRASSE", "stra\u00dfe", "\u0130STANBUL", "istanbul", "\u03bf\u03b4\u03bf\u03c3", "\u039f\u0394\u039f\u03a3"),
            *("ilik", "\u0131l\u0131k", "\ufb01LE", "FILE", "s", "a b", "b\x1cc", "b\u2003d", "\x85a\ufeff"),
            *("cve-2026 lodash", "views.py:12", "fixed 2.0", "TESTS", "@acme/sec", "nothing at all", "[x"),
        )
    ),
    (
        {"severity": "high", "kind": "vulnerability", "fix": "known", "q": "web"},
        Filters(
            severities=frozenset({"high"}),
            kinds=frozenset({Kind.VULNERABILITY}),
            fix_available=True,
            text="web",
        ),
    ),
]  # fmt: skip


_ASSETS = Path(__file__).parents[2] / "secagg" / "report" / "page" / "assets"
# The page's own filters, without the elements that show what they find.
_ENGINE = "\n".join((_ASSETS / name).read_text("utf-8") for name in ("base.js", "filter.js"))
_ASK = f"""(hashes) => {{
    {_ENGINE}
    return hashes.map((hash) => {{
        asked = readFragment(hash);
        const found = matching();
        const groups = asked.group ? sections(found) : [];
        return [found.map((i) => PROBLEMS[i].identity), groups.map((g) => [g.name, g.rows.map((i) => PROBLEMS[i].identity)])];
    }});
}}"""


@pytest.fixture(scope="module")
def opened(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    page = browser.new_page()
    ready(page, write_page(SOURCE, tmp_path_factory.mktemp("filters")))
    yield page
    page.close()


def _asked(page: Page, questions: Sequence[dict[str, object]]) -> list[Any]:
    """For each question the rows that the page finds, and its groups with theirs."""
    hashes = [urlencode(one, doseq=True, encoding="utf-8") for one in questions]
    answers: list[Any] = page.evaluate(_ASK, hashes)
    return answers


def _rows(filters: Filters, sort: Sequence[str] = ()) -> list[Problem]:
    query = Query(filters=filters, sort=tuple(sort))
    return list(compose(SOURCE, query, NOW, runs=RUNS).answer.rows)


def _ids(problems: Sequence[Problem]) -> list[str]:
    return [problem.identity for problem in problems]


def test_the_page_lists_what_the_report_lists(opened: Page) -> None:
    answers = _asked(opened, [asked for asked, _ in TABLE])
    for (asked, filters), (listed, _) in zip(TABLE, answers, strict=True):
        assert listed == _ids(_rows(filters)), asked
    # A filter that lets everything through, or nothing, proves little.
    assert len({len(listed) for listed, _ in answers}) > 20


def test_so_it_does_for_any_filters_at_once(opened: Page) -> None:
    made = random.Random(11)
    questions: list[tuple[dict[str, object], Filters]] = []
    for _ in range(300):
        asked: dict[str, object] = {}
        fields: dict[str, object] = {}
        for more, filters in made.sample(TABLE, 3):
            if not asked.keys() & more.keys():
                asked |= more
                set_ = (
                    name
                    for name in Filters.__slots__
                    if getattr(filters, name) != getattr(Filters(), name)
                )
                fields |= {name: getattr(filters, name) for name in set_}
        questions.append((asked, Filters(**fields)))  # type: ignore[arg-type]
    answers = _asked(opened, [asked for asked, _ in questions])
    for (asked, filters), (listed, _) in zip(questions, answers, strict=True):
        assert listed == _ids(_rows(filters)), asked


def test_rows_stand_in_the_order_of_the_report(opened: Page) -> None:
    sorts = {"newest": "newest", "oldest": "age"} | {
        k: k for k in ("severity", "due", "path", "package", "epss")
    }
    answers = _asked(opened, [{"sort": sort, "state": "all"} for sort in sorts])
    for (sort, key), (listed, _) in zip(sorts.items(), answers, strict=True):
        assert listed == _ids(_rows(Filters(states=_ALL), [key])), sort


def test_groups_are_those_of_the_report(opened: Page) -> None:
    answers = _asked(opened, [{"group": str(by), "state": "all"} for by in GroupBy])
    rows = _rows(Filters(states=_ALL))
    for by, (_, groups) in zip(GroupBy, answers, strict=True):
        assert groups == [
            [s.name, _ids(s.problems)] for s in sections(rows, by, all_problems=rows)
        ], by


def test_texts_fold_alike(opened: Page) -> None:
    """A letter is the same in both of its cases, wherever the report holds it to be."""
    letters = [
        chr(point)
        for point in range(sys.maxunicode + 1)
        if not 0xD800 <= point < 0xE000 and chr(point).casefold() != chr(point)
    ]
    assert len(letters) > 1000
    told = opened.evaluate(
        f"""(pairs) => {{ {_ENGINE}
            return pairs.filter(([one, other]) => fold(one) !== fold(other)).map(([one]) => one); }}""",
        [[letter, letter.casefold()] for letter in letters],
    )
    # A browser may not know the letters of the newest edition of Unicode yet.
    assert told == []
    assert opened.evaluate(f"() => {{ {_ENGINE} return fold('\u0131') === fold('i'); }}") is False


def test_the_numbers_tie(browser: Browser, tmp_path: Path) -> None:
    """Cards, buttons, list and the command line count alike, with a filter and without one."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    address = write_page(SOURCE, tmp_path)
    for asked, filters in [
        ("", Filters()),
        ("kind=vulnerability", Filters(kinds=frozenset({Kind.VULNERABILITY}))),
    ]:
        page.goto("about:blank")
        ready(page, f"{address}#{asked}")
        page.evaluate("document.getElementById('dashboard').open = true")
        expect(page.locator("#panels .panel").first).to_be_visible()
        found = compose(SOURCE, Query(filters=filters), NOW, runs=RUNS)
        cards = {
            tile.locator(".name").inner_text().lower(): (
                int(tile.locator(".count").inner_text()),
                tile.locator(".change").text_content(),
            )
            for tile in page.locator(".tile").all()
        }
        view = found.overview
        assert cards == {
            label: (c.count, " / ".join(c.text.replace("-", "\u2212").split("/")) if c.text else "")
            for label, c in view.by_severity.items()
            if label in cards
        }
        assert sum(count for count, _ in cards.values()) == view.total
        assert page.locator("#count").inner_text().startswith(f"{view.total} problem")
        pills = {
            name: int(page.locator(f"#flag-{name} b").inner_text())
            for name in ("overdue", "new", "fix", "gone")
        }
        assert pills == {
            "overdue": view.overdue,
            "new": view.new + view.reopened,
            "fix": sum(bool(p.fix or p.fixed_versions) for p in found.answer.matching),
            "gone": view.fixed,
        }
        # Each number is what its button shows.
        for name, count in pills.items():
            page.click(f"#flag-{name}")
            expect(page.locator("#count")).to_contain_text(re.compile(f"^{count} problem"))
            page.click(f"#flag-{name}")
        for one in page.locator("#panels .bars button, #panels .fixes button").all():
            count = int(re.findall(r"\d+", one.locator(".n").inner_text())[0])
            one.click()
            expect(page.locator("#count")).to_contain_text(re.compile(f"^{count} problem"))
            page.evaluate("(hash) => { location.hash = hash; }", asked)
            expect(page.locator("#count")).to_contain_text(re.compile(f"^{view.total} problem"))
        upgrades = page.locator(".fixes li").all_inner_texts()
        assert len(upgrades) == len(view.upgrades)
        for text, upgrade in zip(upgrades, view.upgrades, strict=True):
            assert f"upgrade {upgrade.package} to {upgrade.version}" in text
            assert f"closes {upgrade.closes}" in text
        page.click('.tile[data-severity="high"]')
        # A card's numbers do not go by the severities that are asked for.
        assert {
            tile.locator(".name").inner_text().lower(): tile.locator(".change").text_content()
            for tile in page.locator(".tile").all()
        } == {label: change for label, (_, change) in cards.items()}
        high = view.by_severity["high"].count
        expect(page.locator("#count")).to_contain_text(re.compile(f"^{high} problem"))
    page.close()


def test_several_branches_filter_by_theirs(browser: Browser, tmp_path: Path) -> None:
    here = [problem(f"a{n}") for n in range(3)]
    there = [replace(problem(f"b{n}"), repository="acme/else", branch="next") for n in range(2)]
    source = RecordedHistory(
        [*here, *there], [run(1), run(0, repository="acme/else", branch="next")]
    )
    page = browser.new_page()
    ready(page, write_page(source, tmp_path) + "#repository=acme/else&branch=next")
    expect(page.locator("#count")).to_have_text("2 problems of 5")
    expect(page.locator("#chips")).to_contain_text("repository: acme/else")
    page.click("text=branch: next")
    page.click("text=repository: acme/else")
    expect(page.locator("#count")).to_have_text("5 problems of 5")
    page.close()
