"""How a scan is going, on standard error: live on a terminal, a plain line each in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum

from secagg.output import console
from secagg.output.escape import cell, terminal
from secagg.scanners.base import Status, ToolRun
from secagg.scanners.execute import JobEvent
from secagg.secrets.lastfilter import filtered


class Progress(Enum):
    """AUTO is live on a terminal and plain elsewhere."""

    AUTO = "auto"
    OFF = "off"


@contextmanager
def show_progress(progress: Progress, *, colour: bool) -> Iterator[Callable[[JobEvent], None]]:
    """Give a function that takes events and shows them until the block ends."""
    if progress is Progress.OFF:
        yield lambda event: None
    elif console.on_terminal():
        with _live(colour) as show:
            yield show
    else:
        yield _plain


def _plain(event: JobEvent) -> None:
    console.err(f"secagg: {_sentence(event)}\n")


def _sentence(event: JobEvent) -> str:
    name = event.tool if event.mode is None else f"{event.tool} ({event.mode})"
    place = "" if event.component == "." else f" in {event.component}"
    text = f"{name}{place} {event.moment if event.run is None else _end(event.run)}"
    if event.run is not None:
        text += f" after {event.run.seconds:.1f} s"
        if event.run.reason:
            text += f": {event.run.reason}"
    return terminal(text)


def _end(run: ToolRun) -> str:
    """Say how a run ended; whether it was complete is known once its report is read."""
    return "finished" if run.status is Status.COMPLETE else run.status.value


@contextmanager
def _live(colour: bool) -> Iterator[Callable[[JobEvent], None]]:
    from rich.console import Console
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=True, no_color=not colour, highlight=False)
    running: dict[tuple[str, str, str | None], tuple[str, float]] = {}

    def picture() -> Table:
        grid = Table.grid(padding=(0, 1))
        for key in sorted(running, key=str):
            tool, _, mode = key
            name = tool if mode is None else f"{tool} ({mode})"
            place, started = running[key]
            since = time.monotonic() - started
            grid.add_row(Spinner("dots"), Text(name), Text(place), Text(f"{since:.0f} s"))
        return grid

    with Live(
        get_renderable=picture, console=console, transient=True, refresh_per_second=8
    ) as live:

        def show(event: JobEvent) -> None:
            key = (event.tool, event.component, event.mode)
            if event.run is None:
                # A directory of the scanned tree may be called anything; Rich lets escapes through.
                running[key] = filtered(cell(event.component)), time.monotonic()
            else:
                running.pop(key, None)
                live.console.print(Text(filtered(_sentence(event))))

        yield show
