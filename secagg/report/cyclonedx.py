"""A CycloneDX 1.6 VEX: components, vulnerabilities, and the analysis that triage gave."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from secagg import __version__
from secagg.report import words
from secagg.report.formats import Report
from secagg.report.jsonformat import dumps
from secagg.report.record import rfc3339
from secagg.report.standing import ShownState, severity_label
from secagg.report.vex import VexStatement, statements

# CycloneDX 1.6, vulnerabilities[].analysis.state and .response.
_ANALYSIS: dict[ShownState, dict[str, Any]] = {
    ShownState.OPEN: {"state": "in_triage"},
    ShownState.CONFIRMED: {"state": "exploitable"},
    ShownState.ACCEPTED: {"state": "exploitable", "response": ["will_not_fix"]},
    ShownState.EXCEPTED: {"state": "exploitable", "response": ["will_not_fix"]},
    ShownState.FALSE_POSITIVE: {"state": "false_positive"},
    ShownState.FIXED: {"state": "resolved"},
}
_NAMESPACE = uuid.UUID("0c9d7a5e-5f0b-5a5f-8a39-1f7b0a8d7c11")


def pieces(report: Report) -> Iterator[bytes]:
    """The document."""
    problems = report.answer.related if report.every_state else report.answer.rows
    # A component is one package here, in whatever repository: it can have one analysis only.
    found = statements(problems, report.today, by_product=False)
    components = {s.purl: _component(s) for s in found}
    made = [_vulnerability(s) for s in found]
    serial = uuid.uuid5(_NAMESPACE, dumps([made, rfc3339(report.now)]).hex())
    yield (
        dumps(
            {
                "bomFormat": "CycloneDX",
                "specVersion": "1.6",
                "serialNumber": f"urn:uuid:{serial}",
                "version": 1,
                "metadata": {
                    "timestamp": rfc3339(report.now),
                    "tools": {
                        "components": [
                            {"type": "application", "name": "secagg", "version": __version__}
                        ]
                    },
                },
                "components": list(components.values()),
                "vulnerabilities": made,
            }
        )
        + b"\n"
    )


def _component(statement: VexStatement) -> dict[str, Any]:
    problem = statement.speaker
    made = {
        "type": "library",
        "bom-ref": statement.purl,
        "name": problem.package or problem.rule_id,
        "purl": statement.purl,
    }
    return made | ({"version": problem.version} if problem.version else {})


def _vulnerability(statement: VexStatement) -> dict[str, Any]:
    problem = statement.speaker
    identity = f"{statement.purl} {statement.vulnerability}"
    made: dict[str, Any] = {
        "bom-ref": f"urn:uuid:{uuid.uuid5(_NAMESPACE, identity)}",
        "id": statement.vulnerability,
        "ratings": [_rating(problem.score, severity_label(problem))],
        "description": words.detail(problem),
        "analysis": dict(_ANALYSIS[statement.standing]),
        "affects": [{"ref": statement.purl}],
    }
    if statement.reason:
        made["analysis"]["detail"] = statement.reason
    if statement.at is not None:
        made["analysis"]["lastUpdated"] = rfc3339(statement.at)
    if statement.aliases:
        made["references"] = [
            {"id": alias, "source": {"name": alias.partition("-")[0]}}
            for alias in statement.aliases
        ]
    if cwes := [int(c[4:]) for c in problem.cwes if c[:4] == "CWE-" and c[4:].isdecimal()]:
        made["cwes"] = sorted({cwe for cwe in cwes if cwe > 0})
    if remedy := words.remedy(problem):
        made["recommendation"] = remedy
    return made


def _rating(score: float | None, label: str) -> dict[str, Any]:
    return {"severity": label} | ({} if score is None else {"score": score})
