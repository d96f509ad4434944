"""detect-secrets: the baseline that detect-secrets 1.x writes.

It has the SHA-1 of each value, and no value. In a checkout the value is the text in the line that
has this hash. What an audit has said to be no secret is suppressed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from secagg.model.finding import Finding, Location
from secagg.parsing import ParseContext, RawReport
from secagg.secrets.redactor import identify
from secagg_parsers.fields import Entry, any_text, flag, needed, position, sighting, text
from secagg_parsers.jsonreport import JsonParser, Reading
from secagg_parsers.places import Lines

_LONGEST_LINE = 4096
# What values stand between in a line.
_BETWEEN = re.compile(r"""["'`\s=:,;<>(){}\[\]@]+""")
_QUOTED = re.compile(r"""(["'`])([^"'`\n]{1,1000})\1""")
_MOST_PARTS = 200


class DetectSecretsParser(JsonParser):
    """Understands baselines of detect-secrets."""

    tool = "detect-secrets"
    command = "detect-secrets scan"

    def read(self, document: Any, reading: Reading) -> None:
        version = any_text(document, "version")
        reading.parsed.tool_version = version and reading.redactor.mask(version)
        results = document.get("results")
        if not isinstance(results, dict):
            reading.odd("results is no object", "results")
            return
        values = _Values(reading)
        for file, items in results.items():
            if not isinstance(items, list):
                reading.odd("the file has no list of secrets", "results.*")
                continue
            for index, item in enumerate(items):
                if isinstance(item, dict) and item.get("is_secret") is False:
                    reading.hidden(1)
                    continue
                entry = {"filename": file, **item} if isinstance(item, dict) else item
                reading.keep(entry, lambda e: _finding(e, reading, values), f"results.*[{index}]")

    def learn_values(self, report: RawReport, context: ParseContext) -> None:
        """Read the values from the checkout; the redactor learns them."""
        if context.root is not None:
            self.read(report.document, Reading(report, context, self.tool))


class _Values:
    """Values of secrets, found in the lines of the checkout by their hashes."""

    def __init__(self, reading: Reading) -> None:
        self._redactor = reading.redactor
        self._lines = Lines(reading.root)

    def of(self, place: Location, digest: str | None) -> str | None:
        """Identify the value with the SHA-1 ``digest`` in its line; None where it is not there."""
        if place.uri is None or place.start_line is None or digest is None:
            return None
        line = self._lines.one(place.uri, place.start_line)
        if line is None or len(line) > _LONGEST_LINE:
            return None
        for part in _parts(line.decode("utf-8", "replace")):
            if hashlib.sha1(part.encode(), usedforsecurity=False).hexdigest() == digest:
                return identify(self._redactor, part)
        return None


def _parts(line: str) -> Iterator[str]:
    yield line.strip()
    for match in _QUOTED.finditer(line):
        yield match[2]
    yield from _BETWEEN.split(line, maxsplit=_MOST_PARTS)
    # What stands behind the first sign of an assignment, with signs of its own.
    yield line.partition("=")[2].strip()
    yield line.partition(":")[2].strip()


def _finding(entry: Entry, reading: Reading, values: _Values) -> Finding:
    """Make the finding of one secret. Raises OddEntry."""
    kind = needed(entry, "type")
    place = Location(
        uri=reading.places.optional(text(entry, "filename")),
        start_line=position(entry, "line_number"),
    )
    return sighting(
        tool="detect-secrets",
        rule_id=kind,
        title=kind,
        location=place,
        value_id=values.of(place, any_text(entry, "hashed_secret")),
        # False is what it writes where it did not ask, too.
        verified=flag(entry, "is_verified") or None,
    )
