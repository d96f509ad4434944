"""Secrets in a report of Trivy: masked there, so their values are read from the files.

Trivy writes an asterisk for each byte of a secret (old versions: five for any), and 0.76 says
at which byte of the file the secret begins.
"""

from __future__ import annotations

import string

from msgspec import Struct

from secagg.model.finding import Finding, Kind, Rule, SecretSighting
from secagg.model.severity import of_word
from secagg.parsing import ParseContext
from secagg.secrets.redactor import identify
from secagg_parsers.fields import (
    REVOKE_SECRET,
    Entry,
    Masker,
    OddEntry,
    any_text,
    integer,
    position,
    required_text,
    text,
)
from secagg_parsers.places import Lines
from secagg_parsers.trivy.artifact import TrivyTarget

_STAR = ord("*")
_TOKEN = frozenset((string.ascii_letters + string.digits + "-_").encode())
_SHORTEST = 8
# What Trivy says of a secret besides the line that holds it.
_KEPT = ("RuleID", "Category", "Severity", "Title", "StartLine", "EndLine", "Layer")
_MOST_SHIFTS = 100


class _Sighting(Struct):
    """A value found in its file: its id, and its columns where it is in one line."""

    id: str | None
    columns: tuple[int, int] | None = None


class Secrets:
    """Reads secret values from the checkout, and builds the findings."""

    def __init__(self, context: ParseContext, mask: Masker) -> None:
        self._redactor = context.redactor
        self._lines = Lines(context.root)
        self._mask = mask
        self._rules: dict[tuple[str, str | None], Rule] = {}

    def sighting(self, target: TrivyTarget, entry: object) -> _Sighting | None:
        """Read a secret's value from the checkout, if it is there, and register it."""
        if not isinstance(entry, dict) or not target.artifact.is_tree or target.uri is None:
            return None
        try:
            return self._look(target.uri, entry)
        except OddEntry:
            return None

    def finding(self, target: TrivyTarget, entry: Entry) -> Finding:
        """Make the finding of one secret; ``entry`` is not masked yet. Raises OddEntry."""
        sighting = self.sighting(target, entry)
        entry = self._redactor.mask_json({key: entry[key] for key in _KEPT if key in entry})
        rule_id = required_text(entry, "RuleID")
        severity, is_known = of_word(text(entry, "Severity"))
        title = any_text(entry, "Title") or rule_id
        place = target.place(
            entry, start=position(entry, "StartLine"), end=position(entry, "EndLine")
        )
        if sighting is not None and sighting.columns is not None:
            place.start_column, place.end_column = sighting.columns
        return Finding(
            tool="trivy",
            kind=Kind.SECRET,
            rule_id=rule_id,
            severity=severity,
            severity_known=is_known,
            title=title,
            message=f"{title} in {self._mask[place.uri or target.name or 'the artifact']}.",
            location=place,
            rule=self._rule(rule_id, title, any_text(entry, "Category")),
            cwes=("CWE-798",),
            secret=SecretSighting(id=sighting.id if sighting else None, detector=rule_id),
            fix=REVOKE_SECRET,
        )

    def _rule(self, rule_id: str, title: str, category: str | None) -> Rule:
        rule = self._rules.get((rule_id, category))
        if rule is None:
            rule = self._rules[rule_id, category] = Rule(
                id=rule_id,
                short_description=title,
                full_description=f"A secret of {category}." if category else None,
                tags=("security", "secret"),
            )
        return rule

    def _look(self, uri: str, entry: Entry) -> _Sighting | None:
        first, last = position(entry, "StartLine"), position(entry, "EndLine")
        match = text(entry, "Match")
        line = None if first is None else self._lines.one(uri, first)
        if match is None or first is None or line is None:
            return None
        if last is not None and last > first:
            lines = self._lines.of(uri)
            block = _block(lines, first, min(last, len(lines)))
            return _Sighting(identify(self._redactor, block, key=True)) if block else None
        offset = integer(entry, "Offset")
        begin = None
        if offset is not None:
            begin = offset - self._lines.start(uri, first)
        span = _hidden(line, match.encode("utf-8", "surrogatepass"), begin)
        if span is None:
            return None
        end = span[1]
        # Some rules mask the first part of a token only: the rest of it follows in clear.
        while end < len(line) and line[end] in _TOKEN:
            end += 1
        value = line[span[0] : end].decode("utf-8", "replace")
        before = line[: span[0]].decode("utf-8", "replace")
        column = len(before) + 1
        return _Sighting(identify(self._redactor, value), (column, column + len(value)))


def _hidden(line: bytes, masked: bytes, begin: int | None) -> tuple[int, int] | None:
    """The bytes of ``line`` behind the asterisks of ``masked``, which is the line or a part.

    ``begin`` is the byte at which they begin, if it is known. None where the two do not fit
    (the file has changed) or more than one answer does.
    """
    runs = _runs(masked)
    for shift in _shifts(line, masked, runs, begin):
        part = line[shift : shift + len(masked)]
        if len(part) == len(masked) and all(
            m in (_STAR, c) for m, c in zip(masked, part, strict=True)
        ):
            spans = [(a, b) for a, b in runs if part[a:b].strip(b"*")]
            if begin is not None:
                spans = [(a, b) for a, b in spans if a + shift == begin]
            elif len(_runs(masked, least=1)) > len(_runs(part, least=1)) + len(spans):
                # What is masked beside it may be the secret that the rule means.
                return None
            return (spans[0][0] + shift, spans[0][1] + shift) if len(spans) == 1 else None
    before, stars, after = masked.partition(b"*****")
    if stars and b"*" not in after and line.startswith(before) and line.endswith(after):
        end = len(line) - len(after)
        if end - len(before) >= _SHORTEST:
            return len(before), end
    return None


def _shifts(
    line: bytes, masked: bytes, runs: list[tuple[int, int]], begin: int | None
) -> list[int]:
    """Where in ``line`` the masked part may begin: Trivy cuts long lines down."""
    if begin is not None:
        return [begin - a for a, _ in runs if begin >= a]
    if not runs or len(line) == len(masked):
        return [0]
    before = masked[: runs[0][0]]
    if not before:
        return [0, max(0, len(line) - len(masked))]
    shifts: list[int] = []
    at = line.find(before)
    while at >= 0 and len(shifts) < _MOST_SHIFTS:
        shifts.append(at)
        at = line.find(before, at + 1)
    return shifts


def _runs(masked: bytes, *, least: int = _SHORTEST) -> list[tuple[int, int]]:
    """Where runs of at least so many asterisks begin and end: by default enough for a secret."""
    runs, at = [], 0
    while (at := masked.find(b"*" * min(least, 3), at)) >= 0:
        end = at
        while end < len(masked) and masked[end] == _STAR:
            end += 1
        if end - at >= least:
            runs.append((at, end))
        at = end
    return runs


def _block(lines: list[bytes], first: int, last: int) -> str | None:
    """A secret of several lines. Of a private key Trivy names what lies between its two marks."""
    top, bottom = first - 1, last
    for up in range(top, max(-1, top - 3), -1):
        if b"-----BEGIN" in lines[up]:
            top = up
            break
    for down in range(last - 1, min(len(lines), last + 2)):
        if b"-----END" in lines[down]:
            bottom = down + 1
            break
    block = b"\n".join(lines[top:bottom]).decode("utf-8", "replace")
    begin = block.find("-----BEGIN")
    end = block.find("-----", block.find("-----END") + 5)
    if begin >= 0 and end > begin:
        return block[begin : end + 5]
    return None if begin >= 0 else block
