"""The chain of ``secagg gate --explain``, word for word."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from secagg.model.finding import Finding, Kind, Package, Severity
from secagg.policy import BaselineState, Facts, PolicyException
from secagg.policy.match import RuleStep, explain_judgement
from tests.policy.subjects import TODAY, Given, decide, group, only, policy, secret, vulnerable

NIGHT = datetime.datetime(
    2026, 11, 20, 23, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=-2))
)
NOTHING = "nothing that a finding of this kind has"


def steps(
    match: dict[str, Any], finding: Finding, facts: Facts | None = None, **more: Any
) -> list[RuleStep]:
    ours = policy({"match": match, **more})
    known = {"a" * 32: facts} if facts is not None else {}
    judgement = only(decide(ours, group(finding), facts=known))
    return explain_judgement(ours, judgement, TODAY)


@pytest.mark.parametrize(
    ("match", "finding", "facts", "why"),
    [
        ({"kind": "secret"}, vulnerable(), None, "kind is vulnerability, the rule wants secret"),
        (
            {"kind": ["secret", "code", "license"]},
            vulnerable(),
            None,
            "kind is vulnerability, the rule wants secret, code or license",
        ),
        ({"severity": "low"}, vulnerable(), None, "severity is critical, the rule wants low"),
        (
            {"severity": "low..medium"},
            vulnerable(),
            None,
            "severity is critical, the rule wants medium or low",
        ),
        (
            {"severity_known": False},
            vulnerable(),
            None,
            "severity_known is true, the rule wants false",
        ),
        (
            {"score": "1.0..2.0"},
            vulnerable(score=9.1),
            None,
            "score is 9.1, the rule wants 1.0..2.0",
        ),
        (
            {"score": "1.0..2.0"},
            vulnerable(),
            None,
            "score is not given, within 9.0 to 10.0 by its severity, the rule wants 1.0..2.0",
        ),
        ({"tool": "snyk"}, vulnerable(), None, "tool is trivy, the rule wants snyk"),
        ({"rule": "CVE-1*"}, vulnerable(), None, "rule is CVE-2019-10744, the rule wants CVE-1*"),
        (
            {"advisory": "CVE-2020-*"},
            vulnerable(),
            None,
            "advisory is CVE-2019-10744, GHSA-jf85-cpcp-j695, the rule wants CVE-2020-*",
        ),
        ({"advisory": "CVE-2020-*"}, secret(), None, "advisory is none, the rule wants CVE-2020-*"),
        ({"cwe": 79}, vulnerable(), None, "cwe is CWE-1321, the rule wants CWE-79"),
        ({"cwe": 79}, secret(), None, "cwe is none, the rule wants CWE-79"),
        ({"package": "next"}, vulnerable(), None, "package is lodash@4.17.4, the rule wants next"),
        ({"package": "next"}, secret(), None, "package is none, the rule wants next"),
        (
            {"path": "app/"},
            vulnerable(),
            None,
            "path is web/package-lock.json, the rule wants app/",
        ),
        ({"component": "app"}, vulnerable(), None, "component is web, the rule wants app"),
        ({"component": "app"}, secret(), None, "component is ., the rule wants app"),
        (
            {"fix_available": True},
            vulnerable(),
            None,
            "fix_available is false, the rule wants true",
        ),
        (
            {"fix_available": False},
            vulnerable(fixed_versions=("4.17.12",)),
            None,
            "fix_available is true, the rule wants false",
        ),
        (
            {"fix_available": True},
            secret(),
            None,
            f"fix_available is {NOTHING}, the rule wants true",
        ),
        (
            {"dependency": "direct"},
            vulnerable(direct=False),
            None,
            "dependency is transitive, the rule wants direct",
        ),
        (
            {"dependency": "transitive"},
            vulnerable(direct=True),
            None,
            "dependency is direct, the rule wants transitive",
        ),
        (
            {"scope": "dev"},
            vulnerable(scope="runtime"),
            None,
            "scope is runtime, the rule wants dev",
        ),
        (
            {"verified": True},
            secret(verified=False),
            None,
            "verified is false, the rule wants true",
        ),
        ({"verified": True}, vulnerable(), None, f"verified is {NOTHING}, the rule wants true"),
        (
            {"in_history_only": True},
            secret(),
            None,
            "in_history_only is false, the rule wants true",
        ),
        (
            {"in_history_only": False},
            secret(history=True),
            None,
            "in_history_only is true, the rule wants false",
        ),
        (
            {"epss_at_least": 0.5},
            vulnerable(epss=0.2),
            None,
            "epss is 0.2, the rule wants at least 0.5",
        ),
        (
            {"epss_at_least": 0.5},
            vulnerable(epss=0.9),
            Facts(epss=0.1),
            "epss is 0.1, the rule wants at least 0.5",
        ),
        ({"in_kev": True}, vulnerable(kev=False), None, "in_kev is false, the rule wants true"),
        (
            {"in_kev": False},
            vulnerable(kev=False),
            Facts(kev=True),
            "in_kev is true, the rule wants false",
        ),
        (
            {"age_at_least": "30d"},
            vulnerable(),
            Facts(first_seen=NIGHT),
            "age is 2 days, the rule wants at least 30",
        ),
        (
            {"age_at_least": "30d"},
            vulnerable(),
            Facts(first_seen=datetime.datetime(2026, 11, 22, 23, 59)),  # noqa: DTZ001
            "age is 1 day, the rule wants at least 30",
        ),
        (
            {"baseline": "new"},
            vulnerable(),
            Facts(baseline=BaselineState.UPDATED),
            "baseline is updated, the rule wants new",
        ),
        (
            {"in_diff": True},
            vulnerable(),
            Facts(in_diff=False),
            "in_diff is false, the rule wants true",
        ),
        (
            {"owner": ["@a/*", "@b/*"]},
            vulnerable(),
            Facts(owners=("@d/two", "@c/one")),
            "owner is @c/one, @d/two, the rule wants @a/* or @b/*",
        ),
        ({"owner": "@a/*"}, vulnerable(), None, "owner is none, the rule wants @a/*"),
        (
            {"any": [{"kind": "code"}, {"severity": "low"}]},
            vulnerable(),
            None,
            "no alternative under any holds: kind is vulnerability, the rule wants code; "
            "severity is critical, the rule wants low",
        ),
        ({"not": {"severity": "critical"}}, vulnerable(), None, "the condition under not holds"),
        (
            {"any": [{"severity": "critical"}], "not": {"severity": "critical"}},
            vulnerable(),
            None,
            "the condition under not holds",
        ),
    ],
)
def test_a_rule_that_refuses_says_by_which_key(
    match: dict[str, Any], finding: Finding, facts: Facts | None, why: str
) -> None:
    assert steps(match, finding, facts) == [
        RuleStep("rule r1", False, why),
        RuleStep("default", True, "no rule takes it, so it is ignored", decisive=True),
    ]


def test_a_rule_that_matches_ends_the_chain() -> None:
    ours = policy(
        {"match": {"kind": "secret"}},
        {"match": {"severity": "critical"}, "action": "warn"},
        {"match": {}},
    )
    judgement = only(decide(ours, group(vulnerable())))
    assert explain_judgement(ours, judgement, TODAY) == [
        RuleStep("rule r1", False, "kind is vulnerability, the rule wants secret"),
        RuleStep("rule r2", True, "every key matches: warn", decisive=True),
    ]


def test_what_is_not_known_is_named() -> None:
    found = steps({"baseline": "new", "in_diff": True}, vulnerable())
    assert found == [RuleStep("rule r1", None, "not known: baseline, in_diff", decisive=True)]


def test_exceptions_and_ages_come_after_the_rules() -> None:
    ours = policy({"match": {}}, max_age={"critical": 7})
    held = PolicyException(
        source="x.yaml:3",
        target="CVE-2019-10744",
        reason="not reachable",
        expires=datetime.date(2026, 12, 1),
    )
    ended = PolicyException(source="x.yaml:9", target="lodash", expires=datetime.date(2026, 11, 22))
    refused = PolicyException(source=".snyk", target="web", refusal="it has no reason")
    given = Given(**{"a" * 32: [ended, held, refused]})
    judgement = only(decide(ours, group(vulnerable()), exceptions=given))
    assert explain_judgement(ours, judgement, TODAY) == [
        RuleStep("rule r1", True, "every key matches: fail", decisive=True),
        RuleStep("decision accepted", False, "lodash (x.yaml:9): it expired on 2026-11-22"),
        RuleStep("decision accepted", False, "web (.snyk): it has no reason"),
        RuleStep(
            "decision accepted",
            True,
            "CVE-2019-10744 (x.yaml:3), until 2026-12-01: not reachable",
            decisive=True,
        ),
    ]
    bare = Given(**{"a" * 32: [PolicyException(source="SARIF", target="it")]})
    judgement = only(decide(ours, group(vulnerable()), exceptions=bare))
    assert explain_judgement(ours, judgement, TODAY)[-1] == RuleStep(
        "decision accepted", True, "it (SARIF): no reason given", decisive=True
    )


@pytest.mark.parametrize(
    ("day", "action", "last"),
    [
        (1, "warn", RuleStep("max_age", True, "it was due on 2026-11-08", decisive=True)),
        (1, "fail", RuleStep("max_age", True, "it was due on 2026-11-08")),
        (16, "warn", RuleStep("max_age", False, "it is due on 2026-11-23")),
        (
            None,
            "warn",
            RuleStep("max_age", True, "nobody knows when it was first seen", decisive=True),
        ),
    ],
)
def test_ages_say_their_day(day: int | None, action: str, last: RuleStep) -> None:
    ours = policy({"match": {}, "action": action}, max_age={"critical": 7})
    facts = {}
    if day is not None:
        facts = {"a" * 32: Facts(first_seen=datetime.datetime(2026, 11, day, tzinfo=datetime.UTC))}
    judgement = only(decide(ours, group(vulnerable()), facts=facts))
    assert explain_judgement(ours, judgement, TODAY)[-1] == last


def test_kinds_without_packages_have_no_advisories_but_their_rule() -> None:
    finding = vulnerable()
    finding.vulnerability = None
    assert steps({"advisory": "CVE-2019-*"}, finding)[0].matched is True
    assert steps({"package": "pkg:npm/lodash"}, finding)[0].matched is True
    finding.kind = Kind.LICENSE
    assert steps({"advisory": "CVE-2019-*"}, finding)[0].matched is False


@pytest.mark.parametrize(
    ("glob", "package", "matched"),
    [
        ("pkg:npm/%40types/node", Package(type="npm", name="@types/node"), True),
        ("pkg:npm/@types/node@1", Package(type="npm", name="@types/node", version="1"), True),
        ("pkg:npm/@types/node@1", Package(type="npm", name="@types/node", version="2"), False),
        ("pkg:npm/@types/node@1", Package(type="npm", name="@types/node"), None),
        ("pkg:npm/@types/*", Package(type="npm", name="@types/node"), True),
        ("pkg:pypi/Ruamel_YAML", Package(type="pypi", name="ruamel.yaml"), True),
        ("pkg:npm/ruamel_yaml", Package(type="npm", name="ruamel-yaml"), False),
        ("pkg:maven/org.a/b", Package(type="maven", name="org.a:b"), True),
        (
            "pkg:deb/debian/openssl",
            Package(type="deb", name="openssl", purl="pkg:deb/debian/openssl@1?arch=amd64"),
            True,
        ),
        ("lodash", Package(type="npm", name="lodash"), True),
        ("LODASH", Package(type="npm", name="lodash"), True),
        ("lo*", Package(type="npm", name="lodash", purl="pkg:npm/lodash@1"), True),
        ("dash", Package(type="npm", name="lodash"), False),
        ("pkg:npm/dash", Package(type="npm", name="lodash"), False),
    ],
)
def test_packages_by_purl_or_name(glob: str, package: Package, matched: bool | None) -> None:
    assert steps({"package": glob}, vulnerable(package=package))[0].matched is matched


def test_severity_of_an_unknown_tool_counts_as_high() -> None:
    low = vulnerable(tool="grype", severity=Severity.LOW)
    assert only(decide(policy({"match": {}}), group(low))).severity is Severity.HIGH
    known = policy({"match": {}}, known_tools=["grype"])
    assert only(decide(known, group(low))).severity is Severity.LOW
