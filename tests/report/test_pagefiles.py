"""A report that is too large for one page: a list of repositories, and a page for each."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, expect

from secagg.cli.report import ReportRequest, write_report
from secagg.history import open_store
from secagg.pipeline.storesource import HistoryScope, open_report
from secagg.report import pagefiles
from secagg.report.source import ProblemSource, RecordedHistory
from tests.history import make as stored
from tests.report.browser import ready, serious
from tests.report.make import NOW, problem, run

# The second and third name differ in characters that no file name should have.
NAMES = ("acme/shop", "../../etc <b>", "../../etc:<b>", "é" * 300)
SOURCE = RecordedHistory(
    [
        *(problem(f"{n}", repository="acme/shop") for n in range(5)),
        *(problem(f"{name} {n}", repository=name) for name in NAMES[1:] for n in range(2)),
    ],
    [run(1, "incomplete", repository=name, key=name) for name in NAMES[:2]],
)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagefiles, "MOST_IN_PAGE", 3)


def _write(source: ProblemSource, file: Path | None, **options: Any) -> None:
    request = ReportRequest(output_format="html", output_file=file, now=NOW, **options)
    assert write_report(request, lambda: source) == 0


def _data(text: str) -> Any:
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def _pages(file: Path) -> dict[str, Any]:
    """By repository, what the page that the list links to has."""
    text = file.read_text("utf-8")
    links = re.findall(r'<a href="([^"]*)">([^<]*)</a>', text)
    assert len({href for href, _ in links}) == len(links)
    pages = {}
    for href, name in links:
        target = (file.parent / unquote(unescape(href))).resolve()
        assert target.parent == (file.parent / f"{file.stem}-repositories").resolve()
        pages[unescape(name)] = _data(target.read_text("utf-8"))
    return pages


def test_each_repository_has_a_page_and_nothing_is_lost(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "report.html"
    _write(SOURCE, file)
    assert "11 problems are too many for one page: 4 repositories" in capsys.readouterr().err
    pages = _pages(file)
    assert {name: len(data["problems"]) for name, data in pages.items()} == {
        name: 3 if name == "acme/shop" else 2 for name in NAMES
    }
    assert {name: data["left_out"] for name, data in pages.items()} == {
        name: 2 if name == "acme/shop" else 0 for name in NAMES
    }
    assert sorted(p.parent.name for p in tmp_path.rglob("*.html")) == [
        *["report-repositories"] * 4,
        tmp_path.name,
    ]
    # A later report replaces the pages.
    _write(SOURCE, file)
    assert len(list(tmp_path.rglob("*.html"))) == 5
    text = file.read_text("utf-8")
    assert text.count("last scan incomplete") == 2
    assert "2 are not in the page" in text


@pytest.mark.parametrize("several", [True, False])
def test_one_page_has_the_worst_and_says_so(tmp_path: Path, capfd: Any, several: bool) -> None:
    file = tmp_path / "report.html"
    source = SOURCE if several else RecordedHistory(SOURCE.recorded_problems[:5], [run(1)])
    _write(source, None if several else file)
    told = capfd.readouterr()
    data = _data(told.out if several else file.read_text("utf-8"))
    assert (len(data["problems"]), data["left_out"]) == (3, 8 if several else 2)
    assert f"the page has the worst 3 of {11 if several else 5} problems" in told.err
    assert ("--output FILE" if several else "--limit 0") in told.err


@pytest.mark.parametrize(("limit", "number"), [(0, 11), (4, 4)])
def test_a_limit_that_is_asked_for_is_kept(tmp_path: Path, limit: int, number: int) -> None:
    file = tmp_path / "report.html"
    _write(SOURCE, file, limit=limit)
    data = _data(file.read_text("utf-8"))
    assert (len(data["problems"]), data["left_out"]) == (number, 11 - number)


def test_a_store_is_split_too(tmp_path: Path) -> None:
    store_file = tmp_path / "store.db"
    with open_store(store_file) as store:
        stored.see(store, 1, *(stored.problem(f"{n}", component="web") for n in range(5)))
        stored.see(store, 2, *(stored.problem(f"{n}") for n in range(1, 5)))
        stored.see(store, 3, stored.problem("other"), repository="acme/else")
    file = tmp_path / "report.html"
    scope = HistoryScope(root=tmp_path, store=str(store_file), all_repositories=True)
    _write(open_report(None, scope), file)
    pages = _pages(file)
    # Without a state the fixed one belongs to the page, too.
    assert {n: (len(d["problems"]), d["left_out"]) for n, d in pages.items()} == {
        stored.REPO: (3, 2),
        "acme/else": (1, 0),
    }
    assert {run["repository"] for run in pages["acme/else"]["runs"]} == {"acme/else"}
    _write(open_report(None, scope), file, state=["fixed"])
    assert len(_data(file.read_text("utf-8"))["problems"]) == 1


def test_the_list_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    _write(SOURCE, file)
    page = browser.new_page(viewport={"width": 360, "height": 800}, color_scheme="dark")
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert serious(page) == []
    page.get_by_role("link", name="../../etc <b>").click()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#count")).to_have_text("2 problems of 2")
    (shop,) = file.with_name("report-repositories").glob("acme-shop-*.html")
    ready(page, shop.as_uri())
    expect(page.locator("#count")).to_contain_text("2 more are not in this file")
    page.close()
