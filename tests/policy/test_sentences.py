"""What a decision says, word for word."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from secagg.history.document import encode
from secagg.model.finding import Location, Package, Severity
from secagg.pipeline.record import problem_of
from secagg.policy import BaselineState, Facts, PolicyException, ToolOutcome, Verdict
from secagg.policy.model import asks_for_age, asks_for_intel
from secagg.policy.reasons import short_title
from secagg.policy.subject import subject
from tests.policy import subjects
from tests.policy.subjects import (
    COMPLETE,
    TODAY,
    Given,
    decide,
    group,
    only,
    policy,
    secret,
    vulnerable,
)

A, B = "a" * 32, "b" * 32
LODASH = "CVE-2019-10744 in lodash 4.17.4 (web/package-lock.json:3)"


def many(number: int, **known: Any) -> list[Any]:
    """Groups on lines 1 to ``number``."""
    return [
        group(
            vulnerable(location=Location(uri="p.lock", start_line=n), **known), identity=f"{n:032}"
        )
        for n in range(1, number + 1)
    ]


def seen(day: int) -> Facts:
    return Facts(first_seen=datetime.datetime(2026, 11, day, tzinfo=datetime.UTC))


def test_unknown_facts_are_told_once_a_rule() -> None:
    ours = policy(
        {"match": {"baseline": "new", "in_diff": True, "kind": "vulnerability"}, "why": "New."},
        {"match": {"verified": True}},
    )
    decision = decide(ours, *many(2), group(secret()))
    assert decision.notes == [
        "rule r1 took 2 problems of which it is not known whether they are new and whether the "
        "change touches them: what is not known counts as the stricter answer (compare with "
        "--baseline, name the change with --diff).",
        "rule r2 took 1 problem of which it is not known whether the secrets are live: "
        "what is not known counts as the stricter answer.",
    ]
    assert only(decide(ours, group(secret()))).unknown == ("verified",)


def test_sources_that_differ_are_told() -> None:
    two = group(secret(), secret(tool="trivy"))
    decision = decide(policy({"match": {"tool": "trivy"}}), two)
    assert decision.notes == [
        "rule r1 took 1 problem of which it is not known what tool is for all sources: "
        "what is not known counts as the stricter answer."
    ]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1, "1 problem of grype counts as worse than reported"),
        (2, "2 problems of grype count as worse than reported"),
    ],
)
def test_unknown_tools_are_told(number: int, said: str) -> None:
    found = many(number, tool="grype", severity=Severity.LOW)
    decision = decide(policy({"match": {}}), *found, group(secret()))
    assert decision.notes == [
        f"{said}, because the policy does not know the tool: name it under known_tools "
        "to take its word."
    ]
    high = many(1, tool="grype", severity=Severity.HIGH)
    assert decide(policy({"match": {}}), *high).notes == []


def test_limits_are_told_before_and_beyond() -> None:
    ours = policy({"match": {}, "limit": 2, "why": "Too many."})
    within = decide(ours, *many(2))
    assert (within.verdict, within.notes) == (Verdict.PASS, ["2 found by rule r1, 2 allowed."])
    beyond = decide(ours, *many(3))
    assert beyond.failures == [
        "3 found by rule r1, at most 2 allowed: Too many. Worst: "
        "CVE-2019-10744 in lodash 4.17.4 (p.lock:1), CVE-2019-10744 in lodash 4.17.4 (p.lock:2), "
        "CVE-2019-10744 in lodash 4.17.4 (p.lock:3)."
    ]
    assert beyond.notes == []
    assert decide(ours).notes == []


def test_a_rule_without_words_names_the_worst() -> None:
    found = [*many(4), group(vulnerable(score=9.9, cwes=()), identity=B)]
    assert decide(policy({"match": {}}), *found).failures == [
        f"5 problems by rule r1. Worst: {LODASH}, CVE-2019-10744 in lodash 4.17.4 (p.lock:1), "
        "CVE-2019-10744 in lodash 4.17.4 (p.lock:2) and 2 more."
    ]


def test_the_rule_with_the_worst_finding_comes_first() -> None:
    ours = policy({"match": {"kind": "secret"}}, {"match": {}})
    first, second = decide(ours, group(secret()), group(vulnerable(), identity=B)).failures
    assert first.startswith("1 problem by rule r2. Worst: CVE-2019-10744")
    assert second == "1 problem by rule r1. Worst: github-pat (app/settings.py:7)."


def test_lapsed_exceptions_are_told_by_what_they_do() -> None:
    ended = PolicyException(source="x.yaml:9", target="lodash", expires=datetime.date(2026, 11, 22))
    refused = PolicyException(source=".snyk", target="web", refusal="it has no reason.")
    given = Given(**{A: [ended], B: [refused]})
    found = (group(vulnerable(), identity=A), group(secret(), identity=B))
    failing = decide(policy({"match": {}}), *found, exceptions=given)
    assert failing.failures[1:] == [
        f"the exception for lodash (x.yaml:9) expired on 2026-11-22; what it covered fails again: "
        f"{LODASH}.",
        "the exception for web (.snyk) is refused: it has no reason; what it covered fails again: "
        "github-pat (app/settings.py:7).",
    ]
    assert list(failing.lapsed) == [ended, refused]
    assert list(failing.unused) == []
    passing = decide(policy({"match": {}, "action": "warn"}), *found, exceptions=given)
    assert passing.verdict is Verdict.PASS
    assert passing.notes == [
        "the exception for lodash (x.yaml:9) expired on 2026-11-22; what it covers does not fail "
        f"the gate: {LODASH}.",
        "the exception for web (.snyk) is refused: it has no reason; what it covers does not fail "
        "the gate: github-pat (app/settings.py:7).",
    ]
    both = decide(
        policy({"match": {"kind": "secret"}}), *found, exceptions=Given(**{A: [ended], B: [ended]})
    )
    assert both.notes == []
    assert len(both.failures) == 2


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1, "1 decision covers nothing any more: t0 (f:0)."),
        (
            5,
            "5 decisions cover nothing any more: t0 (f:0), t1 (f:1), t2 (f:2), t3 (f:3), t4 (f:4).",
        ),
        (
            7,
            "7 decisions cover nothing any more: t0 (f:0), t1 (f:1), t2 (f:2), t3 (f:3), "
            "t4 (f:4) and 2 more.",
        ),
    ],
)
def test_unused_exceptions_are_told(number: int, said: str) -> None:
    unused = [PolicyException(source=f"f:{n}", target=f"t{n}") for n in range(number)]
    decision = decide(
        policy({"match": {}}), group(secret(), identity=B), exceptions=Given(x=unused)
    )
    assert decision.notes == [said]
    assert list(decision.unused) == unused


def test_an_exception_in_force_takes_out_one_only() -> None:
    held = PolicyException(source="x:1", target="t", expires=TODAY)
    found = (group(vulnerable(), identity=A), group(secret(), identity=B))
    decision = decide(policy({"match": {}}), *found, exceptions=Given(**{A: [held]}))
    assert [(j.action, j.exception) for j in decision.judgements] == [
        ("ignore", held),
        ("fail", None),
    ]
    assert decision.failures == ["1 problem by rule r1. Worst: github-pat (app/settings.py:7)."]
    assert (list(decision.unused), list(decision.lapsed)) == ([], [])


def test_ages_are_told_by_severity() -> None:
    ours = policy({"match": {}, "action": "warn"}, max_age={"critical": "1w", "high": "30d"})
    late = [
        group(vulnerable(location=Location(uri="p", start_line=n)), identity=f"{n:032}")
        for n in (1, 2)
    ]
    facts = {f"{1:032}": seen(15), f"{2:032}": seen(2)}
    decision = decide(ours, *late, group(secret(), identity=B), facts=facts)
    assert decision.failures == [
        "2 critical problems are overdue: critical problems are to be fixed within 7 days of "
        "being first seen. Longest overdue: CVE-2019-10744 in lodash 4.17.4 (p:2), 14 days overdue, "
        "due 2026-11-09; CVE-2019-10744 in lodash 4.17.4 (p:1), 1 day overdue, due 2026-11-22.",
        "nobody knows when 1 high problem was first seen, so it counts as overdue (30 days "
        "allowed): judge with a history of earlier scans. Worst: github-pat (app/settings.py:7).",
    ]
    assert [j.why for j in decision.judgements] == [
        "critical problems are to be fixed within 7 days of being first seen; this one was "
        "due 2026-11-22.",
        "critical problems are to be fixed within 7 days of being first seen; this one was "
        "due 2026-11-09.",
        "high problems are to be fixed within 30 days of being first seen, and nobody knows when "
        "this one was.",
    ]
    assert {j.rule for j in decision.judgements} == {"max_age"}


def test_what_is_kept_of_an_overdue_finding_is_the_same_every_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The history keeps every text that changes."""
    ours = policy({"match": {}, "action": "warn"}, max_age={"critical": 7})
    late = group(vulnerable(), identity=A)
    kept = set()
    for days in range(1, 4):
        monkeypatch.setattr(subjects, "TODAY", TODAY + datetime.timedelta(days=days))
        judged = only(decide(ours, late, facts={A: seen(1)}))
        assert judged.overdue
        kept.add(encode(problem_of(judged)))
    assert len(kept) == 1


def test_two_without_dates_are_they() -> None:
    ours = policy({"match": {}, "action": "warn"}, max_age={"critical": 7})
    (said,) = decide(ours, *many(2)).failures
    assert "when 2 critical problems were first seen, so they count as overdue" in said


def test_what_is_due_soon_is_told() -> None:
    ours = policy({"match": {}, "action": "warn"}, max_age={"critical": 7})
    days = {1: 16, 2: 17, 3: 19, 4: 20}
    found = many(4)
    decision = decide(ours, *found, facts={f"{n:032}": seen(day) for n, day in days.items()})
    name = "CVE-2019-10744 in lodash 4.17.4"
    assert decision.notes == [
        f"3 problems are due soon: {name} (p.lock:1), due today; {name} (p.lock:2), due in 1 day, "
        f"on 2026-11-24; {name} (p.lock:3), due in 3 days, on 2026-11-26."
    ]
    alone = decide(ours, found[0], facts={f"{1:032}": seen(16)})
    assert alone.notes == [f"1 problem is due soon: {name} (p.lock:1), due today."]
    assert alone.verdict is Verdict.PASS


def test_what_is_ignored_by_name_has_no_age() -> None:
    ours = policy({"match": {}, "action": "ignore"}, max_age={"critical": 7})
    judgement = only(decide(ours, group(vulnerable()), facts={A: seen(1)}))
    assert (judgement.due, judgement.overdue, judgement.action) == (None, False, "ignore")
    unnamed = policy({"match": {"kind": "code"}}, max_age={"critical": 7})
    judgement = only(decide(unnamed, group(vulnerable()), facts={A: seen(1)}))
    assert (judgement.due, judgement.action) == (datetime.date(2026, 11, 8), "fail")


def test_tools_that_failed_are_told() -> None:
    def run(status: str, **known: Any) -> ToolOutcome:
        return ToolOutcome(
            **({"tool": "snyk (code)", "component": "web", "status": status} | known)
        )

    broken = run("failed", reason="no token", hint="set SNYK_TOKEN")
    decision = decide(policy({"match": {}}), runs=(broken, COMPLETE))
    assert decision.verdict is Verdict.INCOMPLETE
    assert decision.gaps == ["snyk (code) in web did not complete: no token (set SNYK_TOKEN)"]
    decision = decide(policy({"match": {}}), runs=(run("failed"), COMPLETE))
    assert decision.gaps == ["snyk (code) in web did not complete: no reason given"]
    optional = policy({"match": {}}, optional_tools="snyk")
    decision = decide(optional, runs=(broken, COMPLETE))
    assert decision.verdict is Verdict.PASS
    assert decision.notes == [
        "snyk (code) in web did not complete: no token (set SNYK_TOKEN); it is optional, so the "
        "rest is judged without it"
    ]
    assert decide(policy({"match": {}}), runs=(run("failed", optional=True), COMPLETE)).gaps == []
    nothing = ["no tool completed, so problems may be missing"]
    assert decide(optional, runs=(broken,)).gaps == nothing
    assert decide(optional, runs=(run("skipped"),)).gaps == nothing


@pytest.mark.parametrize(
    ("location", "package", "name"),
    [
        (Location(image="nginx:1"), None, "CVE-2019-10744 (nginx:1)"),
        (Location(logical="Users#show"), None, "CVE-2019-10744 (Users#show)"),
        (Location(image="nginx:1", start_line=3), None, "CVE-2019-10744 (nginx:1)"),
        (Location(), None, "CVE-2019-10744"),
        (Location(uri="a"), Package(type="npm", name="x"), "CVE-2019-10744 in x (a)"),
    ],
)
def test_a_finding_in_a_few_words(location: Location, package: Package | None, name: str) -> None:
    assert short_title(group(vulnerable(location=location, package=package))) == name


@pytest.mark.parametrize(
    ("rules", "intel", "age"),
    [
        ([{}], False, False),
        ([{"epss_at_least": 0.0}], True, False),
        ([{"in_kev": False}], True, False),
        ([{"age_at_least": 0}], False, True),
        ([{}, {"any": [{}, {"not": {"in_kev": True}}]}], True, False),
        ([{"not": {"any": [{"age_at_least": 3}]}}, {}], False, True),
    ],
)
def test_nothing_is_read_that_no_rule_asks_for(
    rules: list[dict[str, Any]], intel: bool, age: bool
) -> None:
    ours = policy(*({"match": match} for match in rules))
    assert (asks_for_intel(ours), asks_for_age(ours)) == (intel, age)
    assert asks_for_age(policy({"match": {}}, max_age={"low": 3}))


def test_a_subject_is_a_group_as_the_policy_sees_it() -> None:
    facts = Facts(baseline=BaselineState.NEW)
    low = group(vulnerable(severity=Severity.LOW, severity_known=False))
    seen_so = subject(policy({"match": {}}), low, facts, today=TODAY)
    assert (seen_so.group, seen_so.severity, seen_so.facts, seen_so.today) == (
        low,
        Severity.HIGH,
        facts,
        TODAY,
    )
    worse = group(vulnerable(severity_known=False))
    assert subject(policy({"match": {}}), worse, today=TODAY).severity is Severity.CRITICAL
    medium = policy({"match": {}}, unknown_severity="medium")
    assert subject(medium, low, today=TODAY).severity is Severity.MEDIUM
