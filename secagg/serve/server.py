"""The server of ``secagg serve``: its address, and its limits for slow clients.

uvicorn closes idle connections, but waits forever for the rest of a request's head, for an unread
body, and for a client that does not read its answer. :mod:`secagg.serve.app` limits the time for
the body of a request.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterable, Mapping

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from secagg.errors import UsageError
from secagg.history import Store
from secagg.model.severity import LINTERS, RATING_TOOLS
from secagg.output.logs import ConsoleHandler, LogFormat, print_line
from secagg.parsing import ENTRY_POINTS
from secagg.policy.subject import OWN_TOOLS
from secagg.report.source import ProblemSource, TriageSink
from secagg.serve.app import Served, make_app
from secagg.serve.callers import Callers
from secagg.serve.guard import Access, hosts_for
from secagg.serve.oidc import Verifier
from secagg.serve.overview import AllRepositories
from secagg.serve.people import People
from secagg.serve.sessions import Sessions
from secagg.serve.settings import Settings
from secagg.system.entrypoints import entry_points
from secagg.system.network import is_loopback

SECONDS_FOR_A_HEAD = 10.0
# The least bytes of an answer that a client must read in that time.
LEAST_BYTES_READ = 10_000


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 with a deadline between an answer and the head of the next request.

    While the server sends an answer, the client must read some of it in each such period.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the deadline for the first request."""
        super().connection_made(transport)
        self._set_deadline(0)

    def data_received(self, data: bytes) -> None:
        """Receive ``data``; only a complete head ends the deadline."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._clear_deadline()

    def on_response_complete(self) -> None:
        """Start the deadline for the next request."""
        super().on_response_complete()
        # If the next request has arrived already, the server is answering it now.
        if self.cycle.response_complete:
            self._clear_deadline()
            self._set_deadline(self.transport.get_write_buffer_size())

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadline."""
        self._clear_deadline()
        super().connection_lost(exc)

    def _set_deadline(self, unread: int) -> None:
        """``unread`` are the bytes of the answer that the client has not read yet."""
        self._deadline = self.loop.call_later(SECONDS_FOR_A_HEAD, self._check_client, unread)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _check_client(self, unread: int) -> None:
        still_unread = self.transport.get_write_buffer_size()
        if still_unread and unread - still_unread >= LEAST_BYTES_READ:
            self._set_deadline(still_unread)
        else:
            self.transport.abort()


def callers_of(open_store: Callable[[], Store], settings: Settings | None) -> Callers:
    """Return who may call the API: holders of a token, and the issuers in ``settings``.

    The tools that secagg, its parsers and ``settings`` know keep their places in the store.
    """
    verifier = None
    if settings is not None and settings.issuers:
        verifier = Verifier(settings.issuers, settings.address)
    own = () if settings is None else settings.tools
    tools = OWN_TOOLS.union(RATING_TOOLS, LINTERS, entry_points(ENTRY_POINTS), own)
    return Callers(open_store=open_store, tools=tools, verifier=verifier)


def people_of(settings: Settings | None, environ: Mapping[str, str] = os.environ) -> People | None:
    """Return whom the ``settings`` let in; None where the page is for one person.

    ``environ`` holds the secret that the issuer of logins knows. Raises :class:`UsageError` where
    the library for logins is not installed.
    """
    if settings is None or (settings.proxy is None and settings.login is None):
        return None
    login = settings.login
    if login is None:
        return People(proxy=settings.proxy, teams=settings.teams)
    try:
        from secagg.serve.login import SECRET, Provider
    except ImportError:
        raise UsageError(
            "logins by OpenID Connect need authlib", hint="pip install 'secagg[login]'"
        ) from None
    sessions = Sessions(
        absolute=login.hours * 3600,
        idle=login.idle_minutes * 60,
        secure=settings.address.startswith("https:"),
    )
    provider = Provider(login, settings.address, sessions, secret=environ.get(SECRET))
    return People(proxy=settings.proxy, teams=settings.teams, sessions=sessions, provider=provider)


_SECONDS_TO_FINISH = 3
# Of all clients together; the server answers further ones with 503.
_MOST_CONNECTIONS = 100


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 picks a free one. Raises :class:`UsageError`."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        unknown = isinstance(error, socket.gaierror)
        hint = "another --host" if unknown else "another --port, or 0"
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}", hint=hint) from None
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
    open_store: Callable[[], Store] | None = None,
    settings: Settings | None = None,
    log_format: LogFormat = LogFormat.TEXT,
    all_repositories: Callable[[], Store] | None = None,
    branch: str | None = None,
) -> None:
    """Serve until interrupted.

    ``announce`` gets the address and whether it is read-only. Off loopback it is read-only unless
    ``write`` is set. With ``all_repositories``, which opens a store with a database, the pages are
    those for all repositories, with ``branch`` or the default branch of each. The API for jobs uses
    ``open_store``, and is not there without it. Raises :class:`UsageError` without a host name to
    check requests against.
    """
    port = listening.getsockname()[1]
    hosts = hosts_for(host, port, also_hosts)
    if settings is not None:
        hosts |= {settings.host}
    if not hosts:
        raise UsageError(
            f"{host} has no name of its own to check requests against",
            hint="name the host that browsers will use: --allow-host secagg.example.org",
        )
    people = people_of(settings)
    served = Served(
        open_source=open_source,
        access=Access(hosts=hosts, cookie_name=f"secagg-{port}"),
        triage=triage,
        read_only=not (write or is_loopback(host) or people is not None),
        by=by,
        log=lambda line: print_line(line.text, line.values, log_format),
        callers=None if open_store is None else callers_of(open_store, settings),
        people=people,
        repositories=None
        if all_repositories is None
        else AllRepositories(
            open_store=all_repositories,
            teams=() if settings is None else settings.teams,
            branch=branch,
        ),
    )
    name = f"127.0.0.1:{port}" if f"127.0.0.1:{port}" in hosts else min(hosts)
    if settings is not None and people is not None:
        announce(settings.address, not served.writable)
    else:
        announce(f"http://{name}/?token={served.access.one_time}", not served.writable)
    config = uvicorn.Config(
        make_app(served),
        http=BoundedProtocol,
        ws="none",
        log_level="warning",
        log_config=None,
        # The address of the first request holds the one-time token.
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_SECONDS_TO_FINISH,
    )
    logger = logging.getLogger("uvicorn")
    # No traceback, which may quote what was served.
    logger.handlers, logger.propagate = (
        [ConsoleHandler(message_only=True, log_format=log_format)],
        False,
    )
    uvicorn.Server(config).run(sockets=[listening])
