"""Everything that may leave after a scan of some reports, as texts by the name of the output."""

from __future__ import annotations

import datetime
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from secagg.config import Config
from secagg.errors import ReportError, UsageError
from secagg.github.bundle import Bundle, pack, unpack
from secagg.github.markdown import findings_markdown, results_by_severity
from secagg.github.payload import sarif_log
from secagg.github.preflight import preflight
from secagg.output.grid import Style
from secagg.output.junit import junit_xml
from secagg.output.listing import Listing
from secagg.output.markdown import decision_annotations, decision_markdown
from secagg.output.tables import findings_text, listing_text
from secagg.output.verdict import HintOptions, notes_text, verdict_text
from secagg.pipeline.gate import plain_gate
from secagg.pipeline.origin import Origin
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.parse import parse_files
from secagg.pipeline.record import record_outcome
from secagg.pipeline.storesource import HistoryScope, read_store
from secagg.pipeline.uploadruns import runs_from_files
from secagg.pipeline.write import decision_document, write_outputs
from secagg.report.filters import Filters
from secagg.report.formats import Format, compose, written
from secagg.report.query import Query
from secagg.secrets import lastfilter

_FORMATS = tuple(form for form in Format if form is not Format.GITLAB)
_NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


def outputs_of(directory: Path, reports: list[str], number: int) -> dict[str, str]:
    """What comes of ``reports`` below ``directory``; of the report's formats the one of ``number``.

    JSON is given as its texts, a line each, so that no escape hides what a reader of it sees.
    """
    with lastfilter.filtering():
        gate = plain_gate(directory, Config())
        outcome = parse_files(reports, tool=None, root=directory, gate=gate)
        decision = decision_document(outcome)
        files = write_outputs(outcome, directory / "out", decision=decision)
        style = Style()
        printed = {
            "table": findings_text(decision, style, everything=True)
            + notes_text(decision, style)
            + verdict_text(decision, style, HintOptions()),
            "full list": listing_text(decision, Listing.FULL, style, everything=True),
            "concise list": listing_text(decision, Listing.CONCISE, style, everything=True),
            "job summary": decision_markdown(decision),
            "annotations": "\n".join(decision_annotations(decision)),
            "JUnit": junit_xml(decision),
        }
        shown = {output: lastfilter.filtered(text) for output, text in printed.items()}
        shown |= {path.name: _json(path.read_bytes()) for path in files}
        store = directory / "store.db"
        store.unlink(missing_ok=True)
        shown |= _stored(outcome, store, directory)
    # Others read the store, on other machines: they know no value.
    output, text = _report(store, directory, _FORMATS[number % len(_FORMATS)])
    shown[output] = text
    with lastfilter.filtering():
        shown |= _sent(reports, directory)
    return shown


def _stored(outcome: Outcome, store: Path, root: Path) -> dict[str, str]:
    origin = Origin(repository="acme/shop", branch="main", commit=None)
    record_outcome(outcome, url=str(store), root=root, origin=origin)
    texts = []
    with closing(sqlite3.connect(store)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    is_json = isinstance(value, str) and value[:1] in ("{", "[")
                    texts.append(_json(value.encode()) if is_json else str(value))
    return {"store": "\n".join(texts)}


def _report(store: Path, root: Path, form: Format) -> tuple[str, str]:
    source = read_store(HistoryScope(root=root, store=str(store), all_repositories=True))
    try:
        data = b"".join(written(compose(source, Query(filters=Filters()), _NOW), form))
    except UsageError as error:
        # OpenVEX has no document without a vulnerability.
        return f"report {form}", f"{error} {error.hint}"
    text = data.decode("utf-8", "replace")
    if form is Format.JSONL:
        return f"report {form}", "\n".join(_json(line.encode()) for line in text.splitlines())
    is_json = text[:1] in ("{", "[")
    return f"report {form}", _json(data) if is_json else text


def _sent(reports: list[str], root: Path) -> dict[str, str]:
    """A bundle and a comment, made of the reports themselves as other producers write them."""
    try:
        given = runs_from_files(reports, root=root, config=Config())
    except ReportError as error:
        return {"error": lastfilter.filtered_error(f"{error} {error.hint}")}
    bundle = Bundle(
        repository="acme/shop",
        commit="0" * 40,
        pull_number=1,
        sarif={"version": "2.1.0", "runs": [entry.run for entry in given]},
    )
    packed = unpack(pack(bundle)).model_dump()
    plan = preflight(given, root=root, prefix="", category=None, keep_suppressed=True)
    comment = lastfilter.filtered(findings_markdown(results_by_severity(plan.parts)))
    sent = _json(sarif_log([part.encoded.data for part in plan.parts]))
    return {"bundle": "\n".join(texts_in(packed)), "comment": comment, "upload": sent}


def _json(data: bytes) -> str:
    return "\n".join(texts_in(json.loads(data)))


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a JSON value, names of its members among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)
