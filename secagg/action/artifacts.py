"""Other jobs' artifacts: which reports there are, and which of those that must be there are not."""

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
    """Return the reports of other jobs, and for each that is expected and missing one that says so.

    Each artifact is a directory of its name below ``inputs.reports``, and is there only if a file
    in it is a report of its tool: the part of its name that is a scanner's.
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
    """The artifacts that are missing or have no report of their tool: name, tool and why."""
    # actions/download-artifact (v5 to v8) unpacks what a pattern matches into a directory each,
    # but straight into ``path`` where it matches one artifact only.
    bare = [path for path in files if path.parent == root]
    for name, tool in expected.items():
        own = [path for path in files if path.relative_to(root).parts[0] == name]
        if not own and list(expected.values()).count(tool) == 1:
            own = bare
        if any(tool in _tools(path) for path in own):
            continue
        if own and own is not bare:
            yield name, tool, f"the artifact of its job has no report of it (artifact {name})"
        else:
            yield name, tool, f"its job left no report (artifact {name})"


def _tools(path: Path) -> frozenset[str]:
    """The tools whose report a file is; none where it is no report."""
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
    """Write a report that says what is missing: its tool is incomplete by name."""
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
