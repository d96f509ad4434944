"""Judging: each group by the first rule that matches it, the whole by the worst of all."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from secagg.finding import Severity
from secagg.merge.groups import Group, MergedSet
from secagg.policy.decision import Action, Decision, Judgement, Verdict
from secagg.policy.exception import Exceptions
from secagg.policy.facts import Facts
from secagg.policy.model import Match, Policy

# So many findings are named in a sentence; the table has them all.
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutcome:
    """What a policy needs to know of a tool run: ``status`` as in ``summary.json``."""

    tool: str
    component: str
    status: str
    optional: bool = False
    reason: str | None = None
    hint: str | None = None


def judge(
    policy: Policy,
    merged: MergedSet,
    *,
    runs: Sequence[ToolOutcome],
    facts: Mapping[str, Facts] | None = None,
    exceptions: Exceptions | None = None,
    today: datetime.date | None = None,
) -> Decision:
    """Judge ``merged`` by ``policy``.

    ``facts`` are by the groups' identities; ``today`` is the day in UTC, by default this one.

    A tool run that failed and is not optional makes the verdict INCOMPLETE, as does a scan in
    which nothing completed: neither can vouch for what was not found.
    """
    judgements = [_judge_group(policy, group) for group in merged.groups]
    gaps = _gaps(runs)
    failures = _failures(judgements)
    verdict = Verdict.INCOMPLETE if gaps else Verdict.FAIL if failures else Verdict.PASS
    return Decision(
        policy=policy.name,
        verdict=verdict,
        reasons=[*gaps, *failures],
        judgements=judgements,
        gaps=gaps,
        failures=failures,
        today=today,
    )


def _judge_group(policy: Policy, group: Group) -> Judgement:
    severity = group.severity
    if not group.representative.severity_known:
        severity = max(severity, policy.unknown_severity, key=lambda s: s.rank)
    for rule in policy.rules:
        if _matches(rule.match, group, severity):
            return Judgement(
                group=group, action=rule.action, rule=rule.name, why=rule.why, severity=severity
            )
    return Judgement(group=group, action=Action.IGNORE, severity=severity)


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
    """A sentence for each rule that failed something: how many, why, and the worst by name."""
    failing: dict[tuple[str | None, str | None], list[Group]] = {}
    for judgement in judgements:
        if judgement.action is Action.FAIL:
            failing.setdefault((judgement.rule, judgement.why), []).append(judgement.group)
    sentences = []
    for (rule, why), groups in sorted(failing.items(), key=lambda item: _worst(item[1])):
        count = f"{len(groups)} finding" + ("" if len(groups) == 1 else "s")
        named = [_named(group) for group in sorted(groups, key=_badness)[:_NAMED]]
        rest = len(groups) - len(named)
        worst = ", ".join(named) + (f" and {rest} more" if rest else "")
        sentences.append(f"{count} by rule {rule}: {why} Worst: {worst}.")
    return sentences


def _worst(groups: Sequence[Group]) -> tuple[int, float, str, int, str]:
    return min(_badness(group) for group in groups)


def _badness(group: Group) -> tuple[int, float, str, int, str]:
    """Worst first, then by place."""
    finding = group.representative
    place = finding.location
    return (
        -finding.severity.rank,
        -(finding.score or 0.0),
        place.uri or "",
        place.start_line or 0,
        group.identity,
    )


def _named(group: Group) -> str:
    """A finding in a few words: rule, package, place."""
    finding = group.representative
    package, place = finding.package, finding.location
    what = finding.rule_id
    if package is not None:
        what += f" in {package.name} {package.version or ''}".rstrip()
    where = place.uri or place.image or place.logical
    line = f":{place.start_line}" if place.uri and place.start_line else ""
    return f"{what} ({where}{line})" if where else what
