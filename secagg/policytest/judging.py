"""A case, judged by the very code that judges a scan."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from secagg.decisions import AllExceptions
from secagg.decisions.dates import Ceiling
from secagg.decisions.entry import ScopedException
from secagg.decisions.ownfile import ExceptionFile, own_entries
from secagg.decisions.policygaps import policy_gaps
from secagg.merge.groups import Group, MergedSet
from secagg.model.finding import Kind
from secagg.policy.decision import Decision, Judgement
from secagg.policy.facts import Facts
from secagg.policy.gaps import RunGap, ToolOutcome
from secagg.policy.judge import judge
from secagg.policytest.findings import facts_on, groups_of
from secagg.policytest.load import Loaded
from secagg.policytest.model import Case


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
