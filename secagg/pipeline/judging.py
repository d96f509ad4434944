"""Judge the groups of a scan: exceptions, baseline, facts, policy."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from secagg.change.baseline import Comparison, compare
from secagg.change.facts import facts_of
from secagg.decisions.entry import Read, Trust, work_tree
from secagg.decisions.load import load_exceptions
from secagg.decisions.sarif import not_ours, rejection_of, suppression_of
from secagg.errors import SecaggError, StoreError, UsageError
from secagg.intel import VARIABLE, Intel, intel_directory
from secagg.merge import Group, MergedSet
from secagg.merge.groups import known_as
from secagg.model.problem import RunRecord
from secagg.output.decision import DecidedChange
from secagg.pipeline.baseline import BaselineReport, read_baseline
from secagg.pipeline.decisions import stored_decisions
from secagg.pipeline.gate import AUTO, NONE, SCAN, Gate
from secagg.pipeline.origin import open_store_of
from secagg.pipeline.record import first_seen
from secagg.policy import BaselineState, Decision, Judgement, ToolOutcome, judge
from secagg.policy.gaps import gap_key
from secagg.policy.model import CompareWith, asks_for_age, asks_for_intel
from secagg.report.findings import group_of
from secagg.scanners.base import Status
from secagg.secrets.redactor import Redactor
from secagg.system.git import checked, find_commit

if TYPE_CHECKING:
    from secagg.history import Store

_RUN = "run:"


def _automatic(spec: str, gate: Gate, ran_with: Sequence[str]) -> BaselineReport:
    """The stored run of where the change left its base, else a scan of it; with ``scan``, that."""
    base = gate.controls.base
    if base is None:
        raise UsageError(
            f"--baseline {spec} needs a base to compare with",
            hint="it is known in a pull request; elsewhere say --policy-from BASE",
        )
    run = _run_at(base, gate) if spec == AUTO and gate.options.store != "" else None
    if run is not None and _vouches(run, ran_with):
        return _named(run, gate)
    scanned = None if gate.scan_base is None else gate.scan_base(ran_with)
    if scanned is not None:
        return scanned
    if run is not None:
        return _named(run, gate)
    if spec == SCAN:
        raise UsageError(
            "--baseline scan runs the scanners, which secagg gate does not",
            hint="use it with secagg scan, or name the findings.sarif of the base",
        )
    raise NoBaseline


def _run_at(base: str, gate: Gate) -> RunRecord | None:
    try:
        return _run_of(base, gate)
    except UsageError:
        return None


def _named(run: RunRecord, gate: Gate) -> BaselineReport:
    return replace(
        _stored(run.key, gate), name=f"the stored run of its base {str(run.commit)[:12]}"
    )


class NoBaseline(Exception):
    """There is no baseline at hand, and none was insisted on."""


def baseline_groups(spec: str, gate: Gate, ran_with: Sequence[str] = ()) -> BaselineReport:
    """The groups that ``spec`` names: a report's path, ``run:KEY``, a commit, ``auto``, ``scan``.

    ``ran_with`` says which tools, versions and databases the scan ran with: a scan of the base
    that is kept must have run with the same. Raises NoBaseline where ``auto`` finds none.
    Of a commit it is the newest stored run of its merge base with HEAD. In a pull request a
    report that the repository itself holds is the base's. Raises :class:`UsageError` where there
    is no such baseline.
    """
    if spec in (AUTO, SCAN):
        return _automatic(spec, gate, ran_with)
    if spec.startswith(_RUN):
        return _stored(spec.removeprefix(_RUN), gate)
    report = gate.controls.read(spec)
    if report is not None:
        name = Path(spec).name
        return read_baseline([(name, report)], root=gate.root, overrules=gate.overrules)
    return _stored(_run_of(spec, gate).key, gate)


def _run_of(spec: str, gate: Gate) -> RunRecord:
    """The newest stored run of where HEAD left the commit ``spec``; raises UsageError."""
    if find_commit(gate.root, spec) is None:
        raise UsageError(
            f"no baseline {spec!r}: it is no file, and no commit of this clone",
            hint="give a findings.sarif, run:KEY of the store, or a branch that was recorded",
        )
    commit = checked(gate.root, "merge-base", "--", spec, "HEAD").text.strip()
    with _open(gate) as opened:
        run = opened.run_of_commit(gate.origin.repository, commit)
    if run is None:
        raise UsageError(
            f"the store has no run of {commit[:12]}, where this branch left {spec}",
            hint="record one there with secagg scan, or give its findings.sarif as the baseline",
        )
    return run


def _vouches(run: RunRecord, ran_with: Sequence[str]) -> bool:
    """Whether every tool that ran here ran there as well, and came to an end.

    What else could be new, for want of a tool, would be laid to the change.
    """
    broken = {
        each.tool
        for each in run.tools
        if each.status == Status.FAILED and (each.reason is None or each.reason not in each.gaps)
    }
    ended = {each.tool for each in run.tools if each.status != Status.SKIPPED} - broken
    return ended.issuperset(named.partition(" ")[0] for named in ran_with)


def _stored(key: str, gate: Gate) -> BaselineReport:
    with _open(gate) as opened:
        run, problems = opened.run(opened.run_key(key))
    gaps = {gap_key(gap): gap for each in run.tools for gap in each.gaps}
    for each in run.tools:
        if each.status == Status.FAILED and each.reason:
            gaps.setdefault(gap_key(each.reason), each.reason)
    if run.verdict == "incomplete":
        gaps[""] = f"run {run.key} of {run.started_at:%Y-%m-%d}"
    return BaselineReport([group_of(problem) for problem in problems], gaps=gaps)


def _open(gate: Gate) -> Store:
    if gate.options.store == "":
        raise UsageError("a stored run needs the store", hint="leave --no-store out")
    try:
        return open_store_of(gate.options.store, gate.root, create=False)
    except StoreError as error:
        raise UsageError(f"no baseline: {error.message}", hint=error.hint) from error


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
    decisions = load_exceptions(
        gate.root,
        max_days=policy.exceptions.max_days,
        gaps=policy.gaps,
        today=gate.today,
        vex_files=options.vex,
        read=files,
        touched=_touched(gate) if gate.controls.base is not None else None,
        trust=trust,
        mask=redactor.mask,
        elsewhere=stored_decisions(gate, merged, trust=trust, mask=redactor.mask),
    )
    notes = list(gate.notes)
    comparison = None
    baseline = BaselineReport(())
    if options.baseline not in (None, NONE):
        try:
            baseline = baseline_groups(options.baseline, gate, _ran_with(runs, merged))
        except NoBaseline:
            notes.append(_NO_BASELINE)
            options = dataclasses.replace(options, baseline=None)
    elif policy.baseline not in (None, CompareWith.NONE):
        notes.append(_NO_BASELINE)
    if options.baseline not in (None, NONE):
        own = {key for run in runs for key in (*run.remarks, *(gap.key for gap in run.gaps))}
        notes += [*baseline.notes, *baseline.doubts(own)]
        comparison = compare(merged, baseline.groups, gate.diff, looked_at=looked_at)
        notes += comparison.notes
    intel = None
    if asks_for_intel(policy):
        directory = intel_directory(os.environ)
        gate.controls.refuse_touched(directory.absolute(), VARIABLE)
        intel = Intel.load(directory, gate.today)
        notes += intel.notes
    facts = facts_of(
        merged,
        diff=gate.diff,
        comparison=comparison,
        owners=gate.owners,
        intel=intel,
        first_seen=_first_seen(gate, merged) if asks_for_age(policy) else None,
        exact=baseline.exact,
    )
    decision = judge(
        policy,
        merged,
        runs=runs,
        facts=facts,
        exceptions=decisions,
        today=gate.today,
        gaps_in_base=baseline.gaps_after(gate.diff),
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
        decision=decision, change=_change(gate, comparison, baseline.name), comparison=comparison
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
    dates = first_seen(
        gate.options.store,
        gate.root,
        origin=gate.origin,
        identities=names,
    )
    if not dates:
        return {}
    # Where there is a history, what it does not know was first seen now; where there is none,
    # nobody knows, and the policy has to say what that means.
    now = datetime.datetime.now(datetime.UTC)
    new = {g.identity: now for g in merged.groups if not any(n in dates for n in known_as(g))}
    return {**new, **dates}


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
