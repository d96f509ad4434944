"""The report's page in the browser, and what a page does that it should not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.report.browser import ready, write_page
from tests.report.make import history


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of 400 problems."""
    return write_page(history(400), tmp_path_factory.mktemp("page"))


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """That page, open at 1440 by 900. An error or a message in its console fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    ready(opened, address)
    yield opened
    context.close()
    assert said == []


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path
