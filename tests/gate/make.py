"""Decisions for the tests of what a gate prints."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Any, Literal

from secagg.output.decision import DecidedFinding, DecisionDocument

TODAY = datetime.date(2026, 11, 23)


def decided(
    number: int = 1, action: Literal["fail", "warn", "ignore"] = "fail", **known: Any
) -> DecidedFinding:
    """A finding with a word of a policy on it."""
    fields: dict[str, Any] = {
        "id": f"{number:032x}",
        "kind": "code",
        "severity": "high",
        "counted_as": "high",
        "rule": f"rule-{number}",
        "problem": f"rule-{number}",
        "title": "Builds SQL from user input",
        "tools": ["codeql"],
        "path": "app/db.py",
        "line": number,
        "where": f"app/db.py:{number}",
        "component": ".",
        "sightings": 1,
        "why": "High problems are to be fixed.",
    }
    return DecidedFinding(action=action, **(fields | known))


def decision(*findings: DecidedFinding, **known: Any) -> DecisionDocument:
    """A document that holds ``findings``, by action, and counts them."""
    order = ("fail", "warn", "ignore")
    findings = tuple(sorted(findings, key=lambda f: order.index(f.action)))
    counts = {a: sum(f.action == a for f in findings) for a in order}
    by_severity = Counter(f.counted_as for f in findings)
    verdict = "incomplete" if known.get("gaps") else "fail" if counts["fail"] else "pass"
    fields: dict[str, Any] = {
        "secagg_version": "0",
        "policy": "pr-gate",
        "verdict": verdict,
        "exit_code": {"pass": 0, "fail": 1, "incomplete": 3}[verdict],
        "today": TODAY,
        "total": len(findings),
        "by_severity": by_severity,
        "findings": findings,
    }
    return DecisionDocument(**(fields | counts | known))
