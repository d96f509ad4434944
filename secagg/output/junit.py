"""Write JUnit XML, and a decision as test results.

Source: the schema that the Jenkins xUnit plug-in publishes (``testsuites``, ``testsuite``,
``testcase`` with ``failure``, ``error`` or ``skipped``, and ``system-out``).
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from secagg import ids
from secagg.output.decision import DecidedFinding, DecisionDocument
from secagg.output.escape import REPLACEMENT

# Characters that XML 1.0 (2.2) does not allow, not even as references.
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_RESULT_TAGS = (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))


def xml_text(text: str) -> str:
    """Return ``text`` without the characters that XML does not allow."""
    return _NOT_IN_XML.sub(REPLACEMENT, text)


def add_suite(root: ET.Element, name: str) -> ET.Element:
    """Add a ``testsuite`` to ``root``."""
    return ET.SubElement(root, "testsuite", name=xml_text(name))


def add_case(
    suite: ET.Element,
    classname: str,
    name: str,
    *,
    path: str | None = None,
    line: int | None = None,
) -> ET.Element:
    """Add a ``testcase`` to ``suite``, with the path and line of its finding."""
    case = ET.SubElement(suite, "testcase", classname=xml_text(classname), name=xml_text(name))
    if path is not None:
        case.set("file", xml_text(path))
    if line is not None:
        case.set("line", str(line))
    return case


def add_result(case: ET.Element, tag: str, message: str, *, kind: str = "", text: str = "") -> None:
    """Add a ``failure``, ``error`` or ``skipped`` to ``case``."""
    result = ET.SubElement(case, tag, message=xml_text(message))
    if kind:
        result.set("type", kind)
    if text:
        result.text = xml_text(text)


def junit_document(root: ET.Element) -> bytes:
    """Return ``root``, a ``testsuites``, as a document, with its counts."""
    for suite in root:
        suite.set("tests", str(len(suite)))
        for name, tag in _RESULT_TAGS:
            suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    for name in ("tests", *(name for name, _ in _RESULT_TAGS)):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    head = b'<?xml version="1.0" encoding="UTF-8"?>\n'
    body: bytes = ET.tostring(root, encoding="utf-8")
    return head + body + b"\n"


def junit_xml(decision: DecisionDocument) -> str:
    """Return the document as text, with its declaration.

    A finding that fails the gate is a failed test; one that warns is a passed test with output; a
    gap is an error. A gate without gaps has a passed test, as some readers reject a report without
    tests.
    """
    root = ET.Element("testsuites", name="secagg")
    findings = list(decision.counting())
    for kind in sorted({finding.kind for finding in findings}):
        suite = add_suite(root, f"secagg {kind}")
        for finding in findings:
            if finding.kind == kind:
                _finding(suite, finding)
    gate = add_suite(root, "secagg gate")
    for gap in decision.gaps:
        add_result(add_case(gate, "secagg.gate", gap), "error", gap, kind="incomplete", text=gap)
    if not decision.gaps:
        add_case(gate, "secagg.gate", f"policy {decision.policy}")
    return junit_document(root).decode("utf-8")


def _finding(suite: ET.Element, finding: DecidedFinding) -> None:
    name = f"{finding.problem} ({finding.where})"
    case = add_case(suite, finding.path or finding.kind, name, path=finding.path, line=finding.line)
    if finding.action == "fail":
        message = finding.why or f"{finding.counted_as} {finding.kind}"
        add_result(case, "failure", message, kind=finding.counted_as, text=_text(finding))
    else:
        ET.SubElement(case, "system-out").text = xml_text(_text(finding))


def _text(finding: DecidedFinding) -> str:
    lines = [f"{finding.counted_as}: {finding.title}", finding.where]
    if finding.fix:
        lines.append(f"Fix: {finding.fix}")
    lines.append(f"Reported by {', '.join(finding.tools)}. secagg explain {ids.short(finding.id)}")
    return "\n".join(lines)
