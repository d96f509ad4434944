"""Run the cases of a test file and compare the outcome with the expectations."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from itertools import pairwise

from secagg.decisions import AllExceptions
from secagg.decisions.entry import ScopedException, policy_gaps
from secagg.decisions.ownfile import own_entries
from secagg.merge.groups import Group, MergedSet
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
from secagg.policy.decision import BaselineState, Decision, Facts, Judgement
from secagg.policy.gaps import RunGap, ToolOutcome
from secagg.policy.judge import judge
from secagg.policy.match import RuleStep, explain_judgement
from secagg.policy.reasons import short_title
from secagg.policytest.model import Case, CaseFinding, Expectation, LoadedTests, package_from_purl
from secagg.system.dates import Ceiling

_TOOLS = {
    Kind.VULNERABILITY: "trivy",
    Kind.SECRET: "gitleaks",
    Kind.CODE: "codeql",
    Kind.MISCONFIGURATION: "trivy",
    Kind.LICENSE: "trivy",
}

# The value of ``rule`` in a test where no rule takes the finding.
NO_RULE = "none"
# The aspect of a mismatch in the sentences that are shown.
SENTENCE = "sentence"
# Kinds of findings that a mismatch of the verdict lists.
_MOST_LISTED = 5
_STATES = {"new": BaselineState.NEW, "existing": BaselineState.UNCHANGED}


def make_groups(case_finding: CaseFinding, identities: set[str]) -> Iterator[Group]:
    """Yield as many groups as the case has; add their identities, all new, to ``identities``."""
    finding = _finding(case_finding)
    tools = case_finding.tool or [finding.tool]
    for _ in range(case_finding.times):
        base = case_finding.id or identity(finding)
        number, key = 0, base
        while key in identities:
            number += 1
            key = f"{int(base, 16) + number:032x}"[-32:]
        identities.add(key)
        members = [replace(finding, tool=tool, identity=key) for tool in tools]
        yield Group(identity=key, members=members)


def make_facts(case_finding: CaseFinding, today: datetime.date) -> Facts:
    """Make the facts that the case gives about a finding."""
    first_seen = case_finding.first_seen
    if case_finding.age is not None:
        first_seen = today - datetime.timedelta(days=case_finding.age)
    return Facts(
        baseline=None if case_finding.baseline is None else _STATES[case_finding.baseline],
        in_diff=case_finding.in_diff,
        owners=tuple(case_finding.owner),
        first_seen=(
            None
            if first_seen is None
            else datetime.datetime.combine(first_seen, datetime.time(), datetime.UTC)
        ),
        epss=case_finding.epss,
        kev=case_finding.in_kev,
    )


def describe(case_finding: CaseFinding) -> str:
    """Name a finding of a case in a few words, for messages."""
    rule = case_finding.rule or (case_finding.advisory[0] if case_finding.advisory else None)
    parts = [
        str(case_finding.severity),
        str(case_finding.kind),
        rule,
        case_finding.package,
        case_finding.path,
    ]
    return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedCase:
    """The decision on a case, and the judgements of each of its findings."""

    decision: Decision
    by_finding: Sequence[Sequence[Judgement]]
    today: datetime.date


def judge_case(tests: LoadedTests, case: Case) -> JudgedCase:
    today = tests.file.value.day(case)
    identities: set[str] = set()
    groups: list[Group] = []
    facts: dict[str, Facts] = {}
    bounds = [0]
    for case_finding in case.findings:
        for group in make_groups(case_finding, identities):
            groups.append(group)
            facts[group.identity] = make_facts(case_finding, today)
        bounds.append(len(groups))
    decision = judge(
        tests.policy,
        MergedSet(groups=groups),
        runs=_runs(case, groups),
        facts=facts,
        exceptions=AllExceptions(_entries(tests, case, today), today=today),
        today=today,
    )
    parts = [decision.judgements[start:end] for start, end in pairwise(bounds)]
    return JudgedCase(decision=decision, by_finding=parts, today=today)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """An outcome that differs from an expectation.

    ``where`` is the place of the expectation (``file:line:column``) and ``aspect`` its key.
    ``finding`` names the finding (``None`` for the verdict), ``steps`` tell how the policy judged
    it, and ``shown`` are the sentences that were shown.
    """

    where: str
    aspect: str
    expected: str
    actual: str
    finding: str | None = None
    steps: Sequence[RuleStep] = ()
    shown: Sequence[str] = ()


def mismatches(
    tests: LoadedTests, number: int, case: Case, judged: JudgedCase
) -> Iterator[Mismatch]:
    """Yield the mismatches of the case ``number``, those of the verdict first."""
    yield from _verdict_mismatches(tests, number, case, judged.decision)
    for index, case_finding in enumerate(case.findings):
        yield from _finding_mismatches(tests, (number, index), case_finding, judged)


def _verdict_mismatches(
    tests: LoadedTests, number: int, case: Case, decision: Decision
) -> Iterator[Mismatch]:
    sentences = [*decision.reasons, *decision.notes]
    if decision.verdict is not case.verdict:
        yield Mismatch(
            where=tests.file.where("cases", number, "verdict"),
            aspect="verdict",
            expected=case.verdict,
            actual=decision.verdict,
            shown=list(decision.reasons) or list(_actions(decision)),
        )
    yield from _sentence_mismatches(tests, ("cases", number, "says"), case.says, sentences)


def _actions(decision: Decision) -> Iterator[str]:
    """How the findings were judged, equal ones together."""
    counts = Counter(
        f"{short_title(judgement.group)}: {judgement.action} by {_decider(judgement)}"
        for judgement in decision.judgements
    )
    for sentence, number in list(counts.items())[:_MOST_LISTED]:
        yield sentence if number == 1 else f"{sentence} ({number:,} times)"
    if len(counts) > _MOST_LISTED:
        yield f"and {len(counts) - _MOST_LISTED:,} more"


def _decider(judgement: Judgement) -> str:
    if judgement.exception is not None:
        return f"an exception ({judgement.exception.source})"
    return "no rule" if judgement.rule is None else f"rule {judgement.rule}"


def _finding_mismatches(
    tests: LoadedTests, number: tuple[int, int], case_finding: CaseFinding, judged: JudgedCase
) -> Iterator[Mismatch]:
    """Those of the first group with mismatches, where the finding stands for several."""
    if case_finding.expect is None:
        return
    for judgement in judged.by_finding[number[1]]:
        mismatches = list(
            _judgement_mismatches(
                tests, number, case_finding, case_finding.expect, judgement, judged.today
            )
        )
        if mismatches:
            yield from mismatches
            return


def _judgement_mismatches(
    tests: LoadedTests,
    number: tuple[int, int],
    case_finding: CaseFinding,
    expect: Expectation,
    judgement: Judgement,
    today: datetime.date,
) -> Iterator[Mismatch]:
    loc = ("cases", number[0], "findings", number[1], "expect")
    pairs = (
        ("action", expect.action, judgement.action),
        ("rule", expect.rule, judgement.rule or NO_RULE),
        ("counted_as", expect.counted_as, judgement.severity),
        ("counts_as", expect.counts_as, judgement.severity),
        ("excepted", expect.excepted, judgement.exception is not None),
    )
    steps = explain_judgement(tests.policy, judgement, today)
    name = describe(case_finding)
    for aspect, expected, actual in pairs:
        if expected is not None and expected != actual:
            yield Mismatch(
                where=tests.file.where(*loc, aspect),
                aspect=aspect,
                expected=_text(expected),
                actual=_text(actual),
                finding=name,
                steps=steps,
            )
    sentences = [judgement.why] if judgement.why else []
    if judgement.exception is not None:
        sentences.append(f"{judgement.exception.target}: {judgement.exception.reason}")
    for mismatch in _sentence_mismatches(tests, (*loc, "says"), expect.says, sentences):
        yield replace_fields(mismatch, finding=name, steps=steps)


def _sentence_mismatches(
    tests: LoadedTests, loc: tuple[int | str, ...], expected: Sequence[str], shown: Sequence[str]
) -> Iterator[Mismatch]:
    sentences = [sentence.casefold() for sentence in shown]
    for part in expected:
        if not any(part.casefold() in sentence for sentence in sentences):
            yield Mismatch(
                where=tests.file.where(*loc),
                aspect=SENTENCE,
                expected=f"a sentence with {part!r}",
                actual="others" if shown else "none",
                shown=shown,
            )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """The outcome of one case: it passed if there are no mismatches."""

    name: str
    where: str
    mismatches: Sequence[Mismatch]

    @property
    def passed(self) -> bool:
        return not self.mismatches


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """The outcome of the cases of one file, and the rules of its policy that took no finding."""

    file: str
    policy: str
    cases: Sequence[CaseResult]
    untested: Sequence[str]


def run_test_file(tests: LoadedTests) -> FileResult:
    """Judge every case by the policy and compare with what is expected."""
    used: set[str] = set()
    results = []
    for number, case in enumerate(tests.file.value.cases):
        judged = judge_case(tests, case)
        used |= {judgement.rule for judgement in judged.decision.judgements if judgement.rule}
        results.append(
            CaseResult(
                name=case.name,
                where=tests.file.where("cases", number),
                mismatches=list(mismatches(tests, number, case, judged)),
            )
        )
    return FileResult(
        file=tests.file.name,
        policy=tests.policy.name,
        cases=results,
        untested=[rule.name for rule in tests.policy.rules if rule.name not in used],
    )


def _finding(case_finding: CaseFinding) -> Finding:
    is_known = case_finding.severity != "unknown"
    rule = case_finding.rule or (
        case_finding.advisory[0] if case_finding.advisory else f"any-{case_finding.kind}"
    )
    finding = Finding(
        tool=_TOOLS[case_finding.kind],
        kind=case_finding.kind,
        rule_id=rule,
        severity=Severity(case_finding.severity) if is_known else Severity.NONE,
        severity_known=is_known,
        title=rule,
        score=case_finding.score,
        location=Location(uri=case_finding.path, start_line=case_finding.line),
        cwes=tuple(case_finding.cwe),
        package=None if case_finding.package is None else package_from_purl(case_finding.package),
        component=case_finding.component,
    )
    if case_finding.kind is Kind.VULNERABILITY:
        finding.vulnerability = Vulnerability(
            aliases=tuple(dict.fromkeys([rule, *case_finding.advisory])),
            fixed_versions=("a later one",) if case_finding.fix_available else (),
            direct=None
            if case_finding.dependency is None
            else case_finding.dependency.value == "direct",
            scope=None if case_finding.scope is None else case_finding.scope.value,
            status=case_finding.status,
        )
    elif case_finding.kind is Kind.SECRET:
        finding.secret = SecretSighting(
            id=None,
            detector=rule,
            verified=case_finding.verified,
            in_history=bool(case_finding.in_history_only),
        )
    elif case_finding.kind is Kind.LICENSE:
        finding.license = rule
    return finding


def _entries(tests: LoadedTests, case: Case, today: datetime.date) -> list[ScopedException]:
    ceiling = Ceiling(max_days=tests.policy.exceptions.max_days, today=today)
    entries = [
        scoped
        for written, name in (*tests.exceptions, (case.exceptions, tests.file.name))
        for scoped in own_entries(written, ceiling, name=name, owners=None)
    ]
    return [*entries, *policy_gaps(tests.policy.gaps, ceiling)]


def _runs(case: Case, groups: Sequence[Group]) -> list[ToolOutcome]:
    """A complete run of each tool with findings (or of Trivy), the failed runs, and the gaps."""
    failed = case.failed_tools
    complete = sorted({tool for group in groups for tool in group.tools} - set(failed)) or ["trivy"]
    gaps = [RunGap(message=sentence) for sentence in case.gaps]
    partial = ToolOutcome(tool="trivy", component=".", status="failed", gaps=gaps, broken=False)
    # Cases test rules, so the runs cover every kind that a policy may require.
    kinds = frozenset(Kind)
    return [
        *(
            ToolOutcome(tool=tool, component=".", status="complete", kinds=kinds)
            for tool in complete
        ),
        *([partial] if gaps else []),
        *(
            ToolOutcome(tool=tool, component=".", status="failed", reason="as the test says")
            for tool in failed
        ),
    ]
