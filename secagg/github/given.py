"""SARIF runs to be uploaded, and whether their tools completed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secagg.errors import ReportError
from secagg.github.preflight import GivenRun
from secagg.jsonio.text import loads
from secagg.sarif.gaps import of_run


def given_runs(data: bytes, source: str) -> list[GivenRun]:
    """The runs of a SARIF log that :func:`secagg.sarif.write` wrote (so it holds no secret).

    A run whose tool says that it failed or missed something is marked as incomplete, unless it
    says that it completed and names the files that it could not read. Raises
    :class:`ReportError` for what is no SARIF log.
    """
    document = loads(data, report=source)
    runs = document.get("runs") if isinstance(document, Mapping) else None
    if not isinstance(runs, list):
        raise ReportError("this is no SARIF log", report=source)
    return [_given(run, index, source) for index, run in enumerate(runs) if isinstance(run, dict)]


def _given(run: dict[str, Any], index: int, source: str) -> GivenRun:
    frame = {key: value for key, value in run.items() if key != "results"}
    fatal = [gap for gap in of_run(frame, run, index) if gap.fatal]
    reasons = [gap.message for gap in fatal if not gap.files]
    return GivenRun(
        run=run,
        source=source,
        incomplete=reasons[0] if reasons else None,
        unread=tuple(gap.message for gap in fatal if gap.files),
    )
