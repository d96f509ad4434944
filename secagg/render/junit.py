"""A decision as JUnit XML: a suite of gaps, and a suite for each kind of finding.

Source: the schema that the Jenkins xUnit plug-in publishes (``testsuites``, ``testsuite``,
``testcase`` with ``failure`` or ``error``, and ``system-out``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from secagg.decided import DecidedFinding, DecisionDocument

# What XML 1.0 (2.2) does not allow even as a reference.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(decision: DecisionDocument) -> str:
    """The document as text, with its declaration.

    A finding that fails the gate is a failed test, one that warns a passed test with its words
    beside it; a gap is an error. A gate without any has one passed test, for a report without
    tests counts as broken with some readers.
    """
    root = Element("testsuites", name="secagg")
    shown = [finding for finding in decision.findings if finding.action != "ignore"]
    totals = [
        _suite(root, f"secagg {kind}", [f for f in shown if f.kind == kind])
        for kind in sorted({finding.kind for finding in shown})
    ]
    gate = SubElement(root, "testsuite", name="secagg gate")
    cases = decision.gaps or [f"gate by policy {decision.policy}"]
    for gap in cases:
        case = _case(gate, "secagg.gate", gap if decision.gaps else f"policy {decision.policy}")
        if decision.gaps:
            SubElement(case, "error", message=_clean(gap), type="incomplete").text = _clean(gap)
    errors = len(decision.gaps)
    _count(gate, len(cases), 0, errors)
    _count(root, len(cases) + len(shown), sum(totals), errors)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, name: str, findings: Sequence[DecidedFinding]) -> int:
    """Add a suite; the number of failures in it."""
    suite = SubElement(root, "testsuite", name=name)
    failures = 0
    for finding in findings:
        case = _case(suite, finding.path or finding.kind, f"{finding.problem} ({finding.where})")
        if finding.path:
            case.set("file", _clean(finding.path))
        if finding.line:
            case.set("line", str(finding.line))
        if finding.action == "fail":
            failures += 1
            message = finding.why or f"{finding.counted_as} {finding.kind}"
            failure = SubElement(case, "failure", message=_clean(message), type=finding.counted_as)
            failure.text = _clean(_words(finding))
        else:
            SubElement(case, "system-out").text = _clean(_words(finding))
    _count(suite, len(findings), failures, 0)
    return failures


def _case(suite: Element, class_name: str, name: str) -> Element:
    return SubElement(suite, "testcase", classname=_clean(class_name), name=_clean(name), time="0")


def _count(element: Element, tests: int, failures: int, errors: int) -> None:
    element.set("tests", str(tests))
    element.set("failures", str(failures))
    element.set("errors", str(errors))
    if element.tag == "testsuite":
        element.set("skipped", "0")


def _words(finding: DecidedFinding) -> str:
    lines = [f"{finding.counted_as}: {finding.title}", finding.where]
    if finding.fix:
        lines.append(f"Fix: {finding.fix}")
    lines.append(f"Reported by {', '.join(finding.tools)}. secagg explain {finding.id[:12]}")
    return "\n".join(lines)


def _clean(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
