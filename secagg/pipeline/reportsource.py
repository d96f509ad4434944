"""From where ``secagg report`` and ``secagg serve`` take their problems."""

from __future__ import annotations

from pathlib import Path

from secagg.errors import StoreError
from secagg.report.source import ProblemSource
from secagg.serve.triage import TriageSink


def open_source(from_file: Path | None) -> ProblemSource:
    """The report in ``from_file``, else the store.

    Raises :class:`ReportError` where the file cannot be read, :class:`StoreError` where there
    is no store.
    """
    if from_file is not None:
        from secagg.report.document import load_report

        return load_report(from_file)
    raise StoreError(
        "no history is recorded here", hint="name a report in JSON: secagg report --from FILE"
    )


def open_triage(from_file: Path | None) -> TriageSink | None:
    """Where decisions go: nowhere for a report in a file, which nobody else would see changed."""
    return None
