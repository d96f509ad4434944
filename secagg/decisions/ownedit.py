"""Change a file of decisions without losing its comments.

The new text is parsed again and compared before it is written: an edit that would change anything
else is refused.
"""

from __future__ import annotations

import datetime
import io
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from secagg.decisions.entry import text_of, work_tree
from secagg.decisions.ownfile import (
    KEYS,
    LISTS,
    NAME,
    NAMES,
    DecisionEntry,
    DecisionFile,
    parse_file,
)
from secagg.errors import ConfigError
from secagg.model.problem import Triage
from secagg.system.files import replace_file

_DASH = re.compile(r"^( *)-(?: |$)")
_HEAD = "# Decisions for secagg. Exceptions need an owner, a reason and an end.\n"
_EMPTY = "version: 1\ndecisions:\n"


def added(
    text: str, entries: Sequence[Mapping[str, Any]], *, name: str = NAME
) -> tuple[str, list[DecisionEntry]]:
    """Return ``text`` with ``entries`` at the end of its list, and the entries as parsed again.

    Each has the keys of an entry in the order to write them. They go to ``decisions``, or to
    ``exceptions`` if the file has that older list only and all of them are exceptions. Raises
    :class:`ConfigError` if ``text`` (the file ``name``) or an entry is wrong, or if the result
    cannot be parsed.
    """
    old_file = parse_file(text, name=name)
    yaml = _yaml(text)
    data = yaml.load(text)
    if data is None:
        text = (text or _HEAD) + _EMPTY
        data = yaml.load(text)
    has_older_list = "exceptions" in data and "decisions" not in data
    key = "exceptions" if has_older_list and all(map(_is_exception, entries)) else "decisions"
    items = data.get(key)
    if not items:
        items = data[key] = CommentedSeq()
    items.extend(dict(values) for values in entries)
    new_text = _dumped(yaml, data)
    new_file = parse_file(new_text, name=name)
    old_entries, new_entries = getattr(old_file, key), getattr(new_file, key)
    expected = {**_values(old_file), key: _dumps([*old_entries, *new_entries[len(old_entries) :]])}
    if _values(new_file) != expected or len(new_entries) != len(old_entries) + len(entries):
        raise ConfigError("cannot be edited without changing what else it says", where=name)
    return new_text, new_entries[len(old_entries) :]


def _is_exception(values: Mapping[str, Any]) -> bool:
    """Tell whether the entry has a key other than ``id``, so that it may cover several problems."""
    return any(values.get(key) is not None for key in KEYS if key != "id")


def removed(text: str, numbers: Collection[int], *, name: str = NAME, comments: bool = True) -> str:
    """Return ``text`` without the entries ``numbers`` (from 0), and without their ``comments``.

    An entry's comments are those within it and those right above it, with no blank line
    between; without ``comments`` those above it stay. Raises :class:`ConfigError` as :func:`added`
    does.
    """
    old_file = parse_file(text, name=name)
    removed_items = [item[:2] for index, item in enumerate(old_file.numbered()) if index in numbers]
    expected = {
        key: _dumps(
            [e for n, e in enumerate(getattr(old_file, key)) if (key, n) not in removed_items]
        )
        for key in LISTS
    }
    for new_text in (_cut(text, old_file, numbers, comments), _deleted(text, removed_items)):
        if new_text is not None and _values(parse_file(new_text, name=name)) == expected:
            return new_text
    raise ConfigError("cannot be edited without changing what else it says", where=name)


def _cut(text: str, file: DecisionFile, numbers: Collection[int], comments: bool) -> str | None:
    """Remove the entries' whole lines, and change nothing else. None if they share lines."""
    starts = [entry.line - 1 for entry in file.entries]
    lines = text.splitlines(keepends=True)
    removed_lines: set[int] = set()
    for number in numbers:
        first = starts[number]
        while first > 0 and not _DASH.match(lines[first]):
            first -= 1
        dash = _DASH.match(lines[first])
        if dash is None or starts.count(starts[number]) > 1:
            return None
        last = _last_line(lines, first, len(dash[1]))
        while comments and first > 0 and lines[first - 1].lstrip().startswith("#"):
            first -= 1
        removed_lines.update(range(first, last + 1))
    return "".join(line for index, line in enumerate(lines) if index not in removed_lines)


def _last_line(lines: Sequence[str], first: int, indent: int) -> int:
    """Return the last line of the item that begins on line ``first``, without comments after it."""
    last = first
    for index in range(first + 1, len(lines)):
        line = lines[index]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if len(line) - len(line.lstrip(" ")) <= indent:
            break
        last = index
    return last


def _deleted(text: str, removed_items: Sequence[tuple[str, int]]) -> str | None:
    """Delete items from the parsed file, for entries that share lines with others."""
    yaml = _yaml(text)
    data = yaml.load(text)
    for key, number in sorted(removed_items, reverse=True):
        del data[key][number]
    return _dumped(yaml, data)


def _values(file: DecisionFile) -> dict[str, list[dict[str, Any]]]:
    return {key: _dumps(getattr(file, key)) for key in LISTS}


def _dumps(entries: Sequence[DecisionEntry]) -> list[dict[str, Any]]:
    return [entry.model_dump() for entry in entries]


def _yaml(text: str) -> YAML:
    """Make a YAML reader and writer that keep the layout of ``text``."""
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


def text_at(root: Path, name: str = NAME) -> str:
    """Return the text of the file of decisions ``name`` below ``root``; empty if there is none.

    Raises :class:`ConfigError` for what is no file of the repository.
    """
    data = work_tree(root)(name)
    return "" if data is None else text_of(name, data)


def write_at(root: Path, text: str, name: str = NAME) -> None:
    """Replace the file's text. Raises :class:`ConfigError` if that fails."""
    try:
        # A link (within the repository, as reading has made sure) stays one.
        replace_file(Path(os.path.realpath(root / name)), text.encode())
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=name) from None


def write_decisions(root: Path, decisions: Mapping[str, Triage], titles: Mapping[str, str]) -> None:
    """Write decisions on problems, by their identities, into the repository's file.

    Older decisions on the same problems are removed from every file. The rest of the files stays
    as people wrote it. Raises :class:`ConfigError` if a file cannot be read or written.
    """
    entries = [
        _entry(identity, decision, titles.get(identity)) for identity, decision in decisions.items()
    ]
    for name in reversed(NAMES):
        old_text = text_at(root, name)
        # Add before removing: the comments of removed entries then stay where they were.
        new_text = added(old_text, entries)[0] if name == NAME else old_text
        old_numbers = _numbers(old_text, decisions.keys(), name)
        new_text = (
            removed(new_text, old_numbers, name=name, comments=False) if old_numbers else new_text
        )
        if new_text != old_text:
            write_at(root, new_text, name)


def remove_decisions(root: Path, identities: Collection[str]) -> None:
    """Remove the decisions on the problems ``identities`` from the repository's files."""
    for name in NAMES:
        text = text_at(root, name)
        if numbers := _numbers(text, identities, name):
            write_at(root, removed(text, numbers, name=name, comments=False), name)


def _numbers(text: str, identities: Collection[str], name: str) -> set[int]:
    """Return the numbers (from 0) of the entries on one of the problems ``identities`` alone."""
    return {
        number
        for number, entry in enumerate(parse_file(text, name=name).entries)
        if entry.id in identities and not entry.is_exception
    }


def moment_text(at: datetime.datetime) -> str:
    """Return a time as the file has it: in UTC, to the second."""
    return at.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _entry(identity: str, decision: Triage, title: str | None) -> dict[str, Any]:
    at = decision.at or datetime.datetime.now(datetime.UTC)
    entry = {
        "id": identity,
        "title": title,
        "state": decision.state.value,
        "reason": decision.reason,
        "by": decision.by,
        "approved_by": list(decision.approved_by) or None,
        "owner": decision.owner,
        "created": moment_text(at),
        "expires": decision.expires,
    }
    return {name: value for name, value in entry.items() if value is not None}
