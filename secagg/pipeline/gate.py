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
from secagg.errors import ConfigError, UsageError
from secagg.merge import Join, Overrule, Split
from secagg.merge.overrule import read_overrules, write_overrules
from secagg.model.problem import TRIAGE_FILE
from secagg.pipeline.baseline import BaselineReport
from secagg.pipeline.origin import ENVIRONMENT, Origin, origin_of
from secagg.policy import Policy
from secagg.secrets.lastfilter import run_redactor
from secagg.system.files import replace_file
from secagg.system.process import distrust_programs_in
from secagg.system.yamlfile import read_text

NAME = "secagg-merge.yaml"


def read_text_overrules(text: str | None) -> list[Overrule]:
    """Return the overrules in the ``text`` of a ``secagg-merge.yaml``; none where it is None."""
    return [] if text is None else read_overrules(text, name=NAME)


def load_overrules(root: Path) -> list[Overrule]:
    """Return the overrules in ``secagg-merge.yaml`` of ``root``; none where there is no such file.

    Raises :class:`ConfigError` naming file, line and key.
    """
    file = root / NAME
    return read_overrules(_read(file), name=NAME) if file.is_file() else []


def split(root: Path, identity: str, *, reason: str, apart: tuple[str, ...] = ()) -> Path:
    """Write down that a group is not one problem; returns the file."""
    return _add(root, Split(identity=identity, reason=_masked(reason), apart=apart))


def join(root: Path, identities: tuple[str, ...], *, reason: str) -> Path:
    """Write down that several groups are one problem; returns the file."""
    return _add(root, Join(identities=identities, reason=_masked(reason)))


def _masked(reason: str) -> str:
    """``reason`` without the secret that it may quote."""
    return run_redactor().mask(reason)


def _add(root: Path, overrule: Overrule) -> Path:
    file = root / NAME
    before = _read(file) if file.is_file() else ""
    after = write_overrules(before, overrule, date=datetime.datetime.now(datetime.UTC).date())
    # What was written must be readable, or the next scan would end with a usage error.
    read_overrules(after, name=NAME)
    try:
        # A link stays one.
        replace_file(Path(os.path.realpath(file)), after.encode())
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=NAME) from None
    return file


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read ({type(error).__name__})", where=NAME) from None


_DEFAULT_STORE = ".secagg"


_NO_HISTORY = frozenset({TRIAGE_FILE, f"{_DEFAULT_STORE}/.gitignore"})


def controls_of(
    root: Path, store: str | None = None, environ: Mapping[str, str] = os.environ
) -> Controls:
    """Return the reader of files that decide over ``root``: in a pull request it reads the base's.

    Raises :class:`UsageError` where the base is not at hand, and where ``store`` (a path or URL;
    None for the default, empty for none) could hold a history that the change brings.
    """
    root = root.resolve()
    controls = Controls(root, default_base(root, environ))
    refuse_a_store_of_the_change(controls, root, store, environ)
    return controls


def refuse_a_store_of_the_change(
    controls: Controls, root: Path, store: str | None, environ: Mapping[str, str]
) -> None:
    """Raise :class:`UsageError` for a history in the repository: the change could write it."""
    if controls.base is None or store == "":
        return
    named = store or environ.get(ENVIRONMENT)
    if named and "://" in named and not named.startswith("sqlite:"):
        return
    if named:
        file = Path(_file_of(named)).absolute()
        # SQLite plays a log that lies beside its file (sqlite.org, "Write-Ahead Logging").
        places = [file, *(Path(f"{file}{suffix}") for suffix in ("-wal", "-shm", "-journal"))]
    else:
        places = [root / _DEFAULT_STORE]
    for name in (name for place in places for name in controls.tracked(place)):
        if name not in _NO_HISTORY:
            raise UsageError(
                f"{name} is part of the repository: a change could bring a history of its own",
                hint="take it out of git, or name another store with --store",
            )


def _file_of(store: str) -> str:
    """The path in ``sqlite:///path``, with more slashes or fewer, or the path itself."""
    if not store.startswith("sqlite:"):
        return store
    path = store.partition("://")[2].partition("?")[0]
    return path.removeprefix("/") or "."


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
    """Return the gate for ``root``.

    Raises :class:`ConfigError` for a file that cannot be used, and :class:`UsageError` for a
    commit that this clone does not hold: nothing falls back to the change's own files.
    """
    root = root.resolve()
    distrust_programs_in(root)
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
            load_overrules(root) if base is None else read_text_overrules(controls.base_text(NAME))
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
    """Return the policy that ``config``, by default the one of ``root``, names.

    Raises :class:`ConfigError`.
    """
    settings = config or load_config(root, None)
    return policies.load(settings.policy, read=Controls(root).text)


def shown_commit(commit: str | None) -> str | None:
    """Return a commit as it is shown: its first digits, or the name that was given."""
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
