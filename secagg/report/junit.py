"""Write the report as JUnit XML: a test for each problem and for each tool run.

An open or confirmed problem is a failure, any other is skipped. A tool that did not complete is an
error, so that a broken scan never looks clean.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from secagg.model.problem import Problem, RunRecord
from secagg.output.junit import add_case, add_result, add_suite, junit_document
from secagg.report import words
from secagg.report.formats import Report
from secagg.report.query import GroupBy, sections
from secagg.report.standing import ACTIVE, severity_label, standing


def pieces(report: Report) -> Iterator[bytes]:
    """Yield the document."""
    root = ET.Element("testsuites", name="secagg")
    _add_scan(root, report)
    for section in sections(report.answer.rows, GroupBy.COMPONENT, all_problems=report.answer.rows):
        suite = add_suite(root, section.name)
        for problem in section.problems:
            _add_problem(suite, problem, report)
    yield junit_document(root)


def _add_scan(root: ET.Element, report: Report) -> None:
    """Add the last run of every branch: which tools completed and which did not."""
    suite = add_suite(root, "scan")
    latest: dict[tuple[str, str], RunRecord] = {}
    for run in sorted(report.runs, key=lambda run: run.started_at):
        latest[run.repository, run.branch] = run
    for run in latest.values():
        classname = f"scan.{run.repository} {run.branch}"
        case_of_run = add_case(suite, classname, "complete")
        if run.verdict == "incomplete":
            add_result(case_of_run, "error", "the scan was incomplete")
        for tool in run.tools:
            case = add_case(suite, classname, f"{tool.tool} in {tool.component}")
            case.set("time", f"{tool.seconds:.3f}")
            if tool.status == "failed":
                add_result(case, "error", tool.reason or "it failed")
            elif tool.status == "skipped":
                add_result(case, "skipped", tool.reason or "not needed")
    if not latest:
        add_result(add_case(suite, "scan", "recorded"), "error", "no scan is recorded")


def _add_problem(suite: ET.Element, problem: Problem, report: Report) -> None:
    name = f"{words.title(problem)} ({words.place(problem)}) [{words.short_id(problem)}]"
    classname = f"{problem.kind}.{problem.component or '.'}"
    case = add_case(suite, classname, name, path=problem.uri, line=problem.line)
    state = standing(problem, report.today)
    if state not in ACTIVE:
        add_result(case, "skipped", str(state))
        return
    severity = severity_label(problem)
    lines = [problem.message, words.remedy(problem), f"reported by {', '.join(problem.tools)}"]
    text = "\n".join(line for line in lines if line)
    message = f"{severity}: {words.detail(problem)}"
    add_result(case, "failure", message, kind=severity, text=text)
