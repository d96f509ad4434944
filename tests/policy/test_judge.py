"""The default policy: what fails, what warns, and what is never a pass."""

from __future__ import annotations

import pytest

from secagg.errors import ConfigError
from secagg.merge import merge
from secagg.model.finding import Finding, Kind, Location, SecretSighting, Severity
from secagg.policy import Action, Decision, ToolOutcome, Verdict, built_in, judge, load

COMPLETE = ToolOutcome(tool="trivy", component=".", status="complete")


def finding(kind: Kind, severity: Severity, *, known: bool = True, line: int = 1) -> Finding:
    secret = SecretSighting(id=f"value {line}", detector="x") if kind is Kind.SECRET else None
    return Finding(
        tool="trivy",
        kind=kind,
        rule_id="RULE-1",
        severity=severity,
        severity_known=known,
        title="a title",
        location=Location(uri="a/file", start_line=line),
        secret=secret,
    )


def decide(*findings: Finding, runs: tuple[ToolOutcome, ...] = (COMPLETE,)) -> Decision:
    return judge(load("default"), merge(findings), runs=runs)


@pytest.mark.parametrize(
    ("kind", "severity", "verdict", "action"),
    [
        (Kind.CODE, Severity.CRITICAL, Verdict.FAIL, Action.FAIL),
        (Kind.CODE, Severity.HIGH, Verdict.FAIL, Action.FAIL),
        (Kind.CODE, Severity.MEDIUM, Verdict.PASS, Action.WARN),
        (Kind.CODE, Severity.LOW, Verdict.PASS, Action.IGNORE),
        (Kind.CODE, Severity.NONE, Verdict.PASS, Action.IGNORE),
        (Kind.SECRET, Severity.LOW, Verdict.FAIL, Action.FAIL),
        (Kind.LICENSE, Severity.HIGH, Verdict.FAIL, Action.FAIL),
        (Kind.MISCONFIGURATION, Severity.MEDIUM, Verdict.PASS, Action.WARN),
    ],
)
def test_default_policy(kind: Kind, severity: Severity, verdict: Verdict, action: Action) -> None:
    decision = decide(finding(kind, severity))
    assert decision.verdict is verdict
    assert [j.action for j in decision.judgements] == [action]


def test_unknown_severity_counts_as_high() -> None:
    assert decide(finding(Kind.CODE, Severity.NONE, known=False)).verdict is Verdict.FAIL


def test_nothing_found_passes_only_if_something_ran() -> None:
    assert decide().verdict is Verdict.PASS
    assert decide(runs=()).verdict is Verdict.INCOMPLETE
    skipped = ToolOutcome(tool="snyk", component=".", status="skipped", reason="no manifest")
    assert decide(runs=(skipped,)).verdict is Verdict.INCOMPLETE


def test_failed_tool_outweighs_a_failed_gate_and_both_are_said() -> None:
    broken = ToolOutcome(
        tool="snyk", component="web", status="failed", reason="it has no token", hint="set one"
    )
    decision = decide(finding(Kind.CODE, Severity.HIGH), runs=(COMPLETE, broken))
    assert decision.verdict is Verdict.INCOMPLETE
    assert decision.reasons[0] == "snyk in web did not complete: it has no token (set one)"
    assert "RULE-1 (a/file:1)" in decision.reasons[1]


def test_optional_tool_may_fail() -> None:
    broken = ToolOutcome(tool="snyk", component=".", status="failed", optional=True)
    assert decide(runs=(COMPLETE, broken)).verdict is Verdict.PASS


def test_sentence_names_the_worst_three_and_counts_the_rest() -> None:
    found = [finding(Kind.SECRET, Severity.HIGH, line=line) for line in range(1, 6)]
    (reason,) = decide(*found).reasons
    assert reason.startswith("5 problems by rule secrets: ")
    assert reason.endswith(
        "Worst: RULE-1 (a/file:1), RULE-1 (a/file:2), RULE-1 (a/file:3) and 2 more."
    )


@pytest.mark.parametrize("name", built_in())
def test_built_in_policies_load_under_their_own_name(name: str) -> None:
    assert load(name).name == name


def test_unknown_policy_names_the_built_in_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        load("nonesuch")
    assert "default" in (caught.value.hint or "")
