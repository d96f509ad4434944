"""JUnit XML: escaping, and the decision as test results.

Source: the schema that the Jenkins xUnit plug-in publishes (``testsuites``, ``testsuite``,
``testcase`` with ``failure``, ``error`` or ``skipped``, and ``system-out``).
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from secagg import ids
from secagg.output.decision import DecidedFinding, DecisionDocument

# What XML 1.0 (2.2) cannot hold, not even as a reference.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


_KINDS = (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))


def xml_text(text: str) -> str:
    """``text`` with what XML cannot hold replaced."""
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def add_suite(root: ET.Element, name: str) -> ET.Element:
    """Return a ``testsuite`` in ``root``."""
    return ET.SubElement(root, "testsuite", name=xml_text(name))


def add_case(
    suite: ET.Element,
    classname: str,
    name: str,
    *,
    path: str | None = None,
    line: int | None = None,
) -> ET.Element:
    """Return a ``testcase`` in ``suite``; ``path`` and ``line`` are where its finding is."""
    case = ET.SubElement(suite, "testcase", classname=xml_text(classname), name=xml_text(name))
    if path is not None:
        case.set("file", xml_text(path))
    if line is not None:
        case.set("line", str(line))
    return case


def add_result(case: ET.Element, tag: str, message: str, *, kind: str = "", text: str = "") -> None:
    """A ``failure``, ``error`` or ``skipped`` in ``case``."""
    result = ET.SubElement(case, tag, message=xml_text(message))
    if kind:
        result.set("type", kind)
    if text:
        result.text = xml_text(text)


def junit_document(root: ET.Element) -> bytes:
    """``root`` (a ``testsuites``) as a document, its suites and itself with their counts."""
    for suite in root:
        suite.set("tests", str(len(suite)))
        for name, tag in _KINDS:
            suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    for name in ("tests", *(name for name, _ in _KINDS)):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    head = b'<?xml version="1.0" encoding="UTF-8"?>\n'
    body: bytes = ET.tostring(root, encoding="utf-8")
    return head + body + b"\n"


def junit_xml(decision: DecisionDocument) -> str:
    """Return the document as text, with its declaration.

    A finding that fails the gate is a failed test, one that warns a passed test with its words
    beside it; a gap is an error. A gate without any has one passed test, for a report without
    tests counts as broken with some readers.
    """
    root = ET.Element("testsuites", name="secagg")
    shown = list(decision.counting())
    for kind in sorted({finding.kind for finding in shown}):
        suite = add_suite(root, f"secagg {kind}")
        for finding in shown:
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
        add_result(case, "failure", message, kind=finding.counted_as, text=_words(finding))
    else:
        ET.SubElement(case, "system-out").text = xml_text(_words(finding))


def _words(finding: DecidedFinding) -> str:
    lines = [f"{finding.counted_as}: {finding.title}", finding.where]
    if finding.fix:
        lines.append(f"Fix: {finding.fix}")
    lines.append(f"Reported by {', '.join(finding.tools)}. secagg explain {ids.short(finding.id)}")
    return "\n".join(lines)
