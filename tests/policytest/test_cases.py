"""Cases of policy tests: what they say of a finding reaches the judge, and mismatches are told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from secagg.errors import ConfigError
from secagg.output.grid import Style
from secagg.output.policy import results_junit, results_text, yaml_text
from secagg.policytest.model import load_tests
from secagg.policytest.run import FileResult, Mismatch, run_test_file

DOCS = Path(__file__).parents[2] / "docs" / "policies.md"


def ran(tmp_path: Path, match: dict[str, Any], finding: dict[str, Any], **case: Any) -> FileResult:
    """One case about one finding, by a policy whose only rule fails what ``match`` takes."""
    rules = [{"name": "it", "match": match, "action": "fail", "why": "It is bad."}]
    (tmp_path / "p.yaml").write_text(yaml_text({"name": "p", "rules": rules}))
    given = {"name": "one", "verdict": "fail", "findings": [finding]} | case
    document = {"policy": "p.yaml", "today": "2026-11-24", "cases": [given]}
    (tmp_path / "t.yaml").write_text(yaml_text(document))
    return run_test_file(load_tests(tmp_path / "t.yaml"))


def passed(result: FileResult) -> bool:
    return all(case.passed for case in result.cases)


def mismatch(result: FileResult) -> Mismatch:
    (only,) = result.cases[0].mismatches
    return only


VULN = {"kind": "vulnerability", "severity": "high"}
SECRET = {"kind": "secret", "severity": "high"}


@pytest.mark.parametrize(
    ("match", "hit", "miss"),
    [
        ({"kind": "secret"}, SECRET, VULN),
        ({"severity": "high"}, VULN, VULN | {"severity": "low"}),
        ({"severity_known": False}, {"kind": "code"}, {"kind": "code", "severity": "none"}),
        ({"score": "7.0..8.9"}, VULN | {"score": 7.5}, VULN | {"score": 9.1}),
        ({"tool": "snyk"}, VULN | {"tool": "snyk"}, VULN),
        ({"tool": "trivy"}, VULN, VULN | {"tool": ["snyk"]}),
        ({"rule": "py/*"}, {"kind": "code", "rule": "py/x"}, {"kind": "code", "rule": "js/x"}),
        ({"advisory": "GHSA-*"}, VULN | {"advisory": ["CVE-1-1", "GHSA-a"]}, VULN),
        ({"cwe": 79}, VULN | {"cwe": "CWE-79"}, VULN | {"cwe": [89]}),
        ({"package": "pkg:npm/@a/*"}, VULN | {"package": "pkg:npm/%40a/b@1"}, VULN),
        ({"package": "pkg:npm/@a/b"}, VULN | {"package": "pkg:npm/@a/b@1"}, VULN),
        ({"package": "org.a:b"}, VULN | {"package": "pkg:maven/org.a/b@1"}, VULN),
        ({"package": "openssl"}, VULN | {"package": "pkg:deb/debian/openssl@1"}, VULN),
        ({"path": "docs/"}, VULN | {"path": "docs/a"}, VULN | {"path": "a"}),
        ({"component": "web"}, VULN | {"component": "web"}, VULN),
        ({"fix_available": True}, VULN | {"fix_available": True}, VULN),
        ({"fix_available": False}, VULN, VULN | {"fix_available": True}),
        ({"dependency": "direct"}, VULN, VULN | {"dependency": "transitive"}),
        ({"dependency": "transitive"}, VULN, VULN | {"dependency": "direct"}),
        ({"scope": "dev"}, VULN | {"scope": "dev"}, VULN | {"scope": "runtime"}),
        ({"verified": True}, SECRET, SECRET | {"verified": False}),
        ({"in_history_only": True}, SECRET | {"in_history_only": True}, SECRET),
        ({"epss_at_least": 0.5}, VULN | {"epss": 0.5}, VULN | {"epss": 0.4}),
        ({"in_kev": True}, VULN | {"in_kev": True}, VULN | {"in_kev": False}),
        ({"age_at_least": "7d"}, VULN | {"age": "7d"}, VULN | {"age": 6}),
        ({"age_at_least": "7d"}, VULN | {"first_seen": "2026-11-17"}, VULN | {"age": "0d"}),
        ({"baseline": "new"}, VULN | {"baseline": "new"}, VULN | {"baseline": "existing"}),
        ({"in_diff": True}, VULN | {"in_diff": True}, VULN | {"in_diff": False}),
        ({"owner": "@a/*"}, VULN | {"owner": "@a/b"}, VULN | {"owner": ["@c/d"]}),
    ],
)
def test_what_a_finding_says_reaches_the_rule(
    tmp_path: Path, match: dict[str, Any], hit: dict[str, Any], miss: dict[str, Any]
) -> None:
    assert passed(ran(tmp_path, match, hit | {"expect": {"action": "fail", "rule": "it"}}))
    missed = miss | {"expect": {"action": "ignore", "rule": "none"}}
    assert passed(ran(tmp_path, match, missed, verdict="pass"))
    # And each of the two expectations would have failed the other way round.
    assert not passed(ran(tmp_path, match, hit | {"expect": "ignore"}))
    assert not passed(ran(tmp_path, match, miss, verdict="fail"))


@pytest.mark.parametrize(
    ("expect", "what", "expected", "actual"),
    [
        ("warn", "action", "warn", "fail"),
        ({"rule": "other"}, "rule", "other", "it"),
        ({"counted_as": "low"}, "counted_as", "low", "high"),
        # The older word.
        ({"counts_as": "low"}, "counts_as", "low", "high"),
        ({"excepted": True}, "excepted", "true", "false"),
        ({"says": "is good"}, "sentence", "a sentence with 'is good'", "others"),
    ],
)
def test_each_expectation_can_fail(
    tmp_path: Path, expect: Any, what: str, expected: str, actual: str
) -> None:
    found = mismatch(ran(tmp_path, {}, VULN | {"expect": expect}))
    assert (found.aspect, found.expected, found.actual) == (what, expected, actual)
    assert [step.why for step in found.steps] == ["every key matches: fail"]
    assert re.fullmatch(r".*t\.yaml:\d+:\d+", found.where)


def test_what_is_expected_rightly_passes(tmp_path: Path) -> None:
    expect = {
        "action": "fail",
        "rule": "it",
        "counted_as": "high",
        "excepted": False,
        "says": "BAD",
    }
    assert passed(ran(tmp_path, {}, VULN | {"expect": expect}, says=["1 problem by rule it"]))


def test_a_verdict_that_is_another_says_what_became_of_the_findings(tmp_path: Path) -> None:
    found = mismatch(ran(tmp_path, {"kind": "secret"}, VULN | {"times": 3}))
    assert (found.expected, found.actual) == ("fail", "pass")
    assert found.shown == ["any-vulnerability: ignore by no rule (3 times)"]
    found = mismatch(ran(tmp_path, {}, VULN, verdict="pass"))
    assert found.shown == ["1 problem by rule it: It is bad. Worst: any-vulnerability."]
    (only,) = ran(tmp_path, {}, VULN, says="no such words").cases[0].mismatches
    assert (only.aspect, only.expected) == ("sentence", "a sentence with 'no such words'")


def test_findings_of_one_case_are_different_problems(tmp_path: Path) -> None:
    findings = [VULN, VULN | {"baseline": "new", "expect": "fail"}, SECRET | {"times": 4}]
    result = ran(tmp_path, {}, VULN, findings=findings, says="6 problems by rule it")
    assert passed(result)


def test_several_tools_are_one_problem(tmp_path: Path) -> None:
    tools = VULN | {"tool": ["trivy", "snyk"]}
    assert passed(ran(tmp_path, {}, tools, says="1 problem by rule it"))
    # A rule that is about one of them only does not know, and failing takes it.
    assert passed(ran(tmp_path, {"tool": "snyk"}, tools | {"expect": "fail"}))


@pytest.mark.parametrize("where", ["case", "file", "exceptions_file"])
def test_exceptions_hold_through_their_last_day(tmp_path: Path, where: str) -> None:
    (tmp_path / "p.yaml").write_text("name: p\nrules: [{name: it, action: fail}]\n")
    entry = {
        "id": "ab" * 16,
        "reason": "false alarm",
        "owner": "ana",
        "created": "2026-11-01",
        "expires": "2026-11-24",
    }
    finding = VULN | {"id": "ab" * 16}
    cases: list[dict[str, Any]] = [
        {
            "name": "last day",
            "findings": [finding | {"expect": {"excepted": True, "says": "false alarm"}}],
            "verdict": "pass",
        },
        {
            "name": "day after",
            "today": "2026-11-25",
            "findings": [finding | {"expect": {"excepted": False}}],
            "verdict": "fail",
            "says": "expired on 2026-11-24",
        },
    ]
    document: dict[str, Any] = {"policy": "p.yaml", "today": "2026-11-24", "cases": cases}
    if where == "case":
        for case in cases:
            case["exceptions"] = [entry]
    elif where == "file":
        document["exceptions"] = [entry]
    else:
        document["exceptions_file"] = "e.yaml"
        (tmp_path / "e.yaml").write_text(yaml_text({"exceptions": [entry]}))
    (tmp_path / "t.yaml").write_text(yaml_text(document))
    result = run_test_file(load_tests(tmp_path / "t.yaml"))
    assert passed(result), results_text([result], Style())


def test_the_ceiling_is_the_policys(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "name: p\nexceptions: {max_days: 5}\nrules: [{name: it, action: fail}]\n"
    )
    (tmp_path / "t.yaml").write_text(
        "policy: p.yaml\ntoday: 2026-11-24\ncases:\n  - name: a\n    verdict: fail\n"
        "    says: the policy allows 5\n"
        "    findings: [{kind: code, path: a.py}]\n"
        "    exceptions: [{path: a.py, reason: why not, owner: a, created: 2026-11-24,"
        " expires: 2026-12-24}]\n"
    )
    assert passed(run_test_file(load_tests(tmp_path / "t.yaml")))


def test_tools_that_fail_make_it_incomplete(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "name: p\noptional_tools: snyk\nrules: [{name: it, action: fail}]\n"
    )
    (tmp_path / "t.yaml").write_text(
        "policy: p.yaml\ncases:\n  - {name: a, failed_tools: trivy, verdict: incomplete}\n"
        "  - {name: b, failed_tools: [snyk], verdict: pass, says: it is optional}\n"
        "  - {name: c, verdict: pass}\n"
    )
    result = run_test_file(load_tests(tmp_path / "t.yaml"))
    assert passed(result), results_text([result], Style())
    assert result.untested == ["it"]


def test_gaps_make_it_incomplete_unless_the_policy_accepts_them(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "name: p\nextends: default\ngaps:\n  - {gap: old.py, reason: Python 2, owner: ana, "
        "created: 2026-11-01, expires: 2026-12-01}\n"
    )
    (tmp_path / "t.yaml").write_text(
        "policy: p.yaml\ntoday: 2026-12-01\ncases:\n"
        "  - {name: a, gaps: old.py cannot be parsed, verdict: pass, says: ana accepts it}\n"
        "  - {name: b, gaps: [old.py, new.py], verdict: incomplete, says: 'complete: new.py'}\n"
        "  - {name: c, gaps: old.py, today: 2026-12-02, verdict: incomplete}\n"
    )
    result = run_test_file(load_tests(tmp_path / "t.yaml"))
    assert passed(result), results_text([result], Style())


HEAD = "policy: default\ncases:\n  - name: a\n    verdict: pass\n"


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        ("policy: default\n", "1:1", "cases: this key is needed", None),
        ("policy: default\ncases: []\n", "2:1", "it must not be empty", None),
        ("policy: default\ncases:\n  - name: a\n", "3:5", "verdict: this key is needed", None),
        (HEAD + "    findngs: []\n", "5:5", "unknown key cases.0.findngs", "findings?"),
        (HEAD + "    findings: [{knd: code}]\n", "5:17", "unknown key", "did you mean kind?"),
        (HEAD + "    findings: [{kind: cod}]\n", "5:17", "misconfiguration, license", None),
        (HEAD + "    findings: [{kind: code, verified: true}]\n", "5:16", "kind secret", None),
        (HEAD + "    findings: [{kind: code, in_kev: true}]\n", "5:16", "vulnerability", None),
        (HEAD + "    findings: [{kind: code, package: x}]\n", "5:29", "a purl such", None),
        (HEAD + "    findings: [{kind: code, expect: {}}]\n", "5:29", "nothing is expected", None),
        (
            HEAD + "    findings: [{kind: code, expect: {acton: fail}}]\n",
            "5:38",
            "acton",
            "action?",
        ),
        (
            HEAD + "    findings: [{kind: code, age: 1d, first_seen: 2026-01-01}]\n",
            "5:16",
            "say the same",
            None,
        ),
        (HEAD + "  - {name: a, verdict: pass}\n", "5:6", "two cases are named 'a'", "special"),
        (HEAD.replace("default", "defalt"), "1:1", "no policy 'defalt'", "default"),
        (HEAD + "exceptions_file: no.yaml\n", None, "No such file", None),
        ("name: x\nrules: [{name: a, action: fail}]\n", None, "is a policy", "of their own"),
    ],
)
def test_what_cannot_be_used_says_where_and_what(
    tmp_path: Path, text: str, where: str | None, message: str, hint: str | None
) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_tests(file)
    assert message in caught.value.message
    if where is not None:
        assert (caught.value.where or "").endswith(f"t.yaml:{where}")
    assert hint is None or hint in (caught.value.hint or "")


def test_the_words_of_a_failure(tmp_path: Path) -> None:
    result = ran(
        tmp_path, {"severity": "low"}, SECRET | {"path": "a\x1b.py", "expect": "warn"}, name="o\tne"
    )
    text = results_text([result], Style())
    place = f"{tmp_path}/t.yaml"
    assert text.splitlines() == [
        f"{place} (policy p)",
        "  \u2717 o ne",
        f"      {place}:5:5: expected verdict fail, got pass",
        "        said: any-secret (a\ufffd.py): ignore by no rule",
        f"      {place}:10:9: high secret a\ufffd.py: expected action warn, got ignore",
        "        \u00b7 rule it does not match: severity is high, the rule wants low",
        "        \u2192 default matches: no rule takes it, so it is ignored",
        "  rules that took no problem here: it",
        "1 case in 1 file: 1 failed",
    ]
    quiet = results_text([ran(tmp_path, {}, VULN)], Style(), quiet=True)
    assert quiet == "1 case in 1 file: all pass"
    junit = results_junit([result])
    assert 'failures="1"' in junit and 'line="4"' in junit and "rule it does not match" in junit


def test_the_example_of_the_documentation_passes(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    (tmp_path / "policy-tests").mkdir()
    file = tmp_path / "policy-tests" / "our-gate.yaml"
    (tests,) = [block for block in blocks if block.startswith("policy:")]
    (gaps,) = [block for block in blocks if block.startswith("gaps:")]
    (tmp_path / "our-gate.yaml").write_text(blocks[0] + gaps)
    file.write_text(tests)
    result = run_test_file(load_tests(file))
    assert passed(result), results_text([result], Style())
    assert result.untested == []
