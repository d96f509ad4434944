"""Binding and running: the address is known, and printed, before anything is answered."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable

import uvicorn

from secagg.errors import UsageError
from secagg.output import console
from secagg.output.escape import cell
from secagg.report.source import ProblemSource
from secagg.secrets.lastfilter import filtered_error
from secagg.serve.access import Access, hosts_for, is_loopback
from secagg.serve.app import Served, make_app
from secagg.serve.protocol import BoundedProtocol
from secagg.serve.triage import TriageSink

_SECONDS_TO_FINISH = 3
# Of all clients together: who keeps more of them open is answered with 503.
_MOST_CONNECTIONS = 100


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises :class:`UsageError` if it cannot be."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror}", hint="another --port, or 0"
        ) from None
    bound.listen(64)
    return bound


def serve(
    listening: socket.socket,
    host: str,
    open_source: Callable[[], ProblemSource],
    *,
    triage: TriageSink | None,
    write: bool,
    by: str,
    also_hosts: Iterable[str],
    announce: Callable[[str, bool], None],
) -> None:
    """Serve until interrupted. ``announce`` is told the address and whether it is read-only.

    Off loopback it is read-only unless ``write`` says otherwise.
    """
    port = listening.getsockname()[1]
    hosts = hosts_for(host, port, also_hosts)
    if not hosts:
        raise UsageError(
            f"{host} has no name of its own to check requests against",
            hint="name the host that browsers will use: --allow-host secagg.example.org",
        )
    served = Served(
        open_source=open_source,
        access=Access(hosts=hosts, cookie_name=f"secagg-{port}"),
        triage=triage,
        read_only=not (write or is_loopback(host)),
        by=by,
        log=lambda line: console.err(f"secagg: {line}\n"),
    )
    name = f"127.0.0.1:{port}" if f"127.0.0.1:{port}" in hosts else min(hosts)
    announce(f"http://{name}/?token={served.access.once}", not served.writable)
    config = uvicorn.Config(
        make_app(served),
        http=BoundedProtocol,
        ws="none",
        log_level="warning",
        log_config=None,
        # The one-time token stands in an address: no address is logged.
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_SECONDS_TO_FINISH,
    )
    logger = logging.getLogger("uvicorn")
    logger.handlers, logger.propagate = [_ConsoleHandler()], False
    uvicorn.Server(config).run(sockets=[listening])


class _ConsoleHandler(logging.Handler):
    """What uvicorn logs, as a line of secagg's; no traceback, which quotes what was served."""

    def emit(self, record: logging.LogRecord) -> None:
        console.err(f"secagg: {cell(filtered_error(record.getMessage()))}\n")
