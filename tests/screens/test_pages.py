"""The text of the page's views is as it is kept; ``python -m tests.screens`` writes it anew."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.screens.pages import PAGES, take


def test_every_view_reads_as_it_is_kept(browser: Browser) -> None:
    kept = {path.name: path.read_text() for path in PAGES.glob("*.txt")}
    views = take(browser)
    assert views.keys() == kept.keys()
    for name, text in views.items():
        assert text == kept[name], f"{name}: python -m tests.screens writes it anew"
