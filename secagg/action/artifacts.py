"""The artifacts of other jobs: their reports, and which expected reports are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from secagg.action.inputs import Inputs, words
from secagg.errors import ReportError, SecaggError
from secagg.parsing import RawReport, choose, installed_parsers
from secagg.pipeline.parse import read_file
from secagg.pipeline.sarifruns import driver
from secagg.pipeline.write import DECISION_NAME, SUMMARY_NAME
from secagg.sarif.producers import driver_tool
from secagg.scanners import SCANNERS
from secagg.system.files import replace_file


def reports(inputs: Inputs) -> list[str]:
    """Return the reports of other jobs, and a failed report for each expected one that is missing.

    Each artifact is a directory of its name below ``inputs.reports``. It counts only if a file in
    it is a report of the scanner that the artifact's name contains.
    """
    root = Path(inputs.reports)
    files = sorted(p for p in root.rglob("*") if p.suffix in (".sarif", ".json") and p.is_file())
    files = [p for p in files if p.name not in (DECISION_NAME, SUMMARY_NAME)]
    gaps = _gaps(files, root, {name: _tool(name) for name in words(inputs.expect)})
    return [*map(str, files), *(str(_write_gap(inputs, *gap)) for gap in gaps)]


def _tool(name: str) -> str:
    tool = next((word for word in name.split("-") if word in SCANNERS), None)
    if tool is None:
        raise SecaggError(f"input expect: {name!r} names no scanner")
    return tool


def _gaps(
    files: Sequence[Path], root: Path, expected: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Yield each artifact that is missing or lacks a report of its tool: name, tool and reason."""
    # actions/download-artifact (v5 to v8) unpacks what a pattern matches into a directory each,
    # but straight into ``path`` where it matches one artifact only.
    in_root = [path for path in files if path.parent == root]
    for name, tool in expected.items():
        candidates = [path for path in files if path.relative_to(root).parts[0] == name]
        if not candidates and list(expected.values()).count(tool) == 1:
            candidates = in_root
        if any(tool in _tools(path) for path in candidates):
            continue
        if candidates and candidates is not in_root:
            yield name, tool, f"the artifact of its job has no report of it (artifact {name})"
        else:
            yield name, tool, f"its job left no report (artifact {name})"


def _tools(path: Path) -> frozenset[str]:
    """Return the tools that wrote the report ``path``; none where it is no report."""
    report = RawReport(name=path.name, data=read_file(str(path)))
    document = report.document_or_none
    if isinstance(document, Mapping) and "runs" in document:
        runs = document["runs"]
        return frozenset(
            driver_tool(run)
            for run in (runs if hasattr(runs, "__iter__") else ())
            if isinstance(run, Mapping)
        )
    try:
        return frozenset({choose(report, installed_parsers()).tool})
    except ReportError:
        return frozenset()


def _write_gap(inputs: Inputs, name: str, tool: str, why: str) -> Path:
    """Write a failed report, which makes the tool incomplete for the reason ``why``."""
    run = {
        "tool": {"driver": {"name": driver(tool)}},
        "automationDetails": {"id": f"secagg/{tool}/missing/{name}/"},
        "invocations": [
            {
                "executionSuccessful": False,
                "toolExecutionNotifications": [{"level": "error", "message": {"text": why}}],
            }
        ],
        "results": [],
    }
    path = Path(inputs.directory) / "missing" / f"{name}.sarif"
    replace_file(path, msgspec.json.encode({"version": "2.1.0", "runs": [run]}))
    return path
