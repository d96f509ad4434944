"""Take the text of the report's page in each of its views, in a real Chromium.

A view is kept as ``pages/NAME.txt``: what is asked for behind ``#``, and every line of text that can
be seen. ``python -m tests.screens`` writes the files anew.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

from secagg.model.finding import Kind
from secagg.model.problem import ToolRunRecord
from secagg.output.codehost import CodeHost
from secagg.report.source import RecordedHistory
from tests.report.browser import ready, write_page
from tests.report.make import REPOSITORY, history, run

PAGES = Path(__file__).parent / "pages"
_HISTORY = history(40, seed=5)
_FAILED = (
    ToolRunRecord(tool="trivy", component=".", status="complete", seconds=11.0),
    ToolRunRecord(tool="snyk", component="web", status="failed", reason="Snyk has no token"),
)
_SOURCE = RecordedHistory(
    _HISTORY.recorded_problems,
    [
        *(run(day, by_severity={"critical": 2, "high": 9 + day}) for day in (0, 2, 3)),
        run(1, "incomplete", tools=_FAILED, by_severity={"critical": 2}),
    ],
    CodeHost(repository=REPOSITORY, files="https://github.com/acme/shop/blob/"),
)
# How many rows there are goes by the fonts above them, which are not the same everywhere.
_ROWS = 6
_TEXT = f"""() => {{
    for (const text of document.querySelectorAll('.hidden, .box, .skip, option:not(:checked)')) text.remove();
    for (const row of document.querySelectorAll('.row')) {{
        if (Number(row.getAttribute('aria-posinset')) > {_ROWS}) row.remove();
        else row.textContent = row.innerText.trim().split(/\\s*\\n\\s*/).join(" | ");
    }}
    for (const head of [...document.querySelectorAll('.group-head')].slice(2)) head.remove();
    for (const area of document.querySelectorAll('textarea')) area.replaceWith(area.value);
    for (const line of document.querySelectorAll('.facts')) {{
        line.innerText = [...line.querySelectorAll('dt')].map((dt) => `${{dt.innerText}}: ${{dt.nextSibling.innerText}}`).join("\\n");
    }}
    const open = document.querySelector("dialog[open], #details:not([hidden])");
    return (open || document.body).innerText;
}}"""


@dataclass(frozen=True, slots=True)
class View:
    """A view: what the address asks for, and the keys that are pressed then."""

    name: str
    asked: str = ""
    keys: tuple[str, ...] = ()
    width: int = 1440
    dashboard: bool = False


def _one(kind: Kind) -> str:
    """The id of the first problem of ``kind`` that is still there."""
    found = (p for p in _SOURCE.recorded_problems if p.kind is kind and p.fixed_at is None)
    return next(found).identity


VIEWS = (
    View("first"),
    View("first-narrow", width=360),
    View("dashboard", dashboard=True),
    View("filtered", "severity=high,medium&kind=vulnerability&fix=known&q=lock", dashboard=True),
    View("grouped", "group=owner"),
    View("fixed", "state=fixed"),
    View("nothing", "q=no-such-word"),
    View("vulnerability", f"id={_one(Kind.VULNERABILITY)}"),
    View("code", f"state=all&id={_one(Kind.CODE)}"),
    View("secret", f"state=all&id={_one(Kind.SECRET)}"),
    View("bulk", "severity=high", ("a", "d")),
    View("keys", "", ("?",)),
)


def take(browser: Browser) -> Mapping[str, str]:
    """The text of every view, by the name of its file."""
    with tempfile.TemporaryDirectory() as directory:
        address = write_page(_SOURCE, Path(directory))
        return {f"{view.name}.txt": _text(browser, address, view) for view in VIEWS}


def _text(browser: Browser, address: str, view: View) -> str:
    page = browser.new_page(viewport={"width": view.width, "height": 900}, color_scheme="light")
    ready(page, f"{address}#{view.asked}")
    if view.dashboard:
        page.evaluate("document.getElementById('dashboard').open = true")
        page.wait_for_selector("#dashboard .panel")
        page.evaluate("document.querySelector('.older').open = true")
    page.locator("#list").evaluate("(list) => list.focus()")
    for key in view.keys:
        page.keyboard.press(key)
    lines = list(_lines(page))
    page.close()
    return f"#{view.asked} at {view.width} px\n" + "".join(f"{line}\n" for line in lines)


def _lines(page: Page) -> Iterator[str]:
    """The lines of text, with no two empty ones after another."""
    last = ""
    for line in str(page.evaluate(_TEXT)).split("\n"):
        text = line.strip()
        if text or last:
            yield text
        last = text


def write(browser: Browser) -> list[str]:
    """Write all views anew; returns the names of the files that changed."""
    views = take(browser)
    before = {path.name: path.read_text() for path in PAGES.glob("*.txt")}
    shutil.rmtree(PAGES, ignore_errors=True)
    PAGES.mkdir()
    for name, text in views.items():
        (PAGES / name).write_text(text)
    return sorted(name for name in {*before, *views} if before.get(name) != views.get(name))
