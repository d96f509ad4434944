"""TruffleHog 3: a JSON object a line, with log lines between; and the lines of TruffleHog 2.

Raw, RawV2 and SecretParts hold the secret, ExtraData sometimes does, Redacted may hold an id:
none of them is taken over. The same secret comes once for each decoder that saw it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

import orjson

from secagg.errors import ReportError
from secagg.finding import Finding, Kind, Location, Rule, SecretSighting, Severity
from secagg.jsontext import to_utf8
from secagg.parsing import ParseContext, ParsedReport, Problem, RawReport
from secagg_parsers.fields import Entry, OddEntry, flag, mapping, needed, position, text
from secagg_parsers.masking import Masker, identify
from secagg_parsers.places import Places
from secagg_parsers.shapes import SURE, check_shape, is_log_line, is_trufflehog, shape_of

_FIX = "Revoke the secret where it was issued, then remove it from the code and history."
# Where a source names the thing that holds the secret, best first.
_FILES = ("file", "path", "filename", "key", "object", "link", "title")
_OWN_KEYS = ("Raw", "RawV2", "Redacted")


class TrufflehogParser:
    """Understands the output of TruffleHog."""

    tool = "trufflehog"

    def confidence(self, report: RawReport) -> int:
        return SURE if shape_of(report) == self.tool else 0

    def parse(self, report: RawReport, context: ParseContext) -> ParsedReport:
        check_shape(report, self.tool)
        parsed = ParsedReport(tool=self.tool)
        entries = list(_entries(report, parsed))
        for _, entry in entries:
            _learn(entry, context)
        reader = _Reader(report, context)
        for where, entry in entries:
            parsed.reported += 1
            try:
                parsed.findings.append(reader.finding(entry))
            except OddEntry as why:
                parsed.problems.append(Problem(message=str(why), where=where))
        return parsed


def _entries(report: RawReport, parsed: ParsedReport) -> Iterator[tuple[str, Entry]]:
    """The findings, line by line; a line that cannot be read is a problem of its own.

    A last line without an end that is cut off means that the tool was: that is an error.
    """
    text_ = to_utf8(report.data, report=report.name)
    if report.error is None and isinstance(report.document, list):
        for index, item in enumerate(report.document):
            if is_trufflehog(item):
                yield f"[{index}]", item
        return
    at = 0
    for number, line in enumerate(text_.splitlines(keepends=True), 1):
        bare = line.strip()
        if bare.startswith(b"{"):
            try:
                entry = orjson.loads(bare)
            except orjson.JSONDecodeError:
                if not line.endswith((b"\n", b"\r")):
                    raise ReportError(
                        f"line {number} ends in the middle: it was cut off",
                        report=report.name,
                        offset=at + len(line),
                    ) from None
                parsed.reported += 1
                parsed.problems.append(Problem(message="not valid JSON", where=f"line {number}"))
            else:
                if is_trufflehog(entry):
                    yield f"line {number}", entry
                elif not is_log_line(entry):
                    parsed.reported += 1
                    parsed.problems.append(
                        Problem(message="neither a finding nor a log line", where=f"line {number}")
                    )
        at += len(line)


def _learn(entry: Entry, context: ParseContext) -> None:
    """Make every value known that must not appear in any text."""
    for key in _OWN_KEYS:
        value = entry.get(key)
        if isinstance(value, str) and value and key != "Redacted":
            identify(context.redactor, _plain(value))
    parts = entry.get("SecretParts")
    if isinstance(parts, dict):
        for value in parts.values():
            if isinstance(value, str) and value:
                identify(context.redactor, _plain(value))
    found = entry.get("stringsFound")
    if isinstance(found, list):
        for value in found:
            if isinstance(value, str) and value:
                identify(context.redactor, value)


def _plain(value: str) -> str:
    """A value as it stands in the source: some versions write Raw as base64."""
    try:
        decoded = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return value
    again = base64.b64encode(decoded.encode()).decode()
    return decoded if again == value and decoded.isprintable() and len(decoded) >= 8 else value


class _Reader:
    def __init__(self, report: RawReport, context: ParseContext) -> None:
        self._places = Places(context.root, report.component)
        self._redactor = context.redactor
        self._mask = Masker(context.redactor)
        self._rules: dict[str, Rule] = {}

    def finding(self, entry: Entry) -> Finding:
        return self._of_3(entry) if "DetectorName" in entry else self._of_2(entry)

    def _of_3(self, entry: Entry) -> Finding:
        detector = needed(entry, "DetectorName")
        verified = flag(entry, "Verified") or False
        raw = text(entry, "Raw") or text(entry, "RawV2")
        place, in_history = self._place(mapping(mapping(entry, "SourceMetadata"), "Data"))
        return self._finding(
            detector,
            text(entry, "DetectorDescription"),
            _plain(raw) if raw else None,
            place,
            verified=verified,
            in_history=in_history,
            decoder=text(entry, "DecoderName"),
        )

    def _of_2(self, entry: Entry) -> Finding:
        found = entry.get("stringsFound")
        first = found[0] if isinstance(found, list) and found else None
        if first is not None and not isinstance(first, str):
            raise OddEntry("stringsFound holds no text")
        commit = text(entry, "commitHash")
        place = Location(uri=self._places.optional(text(entry, "path")), commit=commit)
        return self._finding(
            needed(entry, "reason"), None, first, place, in_history=commit is not None
        )

    def _place(self, data: Entry) -> tuple[Location, bool]:
        """Where, by what kind of source was looked at; each has its own names for it."""
        for kind, source in data.items():
            if not isinstance(source, dict):
                continue
            line = position(source, "line")
            commit = text(source, "commit")
            name = next((n for key in _FILES if (n := text(source, key))), None)
            if kind == "Docker":
                image = text(source, "image")
                tag = text(source, "tag")
                return (
                    Location(
                        uri=name.lstrip("/") if name else None,
                        image=f"{image}:{tag}" if image and tag else image,
                        layer=text(source, "layer"),
                        start_line=line,
                    ),
                    False,
                )
            if kind in ("Git", "Github", "Gitlab", "Bitbucket", "Filesystem", "CircleCI"):
                return (
                    Location(uri=self._places.optional(name), start_line=line, commit=commit),
                    commit is not None,
                )
            parts = (text(source, "bucket"), text(source, "workspace"), name)
            logical = "/".join([kind.lower(), *(part for part in parts if part)])
            return Location(logical=self._mask[logical], start_line=line), False
        return Location(), False

    def _finding(
        self,
        detector: str,
        description: str | None,
        value: str | None,
        place: Location,
        *,
        verified: bool | None = None,
        in_history: bool = False,
        decoder: str | None = None,
    ) -> Finding:
        detector = self._mask[detector]
        rule = self._rules.get(detector)
        if rule is None:
            rule = self._rules[detector] = Rule(
                id=detector,
                short_description=f"{detector} secret",
                full_description=self._mask.optional(description),
                tags=("security", "secret"),
            )
        where = place.uri or place.logical or place.image or "the source"
        state = "A working" if verified else "A possible"
        return Finding(
            tool="trufflehog",
            kind=Kind.SECRET,
            rule_id=detector,
            severity=Severity.CRITICAL if verified else Severity.HIGH,
            title=f"{detector} secret",
            message=f"{state} {detector} secret in {self._mask[where]}" + ".",
            location=place,
            rule=rule,
            cwes=("CWE-798",),
            secret=SecretSighting(
                id=identify(self._redactor, value),
                detector=detector,
                decoder=decoder,
                verified=verified,
                in_history=in_history,
            ),
            fix=_FIX,
        )
