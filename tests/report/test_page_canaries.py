"""Text from scanners cannot become markup or script, nor make the page speak to anybody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog

from secagg.model.finding import Severity
from secagg.model.problem import Problem, Snippet, Source, State, TimelineStep, Triage
from secagg.report.page import page as page_of
from secagg.report.page import script_json
from secagg.report.source import RecordedHistory
from tests.report.browser import ready, write_page
from tests.report.make import NOW, history, problem, run

# Words of our own, and what the store itself makes: 32 hexadecimal digits.
NOT_TEXT = ("identity", "kind", "severity")
ATTACKS = (
    "<img src=x onerror=alert('{}')>",
    "</script><script>alert('{}')</script>",
    "<!--<script>alert('{}')",
    "\"'><svg onload=alert('{}')>",
    "javascript:alert('{}')",
    "http://canary.invalid/{}",
    "{{{{7*7}}}} {{% raw %}} {}\u2028\u2029",
)


def _filled(value: Any, name: str, attack: str) -> Any:
    """``value`` with ``attack`` in every text of it."""
    said = attack.format(name)
    if type(value) is str:
        return said
    if isinstance(value, tuple):
        return tuple(_filled(item, name, attack) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{f.name: _filled(getattr(value, f.name), name, attack) for f in fields(value)}
        )
    return value


def hostile() -> Iterator[Problem]:
    """A problem for each attack, with the attack in every field that holds text."""
    for number, attack in enumerate(ATTACKS):
        whole = problem(
            str(number),
            sources=(
                Source(
                    tool="t",
                    rule_id="t",
                    severity=Severity.HIGH,
                    message="t",
                    uri="t",
                    commit="t",
                ),
            ),
            steps=(TimelineStep(uri="t", line=1, message="t"),),
            snippet=Snippet(start_line=11, lines=("t", "t")),
            triage=Triage(state=State.CONFIRMED, reason="t", by="t", owner="t", at=NOW),
            dependency_paths=(("t", "t"),),
        )
        for field in fields(Problem):
            kind = str(field.type)
            if field.name not in NOT_TEXT and ("str" in kind or is_dataclass(field.default)):
                old = getattr(whole, field.name)
                text: Any = ("t", "t") if "tuple" in kind else "t"
                filled = _filled(old or text, field.name, attack)
                setattr(whole, field.name, filled)
        for name in ("sources", "steps", "snippet", "triage"):
            setattr(whole, name, _filled(getattr(whole, name), name, attack))
        yield whole


def _dismiss_into(said: list[str]) -> Callable[[Dialog], None]:
    def dismiss(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    return dismiss


def test_nothing_runs_and_nothing_is_fetched(browser: Browser, tmp_path: Path) -> None:
    problems = list(hostile())
    bad_run = _filled(run(), "run", ATTACKS[1])
    bad_run = replace(bad_run, by_severity={"high": 3, ATTACKS[0]: 2})
    runs = [bad_run, replace(bad_run, started_at=run(3).started_at)]
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    # A dialog that nobody takes care of is dismissed by the driver; a listener must do it itself.
    page.on("dialog", _dismiss_into(said))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    address = write_page(RecordedHistory(problems, runs), tmp_path, state=["all"])
    ready(page, address)
    for number in range(len(problems)):
        page.locator(f'.row[aria-posinset="{number + 1}"]').click()
        page.wait_for_selector("#details h2")
        assert page.locator("#details img, #details svg, #details script").count() == 0
        for anchor in page.locator("#details a").all():
            assert (anchor.get_attribute("href") or "").startswith(("http://", "https://"))
    assert page.locator("script").count() == 2
    assert page.locator("img, iframe, object, embed, link, base").count() == 0
    assert said == []
    assert set(asked) == {address}
    # The data itself has arrived whole, as text.
    page.fill("#q", "<img src=x onerror=alert('title')>")
    assert page.locator(".row").count() == 1
    context.close()


def test_the_policy_forbids_what_is_not_of_the_page(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    ready(page, write_page(history(5), tmp_path))
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "document.title = 'owned'";
            document.body.append(script);
            const image = new Image();
            image.src = "http://127.0.0.1:9/canary";
            document.body.append(image);
            return fetch("http://127.0.0.1:9/canary").catch(() => null);
        }"""
    )
    assert page.title() != "owned"
    page.close()


@pytest.mark.parametrize("text", [*ATTACKS, "]]>", "\x00\x1b", "\ud800"])
def test_data_cannot_leave_its_element(text: str) -> None:
    made = script_json({"text": text})
    assert not re.search("[<>&\u2028\u2029]", made)


def test_the_page_names_no_address(tmp_path: Path) -> None:
    document = page_of({"runs": [], "problems": []})
    without = document.replace("http://www.w3.org/2000/svg", "")
    assert "http://" not in without and "https://" not in without.replace('"https:"', "")
    assert "default-src &#39;none&#39;" in document or "default-src 'none'" in document
