"""What a gate is made of, and its decision: policy, exceptions, baseline, diff, owners, dates.

In a pull request all files that control the gate are read from the commit that the change is to
be merged into, so that a change cannot weaken its own gate.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from secagg import policy as policies
from secagg.change.base import changed_controls, default_base, reader_at
from secagg.change.baseline import Comparison, compare
from secagg.change.diff import read_diff
from secagg.change.facts import facts_of
from secagg.change.model import Diff
from secagg.change.owners import Owners, load_owners
from secagg.config import NAME as CONFIG_NAME
from secagg.config import Config, load_config, read_config
from secagg.decided import DecidedChange
from secagg.errors import ConfigError
from secagg.exceptions.load import load_exceptions
from secagg.exceptions.suppression import not_ours, suppression_of
from secagg.intel.intel import Intel
from secagg.intel.record import intel_directory
from secagg.merge import MergedSet, Overrule
from secagg.merge.identity import known_as
from secagg.pipeline.baselinesource import baseline_groups
from secagg.pipeline.overrules import NAME as OVERRULES_NAME
from secagg.pipeline.overrules import load_overrules, read_text_overrules
from secagg.pipeline.record import first_seen, origin_of
from secagg.policy import BaselineState, Decision, Judgement, Policy, ToolOutcome, judge
from secagg.policy.needs import asks_for_age, asks_for_intel
from secagg.redact import Redactor

_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOptions:
    """What the command line says of the gate; ``None`` leaves it to the configuration.

    ``policy_from`` is a commit, by default that of the pull request's base; ``baseline`` is a
    report, ``run:KEY`` or a commit; ``diff`` is ``BASE...HEAD``. ``store`` is a URL or a path,
    and an empty one means none. ``today`` is in UTC.
    """

    policy: str | None = None
    policy_from: str | None = None
    baseline: str | None = None
    diff: str | None = None
    vex: Sequence[str] = ()
    store: str | None = None
    today: datetime.date | None = None


@dataclass(slots=True, kw_only=True)
class Gate:
    """Everything that decides but the findings. Made before a scan, so that mistakes come early."""

    root: Path
    options: GateOptions
    config: Config
    policy: Policy
    overrules: Sequence[Overrule]
    read: Callable[[str], bytes | None] | None
    today: datetime.date
    base: str | None = None
    controls: Sequence[str] = ()
    diff: Diff | None = None
    owners: Owners | None = None
    notes: list[str] = field(default_factory=list)
    decides: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A decision, and what the findings were compared with."""

    decision: Decision
    change: DecidedChange
    comparison: Comparison | None = None


def prepare(
    root: Path,
    options: GateOptions,
    *,
    config: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Gate:
    """The gate for ``root``.

    Raises :class:`ConfigError` for a file that cannot be used, and :class:`UsageError` for a
    commit that this clone does not hold: nothing falls back to the change's own files.
    """
    root = root.resolve()
    base = options.policy_from or default_base(root, environ)
    read = reader_at(root, base) if base is not None else None
    settings = load_config(root, config)
    if read is not None and config is None:
        settings = read_config(_text(read, CONFIG_NAME), name=_at(CONFIG_NAME, base))
    name = options.policy or settings.policy
    policy = _policy(name, read, root, base)
    owners = load_owners(root, ref=base, components=settings.owners)
    also = [name, *([options.baseline] if options.baseline else []), *options.vex]
    return Gate(
        root=root,
        options=options,
        config=settings,
        policy=policy,
        overrules=(
            load_overrules(root)
            if read is None
            else read_text_overrules(_text(read, OVERRULES_NAME))
        ),
        read=read,
        today=options.today or datetime.datetime.now(datetime.UTC).date(),
        base=base,
        controls=changed_controls(root, base, also) if base is not None else (),
        diff=read_diff(root, options.diff) if options.diff is not None else None,
        owners=owners,
        notes=list(owners.notes),
    )


def plain_gate(root: Path, config: Config) -> Gate:
    """The gate of a command that reads reports and decides nothing."""
    return Gate(
        root=root.resolve(),
        options=GateOptions(store=""),
        config=config,
        policy=policies.load("default"),
        overrules=load_overrules(root),
        read=None,
        today=datetime.datetime.now(datetime.UTC).date(),
        decides=False,
    )


def decide(
    gate: Gate, merged: MergedSet, runs: Sequence[ToolOutcome], *, redactor: Redactor
) -> Judged:
    """Judge ``merged``; every finding covered by an exception gets its suppression."""
    options, policy = gate.options, gate.policy
    if not gate.decides:
        decision = judge(policy, merged, runs=runs, today=gate.today)
        return Judged(decision=decision, change=DecidedChange())
    exceptions = load_exceptions(
        gate.root,
        max_days=policy.exceptions.max_days,
        today=gate.today,
        vex_files=options.vex,
        read=gate.read,
        mask=redactor.mask,
    )
    notes = list(gate.notes)
    comparison = None
    if options.baseline is not None:
        known = baseline_groups(
            options.baseline,
            root=gate.root,
            read=gate.read,
            overrules=gate.overrules,
            store=options.store,
        )
        notes += known.notes
        comparison = compare(merged, known.groups, gate.diff)
        notes += comparison.notes
    intel = None
    if asks_for_intel(policy):
        intel = Intel.load(intel_directory(os.environ), gate.today)
        notes += intel.notes
    facts = facts_of(
        merged,
        diff=gate.diff,
        comparison=comparison,
        owners=gate.owners,
        intel=intel,
        first_seen=_first_seen(gate, merged) if asks_for_age(policy) else None,
    )
    decision = judge(
        policy, merged, runs=runs, facts=facts, exceptions=exceptions, today=gate.today
    )
    if gate.diff is not None:
        notes += gate.diff.notes
    decision = replace(decision, notes=[*decision.notes, *exceptions.sentences(), *notes])
    return Judged(decision=decision, change=_change(gate, comparison), comparison=comparison)


def suppress(judgements: Sequence[Judgement]) -> None:
    """Give each finding that an exception covers its SARIF suppression, and no other an old one."""
    for judgement in judgements:
        exception = judgement.exception
        ours = () if exception is None else (suppression_of(exception),)
        for finding in (judgement.group.representative, *judgement.group.members):
            if ours or finding.suppressions:
                finding.suppressions = (*not_ours(finding.suppressions), *ours)


def _policy(
    name: str, read: Callable[[str], bytes | None] | None, root: Path, base: str | None
) -> Policy:
    if read is None or name in policies.built_in():
        relative = root / name
        return policies.load(str(relative) if relative.is_file() else name)
    path = Path(name)
    inside = path.resolve().relative_to(root) if path.resolve().is_relative_to(root) else path
    try:
        return policies.load(inside.as_posix(), read=lambda file: _text(read, file))
    except ConfigError as error:
        raise ConfigError(
            f"{error.message} (as of {_short(base)}, which the change is to be merged into)",
            hint=f"{error.hint or ''}; a policy that this change adds holds once it is merged",
        ) from error


def _first_seen(gate: Gate, merged: MergedSet) -> Mapping[str, datetime.datetime]:
    if gate.options.store == "":
        return {}
    origin = origin_of(gate.root)
    names = [name for group in merged.groups for name in known_as(group)]
    known = first_seen(
        gate.options.store,
        gate.root,
        repository=origin.repository,
        branch=origin.branch,
        identities=names,
    )
    if not known:
        return {}
    # Where there is a history, what it does not know was first seen now; where there is none,
    # nobody knows, and the policy has to say what that means.
    now = datetime.datetime.now(datetime.UTC)
    new = {g.identity: now for g in merged.groups if not any(n in known for n in known_as(g))}
    return {**new, **known}


def _change(gate: Gate, comparison: Comparison | None) -> DecidedChange:
    states = {}
    if comparison is not None:
        states = {state.value: comparison.count(state) for state in BaselineState}
    return DecidedChange(
        diff=gate.options.diff,
        baseline=gate.options.baseline,
        policy_from=_short(gate.base),
        controls_changed=list(gate.controls),
        states=states,
    )


def _text(read: Callable[[str], bytes | None], path: str) -> str | None:
    data = read(path)
    if data is None:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text", where=path) from None


def _short(commit: str | None) -> str | None:
    return commit[:_SHOWN] if commit is not None and len(commit) == 40 else commit


def _at(name: str, base: str | None) -> str:
    return f"{name} at {_short(base)}"
