"""The table: a policy, what was found, the verdict, and the beginning of the sentence shown."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import pytest

from secagg.merge.groups import Group, MergedSet
from secagg.model.finding import (
    Finding,
    Kind,
    Location,
    Package,
    SecretSighting,
    Severity,
    Vulnerability,
    replace,
)
from secagg.policy import (
    BaselineState,
    Decision,
    Facts,
    Policy,
    PolicyException,
    ToolOutcome,
    Verdict,
    judge,
    load,
)
from secagg.policy.match import explain_judgement
from secagg.system.validation import validate

TODAY = datetime.date(2026, 11, 23)
RAN = ToolOutcome(tool="trivy", component=".", status="complete")


def seen(days: int) -> datetime.datetime:
    return datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC) - datetime.timedelta(days=days)


CODE = Finding(
    tool="codeql",
    kind=Kind.CODE,
    rule_id="py/sql-injection",
    severity=Severity.HIGH,
    title="t",
    score=8.8,
    cwes=("CWE-89",),
    location=Location(uri="web/app/db.py", start_line=7),
    component="web",
)
VULN = Finding(
    tool="trivy",
    kind=Kind.VULNERABILITY,
    rule_id="CVE-2021-1",
    severity=Severity.HIGH,
    title="t",
    location=Location(uri="web/package-lock.json", start_line=3),
    package=Package(type="npm", name="@a/b", version="1.0", purl="pkg:npm/%40a/b@1.0"),
    vulnerability=Vulnerability(
        aliases=("CVE-2021-1", "GHSA-aaaa"), fixed_versions=("2",), direct=True, scope="dev"
    ),
)
SECRET = Finding(
    tool="gitleaks",
    kind=Kind.SECRET,
    rule_id="aws-key",
    severity=Severity.CRITICAL,
    title="t",
    location=Location(uri=".env", start_line=1),
    secret=SecretSighting(id="k", detector="aws", verified=True),
)


def with_vuln(**values: Any) -> Finding:
    assert VULN.vulnerability is not None
    return replace(VULN, vulnerability=replace(VULN.vulnerability, **values))


def with_secret(**values: Any) -> Finding:
    assert SECRET.secret is not None
    return replace(SECRET, secret=replace(SECRET.secret, **values))


def decide(
    policy: Policy,
    *members: Finding,
    facts: Facts | None = None,
    runs: Any = (RAN,),
    times: int = 1,
) -> Decision:
    groups = [
        Group(identity=str(n), representative=members[0], members=members)
        for n in range(times if members else 0)
    ]
    found = MergedSet(groups=groups)
    known = {group.identity: facts for group in groups} if facts else None
    return judge(policy, found, runs=runs, facts=known, today=TODAY)


def rule(match: dict[str, Any], action: str = "fail", **more: Any) -> Policy:
    document = {"name": "p", "rules": [{"name": "r", "match": match, "action": action, **more}]}
    return validate(Policy, document)


N, Y = False, True
# Each key: the match, the finding, the facts, and whether a failing rule and an ignoring one
# take it. Where nobody knows, the first does and the second does not.
KEYS: list[tuple[dict[str, Any], Finding, Facts | None, bool, bool]] = [
    ({"kind": "code"}, CODE, None, Y, Y),
    ({"kind": ["secret", "code"]}, CODE, None, Y, Y),
    ({"kind": "secret"}, CODE, None, N, N),
    ({"severity": "high"}, CODE, None, Y, Y),
    ({"severity": "high..critical"}, CODE, None, Y, Y),
    ({"severity": "high.."}, SECRET, None, Y, Y),
    ({"severity": "..medium"}, CODE, None, N, N),
    ({"severity": ["low", "high.."]}, CODE, None, Y, Y),
    ({"severity": "critical"}, CODE, None, N, N),
    ({"severity": "high"}, replace(CODE, severity_known=False, severity=Severity.NONE), None, Y, Y),
    ({"severity": "high"}, replace(CODE, tool="odd", severity=Severity.LOW), None, Y, Y),
    ({"severity_known": False}, replace(CODE, severity_known=False), None, Y, Y),
    ({"severity_known": False}, CODE, None, N, N),
    ({"score": "8.8..9"}, CODE, None, Y, Y),
    ({"score": "8.9.."}, CODE, None, N, N),
    ({"score": "..8.8"}, CODE, None, Y, Y),
    ({"score": "..8.7"}, CODE, None, N, N),
    ({"score": 8.8}, CODE, None, Y, Y),
    ({"score": "7.0..8.9"}, VULN, None, Y, Y),
    ({"score": "8.0.."}, VULN, None, Y, N),
    ({"score": "9.0.."}, VULN, None, N, N),
    ({"tool": "codeql"}, CODE, None, Y, Y),
    ({"tool": "trivy"}, CODE, None, N, N),
    ({"rule": "py/*"}, CODE, None, Y, Y),
    ({"rule": "PY/SQL-*"}, CODE, None, Y, Y),
    ({"rule": "js/*"}, CODE, None, N, N),
    ({"advisory": "CVE-2021-1"}, VULN, None, Y, Y),
    ({"advisory": "ghsa-AAAA"}, VULN, None, Y, Y),
    ({"advisory": "CVE-2021-*"}, VULN, None, Y, Y),
    ({"advisory": "CVE-2021"}, VULN, None, N, N),
    ({"advisory": "py/sql-injection"}, CODE, None, N, N),
    ({"cwe": "CWE-89"}, CODE, None, Y, Y),
    ({"cwe": 89}, CODE, None, Y, Y),
    ({"cwe": "CWE-8"}, CODE, None, N, N),
    ({"cwe": "CWE-89"}, SECRET, None, N, N),
    ({"package": "pkg:npm/@a/b"}, VULN, None, Y, Y),
    ({"package": "pkg:npm/%40a/b@1.0"}, VULN, None, Y, Y),
    ({"package": "pkg:npm/%40a/b@9.9"}, VULN, None, N, N),
    ({"package": "pkg:npm/%40a/b?x=y"}, VULN, None, N, N),
    ({"package": "pkg:npm/*"}, VULN, None, Y, Y),
    ({"package": "pkg:pypi/*"}, VULN, None, N, N),
    ({"package": "@a/*"}, VULN, None, Y, Y),
    ({"package": "b"}, VULN, None, N, N),
    ({"package": "*"}, CODE, None, N, N),
    ({"path": "web/**"}, CODE, None, Y, Y),
    ({"path": "*.py"}, CODE, None, Y, Y),
    ({"path": "/app/"}, CODE, None, N, N),
    ({"path": "app/"}, CODE, None, Y, Y),
    ({"path": ["web/", "!web/app/db.py"]}, CODE, None, N, N),
    ({"path": ["*.py", "!db.py"]}, CODE, None, N, N),
    ({"path": "**"}, replace(CODE, location=Location()), None, N, N),
    ({"component": "web"}, CODE, None, Y, Y),
    ({"component": "."}, CODE, None, N, N),
    ({"component": "."}, VULN, None, Y, Y),
    ({"fix_available": True}, VULN, None, Y, Y),
    ({"fix_available": False}, VULN, None, N, N),
    ({"fix_available": False}, with_vuln(fixed_versions=()), None, Y, Y),
    ({"fix_available": False}, CODE, None, N, N),
    ({"status": "will_not_fix"}, with_vuln(status="will_not_fix"), None, Y, Y),
    ({"status": ["will_*", "end_of_life"]}, with_vuln(status="affected"), None, N, N),
    ({"status": "affected"}, with_vuln(status=None), None, Y, N),
    ({"status": "affected"}, CODE, None, N, N),
    ({"cause": "change"}, VULN, Facts(baseline=BaselineState.NEW, in_diff=True), Y, Y),
    ({"cause": "world"}, VULN, Facts(baseline=BaselineState.NEW, in_diff=True), N, N),
    (
        {"cause": ["world", "existing"]},
        VULN,
        Facts(baseline=BaselineState.NEW, in_diff=False),
        Y,
        Y,
    ),
    ({"cause": "world"}, VULN, Facts(baseline=BaselineState.NEW), Y, N),
    ({"dependency": "direct"}, VULN, None, Y, Y),
    ({"dependency": "transitive"}, VULN, None, N, N),
    ({"dependency": "transitive"}, with_vuln(direct=False), None, Y, Y),
    ({"dependency": "transitive"}, with_vuln(direct=None), None, Y, N),
    ({"dependency": "direct"}, CODE, None, N, N),
    ({"scope": "dev"}, VULN, None, Y, Y),
    ({"scope": "runtime"}, VULN, None, N, N),
    ({"scope": "runtime"}, with_vuln(scope=None), None, Y, N),
    ({"scope": "dev"}, with_vuln(scope=None), None, Y, N),
    ({"verified": True}, SECRET, None, Y, Y),
    ({"verified": False}, SECRET, None, N, N),
    ({"verified": True}, with_secret(verified=None), None, Y, N),
    ({"verified": False}, with_secret(verified=None), None, Y, N),
    ({"verified": True}, CODE, None, N, N),
    ({"in_history_only": False}, SECRET, None, Y, Y),
    ({"in_history_only": True}, SECRET, None, N, N),
    ({"in_history_only": True}, with_secret(in_history=True), None, Y, Y),
    ({"in_history_only": False}, CODE, None, N, N),
    ({"epss_at_least": 0.5}, VULN, Facts(epss=0.5), Y, Y),
    ({"epss_at_least": 0.5}, VULN, Facts(epss=0.49), N, N),
    ({"epss_at_least": 0.5}, VULN, None, Y, N),
    ({"epss_at_least": 0.5}, with_vuln(epss=0.6), None, Y, Y),
    ({"epss_at_least": 0.5}, with_vuln(epss=0.6), Facts(epss=0.1), N, N),
    ({"epss_at_least": 0.5}, CODE, None, N, N),
    ({"in_kev": True}, VULN, Facts(kev=True), Y, Y),
    ({"in_kev": True}, VULN, Facts(kev=False), N, N),
    ({"in_kev": False}, VULN, Facts(kev=False), Y, Y),
    ({"in_kev": True}, VULN, None, Y, N),
    ({"in_kev": True}, with_vuln(kev=True), Facts(kev=False), Y, Y),
    ({"in_kev": True}, CODE, None, N, N),
    ({"age_at_least": "30d"}, CODE, Facts(first_seen=seen(30)), Y, Y),
    ({"age_at_least": "30d"}, CODE, Facts(first_seen=seen(29)), N, N),
    ({"age_at_least": "2w"}, CODE, Facts(first_seen=seen(14)), Y, Y),
    ({"age_at_least": "30d"}, CODE, None, Y, N),
    ({"baseline": "new"}, CODE, Facts(baseline=BaselineState.NEW), Y, Y),
    ({"baseline": "new"}, CODE, Facts(baseline=BaselineState.UNCHANGED), N, N),
    ({"baseline": "existing"}, CODE, Facts(baseline=BaselineState.UPDATED), Y, Y),
    ({"baseline": "existing"}, CODE, Facts(baseline=BaselineState.NEW), N, N),
    ({"baseline": "new"}, CODE, None, Y, N),
    ({"baseline": "existing"}, CODE, None, Y, N),
    ({"in_diff": True}, CODE, Facts(in_diff=True), Y, Y),
    ({"in_diff": True}, CODE, Facts(in_diff=False), N, N),
    ({"in_diff": False}, CODE, None, Y, N),
    ({"owner": "@org/*"}, CODE, Facts(owners=("@org/web",)), Y, Y),
    ({"owner": "@org/api"}, CODE, Facts(owners=("@org/web",)), N, N),
    ({"owner": "*"}, CODE, None, N, N),
    ({"not": {"path": "web/**"}}, CODE, None, N, N),
    ({"not": {"path": "api/**"}}, CODE, None, Y, Y),
    ({"not": {"in_diff": True}}, CODE, None, Y, N),
    ({"any": [{"kind": "secret"}, {"cwe": 89}]}, CODE, None, Y, Y),
    ({"any": [{"kind": "secret"}, {"cwe": 79}]}, CODE, None, N, N),
    ({"any": [{"kind": "secret"}, {"in_diff": True}]}, CODE, None, Y, N),
    ({"any": [{"in_diff": True}, {"kind": "code"}]}, CODE, None, Y, Y),
    ({"kind": "code", "in_diff": True}, CODE, None, Y, N),
    ({"kind": "secret", "in_diff": True}, CODE, None, N, N),
    ({"in_diff": True, "owner": "x"}, CODE, None, N, N),
    ({"kind": "code", "severity": "high..", "path": "*.py", "cwe": [79, 89]}, CODE, None, Y, Y),
    ({"kind": "code", "any": [{"kind": "secret"}]}, CODE, None, N, N),
    ({}, CODE, None, Y, Y),
]


@pytest.mark.parametrize(("match", "finding", "facts", "fails", "ignores"), KEYS)
def test_a_key(
    match: dict[str, Any], finding: Finding, facts: Facts | None, fails: bool, ignores: bool
) -> None:
    failing = decide(rule(match, why="Because."), finding, facts=facts)
    assert failing.verdict is (Verdict.FAIL if fails else Verdict.PASS)
    line = f":{finding.location.start_line}" if finding.location.uri else ""
    package = " in @a/b 1.0" if finding.package else ""
    where = f" ({finding.location.uri}{line})" if finding.location.uri else ""
    sentence = f"1 problem by rule r: Because. Worst: {finding.rule_id}{package}{where}."
    assert list(failing.failures) == ([sentence] if fails else [])
    # An ignoring rule stands before one that fails everything: it must be sure to take it.
    policy = rule(match, "ignore")
    policy.rules += rule({}).rules
    policy.rules[1].name = "all"
    assert decide(policy, finding, facts=facts).verdict is (
        Verdict.PASS if ignores else Verdict.FAIL
    )
    # A warning rule too: what is not known is not rescued from the stricter rule after it.
    policy.rules[0].action = rule({}, "warn").rules[0].action
    warned = decide(policy, finding, facts=facts)
    assert warned.verdict is (Verdict.PASS if ignores else Verdict.FAIL)
    assert explain_judgement(policy, warned.judgements[0], TODAY)[-1].decisive


def test_a_rule_for_one_of_two_tools_ignores_nothing_that_the_other_says() -> None:
    other = replace(CODE, tool="snyk")
    policy = rule({"tool": "codeql"}, "ignore")
    policy.rules += rule({}).rules
    policy.rules[1].name = "all"
    assert decide(policy, CODE).verdict is Verdict.PASS
    assert decide(policy, CODE, other).verdict is Verdict.FAIL
    assert decide(rule({"tool": "codeql"}), CODE, other).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("action", "limit", "found", "verdict", "said"),
    [
        ("fail", 10, 10, "pass", None),
        ("fail", 10, 11, "fail", "11 found by rule r, at most 10 allowed: Enough. Worst: py/sql"),
        ("fail", 0, 1, "fail", "1 found by rule r, at most 0 allowed: Enough. "),
        ("warn", 1, 1, "pass", None),
        ("warn", 1, 2, "fail", "2 found by rule r, at most 1 allowed: Enough. "),
        ("ignore", 1, 1, "pass", None),
        ("ignore", 1, 2, "fail", "2 found by rule r, at most 1 allowed: Enough. "),
    ],
)
def test_a_limit(action: str, limit: int, found: int, verdict: str, said: str | None) -> None:
    decision = decide(rule({}, action, limit=limit, why="Enough."), CODE, times=found)
    assert decision.verdict == verdict
    assert [s.startswith(said or "-") for s in decision.failures] == ([True] if said else [])
    tolerated = "ignore" if action == "ignore" else "warn"
    assert {j.action for j in decision.judgements} == {"fail" if said else tolerated}


@pytest.mark.parametrize(
    ("days", "verdict", "sentence"),
    [
        (7, "pass", "1 problem is due soon: aws-key (.env:1), due today."),
        (4, "pass", "1 problem is due soon: aws-key (.env:1), due in 3 days, on 2026-11-26."),
        (3, "pass", None),
        (
            8,
            "fail",
            "1 critical problem is overdue: critical problems are to be fixed within 7 days of "
            "being first seen. Longest overdue: aws-key (.env:1), 1 day overdue, due 2026-11-22.",
        ),
        (None, "fail", "nobody knows when 1 critical problem was first seen, so it counts as "),
    ],
)
def test_a_maximum_age(days: int | None, verdict: str, sentence: str | None) -> None:
    policy = validate(Policy, {"name": "p", "max_age": {"critical": "7d"}})
    facts = None if days is None else Facts(first_seen=seen(days))
    decision = decide(policy, SECRET, facts=facts)
    assert decision.verdict == verdict
    said = [*decision.failures, *decision.notes]
    assert [s.startswith(sentence or "-") for s in said] == ([True] if sentence else [])


class OneException:
    """Covers everything."""

    def __init__(self, exception: PolicyException, *, covers: bool = True) -> None:
        self.exception, self.covers = exception, covers

    def covering_gap(self, sentence: str) -> list[PolicyException]:
        return []

    def partial(self) -> Mapping[PolicyException, str]:
        return {}

    def covering(self, group: Group) -> list[PolicyException]:
        return [self.exception] if self.covers else []

    def all(self) -> list[PolicyException]:
        return [self.exception]


@pytest.mark.parametrize(
    ("expires", "refusal", "sentence"),
    [
        (TODAY, None, None),
        (
            TODAY - datetime.timedelta(days=1),
            None,
            "the exception for CVE-1 (e.yaml:3) expired on 2026-11-22; what it covered fails "
            "again: py/sql-injection (web/app/db.py:7).",
        ),
        (
            TODAY,
            "it runs for 400 days, at most 90 are allowed.",
            "the exception for CVE-1 (e.yaml:3) is refused: it runs for 400 days, at most 90 are "
            "allowed; what it covered fails again: py/sql-injection (web/app/db.py:7).",
        ),
    ],
)
def test_an_exception(expires: datetime.date, refusal: str | None, sentence: str | None) -> None:
    exception = PolicyException(source="e.yaml:3", target="CVE-1", expires=expires, refusal=refusal)
    merged = MergedSet(groups=[Group(identity="1", representative=CODE, members=[CODE])])
    decision = judge(rule({}), merged, runs=[RAN], exceptions=OneException(exception), today=TODAY)
    assert decision.verdict is (Verdict.FAIL if sentence else Verdict.PASS)
    assert list(decision.failures[1:]) == ([sentence] if sentence else [])
    assert list(decision.lapsed) == ([exception] if sentence else [])
    assert decision.judgements[0].exception == (None if sentence else exception)
    assert list(decision.unused) == []


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({}, "pass"),
        ({"baseline": BaselineState.UNCHANGED, "in_diff": True}, "pass"),
        ({"baseline": BaselineState.UPDATED, "in_diff": True}, "pass"),
        ({"baseline": BaselineState.NEW}, "pass"),
        ({"baseline": BaselineState.NEW, "in_diff": False}, "pass"),
        ({"baseline": BaselineState.NEW, "in_diff": True}, "fail"),
        ({"baseline": BaselineState.NEW, "exact": True}, "fail"),
        ({"in_diff": True}, "fail"),
        ({"in_diff": False}, "pass"),
    ],
)
def test_an_exception_on_a_line_is_for_what_the_base_has_there(
    facts: dict[str, Any], verdict: str
) -> None:
    exception = PolicyException(source=".gitleaksignore:1", target="a leak", by_line=True)
    decision = judge(
        rule({}),
        MergedSet(groups=[Group(identity="1", representative=SECRET, members=[SECRET])]),
        runs=[RAN],
        facts={"1": Facts(**facts)},
        exceptions=OneException(exception),
        today=TODAY,
    )
    assert decision.verdict.value == verdict


def test_an_unused_exception_is_said() -> None:
    exception = PolicyException(source="e.yaml:3", target="CVE-1")
    none = OneException(exception, covers=False)
    decision = judge(rule({}), MergedSet(), runs=[RAN], exceptions=none, today=TODAY)
    assert list(decision.unused) == [exception]
    assert list(decision.notes) == ["1 decision covers nothing any more: CVE-1 (e.yaml:3)."]


def test_no_exception_is_unused_in_a_scan_of_a_part() -> None:
    none = OneException(PolicyException(source="e.yaml:3", target="CVE-1"), covers=False)
    decision = judge(rule({}), MergedSet(), runs=[RAN], exceptions=none, today=TODAY, narrowed=True)
    assert list(decision.notes) == []


MEDIUM = replace(CODE, severity=Severity.MEDIUM, score=None)
LOW = replace(CODE, severity=Severity.LOW, score=None)
OLD, NEW = Facts(baseline=BaselineState.UNCHANGED), Facts(baseline=BaselineState.NEW)


@pytest.mark.parametrize(
    ("policy", "finding", "facts", "verdict"),
    [
        ("strict", MEDIUM, None, "fail"),
        ("strict", LOW, None, "pass"),
        ("strict", with_secret(verified=False, in_history=True), None, "pass"),
        ("strict", with_secret(verified=None, in_history=True), None, "fail"),
        ("strict", replace(VULN, severity=Severity.MEDIUM), None, "pass"),
        ("pr-gate", SECRET, OLD, "pass"),
        ("pr-gate", SECRET, NEW, "fail"),
        ("pr-gate", SECRET, None, "fail"),
        ("pr-gate", CODE, OLD, "pass"),
        ("pr-gate", CODE, NEW, "fail"),
        ("pr-gate", MEDIUM, NEW, "pass"),
        ("daily", CODE, Facts(first_seen=seen(30)), "pass"),
        ("daily", CODE, Facts(first_seen=seen(31)), "fail"),
        ("daily", MEDIUM, Facts(first_seen=seen(90)), "pass"),
        ("daily", MEDIUM, Facts(first_seen=seen(91)), "fail"),
        ("daily", CODE, None, "fail"),
        ("daily", LOW, None, "pass"),
        ("secrets-only", CODE, None, "pass"),
        ("secrets-only", SECRET, None, "fail"),
        ("seed", CODE, None, "fail"),
        ("seed", SECRET, None, "fail"),
        ("seed", MEDIUM, None, "pass"),
    ],
)
def test_a_built_in(policy: str, finding: Finding, facts: Facts | None, verdict: str) -> None:
    assert decide(load(policy), finding, facts=facts).verdict == verdict


def test_a_policy_may_call_a_tool_optional() -> None:
    broken = ToolOutcome(tool="snyk (code)", component=".", status="failed", reason="no token")
    policy = rule({})
    assert decide(policy, runs=(RAN, broken)).verdict is Verdict.INCOMPLETE
    policy.optional_tools = ["snyk"]
    decision = decide(policy, runs=(RAN, broken))
    assert decision.verdict is Verdict.PASS
    assert "snyk (code) did not complete: no token; it is optional" in decision.notes[0]
