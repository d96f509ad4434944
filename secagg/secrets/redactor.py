"""Secrets become keyed hashes here, and texts lose the values they should not carry."""

from __future__ import annotations

import hmac
import operator
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from secagg.jsonio.value import decode, encode
from secagg.secrets.names import NAME_FIELDS, PATH_FIELDS, ShownNames
from secagg.secrets.shapes import MASK
from secagg.secrets.values import KnownValues

__all__ = ["MASK", "Redactor", "Secret"]

_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)', re.DOTALL)
_LONGEST_CACHED = 256
_MOST_CACHED = 20_000


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
    """Keeps the secrets of one run, in memory only, out of every text.

    Every secret value is learned before the first text is masked (:meth:`identify`), so that one
    search over each text or entry of a report is enough. The names of what is in the scanned
    ``tree`` are no secrets.
    """

    def __init__(self, key: bytes, tree: Path | None = None) -> None:
        self._key = key
        self._names = ShownNames(key, self._mask_often, tree)
        self._known = KnownValues()
        self._ids: dict[str, str] = {}
        # Results for short texts, of which reports repeat most.
        self._masked: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Redactor({len(self._known)} values)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Redactor cannot be serialized")

    @property
    def key_name(self) -> str:
        """16 hexadecimal digits that stand for the key: equal where hashes can be compared.

        It is a keyed hash of a fixed text, so that it says of the key no more than the hashes of
        secrets do.
        """
        return hmac.digest(self._key, b"secagg: the name of this key", "sha256").hex()[:16]

    def identify(self, secret: Secret) -> str:
        """Return the keyed hash (HMAC-SHA-256) of ``secret``, and learn its value."""
        value = secret.reveal().strip()
        identity = self._ids.get(value)
        if identity is None:
            data = value.encode("utf-8", "surrogatepass")
            digest = hmac.digest(self._key, data, "sha256").hex()
            identity = self._ids[value] = f"hmac-sha256:{digest}"
            if self._known.add(value):
                self._masked.clear()
        return identity

    def know(self, secret: Secret) -> None:
        """Learn the value of ``secret``, which nobody asks the hash of."""
        if self._known.add(secret.reveal().strip()):
            self._masked.clear()

    def mask_known(self, text: str) -> str:
        """Mask the known values in ``text``, and no shapes; itself where there are none."""
        return self._known.mask(text, shapes=False)

    def mask_known_json(self, data: bytes, kept: Collection[str] = ()) -> bytes:
        """Mask the known values in the texts of JSON ``data``, of which those in ``kept`` stay.

        ``data`` may be a part of a document that begins and ends between two texts.
        """
        places = self._known.places(data)
        if not places:
            return data
        pieces: list[bytes] = []
        done = at = 0
        for match in _TEXTS.finditer(data):
            start, end = match.span()
            while at < len(places) and places[at] < start:
                at += 1
            if at == len(places):
                break
            if places[at] < end:
                text = decode(match[0])
                masked = text if text in kept else self.mask_known(text)
                if masked is not text and not self._is_kept(text, kept):
                    pieces += (data[done:start], encode(masked))
                    done = end
        return b"".join((*pieces, data[done:])) if pieces else data

    def _is_kept(self, text: str, kept: Collection[str]) -> bool:
        """Tell whether all that is secret in ``text`` is in paths that hold more than it."""
        rest = text
        for path in sorted(kept, key=len, reverse=True):
            if self.mask_known(path) != MASK:
                rest = rest.replace(path, "")
        return rest != text and self.mask_known(rest) is rest

    def keyed(self, text: str) -> str:
        """Return the keyed hash of a text that is not a secret itself, and may hold one."""
        data = b"text\0" + text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, data, "sha256").hex()

    def secret_lines(self, data: bytes) -> set[int]:
        """Return the lines of ``data`` (counted from 1, ended by LF) on which a secret stands."""
        if self._known.search(data) is None:
            return set()
        return self._known.lines(data.decode("utf-8", "replace"))

    def prepare(self, size: int) -> None:
        """Prepare for a pass over ``size`` bytes of text: few values come any more, or none."""
        self._known.compact(size)

    def mask(self, text: str) -> str:
        """Mask every known value in ``text``, however it is written, and every secret shape.

        Known values are found raw, JSON-, URL- and HTML-escaped, in base64 and hexadecimal,
        broken over lines, and cut off.
        """
        return self._known.mask(text)

    def mask_json(self, value: Any) -> Any:
        """Mask every text in ``value``, keys as well; return ``value`` where nothing changes."""
        if isinstance(value, str):
            return self.mask(value)
        return self.mask_entry(value, encode(value))[0]

    def mask_entry(self, value: Any, encoded: bytes) -> tuple[Any, bytes]:
        """Mask every text in ``value``, keys as well; ``encoded`` is its compact JSON.

        Returns both as they are where nothing changes, which one search over ``encoded`` tells.
        """
        if self._known.search(encoded, is_json=True) is None:
            return value, encoded
        masked = _mapped(value, self._mask_field)
        return (value, encoded) if masked is value else (masked, encode(masked))

    def is_clean(self, encoded: bytes) -> bool:
        """Tell whether nothing would be masked in any text of the JSON ``encoded``."""
        return self._known.search(encoded, is_json=True) is None

    def shown_path(self, path: str) -> str:
        """``path`` as it is shown: a secret in it has its keyed hash in its place."""
        return self._names.path(path)

    def real_path(self, path: str) -> str:
        """The path that :meth:`shown_path` shows as ``path``: the one to judge by."""
        return self._names.real(path)

    def public_words(self) -> Collection[str]:
        """Words of reports (rules, packages, severities) that were left though a value is alike."""
        return self._names.public

    def _mask_field(self, text: str, field: str | None) -> str:
        """Mask ``text``, the value of a report's ``field``; None for a field's own name."""
        masked = self._mask_often(text)
        if masked == text:
            return text
        if field is None or field in NAME_FIELDS:
            return self._names.word(text)
        return self._names.path(text) if field in PATH_FIELDS else masked

    def _mask_often(self, text: str) -> str:
        cache = self._masked
        masked = cache.get(text)
        if masked is None:
            masked = self.mask(text)
            if len(text) <= _LONGEST_CACHED:
                if len(cache) >= _MOST_CACHED:
                    cache.clear()
                cache[text] = masked
        return masked


def _mapped(value: Any, mask: Callable[[str, str | None], str], field: str = "") -> Any:
    """``value`` with ``mask`` over every text, keys as well; itself where nothing changes.

    ``field`` is the key under which ``value`` stands; it is None for a key itself.
    """
    kind = type(value)
    if kind is str:
        return mask(value, field)
    if kind is dict:
        changed = False
        masked = {}
        for key, item in value.items():
            new_key = mask(key, None)
            new = _mapped(item, mask, key) if type(item) in _NESTED else item
            if new is not item or new_key is not key:
                changed = changed or new != item or new_key != key
            masked[new_key] = new
        return masked if changed else value
    if kind is list or kind is tuple:
        items = [_mapped(item, mask, field) if type(item) in _NESTED else item for item in value]
        return items if any(map(operator.is_not, items, value)) else value
    if isinstance(value, Mapping):
        return _mapped(dict(value), mask, field)
    return value


_NESTED = frozenset({str, dict, list, tuple})
