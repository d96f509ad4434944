"""Download a file from a public address, without a token, with TLS and a size limit."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from secagg import __version__
from secagg.errors import SecaggError
from secagg.system.network import is_loopback

_TIMEOUT = httpx.Timeout(60.0, connect=15.0)
_MOST_REDIRECTS = 5


class DownloadError(SecaggError):
    """A file could not be downloaded."""


def download(url: str, *, limit: int) -> bytes:
    """Return the bytes at ``url``; more than ``limit`` are an error.

    Uses ``https`` only, also after a redirect, and ``http`` only with this machine. Raises
    :class:`DownloadError`.
    """
    host = urlsplit(url).hostname or "that address"
    try:
        with httpx.Client(
            timeout=_TIMEOUT,
            follow_redirects=False,
            headers={"User-Agent": f"secagg/{__version__}", "Accept-Encoding": "identity"},
        ) as client:
            for _ in range(_MOST_REDIRECTS + 1):
                _check_url(url)
                with client.stream("GET", url) as response:
                    if response.has_redirect_location:
                        url = str(response.url.join(response.headers["location"]))
                        continue
                    return _read_body(response, limit)
    except httpx.HTTPError as error:
        raise DownloadError(
            f"{host} could not be reached: {type(error).__name__}",
            hint="check the network and the proxy, or give a file that was downloaded elsewhere",
        ) from error
    except httpx.InvalidURL:
        raise DownloadError("the address of a redirect is not valid") from None
    raise DownloadError(f"{host} redirects too often")


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise DownloadError(
            f"the address of {parts.hostname} holds a password",
            hint="download the file otherwise, and give its path",
        )
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return
    raise DownloadError(
        f"{parts.scheme or 'no scheme'}://{parts.hostname or ''} is not asked for files",
        hint="give an https address",
    )


def _read_body(response: httpx.Response, limit: int) -> bytes:
    if response.status_code != 200:
        raise DownloadError(f"{response.url.host} answered {response.status_code}")
    data = bytearray()
    for piece in response.iter_raw():
        data += piece
        if len(data) > limit:
            raise DownloadError(
                f"what {response.url.host} sends is larger than {limit // 2**20} MiB"
            )
    length = response.headers.get("content-length", "")
    if length.isdigit() and int(length) != len(data):
        raise DownloadError(f"{response.url.host} broke off after {len(data)} bytes")
    return bytes(data)
