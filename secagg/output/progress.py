"""Show the progress of a scan on standard error: live on a terminal, plain lines in a log."""

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

# A log has no line for a run that starts until it took so long, then one at each interval.
_QUIET_SECONDS, _REPEAT_SECONDS = 3.0, 60.0


class Progress(Enum):
    """Whether to show progress: AUTO is live on a terminal and plain elsewhere."""

    AUTO = "auto"
    OFF = "off"


@contextmanager
def show_progress(
    progress: Progress, *, colour: bool, last_seconds: Mapping[RunName, float] | None = None
) -> Iterator[Callable[[JobEvent], None]]:
    """Yield a function that shows events until the block ends.

    ``last_seconds`` are the seconds that each run took the last time.
    """
    if progress is Progress.OFF:
        yield lambda event: None
    elif console.on_terminal():
        with _live(colour, last_seconds or {}) as show:
            yield show
    else:
        with _plain(last_seconds or {}) as show:
            yield show


@contextmanager
def _plain(last_seconds: Mapping[RunName, float]) -> Iterator[Callable[[JobEvent], None]]:
    """Print a line for each run that ends, and one now and then for each that still runs."""
    timers: dict[RunName, threading.Timer] = {}
    lock = threading.Lock()

    def start_timer(event: JobEvent, seconds: float) -> None:
        timer = threading.Timer(seconds, print_running, (event,))
        timer.daemon = True
        timers[_run_name(event)] = timer
        timer.start()

    def print_running(event: JobEvent) -> None:
        last_time = last_seconds.get(_run_name(event))
        suffix = f" ({last_time:.0f} s last time)" if last_time is not None else ""
        with lock:
            if _run_name(event) in timers:
                console.err(f"secagg: {_subject(event)} is running{suffix}\n")
                start_timer(event, _REPEAT_SECONDS)

    def show(event: JobEvent) -> None:
        with lock:
            if event.run is None:
                start_timer(event, _QUIET_SECONDS)
                return
            timer = timers.pop(_run_name(event), None)
            if timer is not None:
                timer.cancel()
            console.err(f"secagg: {_sentence(event)}\n")

    try:
        yield show
    finally:
        with lock:
            for timer in timers.values():
                timer.cancel()
            timers.clear()


def _run_name(event: JobEvent) -> RunName:
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
    """Return how a run ended; only its report tells whether it was complete."""
    return "finished" if run.status is Status.COMPLETE else run.status.value


@contextmanager
def _live(
    colour: bool, last_seconds: Mapping[RunName, float]
) -> Iterator[Callable[[JobEvent], None]]:
    from rich.console import Console
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=True, no_color=not colour, highlight=False)
    running: dict[RunName, tuple[str, float]] = {}

    def running_table() -> Table:
        grid = Table.grid(padding=(0, 1))
        for key in sorted(running, key=str):
            tool, _, mode = key
            name = tool if mode is None else f"{tool} ({mode})"
            place, started = running[key]
            elapsed = time.monotonic() - started
            last = f"{last_seconds[key]:.0f} s last time" if key in last_seconds else ""
            elapsed_text = Text(f"{elapsed:.0f} s")
            grid.add_row(
                Spinner("dots"), Text(name), Text(place), elapsed_text, Text(last, style="dim")
            )
        return grid

    with Live(
        get_renderable=running_table, console=console, transient=True, refresh_per_second=8
    ) as live:

        def show(event: JobEvent) -> None:
            key = _run_name(event)
            if event.run is None:
                # Escaped, as a directory may have any name and Rich keeps escape sequences.
                running[key] = filtered(cell(event.component)), time.monotonic()
            else:
                running.pop(key, None)
                live.console.print(Text(filtered(_sentence(event))))

        yield show
