"""A gate's decision on what was found."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from secagg.change.baseline import Comparison, compare
from secagg.change.facts import facts_of
from secagg.decisions.load import load_exceptions
from secagg.decisions.source import Read, work_tree
from secagg.decisions.suppression import not_ours, rejection_of, suppression_of
from secagg.decisions.trust import Trust
from secagg.errors import SecaggError
from secagg.intel.intel import Intel
from secagg.intel.record import VARIABLE, intel_directory
from secagg.merge import Group, MergedSet
from secagg.merge.identity import known_as
from secagg.output.decision import DecidedChange
from secagg.pipeline.baseline import BaselineReport
from secagg.pipeline.baselinesource import NoBaseline, baseline_groups
from secagg.pipeline.decisions import with_triage
from secagg.pipeline.gate import NONE, Gate
from secagg.pipeline.record import first_seen
from secagg.policy import BaselineState, Decision, Judgement, ToolOutcome, judge
from secagg.policy.model import CompareWith
from secagg.policy.needs import asks_for_age, asks_for_intel
from secagg.secrets.redactor import Redactor


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A decision, and what the findings were compared with."""

    decision: Decision
    change: DecidedChange
    comparison: Comparison | None = None


def decide(
    gate: Gate,
    merged: MergedSet,
    runs: Sequence[ToolOutcome],
    *,
    redactor: Redactor,
    looked_at: Callable[[Group], bool] = lambda group: True,
    narrowed: bool = False,
) -> Judged:
    """Judge ``merged``; every finding covered by an exception gets its suppression.

    ``looked_at`` tells of a group of the baseline whether this scan would have seen it;
    ``narrowed`` says that it looked at a part, so that no exception is unused because of it.
    """
    options, policy = gate.options, gate.policy
    if not gate.decides:
        decision = judge(policy, merged, runs=runs, today=gate.today)
        return Judged(decision=decision, change=DecidedChange())
    files = _exception_files(gate)
    trust = Trust(policy.name, frozenset(policy.decisions.trust))
    exceptions = load_exceptions(
        gate.root,
        max_days=policy.exceptions.max_days,
        gaps=policy.gaps,
        today=gate.today,
        vex_files=options.vex,
        read=files,
        touched=_touched(gate) if gate.controls.base is not None else None,
        trust=trust,
        mask=redactor.mask,
    )
    decisions = with_triage(exceptions, gate, merged, read=files, trust=trust, mask=redactor.mask)
    notes = list(gate.notes)
    comparison = None
    known = BaselineReport(())
    if options.baseline not in (None, NONE):
        try:
            known = baseline_groups(options.baseline, gate, _ran_with(runs, merged))
        except NoBaseline:
            notes.append(_NO_BASELINE)
            options = dataclasses.replace(options, baseline=None)
    elif policy.baseline not in (None, CompareWith.NONE):
        notes.append(_NO_BASELINE)
    if options.baseline not in (None, NONE):
        own = {key for run in runs for key in (*run.remarks, *(gap.key for gap in run.gaps))}
        notes += [*known.notes, *known.doubts(own)]
        comparison = compare(merged, known.groups, gate.diff, looked_at=looked_at)
        notes += comparison.notes
    intel = None
    if asks_for_intel(policy):
        directory = intel_directory(os.environ)
        gate.controls.untouched(directory.absolute(), VARIABLE)
        intel = Intel.load(directory, gate.today)
        notes += intel.notes
    facts = facts_of(
        merged,
        diff=gate.diff,
        comparison=comparison,
        owners=gate.owners,
        intel=intel,
        first_seen=_first_seen(gate, merged) if asks_for_age(policy) else None,
        exact=known.exact,
    )
    decision = judge(
        policy,
        merged,
        runs=runs,
        facts=facts,
        exceptions=decisions,
        today=gate.today,
        gaps_in_base=known.gaps_after(gate.diff),
        required=gate.config.require,
        narrowed=narrowed,
    )
    if gate.diff is not None:
        notes += gate.diff.notes
    decision = replace(
        decision,
        notes=[*decision.notes, *decisions.sentences(decision.unused), *notes],
        unused=[] if narrowed else decision.unused,
    )
    return Judged(
        decision=decision, change=_change(gate, comparison, known.name), comparison=comparison
    )


_NO_BASELINE = (
    "there is no baseline: what the change touches counts as brought by it (secagg scan --baseline "
    "scan scans the base; --baseline FILE names a findings.sarif of it)"
)


def _ran_with(runs: Sequence[ToolOutcome], merged: MergedSet) -> list[str]:
    """What a scan ran with: a scan of the base has to have run with the same.

    A SARIF file may hold the runs of several tools, of which the findings name the tools.
    """
    ran = [run for run in runs if run.status != "skipped"]
    named = {f"{run.tool} {run.version or ''}" for run in ran if not _is_sarif(run)}
    if any(map(_is_sarif, ran)):
        named |= {f"{tool} " for group in merged.groups for tool in group.tools}
    return sorted(named)


def _is_sarif(run: ToolOutcome) -> bool:
    return run.tool.partition(" ")[0] == "sarif"


def suppress(judgements: Sequence[Judgement]) -> None:
    """Give each finding that an exception covers its SARIF suppression, and no other an old one.

    Suppressions that came with a finding and are refused are rejected in SARIF too.
    """
    for judgement in judgements:
        exception = judgement.exception
        ours = () if exception is None else (suppression_of(exception),)
        if exception is None and (rejected := rejection_of(judgement.lapsed)) is not None:
            ours = (rejected,)
        for finding in (judgement.group.representative, *judgement.group.members):
            if ours or finding.suppressions:
                finding.suppressions = (*not_ours(finding.suppressions), *ours)


def _exception_files(gate: Gate) -> Read:
    """VEX documents are named; the other files are the base's, or else those of the work tree."""
    tree = work_tree(gate.root)

    def read(name: str) -> bytes | None:
        if name in gate.options.vex:
            return gate.controls.read(name)
        return tree(name) if gate.controls.base is None else gate.controls.base_bytes(name)

    return read


def _touched(gate: Gate) -> Callable[[str], bool]:
    """Whether the change touches a file that a report names; what is no path may be any."""

    def touched(path: str) -> bool:
        try:
            return bool(gate.controls.touched(path))
        except (SecaggError, OSError, ValueError):
            return True

    return touched


def _first_seen(gate: Gate, merged: MergedSet) -> Mapping[str, datetime.datetime]:
    names = [name for group in merged.groups for name in known_as(group)]
    known = first_seen(
        gate.options.store,
        gate.root,
        origin=gate.origin,
        identities=names,
    )
    if not known:
        return {}
    # Where there is a history, what it does not know was first seen now; where there is none,
    # nobody knows, and the policy has to say what that means.
    now = datetime.datetime.now(datetime.UTC)
    new = {g.identity: now for g in merged.groups if not any(n in known for n in known_as(g))}
    return {**new, **known}


def _change(gate: Gate, comparison: Comparison | None, name: str | None) -> DecidedChange:
    states = {}
    if comparison is not None:
        states = {state.value: comparison.count(state) for state in BaselineState}
    return DecidedChange(
        diff=gate.options.diff,
        baseline=None if comparison is None else name or gate.options.baseline,
        policy_from=gate.base,
        controls_changed=list(gate.changed),
        states=states,
    )
