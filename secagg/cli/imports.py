"""``secagg import``: record old reports in the order of their time."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.options import (
    ConfigOption,
    HistoryBranchOption,
    HistoryOption,
    HistoryRepositoryOption,
    PolicyOption,
    RootOption,
)
from secagg.errors import ExitCode, ReportError, UsageError
from secagg.output import console
from secagg.output.escape import terminal
from secagg.parsing import RawReport, choose, installed_parsers
from secagg.pipeline.gate import Gate, GateOptions, prepare
from secagg.pipeline.parse import parse_files, read_file
from secagg.pipeline.record import record_outcome
from secagg.pipeline.understand import Provenance, provenance_of


def import_reports(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of old reports.")],
    root: RootOption = Path(),
    store: HistoryOption = None,
    repo: HistoryRepositoryOption = None,
    branch: HistoryBranchOption = None,
    policy: PolicyOption = None,
    config: ConfigOption = None,
) -> None:
    """Record old reports in the order of their time: each file, and each folder, is one scan."""
    from secagg.pipeline.gate import GateOptions

    options = GateOptions(policy=policy, store=store, repository=repo, branch=branch)
    raise typer.Exit(record_reports(directory, root=root, gate=options, config=config))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scan:
    """Reports of one scan; ``at`` is when the last of them was written (UTC)."""

    files: Sequence[Path]
    at: datetime.datetime
    commit: str | None
    branch: str | None


def record_reports(directory: Path, *, root: Path, gate: GateOptions, config: Path | None) -> int:
    """Record what is in ``directory`` and print a line for each scan.

    Each file is a scan of its own, and each folder in it one scan of all its reports. The time is
    the reports' own, else the file's. Files that no parser understands are named and make the
    exit code that of an incomplete scan. Raises :class:`UsageError` where there is nothing to
    read and :class:`secagg.errors.StoreError`.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a directory")
    if gate.store == "":
        raise UsageError("an import needs the store", hint="leave --no-store out")
    prepared = prepare(root, gate, config=config)
    odd: list[str] = []
    scans = sorted(_scans(directory, odd), key=lambda scan: (scan.at, str(scan.files[0])))
    if not scans and not odd:
        raise UsageError(f"there is no file in {directory}")
    for scan in scans:
        _record(scan, directory, prepared, gate)
    for name in odd:
        console.err(f"not imported: {terminal(name)}\n")
    return int(ExitCode.INCOMPLETE if odd else ExitCode.PASS)


def _scans(directory: Path, odd: list[str]) -> Iterator[_Scan]:
    for path in sorted(directory.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            files = [file for file in sorted(path.rglob("*")) if file.is_file()]
        else:
            files = [path]
        reports = [
            (f, provenance) for f in files if (provenance := _read(f, directory, odd)) is not None
        ]
        if reports:
            yield _Scan(
                files=[file for file, _ in reports],
                at=max(provenance.at or _written(file) for file, provenance in reports),
                commit=next(
                    (provenance.commit for _, provenance in reports if provenance.commit), None
                ),
                branch=next(
                    (provenance.branch for _, provenance in reports if provenance.branch), None
                ),
            )


def _read(file: Path, directory: Path, odd: list[str]) -> Provenance | None:
    """What a report says of its scan; None, and a word on it in ``odd``, for what is none."""
    name = str(file.relative_to(directory))
    try:
        report = RawReport(name=file.name, data=read_file(str(file)))
        report.tool = choose(report, installed_parsers()).tool
        return provenance_of(report)
    except (ReportError, UsageError) as error:
        odd.append(f"{name}: {error.message}")
    return None


def _written(file: Path) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(os.stat(file).st_mtime, datetime.UTC)


def _record(scan: _Scan, directory: Path, gate: Gate, options: GateOptions) -> None:
    gate.options = replace(
        options,
        commit=options.commit or scan.commit or "",
        branch=options.branch or scan.branch,
    )
    outcome = parse_files(
        [str(file) for file in scan.files],
        tool=None,
        root=gate.root,
        gate=gate,
        at=scan.at,
        sources=False,
    )
    recorded = record_outcome(outcome, url=options.store, root=gate.root, origin=gate.origin)
    first = scan.files[0].relative_to(directory)
    name = str(first) if len(scan.files) == 1 else f"{first.parts[0]}/"
    if recorded.again:
        summary = "in the history already"
    else:
        summary = (
            f"{recorded.new} new, {recorded.fixed} fixed, {recorded.reopened} reopened, "
            f"{recorded.unchanged} unchanged"
        )
    console.out(f"{scan.at:%Y-%m-%d %H:%M} UTC  {terminal(name)}  {summary}\n")
