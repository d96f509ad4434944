"""JUnit XML for systems that show tests: a test a problem, and a test a tool run.

A problem that is to be dealt with is a failure, one that is settled is skipped; a tool that did
not complete is an error, so that a broken scan is never a green one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from secagg.history import Problem, RunRecord
from secagg.report import words
from secagg.report.formats import Report
from secagg.report.grouping import GroupBy, sections
from secagg.report.standing import ACTIVE, severity_label, standing

# What XML 1.0 (2.2) cannot hold, not even as a reference.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def pieces(report: Report) -> Iterator[bytes]:
    """The document."""
    root = ET.Element("testsuites", name="secagg")
    _scan(root, report)
    for section in sections(report.answer.rows, GroupBy.COMPONENT):
        suite = ET.SubElement(root, "testsuite", name=_text(section.name))
        for problem in section.problems:
            _problem(suite, problem, report)
        _count(suite)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n'
    yield ET.tostring(root, encoding="utf-8")
    yield b"\n"


def _scan(root: ET.Element, report: Report) -> None:
    """The last run of every branch: what completed and what did not."""
    suite = ET.SubElement(root, "testsuite", name="scan")
    latest: dict[tuple[str, str], RunRecord] = {}
    for run in sorted(report.runs, key=lambda run: run.started_at):
        latest[run.repository, run.branch] = run
    for run in latest.values():
        where = f"{run.repository} {run.branch}"
        whole = _case(suite, f"scan.{where}", "complete")
        if run.verdict == "incomplete":
            ET.SubElement(whole, "error", message="the scan was incomplete")
        for tool in run.tools:
            case = _case(suite, f"scan.{where}", f"{tool.tool} in {tool.component}")
            case.set("time", f"{tool.seconds:.3f}")
            if tool.status == "failed":
                ET.SubElement(case, "error", message=_text(tool.reason or "it failed"))
            elif tool.status == "skipped":
                ET.SubElement(case, "skipped", message=_text(tool.reason or "not needed"))
    if not latest:
        ET.SubElement(_case(suite, "scan", "recorded"), "error", message="no scan is recorded")
    _count(suite)


def _problem(suite: ET.Element, problem: Problem, report: Report) -> None:
    name = f"{words.what(problem)} ({words.place(problem)}) [{words.short_id(problem)}]"
    case = _case(suite, f"{problem.kind}.{problem.component or '.'}", name)
    if problem.uri is not None:
        case.set("file", _text(problem.uri))
    if problem.line is not None:
        case.set("line", str(problem.line))
    state = standing(problem, report.today)
    if state not in ACTIVE:
        ET.SubElement(case, "skipped", message=str(state))
        return
    said = f"{severity_label(problem)}: {words.detail(problem)}"
    failure = ET.SubElement(case, "failure", type=severity_label(problem), message=_text(said))
    lines = [problem.message, words.remedy(problem), f"reported by {', '.join(problem.tools)}"]
    failure.text = _text("\n".join(line for line in lines if line))


def _case(suite: ET.Element, classname: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=_text(classname), name=_text(name))


def _count(suite: ET.Element) -> None:
    suite.set("tests", str(len(suite)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))


def _text(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
