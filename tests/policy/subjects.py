"""Groups, facts and policies for the tests of a policy's sentences."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from secagg.merge import Group
from secagg.merge.groups import MergedSet
from secagg.model.finding import (
    Finding,
    Kind,
    Location,
    Package,
    SecretSighting,
    Severity,
    Vulnerability,
)
from secagg.policy import Facts, Judgement, Policy, ToolOutcome, judge
from secagg.policy.decision import Decision, Exceptions, PolicyException
from secagg.system.validation import validate

TODAY = datetime.date(2026, 11, 23)
COMPLETE = ToolOutcome(tool="trivy", component=".", status="complete")


def vulnerable(**known: Any) -> Finding:
    """lodash with a known vulnerability; ``known`` changes finding or vulnerability."""
    own = {k: known.pop(k) for k in list(known) if k in Vulnerability.__struct_fields__}
    fields: dict[str, Any] = {
        "tool": "trivy",
        "kind": Kind.VULNERABILITY,
        "rule_id": "CVE-2019-10744",
        "severity": Severity.CRITICAL,
        "title": "Prototype pollution",
        "location": Location(uri="web/package-lock.json", start_line=3),
        "package": Package(
            type="npm", name="lodash", version="4.17.4", purl="pkg:npm/lodash@4.17.4"
        ),
        "cwes": ("CWE-1321",),
        "component": "web",
    }
    return Finding(
        **(fields | known),
        vulnerability=Vulnerability(
            **({"aliases": ("CVE-2019-10744", "GHSA-jf85-cpcp-j695")} | own)
        ),
    )


def secret(
    *, tool: str = "gitleaks", verified: bool | None = None, history: bool = False
) -> Finding:
    """A token in a file."""
    return Finding(
        tool=tool,
        kind=Kind.SECRET,
        rule_id="github-pat",
        severity=Severity.HIGH,
        title="A token",
        location=Location(uri="app/settings.py", start_line=7),
        secret=SecretSighting(
            id="hmac-sha256:aa", detector="github-pat", verified=verified, in_history=history
        ),
    )


def group(*findings: Finding, identity: str = "a" * 32) -> Group:
    return Group(identity=identity, representative=findings[0], members=list(findings))


def policy(*rules: dict[str, Any], **fields: Any) -> Policy:
    named = [{"name": f"r{n}", "action": "fail"} | rule for n, rule in enumerate(rules, 1)]
    return validate(Policy, {"name": "ours", "rules": named} | fields)


class Given:
    """Exceptions by the identity of what they cover."""

    def __init__(self, **by_identity: list[PolicyException]) -> None:
        self._by_identity = by_identity

    def covering_gap(self, sentence: str) -> list[PolicyException]:
        return []

    def partial(self) -> Mapping[PolicyException, str]:
        return {}

    def covering(self, group: Group) -> list[PolicyException]:
        return self._by_identity.get(group.identity, [])

    def all(self) -> list[PolicyException]:
        return [e for found in self._by_identity.values() for e in found]


def decide(
    policy: Policy,
    *groups: Group,
    facts: dict[str, Facts] | None = None,
    exceptions: Exceptions | None = None,
    runs: tuple[ToolOutcome, ...] = (COMPLETE,),
) -> Decision:
    merged = MergedSet(groups=list(groups))
    return judge(policy, merged, runs=runs, facts=facts or {}, exceptions=exceptions, today=TODAY)


def only(decision: Decision) -> Judgement:
    (judgement,) = decision.judgements
    return judgement
