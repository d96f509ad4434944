"""OpenVEX 0.2.0: what triage has decided, as other scanners and customers can read it.

================ ===================== ==========================================
open             under_investigation
confirmed        affected              the action is the fix, where one is known
accepted         affected              the action says that it was accepted, and why
excepted         affected              the action names the exception
false-positive   not_affected          the reason is the impact statement
fixed            fixed
================ ===================== ==========================================

The package is a subcomponent of what was scanned. Where all that was scanned is of one mind on it,
it is a product of its own, too: Trivy 0.76, which has no name for a directory that it scans, finds
a statement by the package only (``pkg/vex/vex.go``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from secagg import __version__
from secagg.errors import UsageError
from secagg.report import words
from secagg.report.formats import Report
from secagg.report.jsonformat import dumps
from secagg.report.record import rfc3339
from secagg.report.standing import ShownState
from secagg.report.vex import VexStatement, statements

_STATUS = {
    ShownState.OPEN: "under_investigation",
    ShownState.CONFIRMED: "affected",
    ShownState.ACCEPTED: "affected",
    ShownState.EXCEPTED: "affected",
    ShownState.FALSE_POSITIVE: "not_affected",
    ShownState.FIXED: "fixed",
}


def pieces(report: Report) -> Iterator[bytes]:
    """The document. Raises :class:`UsageError` where there is nothing to state: it needs one."""
    # What is left out by the default filter on states is what VEX is for.
    problems = report.answer.related if report.every_state else report.answer.rows
    stated = statements(problems, report.today)
    minds: dict[tuple[str, str], set[ShownState]] = {}
    for one in stated:
        minds.setdefault((one.purl, one.vulnerability), set()).add(one.standing)
    made = [_statement(s, alone=len(minds[s.purl, s.vulnerability]) == 1) for s in stated]
    if not made:
        raise UsageError(
            "no vulnerability matches, and OpenVEX has no document without a statement",
            hint="ask for less, or write another format",
        )
    body = dumps(made)
    yield (
        dumps(
            {
                "@context": "https://openvex.dev/ns/v0.2.0",
                "@id": f"urn:secagg:vex:{hashlib.sha256(body).hexdigest()}",
                "author": "secagg",
                "timestamp": rfc3339(report.now),
                "version": 1,
                "tooling": f"secagg {__version__}",
                "statements": made,
            }
        )
        + b"\n"
    )


def _statement(statement: VexStatement, *, alone: bool) -> dict[str, Any]:
    """``alone``: the package is a product of its own."""
    made: dict[str, Any] = {
        "vulnerability": {
            "name": statement.vulnerability,
            **({"aliases": list(statement.aliases)} if statement.aliases else {}),
        },
        "products": [
            {"@id": statement.product, "subcomponents": [{"@id": statement.purl}]},
            *([{"@id": statement.purl}] if alone else []),
        ],
        "status": _STATUS[statement.standing],
    }
    if statement.at is not None:
        made["timestamp"] = rfc3339(statement.at)
    if statement.standing is ShownState.FALSE_POSITIVE:
        made["impact_statement"] = statement.reason or "triage calls it a false positive"
    elif made["status"] == "affected":
        made["action_statement"] = _action(statement)
    return made


def _action(statement: VexStatement) -> str:
    remedy = words.remedy(statement.speaker)
    parts = [remedy] if remedy else []
    if statement.standing is ShownState.CONFIRMED:
        return "; ".join(parts) or "no fix is known yet"
    decided = (
        "the risk is accepted" if statement.standing is ShownState.ACCEPTED else "not acted on"
    )
    return "; ".join([f"{decided}: {statement.reason or 'no reason is given'}", *parts])
