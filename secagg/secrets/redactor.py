"""The redactor: it replaces secrets in texts by a mask, and identifies them by keyed hashes.

``primaryLocationLineHash`` and ``secagg/v1`` are hashes of code. Somebody who has them and knows
the code around a password could try passwords until the hash is equal. So a hash of a line with
a secret is hashed once more, with the key.
"""

from __future__ import annotations

import operator
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from secagg.jsonio.value import decode, encode
from secagg.model.finding import Finding, Kind, SarifOrigin
from secagg.secrets.key import keyed_hash
from secagg.secrets.names import NAME_FIELDS, PATH_FIELDS, ShownNames
from secagg.secrets.patterns import MASK
from secagg.secrets.values import KnownValues
from secagg.system.patterns import lazy

__all__ = ["MASK", "Redactor", "Secret"]

_TEXTS = lazy(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)', re.DOTALL)
# Masked texts in the cache: how many, and of how many characters.
_MOST_CACHED = 20_000
_LONGEST_CACHED = 256
_NESTED = frozenset({str, dict, list, tuple})

# What tools write instead of a secret.
_TOOL_MASKS = frozenset({"redacted", "redact", "[redacted]", "<redacted>", "removed"})
_ESCAPED_BREAK = lazy(r"(?:\\r)?\\n")

KEYED = "hmac-"
"""The beginning of a keyed hash in a fingerprint."""

# Characters, from the beginning of the line, that primaryLocationLineHash is a hash of; and the
# lines that they are taken to cover where the file is missing.
_WINDOW = 100
_WINDOW_LINES = 5
# Hexadecimal digits of a keyed fingerprint.
_DIGITS = 32
# Fingerprints that are no hashes of code, or that are keyed already.
_HARMLESS = frozenset(
    {"commit", "commitSha", "gitleaks", "primaryLocationStartColumnFingerprint", "secagg/v1"}
)
# A fingerprint with fewer characters is no hash.
_SHORTEST_HASH = 8
_MASK = MASK.encode()


class Secret:
    """The value of a secret, which cannot be printed or serialized by mistake."""

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
        """Return the value itself, to hash it or to search for it."""
        return self._value


class Redactor:
    """Masks the secrets of one run in every text, and keeps their values in memory only.

    All secret values must be learned (:meth:`identify`) before the first text is masked: then one
    search over each text or entry of a report is enough. Names of files in the scanned ``tree``
    are no secrets.
    """

    def __init__(self, key: bytes, tree: Path | None = None) -> None:
        self._key = key
        self._names = ShownNames(key, self._mask_cached, tree)
        self._known = KnownValues()
        # Masked forms of short texts, most of which reports repeat.
        self._masked: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Redactor({len(self._known)} values)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Redactor cannot be serialized")

    @cached_property
    def key_name(self) -> str:
        """16 hexadecimal digits that are equal where the key is, so that hashes can be compared.

        They are a keyed hash of a fixed text, and reveal no more of the key than other hashes do.
        """
        return keyed_hash(self._key, b"secagg: the name of this key")[:16]

    def identify(self, secret: Secret) -> str:
        """Return the keyed hash (HMAC-SHA-256) of ``secret``, and learn its value."""
        self.learn(secret)
        data = secret.reveal().strip().encode("utf-8", "surrogatepass")
        return f"hmac-sha256:{keyed_hash(self._key, data)}"

    def learn(self, secret: Secret) -> None:
        """Learn the value of ``secret``, without hashing it."""
        if self._known.add(secret.reveal().strip()):
            self._masked.clear()

    def mask_known(self, text: str) -> str:
        """Mask the known values in ``text``, and no shapes; itself if there are none."""
        return self._known.mask(text, shapes=False)

    def mask_known_json(self, data: bytes, public_paths: Collection[str] = ()) -> bytes:
        """Mask the known values in the strings of JSON ``data``, except in ``public_paths``.

        ``data`` may be a part of a document that begins and ends between two strings.
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
                masked = text if text in public_paths else self.mask_known(text)
                if masked is not text and not self._is_public(text, public_paths):
                    pieces += (data[done:start], encode(masked))
                    done = end
        return b"".join((*pieces, data[done:])) if pieces else data

    def _is_public(self, text: str, public_paths: Collection[str]) -> bool:
        """Tell whether every secret in ``text`` is a part of a longer public path."""
        rest = text
        for path in sorted(public_paths, key=len, reverse=True):
            if self.mask_known(path) != MASK:
                rest = rest.replace(path, "")
        return rest != text and self.mask_known(rest) is rest

    def keyed(self, text: str) -> str:
        """Return the keyed hash of a text that may hold a secret, in hexadecimal digits."""
        return keyed_hash(self._key, b"text\0" + text.encode("utf-8", "surrogatepass"))

    def secret_lines(self, data: bytes) -> set[int]:
        """Return the numbers, from 1, of the lines of ``data`` (ended by LF) with a secret."""
        if self._known.search(data) is None:
            return set()
        return self._known.lines(data.decode("utf-8", "replace"))

    def prepare(self, size: int) -> None:
        """Speed up the search in ``size`` bytes of text, once most values are known."""
        self._known.compact(size)

    def mask(self, text: str) -> str:
        """Mask every known value in ``text``, however it is written, and every secret shape.

        Values are found as they are, JSON-, URL- and HTML-escaped, in base64 and hexadecimal,
        broken over lines, and cut off.
        """
        return self._known.mask(text)

    def mask_json(self, value: Any) -> Any:
        """Mask every text in ``value``, keys as well; return ``value`` itself if none changes."""
        if isinstance(value, str):
            return self.mask(value)
        return self.mask_entry(value, encode(value))[0]

    def mask_entry(self, value: Any, encoded: bytes) -> tuple[Any, bytes]:
        """Mask every text in ``value``, keys as well; ``encoded`` is its compact JSON.

        Returns the masked value and its JSON, or the arguments if nothing changes.
        """
        if self._known.search(encoded, is_json=True) is None:
            return value, encoded
        masked = _mask_texts(value, self._mask_field)
        return (value, encoded) if masked is value else (masked, encode(masked))

    def is_clean(self, encoded: bytes) -> bool:
        """Tell whether nothing would be masked in any text of the JSON ``encoded``."""
        return self._known.search(encoded, is_json=True) is None

    def shown_path(self, path: str) -> str:
        """Return ``path`` with each secret in it replaced by a keyed hash."""
        return self._names.path(path)

    def real_path(self, path: str) -> str:
        """Return the path whose :meth:`shown_path` is ``path``. Policies judge by it."""
        return self._names.real(path)

    def public_words(self) -> Collection[str]:
        """Return names of rules and packages that equal a secret and were not masked."""
        return self._names.public

    def _mask_field(self, text: str, field: str | None) -> str:
        """Mask ``text``, the value of a report's ``field``; None for a field's own name."""
        masked = self._mask_cached(text)
        if masked == text:
            return text
        if field is None or field in NAME_FIELDS:
            return self._names.word(text)
        return self._names.path(text) if field in PATH_FIELDS else masked

    def _mask_cached(self, text: str) -> str:
        cache = self._masked
        masked = cache.get(text)
        if masked is None:
            masked = self.mask(text)
            if len(text) <= _LONGEST_CACHED:
                if len(cache) >= _MOST_CACHED:
                    cache.clear()
                cache[text] = masked
        return masked


def _mask_texts(value: Any, mask: Callable[[str, str | None], str], field: str = "") -> Any:
    """Apply ``mask`` to every text in ``value``, keys as well; return ``value`` if none changes.

    ``field`` is the key of ``value``; ``mask`` gets None for a key itself.
    """
    kind = type(value)
    if kind is str:
        return mask(value, field)
    if kind is dict:
        changed = False
        masked = {}
        for key, item in value.items():
            new_key = mask(key, None)
            new = _mask_texts(item, mask, key) if type(item) in _NESTED else item
            if new is not item or new_key is not key:
                changed = changed or new != item or new_key != key
            masked[new_key] = new
        return masked if changed else value
    if kind is list or kind is tuple:
        items = [
            _mask_texts(item, mask, field) if type(item) in _NESTED else item for item in value
        ]
        return items if any(map(operator.is_not, items, value)) else value
    if isinstance(value, Mapping):
        return _mask_texts(dict(value), mask, field)
    return value


def identify(redactor: Redactor, value: str | None, *, key: bool = False) -> str | None:
    """Return the keyed hash of a secret's value, and learn it; None if the tool masked it.

    The hash is the same for all line ends. For a private key only the lines between BEGIN and END
    count, without indentation and blank lines, also where they are written as ``\\n``: tools quote
    keys in different ways. ``key`` is True for a private key whose BEGIN the tool left out.
    """
    if value is None or is_masked(value):
        return None
    normal = value.replace("\r\n", "\n").replace("\r", "\n")
    if key or "-----BEGIN" in normal:
        lines = [line.strip() for line in _ESCAPED_BREAK.sub("\n", normal).split("\n")]
        redactor.learn(Secret("\n".join(line for line in lines if line)))
        body = [line for line in lines if line and not line.startswith("-----")]
        normal = "\n".join(body) if body else normal
    redactor.learn(Secret(value))
    return redactor.identify(Secret(normal))


def is_masked(value: str) -> bool:
    """Tell whether ``value`` is the mask of a tool: asterisks, REDACTED, ``abc...``."""
    text = value.strip()
    return not text.strip("*") or text.lower() in _TOOL_MASKS or text.endswith("...")


class SecretLines:
    """The lines with a secret; replaces unkeyed hashes of these lines by keyed ones.

    A line has a secret if it has a value that ``redactor`` knows, the shape of a secret, or a
    secret of ``findings``, whose value its tool may have masked.
    """

    def __init__(self, findings: Iterable[Finding], redactor: Redactor) -> None:
        self._redactor = redactor
        # Spans of lines, the last included: a report may give a secret more lines than memory has.
        self._spans: defaultdict[str | None, list[tuple[int, int]]] = defaultdict(list)
        # Their starts and ends, in order and disjoint, of the files that were asked for.
        self._disjoint: dict[str | None, tuple[list[int], list[int]]] = {}
        for finding in findings:
            place = finding.location
            in_checkout = place.commit is None and place.image is None
            if finding.kind is Kind.SECRET and place.start_line is not None and in_checkout:
                last = max(place.end_line or 0, place.start_line)
                self._spans[place.uri].append((place.start_line, last))

    def add_file(self, uri: str | None, lines: Sequence[bytes]) -> None:
        """Add the lines of the file ``uri`` that hold a secret."""
        numbers = self._redactor.secret_lines(b"\n".join(lines))
        self._spans[uri] += [(line, line) for line in numbers]
        self._disjoint.pop(uri, None)

    def affects(self, finding: Finding, lines: Sequence[bytes] | None) -> bool:
        """Tell whether the hashes of ``finding`` cover a secret; ``lines`` are its file's."""
        if finding.kind is Kind.SECRET or MASK in finding.message:
            return True
        if finding.sarif is not None and _MASK in finding.sarif.encoded:
            return True
        place = finding.location
        if place.start_line is None or place.commit is not None or not self._spans.get(place.uri):
            return False
        last = max(place.end_line or 0, place.start_line)
        last = max(last, _last_of_window(lines, place.start_line))
        starts, ends = self._disjoint_spans(place.uri)
        nearest = bisect_left(ends, place.start_line)
        return nearest < len(starts) and starts[nearest] <= last

    def _disjoint_spans(self, uri: str | None) -> tuple[list[int], list[int]]:
        spans = self._disjoint.get(uri)
        if spans is None:
            starts: list[int] = []
            ends: list[int] = []
            for start, end in sorted(self._spans[uri]):
                if ends and start <= ends[-1]:
                    ends[-1] = max(ends[-1], end)
                else:
                    starts.append(start)
                    ends.append(end)
            spans = self._disjoint[uri] = starts, ends
        return spans

    def key_hashes(self, finding: Finding) -> None:
        """Replace the line hash and fingerprints of ``finding`` by keyed ones, if they are not."""
        if finding.line_hash:
            finding.line_hash = self._keyed(finding.line_hash)
        finding.fingerprints = self._keyed_all(finding.fingerprints)
        if finding.sarif is not None and b'ingerprints"' in finding.sarif.encoded:
            result = dict(finding.sarif.result)
            for name in ("fingerprints", "partialFingerprints"):
                if isinstance(result.get(name), Mapping):
                    result[name] = self._keyed_all(result[name])
            finding.sarif = SarifOrigin.of(finding.sarif.run, result)

    def key_context(self, context: str) -> str:
        """Return the keyed hash of the code at a location, to make an identity of."""
        return f"{KEYED}{self._redactor.keyed(context)}"

    def _keyed_all(self, fingerprints: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value
            if name in _HARMLESS or not isinstance(value, str) or len(value) < _SHORTEST_HASH
            else self._keyed(value)
            for name, value in fingerprints.items()
        }

    def _keyed(self, value: str) -> str:
        if value.startswith(KEYED):
            return value
        # The number behind the colon tells equal lines apart.
        text, colon, ordinal = value.partition(":")
        return f"{KEYED}{self._redactor.keyed(text)[:_DIGITS]}{colon}{ordinal}"


def _last_of_window(lines: Sequence[bytes] | None, first: int) -> int:
    """Return the last line that a line hash of line ``first`` covers."""
    if lines is None:
        return first + _WINDOW_LINES
    remaining, line = _WINDOW, first
    while remaining > 0 and line <= len(lines):
        remaining -= len(lines[line - 1].replace(b" ", b"").replace(b"\t", b"")) + 1
        line += 1
    return line - 1
