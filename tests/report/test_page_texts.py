"""No word of any view is what a program says of nothing, and the list is in sight at once."""

from __future__ import annotations

import datetime
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from secagg.model.problem import ToolRunRecord
from secagg.output.codehost import CodeHost
from secagg.output.listing import Listing
from secagg.pipeline.storesource import code_host
from secagg.report.formats import compose
from secagg.report.query import Query
from secagg.report.source import RecordedHistory
from secagg.report.table import pieces
from secagg.system.dates import due_text
from tests.report.browser import ready, write_page
from tests.report.make import NOW, REPOSITORY, problem, run
from tests.report.test_page_filters import PROBLEMS, RUNS

_PROGRAM = re.compile(
    r"\b(false|true|undefined|null|NaN|Infinity)\b|\[object|[a-z\d](false|true|undefined|null|NaN)\b"
)
# Words of the data that look so.
_SAID = ("false positive", "false-positive")
_OVERLAPPING_OR_CUT = """() => {
    const faults = [];
    let bottom = -Infinity;
    for (const row of document.querySelectorAll(".row")) {
        const box = row.getBoundingClientRect();
        if (box.top < bottom - 1) faults.push(`over the row before: ${row.innerText}`);
        bottom = box.bottom;
        for (const part of row.querySelectorAll(".badge, .what, .detail, .where, .fix, .cell-age > div")) {
            const own = part.getBoundingClientRect();
            const outside = own.top < box.top - 1 || own.bottom > box.bottom + 1;
            if (outside || part.scrollWidth > part.clientWidth + 1) faults.push(part.innerText);
        }
    }
    return faults;
}"""
_TEXTS = """() => {
    const found = [];
    const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_ALL);
    for (let node = walker.currentNode; node; node = walker.nextNode()) {
        if (node.nodeType === Node.TEXT_NODE && !["SCRIPT", "STYLE"].includes(node.parentElement.tagName)) found.push(node.data);
        if (node.nodeType !== Node.ELEMENT_NODE) continue;
        for (const name of ["title", "aria-label", "aria-valuetext", "placeholder", "alt", "datetime", "value", "href"]) {
            if (node.hasAttribute(name)) found.push(node.getAttribute(name));
        }
        if (typeof node.value === "string") found.push(node.value);
    }
    return [...new Set(found)];
}"""
_EACH_PANEL = f"""async (ids) => {{
    const texts = {_TEXTS};
    const found = [];
    for (const id of ids) {{
        const opened = new Promise((done) => addEventListener("hashchange", done, {{ once: true }}));
        location.hash = `state=all&id=${{id}}`;
        await opened;
        if (document.getElementById("details").hidden) throw new Error(id);
        found.push(...texts());
    }}
    return [...new Set(found)];
}}"""


def _wrong(texts: list[str]) -> list[str]:
    found = []
    for text in texts:
        plain = text.lower() if text.lower() in _SAID else text
        for said in _SAID:
            plain = plain.replace(said, "")
        if _PROGRAM.search(plain):
            found.append(text)
    return found


def _views(page: Page) -> list[str]:
    """Every text of every view but the panels of problems."""
    texts: list[str] = page.evaluate(_TEXTS)
    page.evaluate("document.getElementById('dashboard').open = true")
    expect(page.locator("#dashboard .panel").first).to_be_visible()
    texts += page.evaluate(_TEXTS)
    for asked in (
        *(
            "state=fixed",
            "state=accepted&severity=high,low&q=e",
            "group=owner&state=all",
            "q=no-such",
        ),
        *(
            "state=false-positive&new=1&overdue=1&fix=none&age=30&at_least=low&kind=code&kind=secret",
            "owner=nobody",
        ),
    ):
        page.evaluate("(hash) => { location.hash = hash; }", asked)
        expect(page.locator("#chips button, .group-head").first).to_be_visible()
        texts += page.evaluate(_TEXTS)
    page.evaluate("location.hash = 'state=all'")
    expect(page.locator(".row").first).to_be_visible()
    page.locator("#list").focus()
    page.keyboard.press("a")
    page.keyboard.press("d")
    expect(page.locator("#decide")).to_be_visible()
    texts += page.evaluate(_TEXTS)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    return texts + list(page.evaluate(_TEXTS))


@pytest.mark.parametrize("which", ["full", "bare", "none"])
def test_no_word_is_a_programs(browser: Browser, tmp_path: Path, which: str) -> None:
    bare = [problem("bare", line=None, uri=None, component=None, first_seen=None, last_seen=None)]
    source = {
        "full": RecordedHistory(
            PROBLEMS[:40],
            RUNS,
            CodeHost(repository=REPOSITORY, files="https://github.com/acme/shop/blob/"),
        ),
        "bare": RecordedHistory(
            [replace(bare[0], repository=None, branch=None)],
            [replace(run(), commit=None, tools=())],
        ),
        "none": RecordedHistory([], []),
    }[which]
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    ready(page, write_page(source, tmp_path))
    texts = _views(page) if which == "full" else page.evaluate(_TEXTS)
    texts += page.evaluate(_EACH_PANEL, [p.identity for p in source.recorded_problems])
    assert _wrong(texts) == []
    assert len(texts) > (500 if which == "full" else 30)
    page.close()


def test_what_is_wrong_is_seen() -> None:
    wrong = [
        "upgrade lodash to 4.17.21false",
        "undefined",
        ".false",
        "NaN d",
        "[object Object]",
        "null",
    ]
    assert _wrong(wrong) == wrong
    assert (
        _wrong(["false positive", "accepted, false-positive", "State: falsehood", "nullable"]) == []
    )


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (360, 740)])
def test_the_list_is_in_sight_at_once(
    browser: Browser, address: str, width: int, height: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": height})
    ready(page, address)
    for at in (1, 2, 3):
        expect(page.locator(f'.row[aria-posinset="{at}"]')).to_be_in_viewport(ratio=1)
    page.close()


def test_code_and_advisories_are_linked(browser: Browser, tmp_path: Path) -> None:
    found = problem(
        uri="a dir/x#y.py",
        line=7,
        rule_id="CVE-2026-0001",
        aliases=("GHSA-23f4-5678-9cfg",),
        cwes=("CWE-079",),
    )
    elsewhere = problem("elsewhere", repository="acme/other")
    runs = [run(), run(0, repository="acme/other")]
    code = CodeHost(repository=REPOSITORY, files="https://github.com/acme/shop/blob/")
    page = browser.new_page()
    address = write_page(RecordedHistory([found, elsewhere], runs, code), tmp_path)
    ready(page, f"{address}#id={found.identity}")
    links = [a.get_attribute("href") for a in page.locator("#details .facts a").all()]
    assert links == [
        f"https://github.com/acme/shop/blob/{run().commit}/a%20dir/x%23y.py#L7",
        "https://nvd.nist.gov/vuln/detail/CVE-2026-0001",
        "https://github.com/advisories/GHSA-23f4-5678-9cfg",
        "https://cwe.mitre.org/data/definitions/79.html",
    ]
    page.evaluate("(id) => { location.hash = `id=${id}`; }", elsewhere.identity)
    expect(page.locator("#details h2")).to_have_text("py/elsewhere")
    assert page.locator("#details .facts a").count() == 0
    page.close()


def test_the_trend_tells_its_values(page: Page) -> None:
    page.click("#dashboard > summary")
    plot = page.locator(".plot")
    expect(page.locator(".values")).to_contain_text("2026-03-20: ")
    plot.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".values")).to_contain_text("2026-03-19: ")
    expect(plot).to_have_attribute("aria-valuetext", re.compile("2026-03-19: .* critical, "))
    page.keyboard.press("Home")
    expect(page.locator(".values")).to_contain_text("2026-02-19: ")
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 20)
    expect(page.locator(".values")).to_contain_text("2026-03-20: ")
    page.click('.tile[data-severity="high"]')
    expect(page.locator(".values")).to_contain_text("(high)")


def test_older_scans_tell_what_looked_and_what_did_not(browser: Browser, tmp_path: Path) -> None:
    tools = (
        ToolRunRecord(tool="trivy", component=".", status="complete"),
        ToolRunRecord(tool="snyk", component="api", status="complete"),
        ToolRunRecord(tool="snyk", component="web", status="failed"),
        ToolRunRecord(tool="codeql", component=".", status="skipped"),
    )
    runs = [run(), run(1, "incomplete", tools=tools, by_severity={"high": 3}), run(2)]
    page = browser.new_page()
    ready(page, write_page(RecordedHistory([problem()], runs), tmp_path))
    page.click("#dashboard > summary")
    page.click(".older summary")
    # It stays open where a filter draws the panels anew.
    page.fill("#q", "py")
    older = page.locator(".older li")
    expect(older).to_have_count(2)
    expect(older.first).to_contain_text("incomplete 2026-03-19 09:30 UTC")
    expect(older.first).to_contain_text("3 problems")
    expect(older.first).to_contain_text("trivy complete; snyk failed")
    expect(older.last).to_be_visible()
    expect(older.last).to_contain_text("trivy complete")
    page.close()


def test_how_late_a_problem_is_has_one_word_everywhere(browser: Browser, tmp_path: Path) -> None:
    late = problem(
        due=NOW.date() - datetime.timedelta(days=95),
        first_seen=NOW - datetime.timedelta(days=125),
    )
    source = RecordedHistory([late], [run()])
    page = browser.new_page()
    ready(page, write_page(source, tmp_path))
    assert page.locator(".cell-age").inner_text().split("\n") == ["125 days", "95 days overdue"]
    page.close()
    for listing in Listing:
        text = b"".join(pieces(compose(source, Query(), NOW, listing=listing))).decode()
        assert "95 days overdue" in text
        assert "125 days" in text or listing is Listing.CONCISE
    # The gate's tables and sentences.
    assert due_text(-95) == "95 days overdue"


def test_a_print_has_every_row_and_cuts_nothing(page: Page) -> None:
    page.select_option("#choose-kind", "code")
    count = int(page.locator("#count").inner_text().split()[0])
    # A sheet of A4 is as narrow as a small screen.
    page.set_viewport_size({"width": 700, "height": 1000})
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator(".row")).to_have_count(count)
    assert page.evaluate(_OVERLAPPING_OR_CUT) == []
    expect(page.locator("#choices")).to_be_hidden()
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".row").count() < count


@pytest.mark.parametrize(
    ("remote", "environment", "files"),
    [
        ("git@github.com:acme/shop.git", {}, "https://github.com/acme/shop/blob/"),
        ("https://kim:word@gitlab.acme.io/a/shop.git", {}, "https://gitlab.acme.io/a/shop/-/blob/"),
        ("https://git.acme.io/a/shop", {}, None),
        ("https://git.acme.io/a/shop", {"CI_SERVER_HOST": "git.acme.io"}, "https://git.acme.io/a/shop/-/blob/"),
        ("https://ghe.acme.io/a/shop", {"GITHUB_SERVER_URL": "https://ghe.acme.io"}, "https://ghe.acme.io/a/shop/blob/"),
        (None, {}, None),
    ],
)  # fmt: skip
def test_where_code_is_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    remote: str | None,
    environment: dict[str, str],
    files: str | None,
) -> None:
    for name in ("CI_SERVER_HOST", "GITHUB_SERVER_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    if remote is not None:
        subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", remote], check=True)
    code = code_host(tmp_path)
    assert (code.files if code else None) == files
