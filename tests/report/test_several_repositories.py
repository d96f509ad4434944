"""Problems of several repositories and branches in one report: whose each is, and what failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect

from secagg.cli.report import ReportRequest, write_report
from secagg.errors import ExitCode
from secagg.model.finding import Severity
from secagg.model.problem import ToolRunRecord
from secagg.report.source import RecordedHistory
from tests.report.browser import ready, serious, write_page
from tests.report.make import NOW, problem, run, vulnerability

ELSE = {"repository": "acme/else", "branch": "release"}
_FAILED = (
    ToolRunRecord(tool="trivy", component=".", status="complete"),
    ToolRunRecord(tool="snyk", component="web", status="failed", reason="no token <b>"),
)
SOURCE = RecordedHistory(
    [
        problem("a"),
        problem("b", severity=Severity.CRITICAL),
        problem("c", **ELSE),
        vulnerability(fixed_versions=("4.17.21",), **ELSE),
    ],
    [
        run(0),
        run(2, "incomplete", key="1", tools=_FAILED, **ELSE),
        run(3, "pass", key="2", **ELSE),
        run(5, "pass", key="3", repository="acme/third"),
        run(6, "incomplete", key="4", repository="acme/third"),
        run(7, "incomplete", key="5", repository="acme/<fourth>"),
    ],
)


def made(output_format: str, capfdbinary: Any, **fields: Any) -> str:
    request = ReportRequest(output_format=output_format, now=NOW, no_colour=True, **fields)
    assert write_report(request, lambda: SOURCE) == ExitCode.PASS
    return str(capfdbinary.readouterr().out.decode())


def test_components_and_incomplete_runs_say_whose_they_are(capfdbinary: Any) -> None:
    out = made("table", capfdbinary)
    most = out.partition("most in:")[2].splitlines()[1:4]
    assert [line.strip() for line in most] == [
        "acme/shop main: service 2 (1 critical, 1 high)",
        "acme/else release: service 1 (1 high)",
        "acme/else release: web 1 (1 high)",
    ]
    assert "last run incomplete: 2026-03-18 09:30 UTC, acme/else release\n" in out
    assert "  snyk in web failed: no token <b>\n" in out
    assert "last run incomplete: 2026-03-13 09:30 UTC, acme/<fourth> main\n" in out
    # The newest run of the third is complete.
    assert "acme/third" not in out


def test_markdown_and_json_name_incomplete_runs(capfdbinary: Any) -> None:
    out = made("markdown", capfdbinary)
    assert "- Last run **incomplete**: 2026-03-18 09:30 UTC, acme/else release\n" in out
    assert "<fourth>" not in out
    summary = json.loads(made("json", capfdbinary))["summary"]
    assert [r["repository"] for r in summary["incomplete"]] == ["acme/else", "acme/<fourth>"]
    assert [(c["repository"], c["branch"], c["total"]) for c in summary["components"]] == [
        ("acme/shop", "main", 2),
        ("acme/else", "release", 1),
        ("acme/else", "release", 1),
    ]


def test_many_incomplete_branches_are_counted(capfdbinary: Any) -> None:
    runs = [run(n, "incomplete", key=str(n), branch=f"b{n}") for n in range(9)]
    request = ReportRequest(output_format="table", now=NOW, no_colour=True)
    write_report(request, lambda: RecordedHistory([problem("a")], runs))
    out = capfdbinary.readouterr().out.decode()
    assert out.count("last run incomplete: ") == 5
    assert "last run incomplete of 3 more branches" in out
    request = ReportRequest(output_format="markdown", now=NOW)
    write_report(request, lambda: RecordedHistory([problem("a")], runs))
    out = capfdbinary.readouterr().out.decode()
    assert (out.count("Last run **incomplete**"), "- and of 3 more branches" in out) == (5, True)


def test_an_old_incomplete_run_of_another_branch_vouches_for_nothing(capfdbinary: Any) -> None:
    request = ReportRequest(output_format="table", now=NOW, fail_on="critical", no_colour=True)
    runs = SOURCE.recorded_runs
    assert write_report(request, lambda: RecordedHistory([], runs)) == ExitCode.INCOMPLETE
    assert (
        write_report(request, lambda: RecordedHistory([], [runs[0], runs[3], runs[4]]))
        == ExitCode.PASS
    )


def test_the_page_filters_by_repository_and_branch(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    ready(page, write_page(SOURCE, tmp_path))
    expect(page.locator("#count")).to_have_text("4 problems of 4")
    late = page.locator("#about + .late")
    expect(late).to_have_text(
        "did not complete: acme/else release: snyk in web (no token <b>); "
        "acme/<fourth> main: last run"
    )
    page.click("#dashboard > summary")
    page.get_by_role("button", name="service acme/else release").click()
    expect(page.locator("#count")).to_have_text("1 problem of 4")
    expect(page.locator(".row .detail")).to_contain_text("acme/else release")
    expect(page.locator("#choose-repository")).to_have_value("acme/else")
    page.click("#clear")
    page.select_option("#choose-branch", "release")
    expect(page.locator("#count")).to_have_text("2 problems of 4")
    page.fill("#q", "acme/shop")
    expect(page.locator("#count")).to_have_text("0 problems of 4")
    assert serious(page) == []
    page.close()


def test_the_page_of_one_branch_asks_for_none(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    ready(page, write_page(RecordedHistory([problem("a"), problem("b")], [run()]), tmp_path))
    assert page.locator("#choose-repository").count() == 0
    expect(page.locator(".row .detail").first).not_to_contain_text("acme/shop")
    page.close()
