"""HTTP with a client that may be slow on purpose: none keeps a connection by dripping bytes.

uvicorn ends connections that are idle, and waits without end for the rest of a request's head, for
a body that nobody asked for, and for a client that does not take its answer. The body of a request
that is read has its time in :mod:`secagg.serve.guard`.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

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
