"""A decision as JUnit XML: a suite of gaps, and a suite for each kind of finding."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from secagg import ids
from secagg.output.decision import DecidedFinding, DecisionDocument
from secagg.output.junitxml import add_case, add_result, add_suite, junit_document, xml_text


def junit_xml(decision: DecisionDocument) -> str:
    """The document as text, with its declaration.

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
