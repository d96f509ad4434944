"""VEX documents of the history: OpenVEX and CycloneDX.

A VEX statement is about a package in a product, and several problems may be about the same one
(two manifests): the most cautious decision speaks for all of them, so that a statement never
silences a problem that is still open.

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

import datetime
import hashlib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from packageurl import PackageURL

from secagg import __version__
from secagg.errors import UsageError
from secagg.model.finding import Kind
from secagg.model.identity import canonical_alias
from secagg.model.problem import Problem
from secagg.report import words
from secagg.report.formats import Report
from secagg.report.jsonformat import dumps, rfc3339
from secagg.report.standing import ShownState, expired, reason_of, severity_label, standing

# The most cautious first.
_CAUTION = (
    ShownState.CONFIRMED,
    ShownState.OPEN,
    ShownState.ACCEPTED,
    ShownState.EXCEPTED,
    ShownState.FALSE_POSITIVE,
    ShownState.FIXED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VexStatement:
    """``standing`` holds for ``vulnerability`` in ``purl``, as part of ``product`` (a purl)."""

    product: str
    purl: str
    vulnerability: str
    aliases: tuple[str, ...]
    standing: ShownState
    reason: str | None
    at: datetime.datetime | None
    speaker: Problem
    problems: Sequence[Problem]


def statements(
    problems: Iterable[Problem], today: datetime.date, *, by_product: bool = True
) -> list[VexStatement]:
    """One statement for each product, package and vulnerability, in a stable order.

    Without ``by_product``, one for each package and vulnerability, whatever the products.
    """
    groups: dict[tuple[str, str, str], list[Problem]] = {}
    for problem in problems:
        if problem.kind is Kind.VULNERABILITY:
            name = canonical_alias(problem.aliases or (problem.rule_id,))
            product = product_purl(problem) if by_product else ""
            key = (product, package_purl(problem), name)
            groups.setdefault(key, []).append(problem)
    return [_statement(key, groups[key], today) for key in sorted(groups)]


def package_purl(problem: Problem) -> str:
    """Return the package's purl: the tool's, else made of what the package is known as."""
    if problem.purl and problem.purl.startswith("pkg:"):
        return problem.purl
    name = problem.package or problem.rule_id
    namespace, _, bare = name.rpartition("/")
    try:
        made = PackageURL(problem.package_type or "generic", namespace, bare, problem.version)
    except ValueError:
        made = PackageURL("generic", None, name, problem.version)
    return made.to_string()


def product_purl(problem: Problem) -> str:
    """Return what is scanned: the image, else the repository."""
    if problem.image is not None:
        return f"pkg:generic/{quote(problem.image, safe='')}"
    name = problem.repository or "repository"
    owner, slash, bare = name.partition("/")
    if slash and owner and bare and "/" not in bare and "." not in owner:
        return PackageURL("github", owner, bare).to_string()
    return f"pkg:generic/{quote(name, safe='')}"


def _statement(
    key: tuple[str, str, str], problems: list[Problem], today: datetime.date
) -> VexStatement:
    product, purl, name = key
    speaker = min(problems, key=lambda p: (_CAUTION.index(standing(p, today)), p.identity))
    aliases = {alias for p in problems for alias in (*p.aliases, p.rule_id)} - {name}
    triage = speaker.triage if not expired(speaker, today) else None
    state = standing(speaker, today)
    reason = reason_of(speaker, today)
    times = [at for at in (triage.at if triage else None, speaker.fixed_at) if at is not None]
    return VexStatement(
        product=product,
        purl=purl,
        vulnerability=name,
        aliases=tuple(sorted(aliases)),
        standing=state,
        reason=reason,
        at=max(times, default=None),
        speaker=speaker,
        problems=problems,
    )


_STATUS = {
    ShownState.OPEN: "under_investigation",
    ShownState.CONFIRMED: "affected",
    ShownState.ACCEPTED: "affected",
    ShownState.EXCEPTED: "affected",
    ShownState.FALSE_POSITIVE: "not_affected",
    ShownState.FIXED: "fixed",
}


def openvex_pieces(report: Report) -> Iterator[bytes]:
    """The document. Raises :class:`UsageError` where there is nothing to state: it needs one."""
    # What is left out by the default filter on states is what VEX is for.
    problems = report.answer.related if report.every_state else report.answer.rows
    stated = statements(problems, report.today)
    minds: dict[tuple[str, str], set[ShownState]] = {}
    for one in stated:
        minds.setdefault((one.purl, one.vulnerability), set()).add(one.standing)
    made = [_openvex_statement(s, alone=len(minds[s.purl, s.vulnerability]) == 1) for s in stated]
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


def _openvex_statement(statement: VexStatement, *, alone: bool) -> dict[str, Any]:
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


def cyclonedx_pieces(report: Report) -> Iterator[bytes]:
    """Yield the document."""
    problems = report.answer.related if report.every_state else report.answer.rows
    # A component is one package here, in whatever repository: it can have one analysis only.
    decided = statements(problems, report.today, by_product=False)
    components = {s.purl: _component(s) for s in decided}
    made = [_vulnerability(s) for s in decided]
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
