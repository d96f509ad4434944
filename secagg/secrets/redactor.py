"""The redactor: secrets become keyed hashes, and texts lose their values.

``primaryLocationLineHash`` and ``secagg/v1`` rest on the text at a place. Whoever has them
and knows the code around a password tries passwords until the hash is the same. So what rests on
a line with a secret is hashed once more, with the installation's key.
"""

from __future__ import annotations

import hmac
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from secagg.jsonio.value import decode, encode
from secagg.model.finding import Finding, Kind, SarifOrigin
from secagg.secrets.names import NAME_FIELDS, PATH_FIELDS, ShownNames
from secagg.secrets.patterns import MASK
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
        """Return the value itself, for the one place that hashes it."""
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
        """Return the path that :meth:`shown_path` shows as ``path``: the one to judge by."""
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


_TOOL_MASKS = frozenset({"redacted", "redact", "[redacted]", "<redacted>", "removed"})


_ESCAPED_BREAK = re.compile(r"(?:\\r)?\\n")


def identify(redactor: Redactor, value: str | None, *, key: bool = False) -> str | None:
    """Return the keyed hash of a secret's value; None where the tool had masked it.

    Line ends are made equal. A private key is brought to one form (the lines between its BEGIN
    and END, without indentation and blank lines, also where they were written as ``\\n``), so
    that tools which quote it differently agree; ``key`` says that it is one whose BEGIN the
    tool left out. The form in which a value was written is remembered too.
    """
    if value is None or is_masked(value):
        return None
    normal = value.replace("\r\n", "\n").replace("\r", "\n")
    if key or "-----BEGIN" in normal:
        lines = [line.strip() for line in _ESCAPED_BREAK.sub("\n", normal).split("\n")]
        redactor.identify(Secret("\n".join(line for line in lines if line)))
        body = [line for line in lines if line and not line.startswith("-----")]
        normal = "\n".join(body) if body else normal
    if normal != value:
        redactor.identify(Secret(value))
    return redactor.identify(Secret(normal))


def is_masked(value: str) -> bool:
    """True for what tools put in the place of a secret: asterisks, REDACTED, ``abc...``."""
    bare = value.strip()
    return not bare.strip("*") or bare.lower() in _TOOL_MASKS or bare.endswith("...")


KEYED = "hmac-"


"""What a keyed hash in a fingerprint begins with."""


# What primaryLocationLineHash looks at: so many characters from the start of its line.
_WINDOW = 100


# Without the file: so many lines, at least, those characters may reach over.
_LINES = 5


_DIGITS = 32


_MASK = MASK.encode()


# Fingerprints that are made of no code, or by us with the key.
_HARMLESS = frozenset(
    {"commit", "commitSha", "gitleaks", "primaryLocationStartColumnFingerprint", "secagg/v1"}
)


_SHORTEST = 8


class SecretLines:
    """Tells which findings lie on lines with a secret, and takes the unkeyed hashes from them.

    Known are the values that ``redactor`` knows, the shapes of secrets, and the places of all
    secrets among ``findings``, whose values their tools may have hidden.
    """

    def __init__(self, findings: Iterable[Finding], redactor: Redactor) -> None:
        self._redactor = redactor
        self._by_file: defaultdict[str | None, set[int]] = defaultdict(set)
        for finding in findings:
            place = finding.location
            here = place.start_line is not None and place.commit is None and place.image is None
            if finding.kind is Kind.SECRET and place.start_line is not None and here:
                last = max(place.end_line or 0, place.start_line)
                self._by_file[place.uri].update(range(place.start_line, last + 1))

    def look_into(self, uri: str | None, lines: Sequence[bytes]) -> None:
        """Add the lines of the file ``uri`` that hold a secret."""
        self._by_file[uri].update(self._redactor.secret_lines(b"\n".join(lines)))

    def holds(self, finding: Finding, lines: Sequence[bytes] | None) -> bool:
        """Tell whether what is hashed of ``finding`` holds a secret; ``lines`` are its file's."""
        if finding.kind is Kind.SECRET or MASK in finding.message:
            return True
        if finding.sarif is not None and _MASK in finding.sarif.encoded:
            return True
        place = finding.location
        secret = self._by_file.get(place.uri)
        if not secret or place.start_line is None or place.commit is not None:
            return False
        last = max(place.end_line or 0, place.start_line)
        last = max(last, _last_of_window(lines, place.start_line))
        return any(line in secret for line in range(place.start_line, last + 1))

    def key_hashes(self, finding: Finding) -> None:
        """Key the line hash and the fingerprints of ``finding``, unless they are keyed already."""
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
        """Make of the code at a place what an identity may rest on."""
        return f"{KEYED}{self._redactor.keyed(context)}"

    def _keyed_all(self, fingerprints: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value
            if name in _HARMLESS or not isinstance(value, str) or len(value) < _SHORTEST
            else self._keyed(value)
            for name, value in fingerprints.items()
        }

    def _keyed(self, value: str) -> str:
        if value.startswith(KEYED):
            return value
        # The number behind the colon counts equal lines.
        text, colon, ordinal = value.partition(":")
        return f"{KEYED}{self._redactor.keyed(text)[:_DIGITS]}{colon}{ordinal}"


def _last_of_window(lines: Sequence[bytes] | None, first: int) -> int:
    if lines is None:
        return first + _LINES
    left, line = _WINDOW, first
    while left > 0 and line <= len(lines):
        left -= len(lines[line - 1].replace(b" ", b"").replace(b"\t", b"")) + 1
        line += 1
    return line - 1
