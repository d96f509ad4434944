"""``secagg serve`` with a real browser: in by the token, triage from the page."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, expect

from secagg.cli.report import ReportRequest, write_report
from secagg.serve import server
from secagg.serve.app import Served, make_app
from secagg.serve.guard import Access, hosts_for
from tests.report.browser import ready, serious
from tests.report.make import NOW, history, problem, run
from tests.report.test_page_canaries import hostile
from tests.serve.memory import Memory


@pytest.fixture
def live() -> Iterator[tuple[Memory, str]]:
    """A history that is served on a free port, and the address to come in by."""
    memory = Memory([problem("one"), problem("two"), *hostile()], [run()])
    listening = server.bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    access = Access(hosts=hosts_for("127.0.0.1", port))
    app = make_app(Served(open_source=lambda: memory, access=access, triage=memory, by="dana"))
    running = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield memory, f"http://127.0.0.1:{port}/?token={access.one_time}"
    running.should_exit = True
    thread.join()
    listening.close()


def test_triage_from_the_page(browser: Browser, live: tuple[Memory, str]) -> None:
    memory, address = live
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    ready(page, address)
    assert "token" not in page.url
    before = page.locator("#count").inner_text()
    page.fill("#q", "Problem two")
    page.locator(".row").first.click()
    page.select_option("#details select[name=state]", "accepted")
    page.fill("#details input[name=reason]", "<b>Only</b> used by tests")
    page.fill("#details input[name=expires]", "2099-12-31")
    page.click("#details button[type=submit]")
    expect(page.locator("#said")).to_contain_text("py/two: now accepted.")
    # It was the only row: there is no next one.
    expect(page.locator("#count")).to_have_text(re.compile("^0 problems"))
    expect(page.locator("#details")).to_be_hidden()
    assert serious(page) == []
    (decided,) = [p for p in memory.problems() if p.title == "Problem two"]
    assert decided.triage is not None
    assert (str(decided.triage.state), decided.triage.by) == ("accepted", "dana")
    page.select_option("#choose-state", "accepted")
    page.locator(".row").first.click()
    expect(page.locator("#details blockquote").first).to_have_text("<b>Only</b> used by tests")
    expect(page.locator("#details .past")).to_contain_text("dana")
    page.click("#said button")
    expect(page.locator("#said")).to_contain_text("taken back")
    assert all(p.triage is None for p in memory.problems() if p.title == "Problem two")
    page.goto(page.url.split("#")[0])
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#count").inner_text() == before
    assert said == []
    context.close()


def test_the_next_problem_follows_a_decision(browser: Browser, live: tuple[Memory, str]) -> None:
    memory, address = live
    context = browser.new_context()
    page = context.new_page()
    ready(page, address)
    page.fill("#q", "Problem")
    for name, after in (("py/one", "py/two"), ("py/two", None)):
        if after is not None:
            page.locator(".row").first.click()
        expect(page.locator("#details h2")).to_have_text(name)
        page.keyboard.press("d")
        expect(page.locator("#details input[name=reason]")).to_be_focused()
        # It stays in the list when it is confirmed: the next one is opened all the same.
        page.keyboard.type("seen")
        page.keyboard.press("Enter")
        expect(page.locator("#said")).to_contain_text(f"{name}: now confirmed.")
        if after is None:
            expect(page.locator("#details")).to_be_hidden()
        else:
            expect(page.locator("#details")).to_be_focused()
    assert {p.title for p in memory.problems() if p.triage} >= {"Problem one", "Problem two"}
    context.close()


def test_many_are_decided_on_at_once_after_a_preview(
    browser: Browser, live: tuple[Memory, str]
) -> None:
    memory, address = live
    context = browser.new_context()
    page = context.new_page()
    ready(page, address)
    page.fill("#q", "Problem")
    expect(page.locator("#count")).to_contain_text("2 problems")
    page.locator(".cell-pick").first.click()
    expect(page.locator("#bar")).to_contain_text("1 problem chosen")
    page.keyboard.press("a")
    expect(page.locator("#bar")).to_contain_text("2 problems chosen")
    assert serious(page) == []
    page.keyboard.press("d")
    dialog = page.locator("#decide")
    expect(dialog.locator("h2")).to_have_text("Decide on 2 problems")
    expect(dialog).to_contain_text("2 high")
    expect(dialog.locator(".preview li")).to_have_text(
        [re.compile("high.*py/one.*views.py:12.*open"), re.compile("py/two")]
    )
    assert serious(page) == []
    page.select_option("#decide select[name=state]", "false-positive")
    page.fill("#decide input[name=reason]", "generated")
    page.click("#decide button[type=submit]")
    expect(page.locator("#said")).to_contain_text("2 problems: now false positive.")
    expect(page.locator("#count")).to_have_text(re.compile("^0 problems"))
    expect(page.locator("#bar")).to_be_hidden()
    titles = {p.title for p in memory.problems() if p.triage and p.triage.reason == "generated"}
    assert titles == {"Problem one", "Problem two"}
    page.click("#said button")
    expect(page.locator("#count")).to_have_text(re.compile("^2 problems"))
    assert not any(p.triage and p.triage.reason == "generated" for p in memory.problems())
    context.close()


def test_an_answer_that_refuses_is_shown(browser: Browser, live: tuple[Memory, str]) -> None:
    memory, address = live
    context = browser.new_context()
    page = context.new_page()
    ready(page, address)
    page.fill("#q", "Problem two")
    page.locator(".row").first.click()
    page.fill("#details input[name=reason]", "why not")
    memory._problems.clear()
    page.click("#details button[type=submit]")
    expect(page.locator("#details [role=alert]")).to_contain_text("no problem")
    context.close()


def test_the_command(tmp_path: Path, browser: Browser) -> None:
    file = tmp_path / "report.json"
    write_report(
        ReportRequest(output_format="json", output_file=file, now=NOW), lambda: history(30)
    )
    command = [sys.executable, "-m", "secagg", "serve", "--from", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"Open (http://127\.0\.0\.1:\d+/\?token=[\w-]+) \(read-only\)\n", line)
        assert found is not None, line
        page = browser.new_page()
        ready(page, found[1])
        page.locator(".row").first.click()
        expect(page.locator("#details")).to_be_visible()
        # A read-only page sends no decision: it says the command that makes it.
        expect(page.locator("#details textarea")).to_have_value(
            re.compile("^secagg triage [0-9a-f]")
        )
        assert json.loads(
            page.request.get("/".join(page.url.split("/")[:3]) + "/api/report").text()
        )
        page.close()
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert "token" not in errors
    assert process.returncode in (0, 130)


def test_a_port_in_use_is_an_error_with_a_hint(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    write_report(ReportRequest(output_format="json", output_file=file, now=NOW), lambda: history(3))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "secagg", "serve", "--from", str(file), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "hint:" in done.stderr
