"""detect-secrets: the baseline that detect-secrets 1.x writes.

It has the SHA-1 of each value, and no value. In a checkout the value is the part of the line with
this hash. What an audit has marked as no secret is suppressed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from secagg.model.finding import Finding, Location
from secagg.parsing import ParseContext, RawReport
from secagg.secrets.redactor import identify
from secagg.system.patterns import lazy
from secagg_parsers.fields import (
    Entry,
    any_text,
    flag,
    position,
    required_text,
    secret_finding,
    text,
)
from secagg_parsers.jsonreport import JsonParser, Reading
from secagg_parsers.places import Lines

_LONGEST_LINE = 4096
# What separates values in a line.
_SEPARATORS = lazy(r"""["'`\s=:,;<>(){}\[\]@]+""")
_QUOTED = lazy(r"""(["'`])([^"'`\n]{1,1000})\1""")
_MAX_PARTS = 200


class DetectSecretsParser(JsonParser):
    """Understands baselines of detect-secrets."""

    tool = "detect-secrets"
    command = "detect-secrets scan"

    def read(self, document: Any, reading: Reading) -> None:
        version = any_text(document, "version")
        reading.parsed.tool_version = version and reading.redactor.mask(version)
        results = document.get("results")
        if not isinstance(results, dict):
            reading.add_problem("results is no object", "results")
            return
        values = _Values(reading)
        for file, items in results.items():
            if not isinstance(items, list):
                reading.add_problem("the file has no list of secrets", "results.*")
                continue
            for index, item in enumerate(items):
                if isinstance(item, dict) and item.get("is_secret") is False:
                    reading.count_suppressed(1)
                    continue
                entry = {"filename": file, **item} if isinstance(item, dict) else item
                reading.keep(entry, lambda e: _finding(e, reading, values), f"results.*[{index}]")

    def learn_values(self, report: RawReport, context: ParseContext) -> None:
        """Register the values, read from the checkout, with the redactor."""
        if context.root is not None:
            self.read(report.document, Reading(report, context, self.tool))


class _Values:
    """Looks up values of secrets by their hashes, in the lines of the checkout."""

    def __init__(self, reading: Reading) -> None:
        self._redactor = reading.redactor
        self._lines = Lines(reading.root)

    def of(self, location: Location, digest: str | None) -> str | None:
        """Return the id of the value with the SHA-1 ``digest`` in its line, or None."""
        if location.uri is None or location.start_line is None or digest is None:
            return None
        line = self._lines.one(location.uri, location.start_line)
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
    yield from _SEPARATORS.split(line, maxsplit=_MAX_PARTS)
    # All that follows the first sign of an assignment, for values that contain separators.
    yield line.partition("=")[2].strip()
    yield line.partition(":")[2].strip()


def _finding(entry: Entry, reading: Reading, values: _Values) -> Finding:
    """Make the finding of one secret. Raises OddEntry."""
    secret_type = required_text(entry, "type")
    location = Location(
        uri=reading.places.optional(text(entry, "filename")),
        start_line=position(entry, "line_number"),
    )
    return secret_finding(
        tool="detect-secrets",
        rule_id=secret_type,
        title=secret_type,
        location=location,
        value_id=values.of(location, any_text(entry, "hashed_secret")),
        # detect-secrets also writes False if it did not verify the secret.
        verified=flag(entry, "is_verified") or None,
    )
