"""A real headless Chromium: Debian's, or the one that SECAGG_TEST_CHROMIUM names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from secagg.cli.report import ReportRequest, write_report
from secagg.report.source import ProblemSource
from tests.report.make import NOW

AXE = Path(__file__).parents[2] / "scripts" / "npm" / "node_modules" / "axe-core" / "axe.min.js"


def chromium() -> str:
    """The browser's path. Without one the tests fail: only SECAGG_TEST_CHROMIUM=off skips them."""
    named = os.environ.get("SECAGG_TEST_CHROMIUM", "")
    if named == "off":
        pytest.skip("SECAGG_TEST_CHROMIUM=off")
    found = named or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.fail("no chromium: make setup installs it, SECAGG_TEST_CHROMIUM=off does without")
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """The browser. Its sandbox needs privileges that a container seldom has."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def write_page(source: ProblemSource, directory: Path, **options: object) -> str:
    """The page of ``source`` as a file; its address."""
    file = directory / "report.html"
    request = ReportRequest(output_format="html", output_file=file, now=NOW, **options)  # type: ignore[arg-type]
    assert write_report(request, lambda: source) == 0
    return file.as_uri()


def ready(page: Page, address: str) -> None:
    """Open ``address`` and wait until the page has drawn itself."""
    page.goto(address)
    page.wait_for_selector("html[data-ready]")


def serious(page: Page) -> list[str]:
    """What axe-core finds of serious and critical impact, as ``rule: selectors``."""
    page.evaluate(AXE.read_text("utf-8"))
    found, passed = page.evaluate(
        "async () => { const r = await axe.run(); return [r.violations, r.passes.length]; }"
    )
    assert passed > 10, "axe-core has looked at nothing"
    return [
        f"{v['id']}: {[n['target'] for n in v['nodes'][:3]]}"
        for v in found
        if v["impact"] in ("serious", "critical")
    ]
