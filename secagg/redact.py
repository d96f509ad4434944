"""Secrets become keyed hashes here, and texts lose the values they should not carry."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from secagg.finding import Finding

MASK = "[redacted]"

# A value shorter than this is not scrubbed from other texts: it would blot out half of them.
_SHORTEST_KNOWN = 6

_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----.*?(-----END [A-Z ]*PRIVATE KEY( BLOCK)?-----|\Z)"
    r"|\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36,}\b"
    r"|\bgithub_pat_[A-Za-z0-9_]{22,}\b"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}"
    r"|\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}\b"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?"
    r"|(?<=://)[^\s/:@]*:[^\s/@]+(?=@)",
    re.DOTALL,
)


class Secret:
    """A secret's value on its way to becoming a keyed hash: it cannot be printed or stored."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret cannot be serialized")

    def reveal(self) -> str:
        """The value itself, for the one place that hashes it."""
        return self._value


class Redactor:
    """Knows the secrets of one run (in memory only) and keeps them out of texts."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def identify(self, secret: Secret) -> str:
        """The keyed hash (HMAC-SHA-256) by which ``secret`` is known; remembers the value."""
        value = secret.reveal().strip()
        digest = hmac.new(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256)
        if len(value) >= _SHORTEST_KNOWN and value not in self._known:
            self._known.add(value)
            self._pattern = None
        return f"hmac-sha256:{digest.hexdigest()}"

    def mask(self, text: str) -> str:
        """``text`` without any known value (also base64, URL- or JSON-written) or secret shape."""
        if self._known:
            if self._pattern is None:
                written = {form for value in self._known for form in _forms(value)}
                longest_first = sorted(written, key=lambda form: (-len(form), form))
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))
            text = self._pattern.sub(MASK, text)
        return _SHAPES.sub(MASK, text)

    def mask_json(self, value: Any) -> Any:
        """``value`` with every text in it masked, keys as well; itself where nothing changes."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, Mapping):
            masked = {self.mask(key): self.mask_json(item) for key, item in value.items()}
            return value if masked == value else masked
        if isinstance(value, list):
            items = [self.mask_json(item) for item in value]
            return value if items == value else items
        return value

    def scrub_all(self, findings: Iterable[Finding]) -> None:
        """Mask the texts of all ``findings`` with what is known by now, whoever told it."""
        for finding in findings:
            finding.title = self.mask(finding.title)
            finding.message = self.mask(finding.message)
            if finding.fix is not None:
                finding.fix = self.mask(finding.fix)


def _forms(value: str) -> Iterator[str]:
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    raw = value.encode("utf-8", "surrogatepass")
    yield base64.b64encode(raw).decode()
    yield base64.urlsafe_b64encode(raw).decode().rstrip("=")
    yield urllib.parse.quote(raw, safe="")
    for line in value.splitlines():
        if len(line) >= 2 * _SHORTEST_KNOWN:
            yield line
