"""``secagg db`` without its option parsing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from secagg.errors import UsageError
from secagg.exitcodes import ExitCode
from secagg.model.problem import STORE_FILE
from secagg.output import console
from secagg.output.escape import terminal
from secagg.pipeline.origin import ENVIRONMENT

if TYPE_CHECKING:
    from secagg.history.upkeep import Upkeep


def migrate(url: str | None, root: Path, revision: str, *, up: bool, dry_run: bool) -> int:
    """Bring the store to ``revision``, or print how. Raises :class:`StoreError`."""
    from secagg.history.migrate import revisions
    from secagg.history.upkeep import upkeep

    known = revisions()
    if revision not in {*known, "head" if up else "base"}:
        raise UsageError(f"no revision {revision}", hint="known: " + ", ".join(known))
    target = known[-1] if revision == "head" else revision
    with upkeep(_where(url, root), create=up and not dry_run) as store:
        before = store.revision()
        if before is not None and before not in known:
            raise UsageError(
                f"the store is at revision {before}, which this secagg does not know",
                hint="use the version of secagg that made it",
            )
        place, goal = _place(before, known), _place(target, known)
        if place == goal:
            _say(f"{store.where} is at revision {before} already")
            return int(ExitCode.PASS)
        if (goal > place) is not up:
            other = "downgrade" if up else "upgrade"
            raise UsageError(
                f"the store is at revision {before or 'base'}", hint=f"use secagg db {other}"
            )
        if dry_run:
            return _show_plan(store, before, target, up=up)
        done = store.upgrade(target) if up else store.downgrade(target)
    if done.backup is not None:
        _say(f"backup: {done.backup}")
    _say(f"previous revision: {done.before or 'none'}")
    _say(f"revision: {done.after or 'none'}")
    return int(ExitCode.PASS)


def _show_plan(store: Upkeep, before: str | None, target: str, *, up: bool) -> int:
    _say(f"-- {store.where} would go from revision {before or 'none'} to {target}:")
    if before is not None:
        _say("-- a backup is made before")
    console.out(f"{store.planned_sql(target, up=up).rstrip()}\n")
    _say("-- validated after: row counts, references, invariants; nothing was changed")
    return int(ExitCode.PASS)


def current(url: str | None, root: Path) -> int:
    """Print revision and row counts."""
    from secagg.history.migrate import revisions
    from secagg.history.upkeep import upkeep

    with upkeep(_where(url, root)) as store:
        _say(f"store: {store.where}")
        _say(f"revision: {store.revision() or 'none'}")
        _say(f"this version's: {revisions()[-1]}")
        for table, count in sorted(store.row_counts().items()):
            _say(f"  {table}: {count}")
    return int(ExitCode.PASS)


def backup(url: str | None, root: Path, file: Path | None) -> int:
    """Write a backup and print where."""
    from secagg.history.upkeep import upkeep

    with upkeep(_where(url, root)) as store:
        _say(f"wrote {store.backup(file)}")
    return int(ExitCode.PASS)


def restore(url: str | None, root: Path, file: Path, *, dry_run: bool) -> int:
    """Go back to ``file``, after a backup of what is there."""
    from secagg.history.upkeep import upkeep

    with upkeep(_where(url, root), create=not dry_run) as store:
        before = store.revision()
        if dry_run:
            _say(f"would bring {store.where} (revision {before or 'none'}) back to {file}")
            return int(ExitCode.PASS)
        if before is not None:
            _say(f"backup: {store.backup(None)}")
        store.restore(file)
        _say(f"previous revision: {before or 'none'}")
        _say(f"revision: {store.revision() or 'none'}")
        return _report(store.validate())


def validate(url: str | None, root: Path) -> int:
    """Print what is wrong with the store; exit code 0 only if nothing is."""
    from secagg.history.upkeep import upkeep

    with upkeep(_where(url, root)) as store:
        return _report(store.validate())


def _report(wrong: list[str]) -> int:
    for sentence in wrong:
        _say(f"wrong: {sentence}")
    if not wrong:
        _say("the store is sound")
    return int(ExitCode.STORE_OR_UPLOAD if wrong else ExitCode.PASS)


def _place(revision: str | None, known: list[str]) -> int:
    return known.index(revision) if revision in known else -1


def _where(url: str | None, root: Path) -> str | Path:
    return url or os.environ.get(ENVIRONMENT) or root / STORE_FILE


def _say(line: str) -> None:
    console.out(f"{terminal(line)}\n")
