"""Run the server of ``secagg serve``: its address, its limits on what clients send.

uvicorn ends connections that are idle, and waits without end for the rest of a request's head, for
a body that nobody asked for, and for a client that does not take its answer. The body of a request
that is read has its time in :mod:`secagg.serve.app`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from secagg.errors import UsageError
from secagg.output import console
from secagg.output.logs import ConsoleHandler
from secagg.report.source import ProblemSource, TriageSink
from secagg.serve.app import Access, Served, hosts_for, is_loopback, make_app

SECONDS_FOR_A_HEAD = 10.0


# So much of an answer, in bytes, a client takes in that time at least.
LEAST_TAKEN = 10_000


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 in which a client has some seconds between an answer and its next request's head.

    While an answer that was given is being sent, it must take some of it in each such period.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request from now on."""
        super().connection_made(transport)
        self._set_deadline(0)

    def data_received(self, data: bytes) -> None:
        """Take ``data``; only the whole head of a request ends the wait for it."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._clear_deadline()

    def on_response_complete(self) -> None:
        """Wait for the next request from now on."""
        super().on_response_complete()
        # Where the next request has come already, that one is being answered now.
        if self.cycle.response_complete:
            self._clear_deadline()
            self._set_deadline(self.transport.get_write_buffer_size())

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._clear_deadline()
        super().connection_lost(exc)

    def _set_deadline(self, untaken: int) -> None:
        self._deadline = self.loop.call_later(SECONDS_FOR_A_HEAD, self._late, untaken)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self, untaken: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left and untaken - left >= LEAST_TAKEN:
            self._set_deadline(left)
        else:
            self.transport.abort()


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
    # No traceback, which may quote what was served.
    logger.handlers, logger.propagate = [ConsoleHandler(message_only=True)], False
    uvicorn.Server(config).run(sockets=[listening])
