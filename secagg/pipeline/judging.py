"""Judge the groups of a scan by exceptions, baseline, facts and policy."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from secagg.change.baseline import Comparison, compare
from secagg.change.facts import facts_of
from secagg.change.owners import code_owners
from secagg.decisions.entry import Read, Trust, work_tree
from secagg.decisions.load import load_exceptions
from secagg.decisions.sarif import not_ours, rejection_of, suppression_of
from secagg.errors import SecaggError, StoreError, UsageError
from secagg.merge import Group, MergedSet
from secagg.merge.groups import known_as
from secagg.output.decision import DecidedChange
from secagg.pipeline.baseline import BaselineReport, ToolVersion, read_baseline
from secagg.pipeline.decisions import stored_decisions
from secagg.pipeline.gate import AUTO, NONE, SCAN, Gate
from secagg.pipeline.origin import has_store, open_store_of
from secagg.policy import BaselineState, Decision, Judgement, ToolOutcome, judge
from secagg.policy.approval import not_counted_in
from secagg.policy.gaps import gap_key
from secagg.policy.model import CompareWith, asks_for_age, asks_for_intel
from secagg.scanners.base import Status
from secagg.secrets.redactor import Redactor
from secagg.system.dates import utc_now
from secagg.system.git import checked, find_commit, short_commit

if TYPE_CHECKING:
    from secagg.history import Store
    from secagg.model.problem import RunRecord

_RUN_PREFIX = "run:"

_NO_BASELINE = (
    "there is no baseline: what the change touches counts as brought by it (--policy-from main "
    "--baseline auto compares with the store's run of main, or scans it; --baseline FILE names "
    "a findings.sarif of it)"
)


class NoBaseline(Exception):
    """``auto`` finds no baseline."""


def baseline_groups(
    spec: str, gate: Gate, tool_versions: Sequence[ToolVersion] = ()
) -> BaselineReport:
    """Return the baseline that ``spec`` names: a report's path, ``run:KEY``, a commit, ``auto``
    or ``scan``.

    A commit means the newest stored run of its merge base with HEAD. In a pull request a report
    that git tracks is read from the base. A stored or cached scan of the base must have had the
    tools in ``tool_versions``, those of the present scan. Raises :class:`UsageError` where there
    is no such baseline, and :class:`NoBaseline` where ``auto`` finds none.
    """
    if spec in (AUTO, SCAN):
        return _automatic_baseline(spec, gate, tool_versions)
    if spec.startswith(_RUN_PREFIX):
        return _read_run(spec.removeprefix(_RUN_PREFIX), gate)
    report = gate.controls.read(spec)
    if report is not None:
        name = Path(spec).name
        return read_baseline([(name, report)], root=gate.root, overrules=gate.overrules)
    return _read_run(_stored_run(spec, gate).key, gate)


class JudgedScan(Struct, frozen=True, kw_only=True):
    """A decision, and the comparison with the baseline behind it."""

    decision: Decision
    change: DecidedChange
    comparison: Comparison | None = None


def decide(
    gate: Gate,
    merged: MergedSet,
    runs: Sequence[ToolOutcome],
    *,
    redactor: Redactor,
    covers: Callable[[Group], bool] = lambda group: True,
    narrowed: bool = False,
) -> JudgedScan:
    """Judge ``merged`` by the gate's policy, exceptions and baseline.

    ``covers`` returns whether this scan would have seen a group of the baseline. ``narrowed`` says
    that the scan looked at a part of the repository: then no exception counts as unused.
    """
    options, policy = gate.options, gate.policy
    if not gate.decides:
        decision = judge(policy, merged, runs=runs, today=gate.today)
        return JudgedScan(decision=decision, change=DecidedChange())
    read_file = _exception_reader(gate)
    trust = Trust(policy.name, frozenset(policy.decisions.trust))
    decisions = load_exceptions(
        gate.root,
        max_days=policy.exceptions.max_days,
        gaps=policy.gaps,
        today=gate.today,
        vex_files=options.vex,
        read=read_file,
        touched=_touched_by_change(gate) if gate.controls.base is not None else None,
        trust=trust,
        mask=redactor.mask,
        owners=code_owners(gate.root, gate.controls.base),
        stored=stored_decisions(gate, merged, trust=trust, mask=redactor.mask),
    )
    notes = list(gate.notes)
    comparison = None
    baseline = BaselineReport(())
    if options.baseline not in (None, NONE):
        try:
            baseline = baseline_groups(options.baseline, gate, _tool_versions(runs, merged))
        except NoBaseline:
            notes.append(_NO_BASELINE)
            options = replace(options, baseline=None)
    elif policy.baseline not in (None, CompareWith.NONE):
        notes.append(_NO_BASELINE)
    if options.baseline not in (None, NONE):
        gap_keys = {key for run in runs for key in (*run.remarks, *(gap.key for gap in run.gaps))}
        notes += [*baseline.notes, *baseline.doubts(gap_keys)]
        comparison = compare(merged, baseline.groups, gate.diff, looked_at=covers)
        notes += comparison.notes
    intel = None
    if asks_for_intel(policy):
        from secagg.intel import VARIABLE, Intel, intel_directory

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
    named = [*decision.unused, *not_counted_in(decision.judgements)]
    decision = replace(
        decision,
        notes=[*decision.notes, *decisions.sentences(named), *notes],
        unused=[] if narrowed else decision.unused,
    )
    return JudgedScan(
        decision=decision,
        change=_decided_change(gate, comparison, baseline.name),
        comparison=comparison,
    )


def suppress(judgements: Sequence[Judgement]) -> None:
    """Set the SARIF suppressions of each finding by the exception that covers it.

    Removes suppressions of earlier runs, and rejects those in a report that the gate refused.
    """
    for judgement in judgements:
        exception = judgement.exception
        suppressions = () if exception is None else (suppression_of(exception),)
        if exception is None and (rejected := rejection_of(judgement.lapsed)) is not None:
            suppressions = (rejected,)
        for finding in (judgement.group.representative, *judgement.group.members):
            if suppressions or finding.suppressions:
                finding.suppressions = (*not_ours(finding.suppressions), *suppressions)


def _automatic_baseline(
    spec: str, gate: Gate, tool_versions: Sequence[ToolVersion]
) -> BaselineReport:
    """Return the stored run of the merge base or a scan of it; for ``scan`` always a scan."""
    base = gate.controls.base
    assert base is not None, "prepare() has refused it"
    run = _stored_run_or_none(base, gate) if spec == AUTO and gate.options.store != "" else None
    if run is not None and _covers_tools(run, tool_versions):
        return _baseline_of_run(run, gate)
    base_scan = None if gate.scan_base is None else gate.scan_base(tool_versions)
    if base_scan is not None:
        return base_scan
    if run is not None:
        return _baseline_of_run(run, gate)
    if spec == SCAN:
        raise UsageError(
            "--baseline scan runs the scanners, which secagg gate does not",
            hint="use it with secagg scan, or name the findings.sarif of the base",
        )
    raise NoBaseline


def _stored_run_or_none(base: str, gate: Gate) -> RunRecord | None:
    try:
        return _stored_run(base, gate)
    except UsageError:
        return None


def _baseline_of_run(run: RunRecord, gate: Gate) -> BaselineReport:
    return replace(
        _read_run(run.key, gate), name=f"the stored run of its base {short_commit(str(run.commit))}"
    )


def _stored_run(spec: str, gate: Gate) -> RunRecord:
    """Return the newest stored run of the merge base of ``spec`` and HEAD; raises UsageError."""
    if find_commit(gate.root, spec) is None:
        raise UsageError(
            f"no baseline {spec!r}: it is no file, and no commit of this clone",
            hint="give a findings.sarif, run:KEY of the store, or a branch that was recorded",
        )
    commit = checked(gate.root, "merge-base", "--", spec, "HEAD").text.strip()
    with _open_store(gate) as store:
        run = store.run_of_commit(gate.origin.repository, commit)
    if run is None:
        raise UsageError(
            f"the store has no run of {short_commit(commit)}, where this branch left {spec}",
            hint="record one there with secagg scan, or give its findings.sarif as the baseline",
        )
    return run


def _covers_tools(run: RunRecord, tool_versions: Sequence[ToolVersion]) -> bool:
    """Return whether every tool of the present scan completed in ``run`` too.

    Old findings of a tool that it lacks would be laid to the change.
    """
    broken = {
        tool_run.tool
        for tool_run in run.tools
        if tool_run.status == Status.FAILED
        and (tool_run.reason is None or tool_run.reason not in tool_run.gaps)
    }
    complete = {
        tool_run.tool for tool_run in run.tools if tool_run.status != Status.SKIPPED
    } - broken
    return complete.issuperset(version.tool for version in tool_versions)


def _read_run(key: str, gate: Gate) -> BaselineReport:
    with _open_store(gate) as store:
        run, problems = store.run(store.run_key(key))
    gaps = {gap_key(gap): gap for tool_run in run.tools for gap in tool_run.gaps}
    for tool_run in run.tools:
        if tool_run.status == Status.FAILED and tool_run.reason:
            gaps.setdefault(gap_key(tool_run.reason), tool_run.reason)
    if run.verdict == "incomplete":
        gaps[""] = f"run {run.key} of {run.started_at:%Y-%m-%d}"
    from secagg.report.findings import group_of

    return BaselineReport([group_of(problem) for problem in problems], gaps=gaps)


def _open_store(gate: Gate) -> Store:
    if gate.options.store == "":
        raise UsageError("a stored run needs the store", hint="leave --no-store out")
    try:
        return open_store_of(gate.options.store, gate.root, create=False)
    except StoreError as error:
        raise UsageError(f"no baseline: {error.message}", hint=error.hint) from error


def _tool_versions(runs: Sequence[ToolOutcome], merged: MergedSet) -> list[ToolVersion]:
    """Return the tools and versions of a scan; a scan of the base must have the same.

    A SARIF file may hold the runs of several tools: the findings name these.
    """
    ran = [run for run in runs if run.status != "skipped"]
    versions = {ToolVersion(run.tool, run.version or "") for run in ran if not _is_sarif(run)}
    if any(map(_is_sarif, ran)):
        versions |= {ToolVersion(tool, "") for group in merged.groups for tool in group.tools}
    return sorted(versions)


def _is_sarif(run: ToolOutcome) -> bool:
    return run.tool.partition(" ")[0] == "sarif"


def _exception_reader(gate: Gate) -> Read:
    """Return the reader of decision files: in a change those of the base.

    VEX documents are read as the command line names them.
    """
    read_work_tree = work_tree(gate.root)

    def read(name: str) -> bytes | None:
        if name in gate.options.vex:
            return gate.controls.read(name)
        return (
            read_work_tree(name) if gate.controls.base is None else gate.controls.base_bytes(name)
        )

    return read


def _touched_by_change(gate: Gate) -> Callable[[str], bool]:
    """Return a test for whether the change touches a path; True for what is no path."""

    def touched(path: str) -> bool:
        try:
            return bool(gate.controls.touched(path))
        except (SecaggError, OSError, ValueError):
            return True

    return touched


def _first_seen(gate: Gate, merged: MergedSet) -> Mapping[str, datetime.datetime]:
    if not has_store(gate.options.store, gate.root):
        return {}
    from secagg.pipeline.record import first_seen

    identities = [identity for group in merged.groups for identity in known_as(group)]
    dates = first_seen(gate.options.store, gate.root, origin=gate.origin, identities=identities)
    if not dates:
        return {}
    # A group that the history lacks was first seen now. Without a history no date is known, and the
    # policy says what that means.
    now = utc_now()
    new = {g.identity: now for g in merged.groups if dates.keys().isdisjoint(known_as(g))}
    return {**new, **dates}


def _decided_change(gate: Gate, comparison: Comparison | None, name: str | None) -> DecidedChange:
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
