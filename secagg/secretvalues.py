"""The values of secrets, found again in texts however they are written there."""

from __future__ import annotations

import base64
import html
import json
import re
import urllib.parse
from collections.abc import Collection, Iterator

import ahocorasick_rs

from secagg.encodedruns import BREAKS, SHORTEST_RUN, decodings, encoded_runs, sub_runs
from secagg.secretshapes import MASK, mask_shapes, shapes_in

# A value shorter than this is not looked for in other texts: it would blot out half of them.
_SHORTEST = 6
# Shorter ones than this count only where they stand as a word of their own.
_SHORTEST_WITHIN_A_WORD = 12
# The first characters of each form are searched for; a hit is then compared in full.
_ANCHOR = 12
# So much of a value, at least, is masked where a text was cut off: this many characters, or
# the anchor where it is two fifths of the value.
_SHORTEST_START = 16
# Values wait until there are this many before a search structure is made for them.
_MOST_WAITING = 24
_GROWTH = 4
_MOST_JUDGED = 100_000

# Words that scanners report as secrets and that tell nothing.
_COMMON = frozenset(
    """
    password passwd passphrase secret secrets token tokens apikey api_key api-key example changeme
    default username localhost postgres redacted private public string undefined
    """.split()  # noqa: SIM905 - a list of words reads better as words
)

_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")


class KnownValues:
    """A growing set of secret values, and the search for them.

    Searching takes one pass of an Aho-Corasick automaton, built anew only when the values
    that came since outnumber a share of it, so that learning and masking may alternate.
    """

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._waiting: list[str] = []
        self._layers: list[_Layer] = []
        # Whether a run of letters hides a value: paths and ids come again in every finding.
        self._judged: dict[str, bool] = {}

    def __len__(self) -> int:
        return len(self._values)

    def add(self, value: str) -> bool:
        """Remember ``value``, unless it is too short or too common to be looked for.

        True if it was not known.
        """
        if len(value) < _SHORTEST or value in self._values or value.lower() in _COMMON:
            return False
        self._values.add(value)
        self._waiting.append(value)
        self._judged.clear()
        if len(self._waiting) > _MOST_WAITING:
            self._settle()
        return True

    def may_be_in(self, data: bytes) -> bool:
        """False if UTF-8 ``data`` surely holds no known value in any form."""
        if not self._values:
            return False
        if self._hits(data):
            return True
        if b"\n" in data or b"\\n" in data:
            squeezed = data.replace(b"\\n", b"").replace(b"\\r", b"").replace(b"\\t", b"")
            if self._hits(b"".join(squeezed.split())):
                return True
        return self._any_hides(set(encoded_runs(data)))

    def mask(self, text: str) -> str:
        """``text`` without any known value; ``text`` itself where it holds none."""
        if not self._values:
            return text
        masked = self._mask_broken(text)
        masked = self._mask_forms(masked)
        masked = sub_runs(masked, self._in_encoded)
        return text if masked == text else masked

    def compact(self) -> None:
        """Make one search structure of all, for a long pass over texts."""
        if len(self._layers) + bool(self._waiting) > 1:
            self._layers = [_Layer(list(self._values))]
            self._waiting.clear()

    def forget_runs(self) -> None:
        """Let go of what was found out about runs of letters: it helps in a long pass only."""
        self._judged.clear()

    def _settle(self) -> None:
        forms = list(self._waiting)
        self._waiting.clear()
        while self._layers and len(self._layers[-1].values) < _GROWTH * len(forms):
            forms += self._layers.pop().values
        self._layers.append(_Layer(forms))

    def _hits(self, data: bytes) -> list[str]:
        """Forms whose beginning stands in ``data``."""
        found: list[str] = []
        for layer in self._current():
            found += layer.candidates(data)
        return found

    def _current(self) -> list[_Layer]:
        if self._waiting:
            self._settle()
        return self._layers

    def _mask_forms(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        forms = self._hits(data)
        for form in sorted(set(forms), key=lambda form: (-len(form), form)):
            text = _without(text, form)
        return text

    def _mask_broken(self, text: str) -> str:
        """Mask values that white space or an escaped line end breaks in two."""
        if not BREAKS.search(text):
            return text
        squeezed = BREAKS.sub("", text)
        for form in sorted(set(self._hits(squeezed.encode("utf-8", "surrogatepass")))):
            form = BREAKS.sub("", form)
            while len(form) >= _SHORTEST_WITHIN_A_WORD and squeezed.count(form) > text.count(form):
                start, end = _broken_at(text, squeezed, form)
                text = f"{text[:start]}{MASK}{text[end:]}"
                squeezed = BREAKS.sub("", text)
        return text

    def _in_encoded(self, run: str) -> bool:
        """True if ``run`` is base64 or hexadecimal of something with a known value in it."""
        judged = self._judged.get(run)
        if judged is None:
            judged = self._hides(run)
            self._judge([run], judged)
        return judged

    def _any_hides(self, runs: Collection[str]) -> bool:
        """True if one of ``runs`` is an encoding of something with a known value in it.

        What the runs decode to is looked through as one text; only where there is something in
        it are they looked at one by one.
        """
        judged = self._judged
        new = []
        for run in runs:
            hides = judged.get(run)
            if hides:
                return True
            if hides is None:
                new.append(run)
        if not new:
            return False
        decoded = [data for run in new for data in decodings(run)]
        shaped = b"\0".join([data for data in decoded if data.isascii()])
        if self._hits(b"\0".join(decoded)) or shapes_in(shaped):
            return any(self._in_encoded(run) for run in new)
        self._judge(new, False)
        return False

    def _judge(self, runs: Collection[str], hides: bool) -> None:
        if len(self._judged) + len(runs) > _MOST_JUDGED:
            self._judged.clear()
        self._judged.update(dict.fromkeys(runs, hides))

    def _hides(self, run: str) -> bool:
        for data in decodings(run):
            hits = self._hits(data)
            if hits:
                decoded = data.decode("utf-8", "replace")
                if any(_without(decoded, form) != decoded for form in hits):
                    return True
            if data.isascii() and (shapes := shapes_in(data)):
                decoded = data.decode()
                if mask_shapes(decoded, shapes) != decoded:
                    return True
        return False


class _Layer:
    """A search structure over the forms of some values."""

    def __init__(self, values: list[str]) -> None:
        self.values = values
        by_anchor: dict[str, list[str]] = {}
        for value in values:
            for form in dict.fromkeys(_forms(value)):
                by_anchor.setdefault(form[:_ANCHOR], []).append(form)
        # A form's beginning as it looks within JSON leads to the same form.
        self._forms: list[list[str]] = []
        anchors: list[bytes] = []
        for anchor, forms in by_anchor.items():
            for written in dict.fromkeys((anchor, json.dumps(anchor, ensure_ascii=False)[1:-1])):
                anchors.append(written.encode("utf-8", "surrogatepass"))
                self._forms.append(forms)
        self._automaton = ahocorasick_rs.BytesAhoCorasick(anchors)

    def candidates(self, data: bytes) -> list[str]:
        matches = self._automaton.find_matches_as_indexes(data, overlapping=True)
        if not matches:
            return []
        return [form for number in {match[0] for match in matches} for form in self._forms[number]]


def _forms(value: str) -> Iterator[str]:
    """The value as it may be written in text, code, JSON, URLs and HTML."""
    if len(value) < SHORTEST_RUN:
        yield from _encodings(value)
    if _PLAIN.fullmatch(value):
        yield value
        return
    for written in dict.fromkeys((value, value.replace("\r\n", "\n"), value.replace("\n", "\r\n"))):
        yield written
        escaped = json.dumps(written)[1:-1]
        plain = json.dumps(written, ensure_ascii=False)[1:-1]
        yield from (escaped, plain, json.dumps(plain, ensure_ascii=False)[1:-1])
        yield json.dumps(escaped)[1:-1]
    yield value.replace("'", "\\'")
    yield value.replace("/", "\\/")
    raw = value.encode("utf-8", "surrogatepass")
    for safe in ("", "/", "/:@=&?+,;$!*'()"):
        quoted = urllib.parse.quote(raw, safe=safe)
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
    yield urllib.parse.quote_plus(raw)
    yield html.escape(value)
    yield html.escape(value, quote=False)
    yield html.escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    lines = value.splitlines()
    if len(lines) > 1:
        for line in lines:
            line = line.strip()
            if len(line) >= _SHORTEST_WITHIN_A_WORD and not line.startswith("-----"):
                yield line


def _encodings(value: str) -> Iterator[str]:
    """Base64 of a value so short that its encoding alone is no run to be decoded."""
    raw = value.encode("utf-8", "surrogatepass")
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw).decode()
        # Only the characters that no neighbour of the value has a part in.
        inner = encoded[-(-shift * 4 // 3) : (shift + len(raw)) * 4 // 3]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")
    yield raw.hex()
    yield raw.hex().upper()


def _without(text: str, form: str) -> str:
    """``text`` without ``form``, and without the longer part of it where ``text`` is cut off."""
    anchor = form[:_ANCHOR]
    position = text.find(anchor)
    if position < 0:
        return text
    pieces: list[str] = []
    done = 0
    while position >= 0:
        length = _common(text, position, form)
        end = position + length
        whole = length == len(form) and (
            length >= _SHORTEST_WITHIN_A_WORD or _stands_alone(text, position, end)
        )
        if (
            whole
            or length >= _SHORTEST_START
            or (length >= _ANCHOR and 5 * length >= 2 * len(form))
        ):
            pieces += (text[done:position], MASK)
            done = end
            position = text.find(anchor, end)
        else:
            position = text.find(anchor, position + 1)
    return "".join((*pieces, text[done:])) if pieces else text


def _common(text: str, position: int, form: str) -> int:
    """How many characters of ``form`` stand in ``text`` at ``position``."""
    if text.startswith(form, position):
        return len(form)
    low, high = 0, len(form)
    while low < high:
        middle = (low + high + 1) // 2
        if text.startswith(form[:middle], position):
            low = middle
        else:
            high = middle - 1
    return low


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = text[start - 1 : start]
    after = text[end : end + 1]
    return not (before.isalnum() and text[start].isalnum()) and not (
        after.isalnum() and text[end - 1].isalnum()
    )


def _broken_at(text: str, squeezed: str, form: str) -> tuple[int, int]:
    """From where to where ``form`` stands in ``text``, breaks within it not counted."""
    kept: list[int] = []
    done = 0
    for match in BREAKS.finditer(text):
        kept.extend(range(done, match.start()))
        done = match.end()
    kept.extend(range(done, len(text)))
    at = squeezed.find(form)
    while at >= 0:
        start, end = kept[at], kept[at + len(form) - 1] + 1
        if end - start > len(form):
            return start, end
        at = squeezed.find(form, at + 1)
    at = squeezed.index(form)
    return kept[at], kept[at + len(form) - 1] + 1
