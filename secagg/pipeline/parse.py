"""``secagg parse``: from reports that scanners wrote elsewhere to an outcome."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from secagg.errors import ReportError, UsageError
from secagg.jsonio.reading import LARGEST
from secagg.merge import Group
from secagg.merge.secret import still_in_head
from secagg.model.place import PathMap
from secagg.packages.components import find_components
from secagg.parsing import ParseContext, Parser, RawReport, choose, installed_parsers
from secagg.pipeline.assemble import assemble
from secagg.pipeline.gate import Gate
from secagg.pipeline.outcome import Outcome, ToolResult, gaps_of
from secagg.pipeline.understand import IMAGE, Provenance, provenance_of, understand
from secagg.scanners.base import PART_OF_HISTORY, Status, ToolRun
from secagg.secrets.lastfilter import run_redactor
from secagg.secrets.redactor import Redactor
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
    """Read ``files`` (``-`` is standard input), merge and judge what they hold.

    ``tool`` forces the format of all files. ``root`` is the checkout that the reports speak
    of. Raises :class:`UsageError` where a file cannot be read; a file that can be read and not
    understood becomes a failed run, so that the decision is INCOMPLETE and the rest is kept.

    ``at`` is when the scanners ran, by default now. ``sources`` says whether ``root`` has the
    files that they saw; else only what the reports themselves say tells one place from another.
    ``redactor`` knows secrets of other reports, which are masked in these too.
    ``strip_prefix`` names prefixes of paths in the reports that stand for ``root``.
    """
    started_at = at or datetime.now(UTC)
    parsers = installed_parsers()
    if tool is not None and tool not in parsers:
        raise UsageError(f"no parser for {tool!r}", hint="known tools: " + ", ".join(parsers))
    redactor = redactor or run_redactor(root)
    moved = PathMap(gate.config.path_map, strip_prefix)
    context = ParseContext(redactor=redactor, root=root, path_map=moved)
    runs, provenances = [], []
    for file in files:
        run, provenance = _as_run(file, tool, parsers, redactor)
        runs.append(run)
        provenances.append(provenance)
    _take_commit(gate, provenances)
    results = understand(
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
        looked_at=partial(_looked_at, results),
    )


def _looked_at(results: Sequence[ToolResult], group: Group) -> bool:
    """Whether a scan that read a part of the history only would have seen what a baseline has."""
    limited = any(PART_OF_HISTORY in gap.message for r in results for gap in gaps_of(r))
    return not limited or still_in_head(group)


def _take_commit(gate: Gate, said: Sequence[Provenance]) -> None:
    """Believe the reports on the commit that they saw, if they agree and nobody said another."""
    commits = {provenance.commit for provenance in said if provenance.commit is not None}
    if gate.options.commit is None and len(commits) == 1:
        gate.options = replace(gate.options, commit=commits.pop())


def _as_run(
    file: str, tool: str | None, parsers: dict[str, Parser], redactor: Redactor
) -> tuple[ToolRun, Provenance]:
    report = RawReport(name=_name(file), data=read_file(file), tool=tool)
    run = ToolRun(tool=tool or "unknown", mode=report.name, status=Status.COMPLETE)
    try:
        report.tool = choose(report, parsers).tool
    except ReportError as error:
        run.status, run.reason, run.hint = Status.FAILED, redactor.mask(error.message), error.hint
        return run, Provenance()
    run.tool = report.tool
    _log.debug("%s is a report of %s", report.name, report.tool)
    provenance = provenance_of(report)
    if provenance.image is not None:
        # What is in an image says nothing of the source tree.
        run.component = IMAGE + redactor.mask(provenance.image)
    run.reports.append(report)
    return run, provenance


def _name(file: str) -> str:
    return "standard input" if file == STANDARD_INPUT else Path(file).name


def read_file(file: str) -> bytes:
    """The bytes of ``file`` (``-`` is standard input). Raises :class:`UsageError`."""
    try:
        if file == STANDARD_INPUT:
            return read_stream(sys.stdin.buffer, limit=LARGEST)
        return read_given(Path(file), limit=LARGEST)
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: str, error: OSError) -> UsageError:
    return UsageError(f"cannot read {file}: {error.strerror}")
