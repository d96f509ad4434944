"""SARIF runs to be uploaded, and whether their tools completed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secagg.errors import ReportError
from secagg.github.preflight import GivenRun
from secagg.jsontext import loads
from secagg.sarif.gaps import of_run


def given_runs(data: bytes, source: str) -> list[GivenRun]:
    """The runs of a SARIF log that :func:`secagg.sarif.write` wrote (so it holds no secret).

    A run whose tool says that it failed or missed something is marked as incomplete. Raises
    :class:`ReportError` for what is no SARIF log.
    """
    document = loads(data, report=source)
    runs = document.get("runs") if isinstance(document, Mapping) else None
    if not isinstance(runs, list):
        raise ReportError("this is no SARIF log", report=source)
    return [
        GivenRun(run=run, source=source, incomplete=_incomplete(run, index))
        for index, run in enumerate(runs)
        if isinstance(run, dict)
    ]


def _incomplete(run: dict[str, Any], index: int) -> str | None:
    frame = {key: value for key, value in run.items() if key != "results"}
    reasons = [gap.message for gap in of_run(frame, run, index) if gap.fatal]
    return reasons[0] if reasons else None
