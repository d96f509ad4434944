"""The comments on pull requests are as they are kept, and read as they should once rendered."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser

from tests.screens.comments import COMMENTS, take

_TAKEN = take()
# What is left of Markdown's own signs where something was not understood, or escaped for nothing.
_SIGNS = re.compile(r"\\|\*\*|\|[ -]*\||\]\(|^#|</?[a-z]", re.MULTILINE)
_ROWS = "els => els.map(row => [...row.cells].map(cell => cell.innerText))"


def _rendered(text: str) -> str:
    """The page of ``text`` in GitHub's flavour: tables, and the few HTML elements that it lets through."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return str(parser.render(text))


def test_every_comment_is_as_it_is_kept() -> None:
    assert {path.name: path.read_text() for path in COMMENTS.glob("*.md")} == _TAKEN


@pytest.mark.parametrize("name", sorted(_TAKEN))
def test_a_comment_is_rendered_whole(browser: Browser, name: str) -> None:
    page = browser.new_page()
    page.set_content(_rendered(_TAKEN[name]))
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    text = page.locator("body").inner_text()
    assert _SIGNS.findall(text) == []
    assert page.locator("details").count() == _TAKEN[name].count("<details>")
    # Nothing after a folded part is folded with it.
    assert page.locator("details details").count() == 0
    rows: list[list[str]] = page.locator("tbody tr").evaluate_all(_ROWS)
    heads: list[list[str]] = page.locator("thead tr").evaluate_all(_ROWS)
    page.close()
    assert {len(row) for row in rows} <= {len(head) for head in heads}
    shown = sum("rule-" in row[1] or "CVE-" in row[1] for row in rows)
    assert shown == {"pass.md": 1, "fail.md": 3, "many.md": 51}.get(name, 0)


def test_what_a_reader_needs_is_not_folded() -> None:
    for name in ("fail.md", "many.md", "incomplete.md"):
        seen = re.sub(r"<details>.*?</details>", "", _TAKEN[name], flags=re.DOTALL)
        assert "Next: `secagg " in seen
    failed = re.sub(r"<details>.*?</details>", "", _TAKEN["fail.md"], flags=re.DOTALL)
    assert "What GitHub will not show" in failed
    assert "may not upload" in _TAKEN["incomplete.md"].split("### Upload")[1]
    assert "### Upload" not in _TAKEN["pass.md"]
