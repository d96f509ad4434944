"""The page in a real browser: filters, fragment, list, details, keys, themes."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from secagg.model.problem import Problem, Snippet, Source, State, TimelineStep, Triage
from secagg.report.source import RecordedHistory
from secagg.report.standing import ACTIVE, has_fix, overdue, standing
from tests.report.browser import ready, serious, write_page
from tests.report.make import NOW, TODAY, history, problem, run

ALL = history(400).recorded_problems
OPEN = [p for p in ALL if standing(p, TODAY) in ACTIVE]


def _counted(page: Page, wanted: list[Problem]) -> None:
    word = "problem" if len(wanted) == 1 else "problems"
    expect(page.locator("#count")).to_have_text(f"{len(wanted)} {word} of 400")


def _fragment(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).fragment)


def test_what_is_to_be_done_is_shown_first(page: Page) -> None:
    _counted(page, OPEN)
    assert _fragment(page) == {}
    first = page.locator(".row").first
    expect(first.locator(".badge")).to_have_text("critical")


def test_only_rows_on_the_screen_exist(page: Page) -> None:
    assert page.locator(".row").count() < 60
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(page.locator(f'.row[aria-posinset="{len(OPEN)}"]')).to_be_attached()
    assert page.locator(".row").count() < 60


def test_every_filter_narrows_the_list_and_stands_in_the_address(page: Page) -> None:
    page.click('.tile[data-severity="high"]')
    _counted(page, wanted := [p for p in OPEN if p.severity == "high"])
    page.select_option("#choose-kind", "vulnerability")
    _counted(page, wanted := [p for p in wanted if p.kind == "vulnerability"])
    page.select_option("#choose-component", "web")
    _counted(page, wanted := [p for p in wanted if p.component == "web"])
    page.click("#flag-fix")
    _counted(page, wanted := [p for p in wanted if has_fix(p)])
    page.click("#flag-overdue")
    _counted(page, wanted := [p for p in wanted if overdue(p, TODAY)])
    package = str(wanted[0].package)
    page.fill("#q", package.upper())
    _counted(page, wanted := [p for p in wanted if p.package == package])
    assert _fragment(page) == {
        "q": [package.upper()],
        "severity": ["high"],
        "kind": ["vulnerability"],
        "component": ["web"],
        "overdue": ["1"],
        "fix": ["known"],
    }
    page.reload()
    page.wait_for_selector("html[data-ready]")
    _counted(page, wanted)
    expect(page.locator("#q")).to_have_value(package.upper())
    page.click("#clear")
    _counted(page, OPEN)
    assert _fragment(page) == {}


def test_the_address_alone_can_ask(page: Page) -> None:
    page.evaluate("location.hash = '#state=all&severity=critical,low&sort=oldest'")
    _counted(page, [p for p in ALL if p.severity in ("critical", "low")])
    expect(page.locator("#choose-sort")).to_have_value("oldest")
    page.evaluate("location.hash = '#component=gone&state=open'")
    expect(page.locator("#none")).to_be_visible()
    expect(page.locator("#choose-component")).to_have_value("gone")


def test_each_state_can_be_chosen(page: Page) -> None:
    for state in ("fixed", "accepted", "excepted", "false-positive"):
        page.select_option("#choose-state", state)
        _counted(page, [p for p in ALL if standing(p, TODAY) == state])


@pytest.mark.parametrize("sort", ["newest", "oldest", "due", "path", "package", "epss"])
def test_sorting_loses_nothing(page: Page, sort: str) -> None:
    page.select_option("#choose-sort", sort)
    _counted(page, OPEN)


def test_the_keyboard_is_enough(page: Page) -> None:
    page.keyboard.press("j")
    expect(page.locator(".row.active")).to_have_attribute("aria-posinset", "1")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator(".row.active")).to_have_attribute("aria-posinset", "2")
    title = page.locator('.row[aria-posinset="2"] b .middle').get_attribute("title")
    page.keyboard.press("Enter")
    assert title
    expect(page.locator("#details h2")).to_have_text(title)
    expect(page.locator("#details")).to_be_focused()
    page.keyboard.press("j")
    following = page.locator('.row[aria-posinset="3"] b .middle').get_attribute("title")
    assert following
    expect(page.locator("#details h2")).to_have_text(following)
    page.keyboard.press("Escape")
    expect(page.locator("#details")).to_be_hidden()
    expect(page.locator("#list")).to_be_focused()
    page.keyboard.press("G")
    expect(page.locator(f'.row[aria-posinset="{len(OPEN)}"]')).to_be_in_viewport()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("jk?")
    expect(page.locator("#q")).to_have_value("jk?")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_details_show_everything_that_is_known(browser: Browser, directory: Path) -> None:
    known = problem(
        title="SQL query built from user input",
        message="This query depends on a value.",
        fix="Use parameters.",
        snippet=Snippet(start_line=11, lines=("a = 1", "run(a)", "done()")),
        steps=(
            TimelineStep(uri="app/in.py", line=3, message="source"),
            TimelineStep(uri="app/out.py", line=9),
        ),
        sources=(
            Source(
                tool="codeql", rule_id="py/sql", severity=problem().severity, uri="a.py", line=4
            ),
            Source(tool="snyk", rule_id="python/Sqli", severity=problem().severity, message="m"),
        ),
        triage=Triage(state=State.CONFIRMED, reason="Reproduced by hand.", by="dana", at=NOW),
        dependency_paths=(("shop", "client", "lodash"),),
        help_uri="https://example.org/rule",
        references=("javascript:alert(1)", "https://example.org/more"),
        why="Known problems are not merged.",
        action="fail",
    )
    page = browser.new_page()
    ready(page, write_page(RecordedHistory([known], [run()]), directory) + f"#id={known.identity}")
    panel = page.locator("#details")
    for text in (
        *("SQL query built from user input", "This query depends on a value.", "Use parameters."),
        *("app/in.py:3", "app/out.py:9", "py/sql", "python/Sqli", "a.py:4", "confirmed"),
        *("Reproduced by hand.", "by dana", "shop \u203a client \u203a lodash", known.identity),
        *("Known problems are not merged.", "javascript:alert(1)"),
    ):
        expect(panel).to_contain_text(text)
    expect(panel.locator(".line.hit")).to_have_text("12run(a)")
    links = panel.locator("a")
    assert [a.get_attribute("href") for a in links.all()] == [
        "https://example.org/rule",
        "https://example.org/more",
    ]
    assert {a.get_attribute("rel") for a in links.all()} == {"noopener noreferrer"}
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_axe_finds_nothing_serious(browser: Browser, address: str, scheme: str, width: int) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    ready(page, address)
    assert serious(page) == []
    page.click('.tile[data-severity="high"]')
    page.locator(".row").nth(1).click()
    expect(page.locator("#details")).to_be_visible()
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    assert serious(page) == []
    context.close()


@pytest.mark.parametrize("width", [360, 768, 1024, 1440])
def test_nothing_sticks_out_sideways(browser: Browser, address: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    ready(page, address)
    page.locator(".row").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_the_theme_can_be_chosen(page: Page) -> None:
    def background() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    before = background()
    page.click("#theme")
    assert background() != before
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert background() != before
