"""Changing ``secagg-exceptions.yaml`` as text, with its comments and layout left alone.

What comes out is read back and compared before anybody writes it: an edit that says something
else than was asked is refused.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from secagg.decisions.ownfile import NAME, ExceptionEntry, parse_file
from secagg.errors import ConfigError

_DASH = re.compile(r"^( *)-(?: |$)")
_HEAD = "# Exceptions of secagg: each needs an owner, a reason and an end.\n"
_EMPTY = "version: 1\nexceptions:\n"


def added(text: str, values: Mapping[str, Any]) -> tuple[str, ExceptionEntry]:
    """``text`` with one more exception at its end, and that exception as it was read back.

    ``values`` are the entry's keys in the order to write them. Raises :class:`ConfigError`
    where ``text`` or the entry is wrong, or where the result cannot be read back.
    """
    before = parse_file(text).exceptions
    yaml = _yaml(text)
    data = yaml.load(text)
    if data is None:
        text = (text or _HEAD) + _EMPTY
        data = yaml.load(text)
    listed = data.get("exceptions")
    if not listed:
        listed = data["exceptions"] = CommentedSeq()
    listed.append(dict(values))
    after = _dumped(yaml, data)
    entries = _read_back(after)
    if _said(entries[:-1]) != _said(before) or len(entries) != len(before) + 1:
        raise ConfigError("cannot be edited without changing what else it says", where=NAME)
    return after, entries[-1]


def removed(text: str, numbers: Collection[int]) -> str:
    """``text`` without the exceptions ``numbers`` (from 0), and without the comments on them.

    An entry's comments are those within it and those right above it, with no blank line
    between. Raises :class:`ConfigError` as :func:`added` does.
    """
    before = parse_file(text).exceptions
    wanted = _said([entry for index, entry in enumerate(before) if index not in numbers])
    for edit in (_cut, _deleted):
        after = edit(text, numbers)
        if after is not None and _said(_read_back(after)) == wanted:
            return after
    raise ConfigError("cannot be edited without changing what else it says", where=NAME)


def _cut(text: str, numbers: Collection[int]) -> str | None:
    """Whole lines taken out: nothing else of the file changes. None where it has no such lines."""
    starts = [entry.line - 1 for entry in parse_file(text).exceptions]
    lines = text.splitlines(keepends=True)
    gone: set[int] = set()
    for number in numbers:
        first = starts[number]
        while first > 0 and not _DASH.match(lines[first]):
            first -= 1
        dash = _DASH.match(lines[first])
        if dash is None or starts.count(starts[number]) > 1:
            return None
        last = _last_line(lines, first, len(dash[1]))
        while first > 0 and lines[first - 1].lstrip().startswith("#"):
            first -= 1
        gone.update(range(first, last + 1))
    return "".join(line for index, line in enumerate(lines) if index not in gone)


def _last_line(lines: Sequence[str], first: int, indent: int) -> int:
    """The last line of the item that begins on line ``first``: comments after it are others'."""
    last = first
    for index in range(first + 1, len(lines)):
        line = lines[index]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if len(line) - len(line.lstrip(" ")) <= indent:
            break
        last = index
    return last


def _deleted(text: str, numbers: Collection[int]) -> str | None:
    """Items deleted from the parsed file: for layouts that have no line of their own."""
    yaml = _yaml(text)
    data = yaml.load(text)
    for number in sorted(numbers, reverse=True):
        del data["exceptions"][number]
    return _dumped(yaml, data)


def _read_back(text: str) -> list[ExceptionEntry]:
    return parse_file(text).exceptions


def _said(entries: Sequence[ExceptionEntry]) -> list[dict[str, Any]]:
    return [entry.model_dump() for entry in entries]


def _yaml(text: str) -> YAML:
    """A round trip that keeps quotes, line lengths and the file's own indentation."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    dashes = [len(m[1]) for line in text.splitlines() if (m := _DASH.match(line))]
    offset = min(dashes, default=2)
    yaml.indent(mapping=2, sequence=offset + 2, offset=offset)
    return yaml


def _dumped(yaml: YAML, data: Any) -> str:
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()
