"""What is said to be out of reach is out of reach, whatever is found and known of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from secagg.merge import Group
from secagg.policy import Facts, Policy
from secagg.policy.judge import judge_by_rules
from secagg.policy.match import compile_rules
from secagg.policy.subject import subject
from secagg.policycheck.reach import RuleReach
from tests.policy.strategies import groups, policies
from tests.policy.subjects import TODAY, policy


@settings(max_examples=400, deadline=None)
@given(policies(most=5, keys=2), st.lists(groups(), min_size=5, max_size=20))
def test_a_rule_out_of_reach_is_used_for_nothing(
    policy: Policy, found: list[tuple[Group, Facts]]
) -> None:
    reach = RuleReach(policy)
    rules = compile_rules(policy.rules)
    dead, idle = set(), rules
    for number, compiled in enumerate(rules):
        shadowed = reach.shadow(number) is not None
        # With many earlier rules there are too many profiles: then "decides" says yes.
        if shadowed or not reach.decides(number, range(number)):
            dead.add(compiled.rule.name)
        if shadowed:
            idle = [other for other in idle if other is not compiled]
    empty = {rule.name for rule in policy.rules if not reach.can_hold(rule.match)}
    event("some rule is out of reach" if dead else "every rule can be reached")
    assert empty <= dead
    for group, facts in found:
        judged = subject(policy, group, facts, today=TODAY)
        judgement = judge_by_rules(rules, judged)
        assert judgement.rule not in dead
        # What is said to do nothing can be taken out, all of it at once.
        assert judge_by_rules(idle, judged).rule == judgement.rule
        for compiled in rules:
            if compiled.rule.name in empty:
                assert compiled.matcher.ask(judged) is False


VULN = "vulnerability"


@pytest.mark.parametrize(
    ("match", "possible"),
    [
        ({}, True),
        ({"kind": "code", "in_kev": True}, False),
        ({"kind": ["code", VULN], "in_kev": True}, True),
        ({"kind": "secret", "advisory": "CVE-*"}, False),
        ({"kind": VULN, "verified": False}, False),
        ({"kind": "secret", "in_history_only": False}, True),
        ({"verified": True, "fix_available": False}, False),
        ({"kind": "secret", "not": {"kind": "secret"}}, False),
        ({"not": {}}, False),
        ({"not": {"baseline": "new"}}, True),
        ({"kind": "code", "any": [{"kind": "secret"}, {"scope": "dev"}]}, False),
        ({"kind": "code", "any": [{"kind": "secret"}, {"path": "a"}]}, True),
        ({"severity": "low", "severity_known": False}, False),
        ({"severity": "high", "severity_known": False}, True),
        ({"baseline": "new", "not": {"baseline": "new"}}, True),  # where nobody knows
        ({"owner": "@a/b", "not": {"owner": "@A/B"}}, False),
        ({"owner": "*", "not": {"owner": "@a/*"}}, True),
        ({"tool": "trivy", "not": {"tool": "*"}}, False),
        ({"component": "web", "not": {"component": ["web", "app"]}}, False),
        ({"path": "a", "not": {"path": ["a", "b"]}}, True),
        ({"fix_available": True, "not": {"kind": VULN}}, False),
        ({"epss_at_least": 0.5, "not": {"epss_at_least": 0.2}}, True),
        ({"age_at_least": "9d", "not": {"age_at_least": "0d"}}, True),
    ],
)
def test_matches_that_nothing_can_fulfil(match: dict[str, Any], possible: bool) -> None:
    ours = policy({"match": match})
    assert RuleReach(ours).can_hold(ours.rules[0].match) is possible


def fail(**match: Any) -> dict[str, Any]:
    return {"match": match, "action": "fail"}


def warn(**match: Any) -> dict[str, Any]:
    return {"match": match, "action": "warn"}


def ignore(**match: Any) -> dict[str, Any]:
    return {"match": match, "action": "ignore"}


@pytest.mark.parametrize(
    ("rules", "reached"),
    [
        ([fail(kind="secret"), fail(kind="secret", verified=True)], False),
        ([fail(kind="secret", verified=True), fail(kind="secret")], True),
        # A failing rule takes what is not known, so nothing is left.
        ([fail(in_kev=True), warn(in_kev=True)], False),
        ([fail(in_kev=True), fail(in_kev=True)], False),
        # A warning one leaves it to a failing one, and an ignoring one to any but ignoring ones.
        ([warn(in_kev=True), fail(in_kev=True)], True),
        ([warn(in_kev=True), warn(in_kev=True)], False),
        ([ignore(baseline="existing"), warn(baseline="existing")], True),
        ([ignore(baseline="existing"), ignore(baseline="existing")], False),
        ([ignore(severity="low"), fail(severity="low")], False),
        # What is tolerated up to a limit is less strict than what is not.
        ([{**fail(in_kev=True), "limit": 3}, fail(in_kev=True)], True),
        ([{**fail(kind="code"), "limit": 3}, fail(kind="code")], False),
        # Several together.
        ([warn(severity="high.."), warn(severity="..medium"), fail()], False),
        ([warn(severity="high.."), warn(severity="low..medium"), fail()], True),
        ([fail(kind="secret"), ignore(**{"not": {"kind": "secret"}}), fail()], False),
        ([warn(), fail(severity="critical")], False),
        ([warn(tool="*"), fail(severity="critical")], False),
        ([warn(path="*"), fail(severity="critical")], True),
        ([warn(path="web/"), warn(path="web/", kind="code")], False),
        ([fail(path=["web/", "app/"]), fail(path="web/")], True),
        ([fail(cwe=[79, 89]), warn(cwe=89)], False),
        ([fail(cwe=89), warn(cwe=[79, 89])], True),
        ([fail(score="7.0.."), warn(score="9.0..")], False),
        ([fail(score="9.0.."), warn(score="7.0..")], True),
        ([fail(epss_at_least=0.2), warn(epss_at_least=0.5)], False),
        ([fail(epss_at_least=0.5), warn(epss_at_least=0.2)], True),
        ([fail(age_at_least="7d"), warn(age_at_least="30d")], False),
        ([fail(dependency="direct"), fail(dependency="transitive"), warn(kind=VULN)], False),
        ([fail(scope="dev"), fail(scope="runtime"), warn(kind=VULN)], True),
        # What only a finding can have of which something is not known, not there, or below.
        (
            [ignore(severity="high", score="7.5.."), warn(severity="high", score="7.5..")],
            True,
        ),
        ([ignore(kind=VULN, **{"not": {"epss_at_least": 0.5}})], True),
        ([ignore(**{"not": {"age_at_least": "7d"}})], True),
        ([ignore(**{"not": {"age_at_least": "0d"}})], False),
        ([ignore(verified=True), warn(verified=True)], True),
        ([fail(verified=True), fail(verified=False), warn(kind="secret")], True),
        ([fail(in_history_only=True), fail(in_history_only=False), warn(kind="secret")], True),
        ([fail(score="0..10"), warn()], True),
        # Where nobody knows, the warning outweighs what would be ignored.
        ([warn(in_diff=True), warn(in_diff=False), ignore()], False),
        ([warn(in_diff=True), warn(in_diff=False), fail()], True),
    ],
)
def test_which_rules_are_reached(rules: list[dict[str, Any]], reached: bool) -> None:
    assert RuleReach(policy(*rules)).decides(len(rules) - 1, range(len(rules) - 1)) is reached


def test_a_rule_that_stops_others_does_something() -> None:
    # Where nobody knows of KEV, two warn, and the third keeps the fourth from failing.
    rules = [warn(in_kev=True), warn(in_kev=False), ignore(kind=VULN)]
    stopping = policy(*rules, fail(kind=VULN))
    assert not RuleReach(stopping).decides(2, [0, 1])
    assert RuleReach(stopping).shadow(2) is None
    assert RuleReach(policy(*rules)).shadow(2) == [0, 1]
    assert RuleReach(policy(fail(), warn(kind=VULN), warn())).shadow(1) == [0]


def test_what_is_too_much_to_look_at_counts_as_reached() -> None:
    many = [
        warn(path=f"p{n}", rule=f"r{n}", tool=f"t{n}", package=f"k{n}", owner=f"o{n}")
        for n in range(8)
    ]
    ours = policy(*many, warn(kind="code"), warn(**{"not": {"kind": "code"}}), warn(), fail())
    reach = RuleReach(ours)
    assert reach.shadow(9) is None and reach.shadow(10) is None
    # One rule before it is enough, whatever the others are.
    assert reach.shadow(11) == [10]
