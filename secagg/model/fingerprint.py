"""``primaryLocationLineHash``: the fingerprint by which GitHub matches alerts between scans.

The rule is codeql-action's (``src/fingerprints.ts``): a rolling hash over the next 100
UTF-16 units from the start of a line, without spaces and tabs, every line ending one line
feed, base 37 modulo 2^64; in hexadecimal, with the number of the occurrence in the file.

Instead of rolling, each window is one difference of prefix sums. With the inverse powers of
37 (odd, so it has an inverse modulo 2^64), ``S[i] = sum(unit[j] * 37^-j for j < i)``, and
the hash of the window at ``p`` is ``(S[p+100] - S[p]) * 37^(p+99)``: the loops run in C.
"""

from __future__ import annotations

import os
import sys
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cache
from itertools import accumulate
from operator import mul
from pathlib import Path

from secagg.system.files import read_regular

PRIMARY_LOCATION_LINE_HASH = "primaryLocationLineHash"
# Larger files are data, not code; GitHub does not show them either.
LARGEST_FILE = 32 * 1024 * 1024
_WINDOW = 100
_BASE = 37
_MODULUS_MASK = (1 << 64) - 1
_END = 65535
_LINE_FEED = 10
# Units per block of prefix sums, which bounds the memory for files of any size.
_BLOCK = 8192
_UTF16 = "utf-16-le" if sys.byteorder == "little" else "utf-16-be"
_DROPPED = str.maketrans({" ": None, "\t": None, "\r": "\n"})


def line_hashes_for(data: bytes, lines: Collection[int]) -> dict[int, str]:
    """Return the hashes of some ``lines`` of a file's ``data``, by line (``fb7c023a8b9ccb3f:1``).

    Lines are counted from 1; lines that ``data`` lacks are left out. There is one more line than
    there are line endings (LF, CR or CRLF), so empty data has one. Bytes that are not UTF-8 count
    as U+FFFD.
    """
    lines = {line for line in lines if line >= 1}
    if not lines:
        return {}
    hashes = _hashes(data, max(lines))
    return {line: value for line, value in enumerate(hashes, 1) if line in lines}


def read_source(base: Path, uri: str, *, limit: int = LARGEST_FILE) -> bytes | None:
    """Read the regular file ``uri`` below ``base`` (a real path); ``None`` if there is none.

    Nothing outside ``base`` is read: neither by ``..``, nor by an absolute path, nor through
    a symbolic link.
    """
    try:
        if ".." not in uri:
            # Fail early: most reports are read without their files, and resolving is slow.
            os.stat(os.path.join(base, uri))
        return read_regular(base / uri, limit=limit, within=base)
    except (OSError, ValueError):
        return None


def _hashes(data: bytes, last_line: int | None) -> Iterator[str]:
    units = _units(data)
    starts = _line_starts(units, last_line)
    values = _direct(units, starts) if _sparse(units, starts) else _by_blocks(units, starts)
    counts: defaultdict[int, int] = defaultdict(int)
    for value in values:
        counts[value] += 1
        yield f"{value:x}:{counts[value]}"


def _units(data: bytes) -> array[int]:
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").translate(_DROPPED)
    units = array("H", text.encode(_UTF16))
    units.append(_END)
    units.extend([0] * _WINDOW)
    return units


def _line_starts(units: array[int], last_line: int | None) -> list[int]:
    starts = [0]
    position = 0
    end = len(units) - _WINDOW
    while last_line is None or len(starts) < last_line:
        try:
            position = units.index(_LINE_FEED, position, end) + 1
        except ValueError:
            break
        starts.append(position)
    return starts


def _sparse(units: array[int], starts: list[int]) -> bool:
    """True if lines are so long that most units are in no window."""
    return _WINDOW * len(starts) < starts[-1] + _WINDOW


def _direct(units: array[int], starts: list[int]) -> Iterator[int]:
    powers = _powers()
    for start in starts:
        yield sum(map(mul, units[start : start + _WINDOW], powers)) & _MODULUS_MASK


def _by_blocks(units: array[int], starts: list[int]) -> Iterator[int]:
    inverse, shifts = _block_powers()
    index = 0
    while index < len(starts):
        begin = starts[index]
        block = units[begin : begin + _BLOCK + _WINDOW]
        sums = list(accumulate(map(mul, block, inverse), initial=0))
        while index < len(starts) and starts[index] - begin <= _BLOCK - 1:
            offset = starts[index] - begin
            yield (sums[offset + _WINDOW] - sums[offset]) * shifts[offset] & _MODULUS_MASK
            index += 1


@cache
def _powers() -> list[int]:
    """37^99 down to 37^0."""
    return [pow(_BASE, _WINDOW - 1 - i, 1 << 64) for i in range(_WINDOW)]


@cache
def _block_powers() -> tuple[list[int], list[int]]:
    """37^-j, and 37^(j+99), for all positions of a block."""

    def powers(first: int, factor: int) -> list[int]:
        steps = range(_BLOCK + _WINDOW)
        return list(accumulate(steps, lambda h, _: h * factor & _MODULUS_MASK, initial=first))

    return powers(1, pow(_BASE, -1, 1 << 64)), powers(pow(_BASE, _WINDOW - 1, 1 << 64), _BASE)
