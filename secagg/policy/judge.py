"""Judging: each group by the first rule that matches it, the whole by the worst of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from secagg.finding import Severity
from secagg.merge.groups import Group, MergedSet
from secagg.policy.decision import Action, Decision, Judgement, Verdict
from secagg.policy.model import Match, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutcome:
    """What a policy needs to know of a tool run: ``status`` as in ``summary.json``."""

    tool: str
    component: str
    status: str
    optional: bool = False
    reason: str | None = None
    hint: str | None = None


def judge(policy: Policy, merged: MergedSet, *, runs: Sequence[ToolOutcome]) -> Decision:
    """Judge ``merged`` by ``policy``.

    A tool run that failed and is not optional makes the verdict INCOMPLETE, as does a scan in
    which nothing completed: neither can vouch for what was not found.
    """
    judgements = [_judge_group(policy, group) for group in merged.groups]
    gaps = _gaps(runs)
    failures = _failures(judgements)
    verdict = Verdict.INCOMPLETE if gaps else Verdict.FAIL if failures else Verdict.PASS
    return Decision(
        policy=policy.name, verdict=verdict, reasons=[*gaps, *failures], judgements=judgements
    )


def _judge_group(policy: Policy, group: Group) -> Judgement:
    severity = group.severity
    if not group.representative.severity_known:
        severity = max(severity, policy.unknown_severity, key=lambda s: s.rank)
    for rule in policy.rules:
        if _matches(rule.match, group, severity):
            return Judgement(group=group, action=rule.action, rule=rule.name, why=rule.why)
    return Judgement(group=group, action=Action.IGNORE)


def _matches(match: Match, group: Group, severity: Severity) -> bool:
    return (
        (not match.kind or group.representative.kind in match.kind)
        and (not match.severity or severity in match.severity)
        and (not match.tool or any(tool in match.tool for tool in group.tools))
    )


def _gaps(runs: Sequence[ToolOutcome]) -> list[str]:
    sentences = []
    for run in runs:
        if run.status == "failed" and not run.optional:
            place = "" if run.component == "." else f" in {run.component}"
            hint = f" ({run.hint})" if run.hint else ""
            sentences.append(f"{run.tool}{place} did not complete: {run.reason}{hint}")
    if not any(run.status == "complete" for run in runs) and not sentences:
        sentences.append("no tool completed: nothing vouches for this repository")
    return sentences


def _failures(judgements: Sequence[Judgement]) -> list[str]:
    failing = Counter((j.rule, j.why) for j in judgements if j.action is Action.FAIL)
    return [f"{count} by rule {rule}: {why}" for (rule, why), count in failing.items()]
