"""A tested finding as the finding that a scanner would report, with the facts on it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from secagg.merge.groups import Group
from secagg.model.finding import (
    Finding,
    Kind,
    Location,
    SecretSighting,
    Severity,
    Vulnerability,
    replace,
)
from secagg.model.identity import identity
from secagg.policy.facts import BaselineState, Facts
from secagg.policytest.model import CaseFinding
from secagg.policytest.package import package_of

_TOOLS = {
    Kind.VULNERABILITY: "trivy",
    Kind.SECRET: "gitleaks",
    Kind.CODE: "codeql",
    Kind.MISCONFIGURATION: "trivy",
    Kind.LICENSE: "trivy",
}
_STATES = {"new": BaselineState.NEW, "existing": BaselineState.UNCHANGED}


def groups_of(tested: CaseFinding, taken: set[str]) -> Iterator[Group]:
    """A group for each time; their identities are none of those ``taken``, and join them."""
    finding = _finding(tested)
    tools = tested.tool or [finding.tool]
    for _ in range(tested.times):
        base = tested.id or identity(finding)
        number, name = 0, base
        while name in taken:
            number += 1
            name = f"{int(base, 16) + number:032x}"[-32:]
        taken.add(name)
        members = [replace(finding, tool=tool, identity=name) for tool in tools]
        yield Group(identity=name, members=members)


def facts_on(tested: CaseFinding, today: datetime.date) -> Facts:
    """The facts that the test gives."""
    seen = tested.first_seen
    if tested.age is not None:
        seen = today - datetime.timedelta(days=tested.age)
    return Facts(
        baseline=None if tested.baseline is None else _STATES[tested.baseline],
        in_diff=tested.in_diff,
        owners=tuple(tested.owner),
        first_seen=(
            None if seen is None else datetime.datetime.combine(seen, datetime.time(), datetime.UTC)
        ),
        epss=tested.epss,
        kev=tested.in_kev,
    )


def words(tested: CaseFinding) -> str:
    """A finding in a few words, for messages."""
    named = tested.rule or (tested.advisory[0] if tested.advisory else None)
    parts = [str(tested.severity), str(tested.kind), named, tested.package, tested.path]
    return " ".join(part for part in parts if part)


def _finding(tested: CaseFinding) -> Finding:
    known = tested.severity != "unknown"
    rule = tested.rule or (tested.advisory[0] if tested.advisory else f"any-{tested.kind}")
    finding = Finding(
        tool=_TOOLS[tested.kind],
        kind=tested.kind,
        rule_id=rule,
        severity=Severity(tested.severity) if known else Severity.NONE,
        severity_known=known,
        title=rule,
        score=tested.score,
        location=Location(uri=tested.path, start_line=tested.line),
        cwes=tuple(tested.cwe),
        package=None if tested.package is None else package_of(tested.package),
        component=tested.component,
    )
    if tested.kind is Kind.VULNERABILITY:
        finding.vulnerability = Vulnerability(
            aliases=tuple(dict.fromkeys([rule, *tested.advisory])),
            fixed_versions=("a later one",) if tested.fix_available else (),
            direct=None if tested.dependency is None else tested.dependency.value == "direct",
            scope=None if tested.scope is None else tested.scope.value,
            status=tested.status,
        )
    elif tested.kind is Kind.SECRET:
        finding.secret = SecretSighting(
            id=None,
            detector=rule,
            verified=tested.verified,
            in_history=bool(tested.in_history_only),
        )
    elif tested.kind is Kind.LICENSE:
        finding.license = rule
    return finding
