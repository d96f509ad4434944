"""``secagg import``: record old reports in the order of their time."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

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
from secagg.pipeline.reports import Provenance, provenance_of


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
    options = GateOptions(policy=policy, store=store, repository=repo, branch=branch)
    raise typer.Exit(record_reports(directory, root=root, options=options, config=config))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scan:
    """The reports of one scan; ``at`` is when the scanner wrote the last of them (UTC)."""

    files: Sequence[Path]
    at: datetime.datetime
    commit: str | None
    branch: str | None


def record_reports(
    directory: Path, *, root: Path, options: GateOptions, config: Path | None
) -> int:
    """Record the reports in ``directory`` and print a line for each scan.

    Each file is one scan, and so is each folder with all its reports. A scan's time comes from its
    reports, else from the files. Files that no parser understands are listed, and the exit code is
    then that of an incomplete scan. Raises :class:`UsageError` where there is nothing to read, and
    :class:`secagg.errors.StoreError`.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a directory")
    if options.store == "":
        raise UsageError("an import needs the store", hint="name one with --store")
    gate = prepare(root, options, config=config)
    unreadable: list[str] = []
    scans = sorted(_scans(directory, unreadable), key=lambda scan: (scan.at, str(scan.files[0])))
    if not scans and not unreadable:
        raise UsageError(f"there is no file in {directory}")
    for scan in scans:
        _record(scan, directory, gate, options)
    for reason in unreadable:
        console.err(f"not imported: {terminal(reason)}\n")
    return int(ExitCode.INCOMPLETE if unreadable else ExitCode.PASS)


def _scans(directory: Path, unreadable: list[str]) -> Iterator[_Scan]:
    for path in sorted(directory.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            files = [file for file in sorted(path.rglob("*")) if file.is_file()]
        else:
            files = [path]
        reports: dict[Path, Provenance] = {}
        for file in files:
            provenance = _read_provenance(file, directory, unreadable)
            if provenance is not None:
                reports[file] = provenance
        if reports:
            yield _Scan(
                files=list(reports),
                at=max(report.at or _modified(file) for file, report in reports.items()),
                commit=next((r.commit for r in reports.values() if r.commit), None),
                branch=next((r.branch for r in reports.values() if r.branch), None),
            )


def _read_provenance(file: Path, directory: Path, unreadable: list[str]) -> Provenance | None:
    """Return when and of what the report was made; for other files add the reason and return None.

    The reasons go into ``unreadable``.
    """
    name = str(file.relative_to(directory))
    try:
        report = RawReport(name=file.name, data=read_file(str(file)))
        report.tool = choose(report, installed_parsers()).tool
        return provenance_of(report)
    except (ReportError, UsageError) as error:
        unreadable.append(f"{name}: {error.message}")
    return None


def _modified(file: Path) -> datetime.datetime:
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
