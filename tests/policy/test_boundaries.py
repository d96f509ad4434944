"""Edges of judging: what comes second, what lies exactly on a limit, and days in other zones."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import TypeAdapter, ValidationError

from secagg.merge.groups import Group, MergedSet
from secagg.model.finding import Finding, Kind, Location, Package, Severity
from secagg.policy import Action, BaselineState, Facts, Policy, ToolOutcome, Verdict, judge
from secagg.policy.decision import PolicyException
from secagg.policy.gaps import gap_key
from secagg.policy.keys import questions, score_bounds
from secagg.policy.load import extend, policy_document, policy_names, unknown_policy
from secagg.policy.model import Match
from secagg.policy.notation import Moment, ScoreRange, gap_pattern, severities
from secagg.policy.reasons import sort_worst_first
from secagg.policy.selectors import same_check
from secagg.policy.subject import subject, utc_day
from secagg.system.dates import days
from secagg.system.validation import json_schema, validate
from tests.merge.make import code, misconfiguration
from tests.policy.subjects import COMPLETE, TODAY, Given, decide, group, only, policy, vulnerable
from tests.policy.subjects import secret as token

NOON = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
LAPSED = PolicyException(source="e.yaml:1", target="A", refusal="it gives no reason.")
IN_FORCE = PolicyException(source="e.yaml:2", target="B")
ALSO_IN_FORCE = PolicyException(source="e.yaml:3", target="C")


@pytest.fixture(params=["EAST-14", "WEST+12"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own day is another than UTC's: at any time it is in one of the two."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


def takes(match: dict[str, Any], finding: Finding, facts: Facts | None = None) -> bool:
    """Whether a failing rule takes the finding."""
    known = {"a" * 32: facts} if facts else None
    return decide(policy({"match": match}), group(finding), facts=known).verdict is Verdict.FAIL


def unknown(match: dict[str, Any]) -> tuple[str, ...]:
    return tuple(only(decide(policy({"match": match}), group(vulnerable()))).unknown)


def actual(match: dict[str, Any], finding: Finding) -> str:
    (question,) = questions(validate(Match, match))
    return question.actual(subject(policy(), group(finding), today=TODAY))


# What comes second counts as what comes first.


def test_a_limit_that_holds_does_not_hide_one_that_does_not() -> None:
    rules = policy(
        {"match": {"kind": "secret"}, "action": "warn", "limit": 5},
        {"match": {"kind": "vulnerability"}, "action": "warn", "limit": 0},
    )
    decision = decide(rules, group(token(), identity="a"), group(vulnerable(), identity="b"))
    assert [j.action for j in decision.judgements] == [Action.WARN, Action.FAIL]
    assert decision.verdict is Verdict.FAIL


def test_a_finding_without_a_maximum_age_does_not_hide_one_past_due() -> None:
    ages = policy(max_age={"critical": "7d"}, rules=[])
    late = {"b": Facts(first_seen=NOON - datetime.timedelta(days=30))}
    decision = decide(
        ages, group(token(), identity="a"), group(vulnerable(), identity="b"), facts=late
    )
    assert [j.overdue for j in decision.judgements] == [False, True]
    assert decision.verdict is Verdict.FAIL


def test_a_finding_without_an_exception_does_not_hide_the_next_one_s() -> None:
    groups = [group(token(), identity="a"), group(vulnerable(), identity="b")]
    decision = decide(policy({}), *groups, exceptions=Given(b=[IN_FORCE]))
    assert [j.exception for j in decision.judgements] == [None, IN_FORCE]
    assert [j.action for j in decision.judgements] == [Action.FAIL, Action.IGNORE]


def test_a_rule_without_a_limit_does_not_hide_the_note_on_the_next_one_s() -> None:
    rules = policy(
        {"match": {"kind": "code"}},
        {"match": {"kind": "secret"}, "limit": 5},
        {"match": {"kind": "vulnerability"}, "action": "warn"},
    )
    decision = decide(rules, group(token(), identity="a"), group(vulnerable(), identity="b"))
    assert "1 found by rule r2, 5 allowed." in decision.notes


def test_any_of_several_globs_will_do() -> None:
    for globs in (["CVE-*", "GHSA-*"], ["GHSA-*", "CVE-*"]):
        assert takes({"rule": globs}, vulnerable())


# Of rules that nobody can answer the stricter one holds, and it says what it did not know.


def test_of_two_equally_strict_rules_the_first_holds() -> None:
    rules = policy({"match": {"in_diff": True}}, {"match": {"baseline": "new"}})
    assert only(decide(rules, group(vulnerable()))).rule == "r1"


def test_a_rule_without_a_limit_is_stricter_than_one_with() -> None:
    rules = policy({"match": {"in_diff": True}, "limit": 5}, {"match": {"baseline": "new"}})
    decision = decide(rules, group(vulnerable()))
    assert only(decision).rule == "r2"
    assert decision.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("match", "keys"),
    [
        ({"any": [{"in_diff": True}]}, ("in_diff",)),
        ({"any": [{"any": [{"in_diff": True}]}]}, ("in_diff",)),
        ({"not": {"in_diff": True}}, ("in_diff",)),
        ({"in_diff": True, "any": [{"baseline": "new"}]}, ("in_diff", "baseline")),
        ({"in_diff": True, "not": {"baseline": "new"}}, ("in_diff", "baseline")),
    ],
)
def test_what_was_not_known_is_named(match: dict[str, Any], keys: tuple[str, ...]) -> None:
    assert unknown(match) == keys


# Exactly on the edge.


@pytest.mark.parametrize(
    ("score", "taken"), [("..7.0", True), ("..6.9", False), ("8.9..", True), ("9.0..", False)]
)
def test_a_score_touches_the_band_of_a_severity(score: str, taken: bool) -> None:
    assert takes({"score": score}, vulnerable(severity=Severity.HIGH)) is taken


@pytest.mark.parametrize(
    ("severity", "least", "most"),
    [
        (Severity.CRITICAL, 9.0, 10.0),
        (Severity.HIGH, 7.0, 8.9),
        (Severity.MEDIUM, 4.0, 6.9),
        (Severity.LOW, 0.1, 3.9),
        (Severity.NONE, 0.0, 0.0),
    ],
)
def test_a_severity_stands_for_its_cvss_band(severity: Severity, least: float, most: float) -> None:
    """The ratings of CVSS 3.1, section 5."""
    seen = subject(policy(), group(vulnerable(severity=severity)), today=TODAY)
    assert score_bounds(seen) == (least, most)


@pytest.mark.parametrize("tool", ["codeql", "gitleaks", "snyk", "trivy", "trufflehog"])
def test_the_word_of_our_own_tools_on_a_severity_is_taken(tool: str) -> None:
    found = only(decide(policy({}), group(vulnerable(tool=tool, severity=Severity.LOW))))
    assert found.severity is Severity.LOW


def test_an_exception_may_run_for_90_days_unless_the_policy_says_otherwise() -> None:
    assert policy({}).exceptions.max_days == 90


def test_one_score_is_no_range() -> None:
    assert not takes({"score": 7.0}, vulnerable(score=8.8))
    assert ScoreRange.parse("7") == ScoreRange(7.0, 7.0)
    assert ScoreRange.parse("..0.5") == ScoreRange(0.0, 0.5)


def test_what_was_first_seen_today_is_no_day_old() -> None:
    assert not takes({"age_at_least": "1d"}, vulnerable(), Facts(first_seen=NOON))
    assert takes({"age_at_least": "0d"}, vulnerable(), Facts(first_seen=NOON))


def test_a_band_of_one_severity() -> None:
    assert severities("high..high") == [Severity.HIGH]


@pytest.mark.usefixtures("zone")
def test_days_are_those_of_utc_wherever_the_machine_stands() -> None:
    hours = datetime.timedelta(hours=10)
    early = datetime.datetime(2026, 11, 23, 5, tzinfo=datetime.timezone(hours))
    late = datetime.datetime(2026, 11, 23, 19, tzinfo=datetime.timezone(-hours))
    assert utc_day(early) == datetime.date(2026, 11, 22)
    assert utc_day(late) == datetime.date(2026, 11, 24)


@pytest.mark.usefixtures("zone")
def test_today_is_that_of_utc_wherever_the_machine_stands() -> None:
    before = datetime.datetime.now(datetime.UTC).date()
    decision = judge(policy({}), MergedSet(), runs=[COMPLETE])
    assert decision.today in (before, datetime.datetime.now(datetime.UTC).date())


def test_a_decision_says_by_what_and_when() -> None:
    decision = decide(policy({}))
    assert (decision.policy, decision.today) == ("ours", TODAY)


# Exceptions.


class MadeAnew:
    """Gives an equal exception, never the same object, on each call."""

    def covering_gap(self, sentence: str) -> list[PolicyException]:
        return []

    def partial(self) -> Mapping[PolicyException, str]:
        return {}

    def covering(self, group: Group) -> list[PolicyException]:
        return [replace(IN_FORCE)]

    def all(self) -> list[PolicyException]:
        return [replace(IN_FORCE)]


def test_every_exception_that_covers_something_is_used() -> None:
    given = Given(a=[IN_FORCE, ALSO_IN_FORCE, LAPSED])
    decision = decide(policy({}), group(vulnerable(), identity="a"), exceptions=given)
    assert list(decision.unused) == []
    anew = decide(policy({}), group(vulnerable()), exceptions=MadeAnew())
    assert list(anew.unused) == []


def test_a_lapsed_exception_is_not_blamed_where_another_holds() -> None:
    given = Given(a=[LAPSED, IN_FORCE])
    decision = decide(policy({}), group(vulnerable(), identity="a"), exceptions=given)
    assert decision.verdict is Verdict.PASS
    assert not any("refused" in note for note in decision.notes)


def test_the_sixth_unused_exception_is_counted() -> None:
    many = [PolicyException(source=f"e:{n}", target=f"T{n}") for n in range(6)]
    (note,) = decide(policy({}), exceptions=Given(nothing=many)).notes
    assert note.endswith("T4 (e:4) and 1 more.")


# Tools.


def test_a_tool_without_a_mode_may_be_optional() -> None:
    broken = ToolOutcome(tool="snyk", component=".", status="failed")
    optional = policy({}, optional_tools=["snyk"])
    assert decide(optional, runs=(COMPLETE, broken)).verdict is Verdict.PASS


def test_an_optional_tool_that_completed_needs_no_note() -> None:
    assert not decide(policy({}, optional_tools=["trivy"])).notes


def test_unknown_tools_are_named() -> None:
    groups = [
        group(vulnerable(tool=tool, severity=Severity.LOW), identity=tool)
        for tool in ("odd", "even")
    ]
    notes = decide(policy({}), *groups).notes
    assert any(note.startswith("2 problems of even, odd count as worse") for note in notes)


# Words.


def test_worst_first_then_by_place() -> None:
    def at(identity: str, score: float | None, uri: str | None, line: int | None) -> Group:
        place = Location(uri=uri, start_line=line)
        return group(vulnerable(score=score, location=place), identity=identity)

    groups = [
        at("1", None, "b", 1),
        at("2", None, "a", 1),
        at("9", None, "a", None),
        at("3", None, "A", 1),
        at("4", None, None, None),
        at("5", 0.5, "z", 9),
    ]
    decision = decide(policy({}), *groups)
    ranked = [j.group.identity for j in sort_worst_first(decision.judgements)]
    assert ranked == ["5", "4", "3", "9", "2", "1"]


@pytest.mark.parametrize(
    ("match", "finding", "words"),
    [
        ({"in_diff": True}, vulnerable(), "not known"),
        ({"age_at_least": "1d"}, vulnerable(), "not known"),
        ({"package": "x"}, vulnerable(package=Package(type="npm", name="Big")), "Big"),
        ({"scope": "dev"}, token(), "nothing that a finding of this kind has"),
        ({"verified": True}, token(verified=True), "true"),
        ({"verified": True}, vulnerable(), "nothing that a finding of this kind has"),
    ],
)
def test_what_a_finding_is_in_words(match: dict[str, Any], finding: Finding, words: str) -> None:
    assert actual(match, finding) == words


def test_a_rule_counts_only_its_own_findings() -> None:
    rules = policy({"match": {"kind": "secret"}, "limit": 5}, {"action": "warn"})
    decision = decide(rules, group(token(), identity="a"), group(vulnerable(), identity="b"))
    assert "1 found by rule r1, 5 allowed." in decision.notes


# Notation.


def refused(match: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        validate(Match, match)
    return caught.value.errors()[0]["msg"]


def test_what_is_refused_says_how_to_write_it() -> None:
    known = "critical, high, medium, low, none"
    assert refused({"severity": "hihg"}).endswith(
        f"a severity ({known}) or a band such as high.. is expected"
    )
    assert refused({"score": "x"}).endswith(
        "a range of scores such as 7.0..8.9 or 9.0.. is expected"
    )
    with pytest.raises(ValueError, match=r"^a number of days is written 30d, 2w, 3m or 1y$"):
        days("3h")


def test_a_range_of_scores_is_written_as_it_is_read() -> None:
    match = validate(Match, {"score": "7.0..8.9"})
    assert str(match.score) == "7.0..8.9"
    kinds = json_schema(Match)["$defs"]["Match"]["properties"]["score"]["anyOf"]
    assert kinds == [{"type": "string"}, {"type": "number"}, {"type": "null"}]


def test_sources_that_name_different_packages_are_not_known() -> None:
    one, other = vulnerable(), vulnerable(package=Package(type="npm", name="underscore"))
    silent = vulnerable(package=None)
    (question,) = questions(validate(Match, {"package": "lodash"}))
    answers = [
        question.ask(subject(policy(), group(*members), today=TODAY))
        for members in ([one, silent], [one, other], [other], [silent])
    ]
    assert answers == [True, None, False, False]


def test_what_extends_a_policy_extends_nothing_any_more() -> None:
    base = Policy(name="base", extends="other", remove=["gone"])
    whole = extend(Policy(name="own"), base, where="own.yaml")
    assert whole.extends is None
    assert whole.remove == []


def test_the_baseline_of_a_fact_is_said_by_its_name() -> None:
    (question,) = questions(validate(Match, {"baseline": "new"}))
    facts = Facts(baseline=BaselineState.NEW)
    assert question.actual(subject(policy(), group(vulnerable()), facts, today=TODAY)) == "new"


def test_only_vulnerabilities_have_what_a_vulnerability_has() -> None:
    assert actual({"scope": "dev"}, vulnerable(scope="dev", kind=Kind.VULNERABILITY)) == "dev"


@pytest.mark.parametrize(
    ("tools", "given", "policy_fields", "counted"),
    [
        # Nobody gave a severity: a linter's finding is rarely one that matters most.
        (("eslint",), Severity.LOW, {}, Severity.MEDIUM),
        (("eslint", "pylint"), Severity.LOW, {}, Severity.MEDIUM),
        (("eslint", "codeql"), Severity.LOW, {}, Severity.HIGH),
        (("codeql",), Severity.LOW, {}, Severity.HIGH),
        (("eslint",), Severity.HIGH, {}, Severity.HIGH),
        (("codeql",), Severity.CRITICAL, {}, Severity.CRITICAL),
        (("codeql",), Severity.LOW, {"unknown_severity": "low"}, Severity.LOW),
        (("eslint",), Severity.LOW, {"unknown_severity": "critical"}, Severity.CRITICAL),
        # Nobody knows the tool.
        (("mytool",), Severity.LOW, {"unknown_severity": "low"}, Severity.HIGH),
        (
            ("mytool",),
            Severity.LOW,
            {"unknown_severity": "low", "unknown_tool": "medium"},
            Severity.MEDIUM,
        ),
    ],
)
def test_what_an_unknown_severity_counts_as(
    tools: tuple[str, ...], given: Severity, policy_fields: dict[str, Any], counted: Severity
) -> None:
    members = [
        replace(vulnerable(), tool=tool, severity=given, severity_known=False) for tool in tools
    ]
    made = policy(**policy_fields)
    assert subject(made, group(*members), today=TODAY).severity is counted


@pytest.mark.parametrize(
    ("status", "reason", "missing", "said"),
    [
        ("failed", "no memory", False, "CodeQL did not complete"),
        ("skipped", "switched off in secagg.yaml", False, "CodeQL is switched off in secagg.yaml"),
        ("skipped", "no language of CodeQL", False, "no language of CodeQL"),
        ("skipped", "not installed", True, "no CodeQL"),
    ],
)
def test_why_no_tool_analysed_code(status: str, reason: str, missing: bool, said: str) -> None:
    run = ToolOutcome(
        tool="codeql (python)", component=".", status=status, reason=reason, missing=missing
    )
    told = decide(policy(), group(vulnerable()), runs=(COMPLETE, run))
    assert list(told.not_analysed) == [f"code was not analysed: {said}"]


def test_a_policy_is_written_with_the_approvals_that_it_needs() -> None:
    assert policy_document(policy(approval={"critical": 2, "high": 3}))["approval"] == {
        "critical": 2,
        "high": 3,
    }
    assert "approval" not in policy_document(policy())


def test_an_unknown_policy_is_told_in_its_place() -> None:
    error = unknown_policy("pr-gat", where="cases.yaml:1:1")
    assert (str(error), error.hint) == (
        "cases.yaml:1:1: no policy 'pr-gat'",
        "did you mean pr-gate? a file, or one of the built-in ones: " + ", ".join(policy_names()),
    )
    assert "did you mean" not in (unknown_policy("zzzz").hint or "")


@pytest.mark.parametrize(
    ("key", "words"), [("verified", ("true", "false")), ("in_history_only", ("true", "false"))]
)
def test_what_is_known_of_a_secret_is_said(key: str, words: tuple[str, str]) -> None:
    field = "verified" if key == "verified" else "history"
    for value, word in zip((True, False), words, strict=True):
        given: Any = {field: value}
        said = actual({key: True}, token(**given))
        assert said.lower() in (word, "yes" if value else "no"), said
    assert actual({key: True}, vulnerable()) == actual({"verified": True}, vulnerable())


@pytest.mark.parametrize(
    ("given", "cwe"),
    [("CWE-79", "CWE-79"), ("cwe-079", "CWE-79"), (79, "CWE-79"), ("0", "CWE-0"), (0, "CWE-0")],
)
def test_how_a_cwe_is_written(given: object, cwe: str) -> None:
    assert list(validate(Match, {"cwe": given}).cwe or ()) == [cwe]


@pytest.mark.parametrize("text", ["*", "a*b", "??", "npm", "a* go *b"])
def test_a_pattern_of_gaps_names_something(text: str) -> None:
    if text == "npm":
        assert gap_pattern(text) == text
        return
    with pytest.raises(
        ValueError, match=r"^at least three characters in a row of the gap's sentence"
    ):
        gap_pattern(text)


def test_only_what_stands_in_front_of_a_gap_is_no_part_of_it() -> None:
    assert gap_key("Trivy: Fs: no Foo: lock") == gap_key("Snyk: no Foo: lock")
    assert gap_key("Trivy: no Foo: lock") != gap_key("Trivy: no lock")


@pytest.mark.usefixtures("zone")
def test_a_moment_is_in_utc_on_any_machine() -> None:
    for given in ("2026-11-01T10:00:00Z", "2026-11-01T12:00:00+02:00", "2026-11-01T10:00:00"):
        made: Any = TypeAdapter(Moment).validate_python(given)
        assert made == datetime.datetime(2026, 11, 1, 10, tzinfo=datetime.UTC)
        assert made.tzinfo is datetime.UTC
    with pytest.raises(ValidationError, match="a day or a time such as 2026-12-31T10:00:00Z is"):
        TypeAdapter(Moment).validate_python("2026-11-01T99")


def test_a_check_that_matches_stays_matched_whatever_its_kind() -> None:
    check, other = misconfiguration("trivy", "DS-0002"), code("codeql", "py/a")
    assert same_check([check, other], [True, True]) == [True, True]
