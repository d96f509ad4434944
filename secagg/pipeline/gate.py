"""Prepare a gate: configuration, policy, merge overrules, owners, and the diff.

In a pull request every file that controls the gate is read from the base commit, so that a change
cannot weaken its own gate.
"""

from __future__ import annotations

import datetime
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

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
from secagg.model.state import TRIAGE_FILE
from secagg.pipeline.baseline import BaselineReport, ToolVersion
from secagg.pipeline.origin import ENVIRONMENT, Origin, origin_of
from secagg.policy import Policy
from secagg.secrets.lastfilter import run_redactor
from secagg.system.dates import utc_today
from secagg.system.files import replace_file
from secagg.system.git import short_commit
from secagg.system.process import distrust_programs_in

NAME = "secagg-merge.yaml"
AUTO, SCAN, NONE = "auto", "scan", "none"

_DEFAULT_STORE = ".secagg"
# Files in the default store's directory that hold no history.
_HARMLESS_FILES = frozenset({TRIAGE_FILE, f"{_DEFAULT_STORE}/.gitignore"})

_log = logging.getLogger(__name__)


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
    """Add an overrule that a group is not one problem, and return the file."""
    return _append_overrule(root, Split(identity=identity, reason=_mask(reason), apart=apart))


def join(root: Path, identities: tuple[str, ...], *, reason: str) -> Path:
    """Add an overrule that several groups are one problem, and return the file."""
    return _append_overrule(root, Join(identities=identities, reason=_mask(reason)))


def controls_of(
    root: Path, store: str | None = None, environ: Mapping[str, str] = os.environ
) -> Controls:
    """Return the reader of the files that control the gate of ``root``.

    In a pull request it reads those of the base. Raises :class:`UsageError` where this clone does
    not hold the base, and where the change could have written the history in ``store`` (a path or
    URL; None for the default, empty for none).
    """
    root = root.resolve()
    controls = Controls(root, default_base(root, environ))
    refuse_store_in_change(controls, root, store, environ)
    return controls


def refuse_store_in_change(
    controls: Controls, root: Path, store: str | None, environ: Mapping[str, str]
) -> None:
    """Raise :class:`UsageError` for a store that git tracks: the change could have written it."""
    if controls.base is None or store == "":
        return
    url = store or environ.get(ENVIRONMENT)
    if url and "://" in url and not url.startswith("sqlite:"):
        return
    if url:
        file = Path(_sqlite_path(url)).absolute()
        # SQLite applies a log that lies beside its file (sqlite.org, "Write-Ahead Logging").
        paths = [file, *(Path(f"{file}{suffix}") for suffix in ("-wal", "-shm", "-journal"))]
    else:
        paths = [root / _DEFAULT_STORE]
    for name in (name for path in paths for name in controls.tracked(path)):
        if name not in _HARMLESS_FILES:
            raise UsageError(
                f"{name} is part of the repository: a change could bring a history of its own",
                hint="take it out of git, or name another store with --store",
            )


class GateOptions(Struct, frozen=True, kw_only=True):
    """The gate's options on the command line; ``None`` leaves a value to the configuration.

    ``policy_from`` is a commit, by default that of the pull request's base; ``baseline`` is a
    report, ``run:KEY``, a commit, or one of ``auto``, ``scan`` and ``none``; ``diff`` is
    ``BASE...HEAD``. ``store`` is a URL or a path, empty for none. ``today`` is in UTC.
    ``repository``, ``branch`` and ``commit`` describe reports that were made elsewhere.
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


class Gate(Struct, kw_only=True):
    """Everything that decides besides the findings. Prepared before a scan, to fail early.

    ``changed`` are the controlling files that the change touches. ``scan_base`` takes the tool
    versions of the present scan, and scans the base or reads a scan of it from the cache.
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
    scan_base: Callable[[Sequence[ToolVersion]], BaselineReport | None] | None = None

    @property
    def origin(self) -> Origin:
        """The repository, branch and commit under which the store keeps the findings."""
        options = self.options
        origin = origin_of(self.root, repository=options.repository, branch=options.branch)
        return origin if options.commit is None else replace(origin, commit=options.commit)

    @property
    def base(self) -> str | None:
        """The shortened commit that the gate's files come from; None outside of a change."""
        base = self.controls.base
        return None if base is None else short_commit(base)


def prepare(
    root: Path,
    options: GateOptions,
    *,
    config: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Gate:
    """Return the gate for ``root``.

    Raises :class:`ConfigError` for a file that cannot be used, and :class:`UsageError` for a
    commit that this clone does not hold: the gate never falls back to the change's own files.
    """
    root = root.resolve()
    distrust_programs_in(root)
    base = options.policy_from or default_base(root, environ)
    controls = Controls(root, base)
    refuse_store_in_change(controls, root, options.store, environ)
    settings = _read_config(controls, root, config)
    policy_name = options.policy or settings.policy
    owners = load_owners(root, ref=base, components=settings.owners)
    policy = policies.load(policy_name, read=controls.text)
    if options.baseline is None and base is not None and policy.baseline is not None:
        options = replace(options, baseline=policy.baseline.value)
    if base is None and options.baseline in (AUTO, SCAN):
        # Before the scan, which may take minutes.
        raise UsageError(
            f"--baseline {options.baseline} needs a base to compare with",
            hint="it is known in a pull request; elsewhere name it: --policy-from main",
        )
    if options.diff is None and options.baseline in (AUTO, SCAN):
        options = replace(options, diff=f"{base}...HEAD")
    _log.debug(
        "policy %s; deciding files of %s; baseline %s, diff %s",
        policy.name,
        "the work tree" if base is None else f"the base {base}",
        options.baseline,
        options.diff,
    )
    deciding_files = (
        policy_name,
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
        today=options.today or utc_today(),
        changed=_changed_controls(controls, root, base, [n for n in deciding_files if n]),
        diff=read_diff(root, options.diff) if options.diff is not None else None,
        owners=owners,
        notes=list(owners.notes),
    )


def plain_gate(root: Path, config: Config) -> Gate:
    """Return the gate of a command that reads reports and judges nothing."""
    return Gate(
        root=root.resolve(),
        options=GateOptions(),
        config=config,
        policy=policies.load("default"),
        controls=Controls(root),
        overrules=load_overrules(root),
        today=utc_today(),
        decides=False,
    )


def policy_of(root: Path, config: Config | None = None) -> Policy:
    """Return the policy that ``config`` names, by default the configuration of ``root``.

    Raises :class:`ConfigError`.
    """
    settings = config or load_config(root, None)
    return policies.load(settings.policy, read=Controls(root).text)


def config_of(root: Path, environ: Mapping[str, str]) -> Config:
    """Read the configuration that judges ``root``: in a change that of the base."""
    root = root.resolve()
    return _read_config(Controls(root, default_base(root, environ)), root, None)


def _mask(reason: str) -> str:
    return run_redactor().mask(reason)


def _append_overrule(root: Path, overrule: Overrule) -> Path:
    file = root / NAME
    before = _read(file) if file.is_file() else ""
    after = write_overrules(before, overrule, date=utc_today())
    # Checked here: a file that cannot be read would end the next scan with a usage error.
    read_overrules(after, name=NAME)
    try:
        # Writes through a symbolic link instead of replacing it.
        replace_file(Path(os.path.realpath(file)), after.encode())
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=NAME) from None
    return file


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read ({type(error).__name__})", where=NAME) from None


def _sqlite_path(store: str) -> str:
    """Return the path in ``sqlite:///path``, with any number of slashes, or the path itself."""
    if not store.startswith("sqlite:"):
        return store
    path = store.partition("://")[2].partition("?")[0]
    return path.removeprefix("/") or "."


def _changed_controls(
    controls: Controls, root: Path, base: str | None, deciding_files: Sequence[str]
) -> Sequence[str]:
    """Return the controlling files that the change touches, with the table in pyproject.toml."""
    if base is None:
        return ()
    changed = changed_controls(root, base, deciding_files)
    tables = [controls.base_text(PROJECT), _text_or_none(root / PROJECT)]
    before, after = (None if text is None else project_table(text) for text in tables)
    return [*changed, *([f"{PROJECT} {TABLE}"] if before != after else [])]


def _text_or_none(path: Path) -> str | None:
    from secagg.system.yamlfile import read_text

    try:
        return read_text(path) if path.is_file() else None
    except ConfigError:
        # The change's own configuration is not read, so that it may be broken.
        return None


def _read_config(controls: Controls, root: Path, config: Path | None) -> Config:
    if controls.base is None:
        return load_config(root, config)
    if config is None:
        text = controls.base_text(CONFIG_NAME)
        if text is None:
            project = controls.base_text(PROJECT)
            return read_project(project, name=f"{PROJECT} at {short_commit(controls.base)}")
    else:
        text = controls.text(str(config))
        if text is None:
            raise ConfigError("there is no such file", where=str(config))
    return read_config(text, name=f"{config or CONFIG_NAME} at {short_commit(controls.base)}")
