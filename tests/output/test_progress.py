"""What a live display shows of a scan: nothing that the terminal obeys, and no secret."""

from __future__ import annotations

import io
import sys

import pytest
from msgspec.structs import replace

from secagg.output.progress import Progress, show_progress
from secagg.scanners.base import JobEvent, JobState, Status, ToolRun
from secagg.secrets import lastfilter

TOKEN = "3f2b1c9e-7a64-4d0b-9c11-8e5f6a7b2d43"
HOSTILE = "ui\x1b]0;title\x07\x1b[2J\u202e" + TOKEN


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_live_line_is_obeyed_by_nothing_and_shows_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SNYK_TOKEN", TOKEN)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    started = JobEvent(state=JobState.STARTED, index=0, tool="trivy", component=HOSTILE, mode="fs")
    run = ToolRun(
        tool="trivy", component=HOSTILE, status=Status.FAILED, reason=f"it said {TOKEN}\x1b[2J"
    )
    with lastfilter.filtering(), show_progress(Progress.AUTO, colour=False) as show:
        # What is running when the block ends is painted once more.
        show(started)
        show(replace(started, component="api", run=replace(run, component="api")))
    shown = terminal.getvalue()
    assert "trivy (fs)" in shown and "failed" in shown and "ui" in shown
    assert TOKEN not in shown
    obeyed = ("\x1b]", "\x1b[2J", "\x07", "\u202e")
    assert [part for part in obeyed if part in shown] == []
