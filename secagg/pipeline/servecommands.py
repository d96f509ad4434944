"""``secagg serve`` without its option parsing."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence

from secagg.errors import UsageError
from secagg.exitcodes import ExitCode
from secagg.output import console
from secagg.report.source import ProblemSource
from secagg.serve.triage import TriageSink


def serve(
    open_source: Callable[[], ProblemSource],
    triage: TriageSink | None,
    *,
    host: str,
    port: int,
    write: bool,
    by: str | None,
    allow_hosts: Sequence[str],
) -> int:
    """Serve the page until interrupted. What is wrong with the source is said before."""
    try:
        from secagg.serve import server
    except ImportError:
        raise UsageError(
            "secagg serve needs FastAPI and uvicorn", hint="pip install 'secagg[serve]'"
        ) from None
    open_source().runs()
    with server.bind(host, port) as listening:
        server.serve(
            listening,
            host,
            open_source,
            triage=triage,
            write=write,
            by=by or getpass.getuser(),
            also_hosts=allow_hosts,
            announce=_announce,
        )
    return ExitCode.PASS


def _announce(address: str, read_only: bool) -> None:
    note = " (read-only)" if read_only else ""
    console.out(f"Open {address}{note}\nIt works once; Ctrl-C ends the server.\n")
