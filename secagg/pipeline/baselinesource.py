"""Where a baseline comes from: a report, a stored run, or the stored run of a commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from secagg.errors import StoreError, UsageError
from secagg.git import checked, find_commit
from secagg.merge import Overrule
from secagg.pipeline.baseline import Baseline, read_baseline
from secagg.pipeline.record import open_store_of, origin_of
from secagg.report.findings import group_of

if TYPE_CHECKING:
    from secagg.store import Store

_RUN = "run:"


def baseline_groups(
    spec: str,
    *,
    root: Path,
    read: Callable[[str], bytes | None] | None,
    overrules: Sequence[Overrule],
    store: str | None,
) -> Baseline:
    """The groups that ``spec`` names: a report's path, ``run:KEY``, or a commit.

    Of a commit it is the newest stored run of its merge base with HEAD. ``read`` reads files of
    the base of a pull request: a report that the repository itself holds is taken from there.
    Raises :class:`UsageError` where there is no such baseline.
    """
    if spec.startswith(_RUN):
        return _stored(spec.removeprefix(_RUN), root, store)
    path = Path(spec)
    if path.is_file():
        return read_baseline(
            [(path.name, _bytes(path, root, read))], root=root, overrules=overrules
        )
    if find_commit(root, spec) is None:
        raise UsageError(
            f"no baseline {spec!r}: it is no file, and no commit of this clone",
            hint="give a findings.sarif, run:KEY of the store, or a branch that was recorded",
        )
    commit = checked(root, "merge-base", "--", spec, "HEAD").text.strip()
    origin = origin_of(root)
    with _open(store, root) as opened:
        run = opened.run_of_commit(origin.repository, commit)
    if run is None:
        raise UsageError(
            f"the store has no run of {commit[:12]}, where this branch left {spec}",
            hint="record one there with secagg scan, or give its findings.sarif as the baseline",
        )
    return _stored(run.key, root, store)


def _stored(key: str, root: Path, store: str | None) -> Baseline:
    with _open(store, root) as opened:
        run, problems = opened.run(key)
    notes = []
    if run.verdict == "incomplete":
        notes.append(
            "the baseline is incomplete, so old problems may be called new: "
            f"run {run.key} of {run.started_at:%Y-%m-%d}"
        )
    return Baseline([group_of(problem) for problem in problems], tuple(notes))


def _open(store: str | None, root: Path) -> Store:
    if store == "":
        raise UsageError("a stored run needs the store", hint="leave --no-store out")
    try:
        return open_store_of(store, root, create=False)
    except StoreError as error:
        raise UsageError(f"no baseline: {error.message}", hint=error.hint) from error


def _bytes(path: Path, root: Path, read: Callable[[str], bytes | None] | None) -> bytes:
    resolved = path.resolve()
    if read is not None and resolved.is_relative_to(root):
        name = resolved.relative_to(root).as_posix()
        data = read(name)
        if data is not None:
            return data
        if checked(root, "ls-files", "--", name).text.strip():
            raise UsageError(
                f"{name} is part of this change, which cannot bring its own baseline",
                hint="merge it first, or make the baseline in the workflow",
            )
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
