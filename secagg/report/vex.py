"""Write VEX documents of the history: OpenVEX and CycloneDX.

A VEX statement covers a package in a product, which may have several problems (two manifests). The
most cautious decision on them counts, so that a statement never hides an open problem.

================ ===================== ==========================================
open             under_investigation
confirmed        affected              the action is the fix, where one is known
accepted         affected              the action says that it was accepted, and why
excepted         affected              the action names the exception
false-positive   not_affected          the reason is the impact statement
fixed            fixed
================ ===================== ==========================================

The package is a subcomponent of the scanned product. Where the state is the same in all products,
it is a product too: Trivy 0.76 has no name for a scanned directory, and finds a statement by the
package only (``pkg/vex/vex.go``).
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
_MOST_CAUTIOUS_FIRST = (
    ShownState.CONFIRMED,
    ShownState.OPEN,
    ShownState.ACCEPTED,
    ShownState.EXCEPTED,
    ShownState.FALSE_POSITIVE,
    ShownState.FIXED,
)
_OPENVEX_STATUSES = {
    ShownState.OPEN: "under_investigation",
    ShownState.CONFIRMED: "affected",
    ShownState.ACCEPTED: "affected",
    ShownState.EXCEPTED: "affected",
    ShownState.FALSE_POSITIVE: "not_affected",
    ShownState.FIXED: "fixed",
}
# CycloneDX 1.6, vulnerabilities[].analysis.state and .response.
_CYCLONEDX_ANALYSES: dict[ShownState, dict[str, Any]] = {
    ShownState.OPEN: {"state": "in_triage"},
    ShownState.CONFIRMED: {"state": "exploitable"},
    ShownState.ACCEPTED: {"state": "exploitable", "response": ["will_not_fix"]},
    ShownState.EXCEPTED: {"state": "exploitable", "response": ["will_not_fix"]},
    ShownState.FALSE_POSITIVE: {"state": "false_positive"},
    ShownState.FIXED: {"state": "resolved"},
}
_NAMESPACE = uuid.UUID("0c9d7a5e-5f0b-5a5f-8a39-1f7b0a8d7c11")


@dataclass(frozen=True, slots=True, kw_only=True)
class VexStatement:
    """The state of ``vulnerability`` in the package ``purl``, as part of ``product`` (a purl)."""

    product: str
    purl: str
    vulnerability: str
    aliases: tuple[str, ...]
    state: ShownState
    reason: str | None
    at: datetime.datetime | None
    representative: Problem
    problems: Sequence[Problem]


def statements(
    problems: Iterable[Problem], today: datetime.date, *, by_product: bool = True
) -> list[VexStatement]:
    """Return a statement for each product, package and vulnerability, in a stable order.

    Without ``by_product`` one for each package and vulnerability.
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
    """Return the purl of the package: the tool's, else one of its type, name and version."""
    if problem.purl and problem.purl.startswith("pkg:"):
        return problem.purl
    name = problem.package or problem.rule_id
    namespace, _, base_name = name.rpartition("/")
    try:
        purl = PackageURL(problem.package_type or "generic", namespace, base_name, problem.version)
    except ValueError:
        purl = PackageURL("generic", None, name, problem.version)
    return purl.to_string()


def product_purl(problem: Problem) -> str:
    """Return the purl of the scanned product: the image, else the repository."""
    if problem.image is not None:
        return f"pkg:generic/{quote(problem.image, safe='')}"
    name = problem.repository or "repository"
    owner, slash, base_name = name.partition("/")
    if slash and owner and base_name and "/" not in base_name and "." not in owner:
        return PackageURL("github", owner, base_name).to_string()
    return f"pkg:generic/{quote(name, safe='')}"


def openvex_pieces(report: Report) -> Iterator[bytes]:
    """Write OpenVEX. Raises :class:`UsageError` without a vulnerability: it needs a statement."""
    # All states by default, as VEX is about decisions.
    problems = report.answer.related if report.every_state else report.answer.rows
    all_statements = statements(problems, report.today)
    states: dict[tuple[str, str], set[ShownState]] = {}
    for statement in all_statements:
        states.setdefault((statement.purl, statement.vulnerability), set()).add(statement.state)
    documents = [
        _openvex_statement(s, is_product=len(states[s.purl, s.vulnerability]) == 1)
        for s in all_statements
    ]
    if not documents:
        raise UsageError(
            "no vulnerability matches, and OpenVEX has no document without a statement",
            hint="ask for less, or write another format",
        )
    body = dumps(documents)
    yield (
        dumps(
            {
                "@context": "https://openvex.dev/ns/v0.2.0",
                "@id": f"urn:secagg:vex:{hashlib.sha256(body).hexdigest()}",
                "author": "secagg",
                "timestamp": rfc3339(report.now),
                "version": 1,
                "tooling": f"secagg {__version__}",
                "statements": documents,
            }
        )
        + b"\n"
    )


def cyclonedx_pieces(report: Report) -> Iterator[bytes]:
    """Write CycloneDX."""
    problems = report.answer.related if report.every_state else report.answer.rows
    # By package only, as a component can have one analysis.
    all_statements = statements(problems, report.today, by_product=False)
    components = {statement.purl: _component(statement) for statement in all_statements}
    vulnerabilities = [_vulnerability(statement) for statement in all_statements]
    serial = uuid.uuid5(_NAMESPACE, dumps([vulnerabilities, rfc3339(report.now)]).hex())
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
                "vulnerabilities": vulnerabilities,
            }
        )
        + b"\n"
    )


def _statement(
    key: tuple[str, str, str], problems: list[Problem], today: datetime.date
) -> VexStatement:
    product, purl, name = key
    representative = min(
        problems,
        key=lambda problem: (
            _MOST_CAUTIOUS_FIRST.index(standing(problem, today)),
            problem.identity,
        ),
    )
    aliases = {alias for problem in problems for alias in (*problem.aliases, problem.rule_id)} - {
        name
    }
    triage = representative.triage if not expired(representative, today) else None
    state = standing(representative, today)
    reason = reason_of(representative, today)
    times = [
        at for at in (triage.at if triage else None, representative.fixed_at) if at is not None
    ]
    return VexStatement(
        product=product,
        purl=purl,
        vulnerability=name,
        aliases=tuple(sorted(aliases)),
        state=state,
        reason=reason,
        at=max(times, default=None),
        representative=representative,
        problems=problems,
    )


def _openvex_statement(statement: VexStatement, *, is_product: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "vulnerability": {
            "name": statement.vulnerability,
            **({"aliases": list(statement.aliases)} if statement.aliases else {}),
        },
        "products": [
            {"@id": statement.product, "subcomponents": [{"@id": statement.purl}]},
            *([{"@id": statement.purl}] if is_product else []),
        ],
        "status": _OPENVEX_STATUSES[statement.state],
    }
    if statement.at is not None:
        fields["timestamp"] = rfc3339(statement.at)
    if statement.state is ShownState.FALSE_POSITIVE:
        fields["impact_statement"] = statement.reason or "triage calls it a false positive"
    elif fields["status"] == "affected":
        fields["action_statement"] = _action(statement)
    return fields


def _action(statement: VexStatement) -> str:
    remedy = words.remedy(statement.representative)
    parts = [remedy] if remedy else []
    if statement.state is ShownState.CONFIRMED:
        return "; ".join(parts) or "no fix is known yet"
    decision = "the risk is accepted" if statement.state is ShownState.ACCEPTED else "not acted on"
    return "; ".join([f"{decision}: {statement.reason or 'no reason is given'}", *parts])


def _component(statement: VexStatement) -> dict[str, Any]:
    problem = statement.representative
    fields = {
        "type": "library",
        "bom-ref": statement.purl,
        "name": problem.package or problem.rule_id,
        "purl": statement.purl,
    }
    return fields | ({"version": problem.version} if problem.version else {})


def _vulnerability(statement: VexStatement) -> dict[str, Any]:
    problem = statement.representative
    identity = f"{statement.purl} {statement.vulnerability}"
    rating: dict[str, Any] = {"severity": severity_label(problem)}
    rating |= {} if problem.score is None else {"score": problem.score}
    fields: dict[str, Any] = {
        "bom-ref": f"urn:uuid:{uuid.uuid5(_NAMESPACE, identity)}",
        "id": statement.vulnerability,
        "ratings": [rating],
        "description": words.detail(problem),
        "analysis": dict(_CYCLONEDX_ANALYSES[statement.state]),
        "affects": [{"ref": statement.purl}],
    }
    if statement.reason:
        fields["analysis"]["detail"] = statement.reason
    if statement.at is not None:
        fields["analysis"]["lastUpdated"] = rfc3339(statement.at)
    if statement.aliases:
        fields["references"] = [
            {"id": alias, "source": {"name": alias.partition("-")[0]}}
            for alias in statement.aliases
        ]
    if cwes := [int(c[4:]) for c in problem.cwes if c[:4] == "CWE-" and c[4:].isdecimal()]:
        fields["cwes"] = sorted({cwe for cwe in cwes if cwe > 0})
    if remedy := words.remedy(problem):
        fields["recommendation"] = remedy
    return fields
