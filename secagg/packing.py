"""Values that wait compressed, a few together, until somebody asks for one.

What a large report says at length (descriptions, links, whole SARIF results) is looked at once or
twice, and repeats itself: together with its neighbours it takes an eighth of its memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

# So many bytes wait together: whoever asks for one text has all of them decompressed, which takes
# some ten microseconds.
_TOGETHER = 8 << 10
_FAST = 1
# Stands in no JSON.
_BETWEEN = b"\0"


class Packed:
    """One of the JSON texts that wait together."""

    __slots__ = ("_block", "_number")

    def __init__(self, block: bytes, number: int) -> None:
        self._block = block
        self._number = number

    @property
    def json(self) -> bytes:
        """The text."""
        return _unpacked(self._block)[self._number]


def pack(texts: Sequence[bytes]) -> Iterator[Packed]:
    """Each of the JSON ``texts``, waiting beside those around it."""
    start = size = 0
    for end, text in enumerate(texts, 1):
        size += len(text)
        if size >= _TOGETHER or end == len(texts):
            block = zlib.compress(_BETWEEN.join(texts[start:end]), _FAST)
            for number in range(end - start):
                yield Packed(block, number)
            start, size = end, 0


# Whoever asks goes from one to the next, often of several sorts in turn: the blocks that were
# asked for last are at hand. They are kept with their texts, so that no id() is another's.
_AT_HAND = 8
_at_hand: dict[int, tuple[bytes, list[bytes]]] = {}


def _unpacked(block: bytes) -> list[bytes]:
    found = _at_hand.get(id(block))
    if found is None:
        if len(_at_hand) >= _AT_HAND:
            _at_hand.clear()
        found = _at_hand[id(block)] = (block, zlib.decompress(block).split(_BETWEEN))
    return found[1]
