"""Mark and limit the text of scanners and repositories in the answers to an assistant.

A language model reads data and instructions in one stream, so a finding's text may try to instruct
it. Such text is only ever in a member named :data:`UNTRUSTED`, as single lines without control and
invisible characters, masked once more, and limited in length and number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from secagg.jsonio.value import decode, encode
from secagg.output.escape import cell
from secagg.secrets.lastfilter import filtered_json
from secagg.secrets.redactor import Redactor

UNTRUSTED = "untrusted_data"
"""The member of every answer and row that has text of scanners and of the repository."""

MOST_ROWS = 100
"""The most rows of one answer."""

MOST_CHARACTERS = 60_000
"""The most characters of one answer as JSON."""

_LONGEST_TEXT = 1_000
_LONGEST_LIST = 50
_DEEPEST = 6


class Marker:
    """Makes :data:`UNTRUSTED` members; ``redactor`` masks known values and shapes of secrets."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, **values: Any) -> dict[str, Any]:
        """Return the member with ``values``, without those that are empty; nothing if all are."""
        kept = {name: value for name, value in values.items() if value not in (None, "", (), [])}
        return {UNTRUSTED: self.plain(kept)} if kept else {}

    def plain(self, value: Any, depth: int = 0) -> Any:
        """Return ``value`` in JSON's types, with texts masked and everything limited."""
        if isinstance(value, str):
            return cell(self._redactor.mask(value), _LONGEST_TEXT)
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth >= _DEEPEST:
            return "(nested too deeply)"
        if isinstance(value, Mapping):
            items = list(value.items())[:_LONGEST_LIST]
            return {
                self.plain(str(key), depth + 1): self.plain(item, depth + 1) for key, item in items
            }
        if isinstance(value, Sequence):
            listed = [self.plain(item, depth + 1) for item in value[:_LONGEST_LIST]]
            more = len(value) - len(listed)
            return [*listed, f"(and {more:,} more)"] if more else listed
        return cell(self._redactor.mask(str(value)), _LONGEST_TEXT)


def answer_of(document: dict[str, Any], rows: str | None = None) -> dict[str, Any]:
    """Return ``document`` as it may leave: through the last filter, and within the size.

    ``rows`` names its list of rows, which is cut where the document is too long; ``shown`` and
    ``next_offset`` follow it. Without such a list a document that is too long loses its untrusted
    member.
    """
    size = len(encode(document))
    if size > MOST_CHARACTERS and rows is not None:
        listed = document[rows]
        room = MOST_CHARACTERS - (size - len(encode(listed)))
        kept = 0
        for row in listed:
            room -= len(encode(row)) + 1
            if room < 0:
                break
            kept += 1
        document = {**document, rows: listed[:kept], "shown": kept}
        if "offset" in document:
            document["next_offset"] = document["offset"] + kept
    elif size > MOST_CHARACTERS:
        document = {**document, UNTRUSTED: "(left out: too long)"}
    filtered: dict[str, Any] = decode(filtered_json(encode(document)))
    return filtered
