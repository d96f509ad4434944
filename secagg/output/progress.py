"""How a scan is going, on standard error: live on a terminal, plain lines in a log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum

from secagg.output import console
from secagg.output.escape import cell, terminal
from secagg.scanners.base import JobEvent, Status, ToolRun
from secagg.secrets.lastfilter import filtered

RunName = tuple[str, str, str | None]
"""A tool run by its tool, component and mode."""

# A log says nothing of a run that is over so soon (seconds), and how often of a longer one.
_SILENCE, _AGAIN = 3.0, 60.0


class Progress(Enum):
    """AUTO is live on a terminal and plain elsewhere."""

    AUTO = "auto"
    OFF = "off"


@contextmanager
def show_progress(
    progress: Progress, *, colour: bool, usual: Mapping[RunName, float] | None = None
) -> Iterator[Callable[[JobEvent], None]]:
    """Give a function that takes events and shows them until the block ends.

    ``usual`` says how many seconds a run took the last time.
    """
    if progress is Progress.OFF:
        yield lambda event: None
    elif console.on_terminal():
        with _live(colour, usual or {}) as show:
            yield show
    else:
        with _plain(usual or {}) as show:
            yield show


@contextmanager
def _plain(usual: Mapping[RunName, float]) -> Iterator[Callable[[JobEvent], None]]:
    """A line for each run that ends, and one for each that is still going after a while."""
    waiting: dict[RunName, threading.Timer] = {}
    one_at_a_time = threading.Lock()

    def wait(event: JobEvent, seconds: float) -> None:
        timer = threading.Timer(seconds, say, (event,))
        timer.daemon = True
        waiting[_name(event)] = timer
        timer.start()

    def say(event: JobEvent) -> None:
        before = usual.get(_name(event))
        last = f" ({before:.0f} s last time)" if before is not None else ""
        with one_at_a_time:
            if _name(event) in waiting:
                console.err(f"secagg: {_subject(event)} is running{last}\n")
                wait(event, _AGAIN)

    def show(event: JobEvent) -> None:
        with one_at_a_time:
            if event.run is None:
                wait(event, _SILENCE)
                return
            timer = waiting.pop(_name(event), None)
            if timer is not None:
                timer.cancel()
            console.err(f"secagg: {_sentence(event)}\n")

    try:
        yield show
    finally:
        with one_at_a_time:
            for timer in waiting.values():
                timer.cancel()
            waiting.clear()


def _name(event: JobEvent) -> RunName:
    return event.tool, event.component, event.mode


def _subject(event: JobEvent) -> str:
    name = event.tool if event.mode is None else f"{event.tool} ({event.mode})"
    return terminal(name if event.component == "." else f"{name} in {event.component}")


def _sentence(event: JobEvent) -> str:
    text = f"{_subject(event)} {event.state if event.run is None else _end(event.run)}"
    if event.run is not None:
        text += f" after {event.run.seconds:.1f} s"
        if event.run.reason:
            text += f": {event.run.reason}"
    return terminal(text)


def _end(run: ToolRun) -> str:
    """Say how a run ended; whether it was complete is known once its report is read."""
    return "finished" if run.status is Status.COMPLETE else run.status.value


@contextmanager
def _live(colour: bool, usual: Mapping[RunName, float]) -> Iterator[Callable[[JobEvent], None]]:
    from rich.console import Console
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=True, no_color=not colour, highlight=False)
    running: dict[RunName, tuple[str, float]] = {}

    def picture() -> Table:
        grid = Table.grid(padding=(0, 1))
        for key in sorted(running, key=str):
            tool, _, mode = key
            name = tool if mode is None else f"{tool} ({mode})"
            place, started = running[key]
            since = time.monotonic() - started
            last = f"{usual[key]:.0f} s last time" if key in usual else ""
            took = Text(f"{since:.0f} s")
            grid.add_row(Spinner("dots"), Text(name), Text(place), took, Text(last, style="dim"))
        return grid

    with Live(
        get_renderable=picture, console=console, transient=True, refresh_per_second=8
    ) as live:

        def show(event: JobEvent) -> None:
            key = _name(event)
            if event.run is None:
                # A directory of the scanned tree may be called anything; Rich lets escapes through.
                running[key] = filtered(cell(event.component)), time.monotonic()
            else:
                running.pop(key, None)
                live.console.print(Text(filtered(_sentence(event))))

        yield show
