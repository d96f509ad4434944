"""From where ``secagg report`` and ``secagg serve`` take their problems."""

from __future__ import annotations

from pathlib import Path

from secagg.pipeline.storesource import StoreTriage, Whose, controls_of_event, stored
from secagg.report.source import ProblemSource
from secagg.serve.triage import TriageSink


def open_source(
    from_file: Path | None, whose: Whose | None = None, *, details: bool = True
) -> ProblemSource:
    """The report in ``from_file``, else what the store has of ``whose``.

    Without ``details`` the store's problems lack :data:`secagg.history.document.DETAILS`.

    Raises :class:`ReportError` where the file cannot be read, :class:`StoreError` where there
    is no store, and :class:`UsageError` for a file or store that a pull request itself brings.
    """
    if from_file is not None:
        from secagg.report.document import load_report

        controls = controls_of_event((whose or Whose()).root)
        if controls is not None:
            controls.untouched(from_file.absolute(), "--from")
        return load_report(from_file)
    return stored(whose or Whose(), details=details)


def open_triage(from_file: Path | None, whose: Whose | None = None) -> TriageSink | None:
    """Where decisions go: into the store.

    Nowhere for a report in a file, which nobody else would see changed, and for several
    repositories at once, in which one identity may stand for several problems.
    """
    if from_file is not None or (whose is not None and whose.all_repositories):
        return None
    return StoreTriage(whose or Whose())
