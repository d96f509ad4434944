"""Where a baseline comes from: a report, a stored run, or the stored run of a commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from secagg.errors import StoreError, UsageError
from secagg.model.problem import RunRecord
from secagg.pipeline.baseline import BaselineReport, read_baseline
from secagg.pipeline.gate import AUTO, SCAN, Gate
from secagg.pipeline.origin import open_store_of
from secagg.policy.gaps import gap_key
from secagg.report.findings import group_of
from secagg.scanners.base import Status
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
