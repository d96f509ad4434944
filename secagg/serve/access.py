"""Who may speak to the server: the person who started it, in a browser on a known host.

Three things are checked. The Host header, since a page elsewhere can make a name of its own point
to this machine (DNS rebinding). A session cookie, given once in exchange for the token in the
address that ``secagg serve`` prints. And, for whatever changes something, a token in a header that
no other site can send or read (cross-site request forgery), with the Origin beside it.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CSRF_HEADER = "x-secagg-token"
_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


def _token() -> str:
    return secrets.token_urlsafe(32)


@dataclass(slots=True, kw_only=True)
class Access:
    """The secrets of one server process: none is written anywhere, all end with it.

    ``hosts`` are what a Host header may be, with the port, in lower case.
    """

    hosts: frozenset[str]
    cookie_name: str = "secagg"
    once: str = field(default_factory=_token)
    session: str = field(default_factory=_token)
    csrf: str = field(default_factory=_token)
    _used: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def exchange(self, token: str) -> bool:
        """Whether ``token`` is the one-time token, which then is worth nothing any more."""
        with self._lock:
            if self._used or not _same(token, self.once):
                return False
            self._used = True
            return True

    def known(self, cookie: str | None) -> bool:
        """Whether ``cookie`` is the session's."""
        return cookie is not None and _same(cookie, self.session)

    def own_host(self, host: str | None) -> bool:
        """Whether a Host header names this server."""
        return host is not None and host.lower() in self.hosts

    def may_change(self, token: str | None, origin: str | None) -> bool:
        """Whether a request that changes something comes from the page itself."""
        if token is None or not _same(token, self.csrf):
            return False
        if origin is None:
            return True
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc.lower() in self.hosts


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host`` (a name or an address)."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def hosts_for(host: str, port: int, also: Iterable[str] = ()) -> frozenset[str]:
    """The Host headers of a server bound to ``host`` and ``port``; ``also`` names more."""
    names = list(also)
    if is_loopback(host):
        names += _LOCAL_NAMES
    elif host not in ("0.0.0.0", "::"):  # noqa: S104
        names.append(f"[{host}]" if ":" in host else host)
    found = {f"{name.lower()}:{port}" for name in names}
    # A browser leaves out the port that belongs to the scheme.
    return frozenset(found | ({name.lower() for name in names} if port == 80 else set()))


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
