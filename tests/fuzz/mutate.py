"""Mutations of reports: of their bytes, and of the values in their JSON."""

from __future__ import annotations

import random
from typing import Any

import orjson

_PIECES = (
    b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"{}", b"[]", b'""', b"\\ud800", b"\\u0000",
    b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b'"a":1,"a":2', b"[[[[[[[[", b'{"a":{"a":',
    b",", b":", b'"', b"\\", b"\n", b"\r\n", b"-1", b"0", b"99999999999999999999", b"0.5",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**53, -(2**63), 2**63 - 1, 1.5, 1e308, -0.0, "", " ", "a", "\n",
    "null", "-----BEGIN RSA PRIVATE KEY-----", "*" * 12, "REDACTED", "a" * 5000, "\u202e\x1b[31m",
    "../../../etc/passwd", "/etc/passwd", "C:\\a\\b", "file:///a%20b", "CVE-2020-1234", "\x00",
    "https://u:p@h/", "pkg:npm/%40a/b@1?c=d", "pkg:", [], {}, [[]], [{}], {"": ""}, [None],
    ["a", 1], {"a": {"b": {"c": []}}}, [1, 2, 3], {"Data": {"Git": None}}, {"text": {}}, ["\ud7ff", "é"],
)  # fmt: skip

# Decoded anew each time, for what is put into a document may be changed there.
_ENCODED = tuple(map(orjson.dumps, _VALUES))

Path = tuple[str | int, ...]


class Seed:
    """One report to be mutated: a JSON document, lines of documents, or bytes alone."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.documents: list[bytes] = []
        self.paths: list[list[Path]] = []
        try:
            self._add(data)
        except orjson.JSONDecodeError:
            for line in data.splitlines():
                try:
                    self._add(line)
                except orjson.JSONDecodeError:
                    continue

    def _add(self, data: bytes) -> None:
        paths = list(_paths(orjson.loads(data), ()))
        if paths:
            self.documents.append(data)
            self.paths.append(paths)


class Mutator:
    """Makes mutated reports, the same ones for the same ``seed``."""

    def __init__(self, seeds: list[bytes], seed: int) -> None:
        self._random = random.Random(seed)
        self._seeds = [Seed(data) for data in seeds]

    def next(self) -> bytes:
        """The next mutated report."""
        choose = self._random.random
        seed = self._random.choice(self._seeds)
        if not seed.documents or choose() < 0.3:
            return self.bytes(seed.data)
        data = self.structure(seed)
        return self.bytes(data) if choose() < 0.15 else data

    def structure(self, seed: Seed) -> bytes:
        """``seed`` with one to four of its values changed."""
        at = self._random.randrange(len(seed.documents))
        document = orjson.loads(seed.documents[at])
        for _ in range(self._random.randint(1, 4)):
            document = self._change(document, self._random.choice(seed.paths[at]))
        changed = orjson.dumps(document)
        if len(seed.documents) == 1:
            return changed
        documents = [*seed.documents[:at], changed, *seed.documents[at + 1 :]]
        if self._random.random() < 0.2:
            self._random.shuffle(documents)
        return b"\n".join(documents) + (b"\n" if self._random.random() < 0.9 else b"")

    def bytes(self, data: bytes) -> bytes:
        """``data`` with one to three of its bytes or runs of bytes changed."""
        pick = self._random
        changed = bytearray(data)
        for _ in range(pick.randint(1, 3)):
            at = pick.randrange(len(changed) + 1)
            end = min(len(changed), at + pick.choice((1, 2, 8, 64, 512)))
            match pick.randrange(7):
                case 0:
                    del changed[at:end]
                case 1:
                    changed[at:at] = pick.choice(_PIECES)
                case 2:
                    changed[at:end] = pick.choice(_PIECES)
                case 3 if at < len(changed):
                    changed[at] ^= 1 << pick.randrange(8)
                case 4:
                    changed[at:at] = changed[at:end]
                case 5:
                    del changed[at:]
                case _:
                    other = pick.choice(self._seeds).data
                    cut = pick.randrange(len(other) + 1)
                    changed[at:] = other[cut : cut + 4096]
        return bytes(changed)

    def _change(self, document: Any, path: Path) -> Any:
        """``document`` with the value at ``path`` changed, or its place in its parent."""
        if not path:
            return self._value(document)
        parent = document
        for step in path[:-1]:
            try:
                parent = parent[step]
            except (KeyError, IndexError, TypeError):
                return document
        key = path[-1]
        try:
            old = parent[key]
        except (KeyError, IndexError, TypeError):
            return document
        if isinstance(parent, str):
            return document
        match self._random.randrange(10):
            case 0:
                del parent[key]
            case 1 if isinstance(parent, list):
                parent.insert(self._random.randrange(len(parent) + 1), old)
            case 1:
                parent[str(key).swapcase()] = parent.pop(key)
            case 2:
                parent[key] = [old]
            case 3:
                parent[key] = {str(key): old}
            case 4 if isinstance(old, str):
                parent[key] = self._text(old)
            case 5 if isinstance(old, list):
                parent[key] = old * 3
            case _:
                parent[key] = self._value(old)
        return document

    def _value(self, old: Any) -> Any:
        if isinstance(old, int) and not isinstance(old, bool) and self._random.random() < 0.5:
            return (old + self._random.choice((-1, 1, -old, 10**6))) % 2**62
        return orjson.loads(self._random.choice(_ENCODED))

    def _text(self, old: str) -> str:
        at = self._random.randrange(len(old) + 1)
        piece = self._random.choice(_VALUES)
        added = piece if isinstance(piece, str) else str(piece)
        return old[:at] + added + old[at + self._random.randrange(3) :]


def _paths(value: Any, path: Path) -> list[Path]:
    found: list[Path] = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += _paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += _paths(item, (*path, index))
    return found
