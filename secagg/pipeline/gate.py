"""What a gate is made of: configuration, policy, overrules, owners, and what changed.

In a pull request all files that control the gate are read from the commit that the change is to
be merged into, so that a change cannot weaken its own gate.
"""

from __future__ import annotations

import datetime
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from secagg import policy as policies
from secagg.change.base import changed_controls, default_base
from secagg.change.controls import Controls
from secagg.change.diff import read_diff
from secagg.change.model import Diff
from secagg.change.owners import Owners, load_owners
from secagg.config import NAME as CONFIG_NAME
from secagg.config import (
    PROJECT,
    TABLE,
    Config,
    load_config,
    project_table,
    read_config,
    read_project,
)
from secagg.errors import ConfigError
from secagg.merge import Overrule
from secagg.pipeline.baseline import BaselineReport
from secagg.pipeline.ofchange import refuse_a_store_of_the_change
from secagg.pipeline.origin import Origin, origin_of
from secagg.pipeline.overrules import NAME as OVERRULES_NAME
from secagg.pipeline.overrules import load_overrules, read_text_overrules
from secagg.policy import Policy
from secagg.system.process import distrust
from secagg.system.yamlfile import read_text

_SHOWN = 12
AUTO, SCAN, NONE = "auto", "scan", "none"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOptions:
    """What the command line says of the gate; ``None`` leaves it to the configuration.

    ``policy_from`` is a commit, by default that of the pull request's base; ``baseline`` is a
    report, ``run:KEY``, a commit, or one of ``auto``, ``scan`` and ``none``; ``diff`` is
    ``BASE...HEAD``. ``store`` is a URL or a path,
    and an empty one means none. ``today`` is in UTC. ``repository``, ``branch`` and ``commit``
    say what git cannot say of reports that were made elsewhere.
    """

    policy: str | None = None
    policy_from: str | None = None
    baseline: str | None = None
    diff: str | None = None
    vex: Sequence[str] = ()
    store: str | None = None
    today: datetime.date | None = None
    repository: str | None = None
    branch: str | None = None
    commit: str | None = None


@dataclass(slots=True, kw_only=True)
class Gate:
    """Everything that decides but the findings. Made before a scan, so that mistakes come early.

    ``changed`` are files of the gate that the change touches. ``scan_base`` scans the base, or
    takes a scan of it that is kept; it is given what the scan itself ran with (tools, versions).
    """

    root: Path
    options: GateOptions
    config: Config
    policy: Policy
    controls: Controls
    overrules: Sequence[Overrule]
    today: datetime.date
    changed: Sequence[str] = ()
    diff: Diff | None = None
    owners: Owners | None = None
    notes: list[str] = field(default_factory=list)
    decides: bool = True
    scan_base: Callable[[Sequence[str]], BaselineReport | None] | None = None

    @property
    def origin(self) -> Origin:
        """Where in the store the findings belong."""
        options = self.options
        origin = origin_of(self.root, repository=options.repository, branch=options.branch)
        return origin if options.commit is None else replace(origin, commit=options.commit)

    @property
    def base(self) -> str | None:
        """The commit that the gate is read from, as it is shown; None outside of a change."""
        return shown_commit(self.controls.base)


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
    distrust(root)
    base = options.policy_from or default_base(root, environ)
    controls = Controls(root, base)
    refuse_a_store_of_the_change(controls, root, options.store, environ)
    settings = _config(controls, root, config)
    name = options.policy or settings.policy
    owners = load_owners(root, ref=base, components=settings.owners)
    policy = policies.load(name, read=controls.text)
    if options.baseline is None and base is not None and policy.baseline is not None:
        options = replace(options, baseline=policy.baseline.value)
    if options.diff is None and base is not None and options.baseline in (AUTO, SCAN):
        options = replace(options, diff=f"{base}...HEAD")
    _log.debug(
        "policy %s; deciding files of %s; baseline %s, diff %s",
        policy.name,
        "the work tree" if base is None else f"the base {base}",
        options.baseline,
        options.diff,
    )
    named = (
        name,
        str(config or CONFIG_NAME),
        options.baseline,
        *options.vex,
        *settings.deciding_files(),
    )
    return Gate(
        root=root,
        options=options,
        config=settings,
        policy=policy,
        controls=controls,
        overrules=(
            load_overrules(root)
            if base is None
            else read_text_overrules(controls.base_text(OVERRULES_NAME))
        ),
        today=options.today or datetime.datetime.now(datetime.UTC).date(),
        changed=_changed(controls, root, base, [n for n in named if n]),
        diff=read_diff(root, options.diff) if options.diff is not None else None,
        owners=owners,
        notes=list(owners.notes),
    )


def plain_gate(root: Path, config: Config) -> Gate:
    """The gate of a command that reads reports and decides nothing; ids are the history's."""
    return Gate(
        root=root.resolve(),
        options=GateOptions(),
        config=config,
        policy=policies.load("default"),
        controls=Controls(root),
        overrules=load_overrules(root),
        today=datetime.datetime.now(datetime.UTC).date(),
        decides=False,
    )


def policy_of(root: Path, config: Config | None = None) -> Policy:
    """The policy that ``config``, by default the one of ``root``, names.

    Raises :class:`ConfigError`.
    """
    settings = config or load_config(root, None)
    return policies.load(settings.policy, read=Controls(root).text)


def shown_commit(commit: str | None) -> str | None:
    """A commit as it is shown: its first digits, or the name that was given."""
    return commit[:_SHOWN] if commit is not None and len(commit) == 40 else commit


def _changed(
    controls: Controls, root: Path, base: str | None, named: Sequence[str]
) -> Sequence[str]:
    """The files of the gate that the change touches, and the configuration in another file."""
    if base is None:
        return ()
    changed = changed_controls(root, base, named)
    tables = [controls.base_text(PROJECT), _text_of(root / PROJECT)]
    before, after = (None if text is None else project_table(text) for text in tables)
    return [*changed, *([f"{PROJECT} {TABLE}"] if before != after else [])]


def _text_of(path: Path) -> str | None:
    try:
        return read_text(path) if path.is_file() else None
    except ConfigError:
        # A change may break the file; its own configuration is not read.
        return None


def config_of(root: Path, environ: Mapping[str, str]) -> Config:
    """Read the configuration that judges ``root``: in a change it is the base's."""
    root = root.resolve()
    return _config(Controls(root, default_base(root, environ)), root, None)


def _config(controls: Controls, root: Path, config: Path | None) -> Config:
    if controls.base is None:
        return load_config(root, config)
    if config is None:
        text = controls.base_text(CONFIG_NAME)
        if text is None:
            project = controls.base_text(PROJECT)
            return read_project(project, name=f"{PROJECT} at {shown_commit(controls.base)}")
    else:
        text = controls.text(str(config))
        if text is None:
            raise ConfigError("there is no such file", where=str(config))
    return read_config(text, name=f"{config or CONFIG_NAME} at {shown_commit(controls.base)}")
