"""Change a file of decisions without losing its comments.

What comes out is read back and compared before anybody writes it: an edit that says something
else than was asked is refused.
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
    """``text`` with ``entries`` at the end of its list, and these as they were read back.

    Each has the keys of an entry in the order to write them. ``exceptions``, the list of older
    files, takes what it can; a file of both lists and a new one has them in ``decisions``. Raises
    :class:`ConfigError` where ``text`` (the file ``name``) or an entry is wrong, or where the
    result cannot be read back.
    """
    before = parse_file(text, name=name)
    yaml = _yaml(text)
    data = yaml.load(text)
    if data is None:
        text = (text or _HEAD) + _EMPTY
        data = yaml.load(text)
    older = "exceptions" in data and "decisions" not in data
    key = "exceptions" if older and all(map(_is_exception, entries)) else "decisions"
    listed = data.get(key)
    if not listed:
        listed = data[key] = CommentedSeq()
    listed.extend(dict(values) for values in entries)
    after = _dumped(yaml, data)
    read = parse_file(after, name=name)
    kept, new = getattr(before, key), getattr(read, key)
    wanted = {**_values(before), key: _dumps([*kept, *new[len(kept) :]])}
    if _values(read) != wanted or len(new) != len(kept) + len(entries):
        raise ConfigError("cannot be edited without changing what else it says", where=name)
    return after, new[len(kept) :]


def _is_exception(values: Mapping[str, Any]) -> bool:
    """Whether the entry names more than one problem by its id."""
    return any(values.get(key) is not None for key in KEYS if key != "id")


def removed(text: str, numbers: Collection[int], *, name: str = NAME, comments: bool = True) -> str:
    """``text`` without the entries ``numbers`` (from 0), and without the ``comments`` on them.

    An entry's comments are those within it and those right above it, with no blank line
    between; without ``comments`` those above it stay. Raises :class:`ConfigError` as :func:`added`
    does.
    """
    before = parse_file(text, name=name)
    gone = [each[:2] for index, each in enumerate(before.placed()) if index in numbers]
    wanted = {
        key: _dumps([e for n, e in enumerate(getattr(before, key)) if (key, n) not in gone])
        for key in LISTS
    }
    for after in (_cut(text, before, numbers, comments), _deleted(text, gone)):
        if after is not None and _values(parse_file(after, name=name)) == wanted:
            return after
    raise ConfigError("cannot be edited without changing what else it says", where=name)


def _cut(text: str, file: DecisionFile, numbers: Collection[int], comments: bool) -> str | None:
    """Whole lines taken out: nothing else of the file changes. None where it has no such lines."""
    starts = [entry.line - 1 for entry in file.entries]
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
        while comments and first > 0 and lines[first - 1].lstrip().startswith("#"):
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


def _deleted(text: str, gone: Sequence[tuple[str, int]]) -> str | None:
    """Items deleted from the parsed file: for layouts that have no line of their own."""
    yaml = _yaml(text)
    data = yaml.load(text)
    for key, number in sorted(gone, reverse=True):
        del data[key][number]
    return _dumped(yaml, data)


def _values(file: DecisionFile) -> dict[str, list[dict[str, Any]]]:
    return {key: _dumps(getattr(file, key)) for key in LISTS}


def _dumps(entries: Sequence[DecisionEntry]) -> list[dict[str, Any]]:
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


def text_at(root: Path, name: str = NAME) -> str:
    """Return the text of the file ``name`` of decisions below ``root``; empty where there is none.

    Raises :class:`ConfigError` for what is no file of the repository.
    """
    data = work_tree(root)(name)
    return "" if data is None else text_of(name, data)


def write_at(root: Path, text: str, name: str = NAME) -> None:
    """Put ``text`` in the place of the file. Raises :class:`ConfigError` where that fails."""
    try:
        # A link (within the repository, as reading has made sure) stays one.
        replace_file(Path(os.path.realpath(root / name)), text.encode())
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=name) from None


def write_decisions(root: Path, made: Mapping[str, Triage], titles: Mapping[str, str]) -> None:
    """Write decisions on problems, by their identities, into the repository's file.

    Older ones on the same problems go, wherever they stand. The rest of the files stays as people
    wrote it. Raises :class:`ConfigError` where a file cannot be used.
    """
    entries = [_entry(identity, one, titles.get(identity)) for identity, one in made.items()]
    for name in reversed(NAMES):
        before = text_at(root, name)
        # What is added comes after all that is taken out: comments stay where they were.
        after = added(before, entries)[0] if name == NAME else before
        gone = _numbers(before, made.keys(), name)
        after = removed(after, gone, name=name, comments=False) if gone else after
        if after != before:
            write_at(root, after, name)


def remove_decisions(root: Path, identities: Collection[str]) -> None:
    """Take the decisions on the problems ``identities`` out of the repository's files."""
    for name in NAMES:
        text = text_at(root, name)
        if gone := _numbers(text, identities, name):
            write_at(root, removed(text, gone, name=name, comments=False), name)


def _numbers(text: str, identities: Collection[str], name: str) -> set[int]:
    """The numbers of the decisions on the problems ``identities`` alone, in the file's order."""
    return {
        number
        for number, entry in enumerate(parse_file(text, name=name).entries)
        if entry.id in identities and not entry.is_exception
    }


def moment_text(at: datetime.datetime) -> str:
    """A moment as it stands in the file: in UTC, to the second."""
    return at.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _entry(identity: str, made: Triage, title: str | None) -> dict[str, Any]:
    at = made.at or datetime.datetime.now(datetime.UTC)
    entry = {
        "id": identity,
        "title": title,
        "state": made.state.value,
        "reason": made.reason,
        "by": made.by,
        "owner": made.owner,
        "created": moment_text(at),
        "expires": made.expires,
    }
    return {name: value for name, value in entry.items() if value is not None}
