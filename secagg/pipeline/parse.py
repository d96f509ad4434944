"""Turn reports that scanners wrote elsewhere into an outcome, for ``secagg parse``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from secagg.errors import ReportError, SecaggError, UsageError
from secagg.jsonio.reading import LARGEST
from secagg.merge import Group
from secagg.merge.secret import still_in_head
from secagg.model.place import PathMap
from secagg.packages.components import IMAGE, find_components
from secagg.parsing import ParseContext, Parser, RawReport, choose, installed_parsers
from secagg.pipeline.assemble import assemble
from secagg.pipeline.gate import Gate
from secagg.pipeline.outcome import Outcome, ToolResult, gaps_of
from secagg.pipeline.reports import Provenance, parse_reports, provenance_of
from secagg.scanners.base import PART_OF_HISTORY, Status, ToolRun
from secagg.secrets.lastfilter import run_redactor
from secagg.secrets.redactor import Redactor
from secagg.system.dates import utc_now
from secagg.system.files import read_given, read_stream

_log = logging.getLogger(__name__)

STANDARD_INPUT = "-"


def parse_files(
    files: Sequence[str],
    *,
    tool: str | None,
    root: Path,
    gate: Gate,
    at: datetime | None = None,
    sources: bool = True,
    redactor: Redactor | None = None,
    strip_prefix: Sequence[str] = (),
) -> Outcome:
    """Read the reports in ``files`` (``-`` is standard input), and merge and judge their findings.

    ``tool`` forces the format of all files. ``root`` is the checkout that the reports describe.
    ``at`` is when the scanners ran, by default now. ``sources`` says whether ``root`` holds the
    files that they saw; without it no hash of a line tells two locations apart. ``redactor`` knows
    secrets of other reports, which are masked here too. ``strip_prefix`` names path prefixes in
    the reports that stand for ``root``.

    A file that cannot be read or parsed becomes a failed run: the decision is INCOMPLETE, and the
    findings of the others stay. Raises :class:`UsageError` where no file can be read.
    """
    started_at = at or utc_now()
    parsers = installed_parsers()
    if tool is not None and tool not in parsers:
        raise UsageError(f"no parser for {tool!r}", hint="known tools: " + ", ".join(parsers))
    redactor = redactor or run_redactor(root)
    path_map = PathMap(gate.config.path_map, strip_prefix)
    context = ParseContext(redactor=redactor, root=root, path_map=path_map)
    runs, provenances, refusals = [], [], []
    for file in files:
        try:
            run, provenance = _read_run(file, tool, parsers, redactor)
        except UsageError as error:
            # The scanner before may have failed to write it, and the others still count.
            run, provenance = _failed_run(file, tool, error, redactor), Provenance()
            refusals.append(error)
        runs.append(run)
        provenances.append(provenance)
    if refusals and len(refusals) == len(files):
        raise refusals[0]
    _adopt_commit(gate, provenances)
    results = parse_reports(
        runs, parsers=parsers, context=context, optional=gate.config.optional_tools()
    )
    return assemble(
        results,
        gate=gate,
        redactor=redactor,
        components=find_components(root),
        root=root,
        started_at=started_at,
        sources=sources,
        covers=partial(_covers, results),
    )


def read_file(file: str) -> bytes:
    """Return the bytes of ``file`` (``-`` is standard input). Raises :class:`UsageError`."""
    try:
        if file == STANDARD_INPUT:
            return read_stream(sys.stdin.buffer, limit=LARGEST)
        return read_given(Path(file), limit=LARGEST)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error


def _covers(results: Sequence[ToolResult], group: Group) -> bool:
    """Return whether the reports, perhaps of a part of the history, would have named ``group``."""
    limited = any(PART_OF_HISTORY in gap.message for result in results for gap in gaps_of(result))
    return not limited or still_in_head(group)


def _adopt_commit(gate: Gate, provenances: Sequence[Provenance]) -> None:
    """Set the gate's commit to that of the reports, if they agree and no option names one."""
    commits = {provenance.commit for provenance in provenances if provenance.commit is not None}
    if gate.options.commit is None and len(commits) == 1:
        gate.options = replace(gate.options, commit=commits.pop())


def _read_run(
    file: str, tool: str | None, parsers: Mapping[str, Parser], redactor: Redactor
) -> tuple[ToolRun, Provenance]:
    report = RawReport(name=_name(file), data=read_file(file), tool=tool)
    try:
        report.tool = choose(report, parsers).tool
    except ReportError as error:
        return _failed_run(file, tool, error, redactor), Provenance()
    run = ToolRun(tool=report.tool, mode=report.name, status=Status.COMPLETE)
    _log.debug("%s is a report of %s", report.name, report.tool)
    provenance = provenance_of(report)
    if provenance.image is not None:
        # An image is no part of the source tree.
        run.component = IMAGE + provenance.image
    run.reports.append(report)
    return run, provenance


def _failed_run(file: str, tool: str | None, error: SecaggError, redactor: Redactor) -> ToolRun:
    """Return the run of a report that cannot be read, with the reason and a hint."""
    name = _name(file)
    # The run has the name already.
    reason = redactor.mask(error.message.removeprefix(f"{name}: "))
    return ToolRun(
        tool=tool or "unknown", mode=name, status=Status.FAILED, reason=reason, hint=error.hint
    )


def _name(file: str) -> str:
    return "standard input" if file == STANDARD_INPUT else Path(file).name
