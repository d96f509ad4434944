"""Run the cases of a test file and compare the outcome with what is expected."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from itertools import pairwise

from secagg.decisions import AllExceptions
from secagg.decisions.entry import ScopedException, policy_gaps
from secagg.decisions.ownfile import ExceptionFile, own_entries
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
from secagg.policytest.model import Case, CaseFinding, Expectation, Loaded, package_of
from secagg.system.dates import Ceiling

_TOOLS = {
    Kind.VULNERABILITY: "trivy",
    Kind.SECRET: "gitleaks",
    Kind.CODE: "codeql",
    Kind.MISCONFIGURATION: "trivy",
    Kind.LICENSE: "trivy",
}


_STATES = {"new": BaselineState.NEW, "existing": BaselineState.UNCHANGED}


def groups_of(tested: CaseFinding, taken: set[str]) -> Iterator[Group]:
    """Yield a group for each time; their identities are none of those ``taken``, and join them."""
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
    """Return the facts that the test gives."""
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
    """Return a finding in a few words, for messages."""
    named = tested.rule or (tested.advisory[0] if tested.advisory else None)
    parts = [str(tested.severity), str(tested.kind), named, tested.package, tested.path]
    return " ".join(part for part in parts if part)


def _finding(tested: CaseFinding) -> Finding:
    is_known = tested.severity != "unknown"
    rule = tested.rule or (tested.advisory[0] if tested.advisory else f"any-{tested.kind}")
    finding = Finding(
        tool=_TOOLS[tested.kind],
        kind=tested.kind,
        rule_id=rule,
        severity=Severity(tested.severity) if is_known else Severity.NONE,
        severity_known=is_known,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedCase:
    """The decision on a case, and the judgements of each of its findings."""

    decision: Decision
    by_finding: Sequence[Sequence[Judgement]]
    today: datetime.date


def judged(loaded: Loaded, case: Case) -> JudgedCase:
    today = loaded.placed.value.day(case)
    taken: set[str] = set()
    groups: list[Group] = []
    facts: dict[str, Facts] = {}
    bounds = [0]
    for tested in case.findings:
        for group in groups_of(tested, taken):
            groups.append(group)
            facts[group.identity] = facts_on(tested, today)
        bounds.append(len(groups))
    decision = judge(
        loaded.policy,
        MergedSet(groups=groups),
        runs=_runs(case, groups),
        facts=facts,
        exceptions=AllExceptions(_entries(loaded, case, today), today=today),
        today=today,
    )
    parts = [decision.judgements[a:b] for a, b in pairwise(bounds)]
    return JudgedCase(decision=decision, by_finding=parts, today=today)


def _entries(loaded: Loaded, case: Case, today: datetime.date) -> list[ScopedException]:
    ceiling = Ceiling(max_days=loaded.policy.exceptions.max_days, today=today)
    own = (ExceptionFile(exceptions=case.exceptions), loaded.placed.name)
    named = [
        entry
        for file, name in (*loaded.exceptions, own)
        for entry in own_entries(file, ceiling, name=name)
    ]
    return [*named, *policy_gaps(loaded.policy.gaps, ceiling)]


def _runs(case: Case, groups: Sequence[Group]) -> list[ToolOutcome]:
    """A run of each tool that found something, or of one that found nothing; one has the gaps."""
    failed = case.failed_tools
    ran = sorted({tool for group in groups for tool in group.tools} - set(failed)) or ["trivy"]
    gaps = [RunGap(message=sentence) for sentence in case.gaps]
    partial = ToolOutcome(tool="trivy", component=".", status="failed", gaps=gaps, broken=False)
    # A case is about rules: somebody has looked for all that the policy requires.
    kinds = frozenset(Kind)
    return [
        *(ToolOutcome(tool=tool, component=".", status="complete", kinds=kinds) for tool in ran),
        *([partial] if gaps else []),
        *(
            ToolOutcome(tool=tool, component=".", status="failed", reason="as the test says")
            for tool in failed
        ),
    ]


# What a test calls it where no rule takes a finding.
NO_RULE = "none"


# What a mismatch is about where it is about the words shown.
SENTENCE = "sentence"


_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """Something that came out otherwise than expected.

    ``where`` is the place of the expectation (``file:line:column``); ``finding`` says which
    finding it is about, ``None`` being the verdict, and ``steps`` how the policy came to it.
    ``said`` are the sentences that were shown.
    """

    where: str
    what: str
    expected: str
    actual: str
    finding: str | None = None
    steps: Sequence[RuleStep] = ()
    said: Sequence[str] = ()


def mismatches(loaded: Loaded, number: int, case: Case, judged: JudgedCase) -> Iterator[Mismatch]:
    """Yield all that went otherwise in the case ``number``, its verdict first."""
    yield from _verdict(loaded, number, case, judged.decision)
    for index, tested in enumerate(case.findings):
        yield from _finding_results(loaded, (number, index), tested, judged)


def _verdict(loaded: Loaded, number: int, case: Case, decision: Decision) -> Iterator[Mismatch]:
    sentences = [*decision.reasons, *decision.notes]
    if decision.verdict is not case.verdict:
        yield Mismatch(
            where=loaded.placed.where("cases", number, "verdict"),
            what="verdict",
            expected=case.verdict,
            actual=decision.verdict,
            said=list(decision.reasons) or list(_actions(decision)),
        )
    yield from _says(loaded, ("cases", number, "says"), case.says, sentences)


def _actions(decision: Decision) -> Iterator[str]:
    """What became of the findings, alike ones together."""
    counts = Counter(
        f"{short_title(judgement.group)}: {judgement.action} by {_decider(judgement)}"
        for judgement in decision.judgements
    )
    for sentence, number in list(counts.items())[:_NAMED]:
        yield sentence if number == 1 else f"{sentence} ({number:,} times)"
    if len(counts) > _NAMED:
        yield f"and {len(counts) - _NAMED:,} more"


def _decider(judgement: Judgement) -> str:
    if judgement.exception is not None:
        return f"an exception ({judgement.exception.source})"
    return "no rule" if judgement.rule is None else f"rule {judgement.rule}"


def _finding_results(
    loaded: Loaded, number: tuple[int, int], tested: CaseFinding, judged: JudgedCase
) -> Iterator[Mismatch]:
    """The first of the findings that went otherwise, where it stands for several."""
    if tested.expect is None:
        return
    for judgement in judged.by_finding[number[1]]:
        mismatches = list(
            _judgement(loaded, number, tested, tested.expect, judgement, judged.today)
        )
        if mismatches:
            yield from mismatches
            return


def _judgement(
    loaded: Loaded,
    number: tuple[int, int],
    tested: CaseFinding,
    expect: Expectation,
    judgement: Judgement,
    today: datetime.date,
) -> Iterator[Mismatch]:
    loc = ("cases", number[0], "findings", number[1], "expect")
    pairs = (
        ("action", expect.action, judgement.action),
        ("rule", expect.rule, judgement.rule or NO_RULE),
        ("counts_as", expect.counts_as, judgement.severity),
        ("excepted", expect.excepted, judgement.exception is not None),
    )
    steps = explain_judgement(loaded.policy, judgement, today)
    name = words(tested)
    for what, expected, actual in pairs:
        if expected is not None and expected != actual:
            yield Mismatch(
                where=loaded.placed.where(*loc, what),
                what=what,
                expected=_word(expected),
                actual=_word(actual),
                finding=name,
                steps=steps,
            )
    sentences = [judgement.why] if judgement.why else []
    if judgement.exception is not None:
        sentences.append(f"{judgement.exception.target}: {judgement.exception.reason}")
    for mismatch in _says(loaded, (*loc, "says"), expect.says, sentences):
        yield replace_fields(mismatch, finding=name, steps=steps)


def _says(
    loaded: Loaded, loc: tuple[int | str, ...], wanted: Sequence[str], said: Sequence[str]
) -> Iterator[Mismatch]:
    whole = [sentence.casefold() for sentence in said]
    for part in wanted:
        if not any(part.casefold() in sentence for sentence in whole):
            yield Mismatch(
                where=loaded.placed.where(*loc),
                what=SENTENCE,
                expected=f"a sentence with {part!r}",
                actual="others" if said else "none",
                said=said,
            )


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """How one case went: it passed if there are no mismatches."""

    name: str
    where: str
    mismatches: Sequence[Mismatch]

    @property
    def passed(self) -> bool:
        return not self.mismatches


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """How the cases of one file went, and the rules of its policy that took no finding."""

    file: str
    policy: str
    cases: Sequence[CaseResult]
    untested: Sequence[str]


def run_test_file(loaded: Loaded) -> FileResult:
    """Judge every case by the policy, and compare."""
    used: set[str] = set()
    results = []
    for number, case in enumerate(loaded.placed.value.cases):
        came = judged(loaded, case)
        used |= {judgement.rule for judgement in came.decision.judgements if judgement.rule}
        results.append(
            CaseResult(
                name=case.name,
                where=loaded.placed.where("cases", number),
                mismatches=list(mismatches(loaded, number, case, came)),
            )
        )
    return FileResult(
        file=loaded.placed.name,
        policy=loaded.policy.name,
        cases=results,
        untested=[rule.name for rule in loaded.policy.rules if rule.name not in used],
    )
