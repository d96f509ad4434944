"""Connected components, with the reasons that connect them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence


class Joining:
    """A union-find over indices 0..n-1 that remembers why it joined two of them."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))
        self.reasons: list[tuple[str, str, int, int]] = []

    def find(self, index: int) -> int:
        """The index that stands for ``index``'s component."""
        parent = self._parent
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def join(self, first: int, second: int, rule: str, key: str) -> None:
        """Put two indices into one component; ``rule`` and ``key`` say why."""
        one, other = self.find(first), self.find(second)
        if one == other:
            return
        low, high = min(one, other), max(one, other)
        self._parent[high] = low
        self.reasons.append((rule, key, first, second))

    def join_alike(self, keys: Sequence[Hashable | None], rule: str) -> None:
        """Join all indices whose key is the same; those whose key is ``None`` stay alone."""
        first: dict[Hashable, int] = {}
        for index, key in enumerate(keys):
            if key is None:
                continue
            before = first.setdefault(key, index)
            if before != index:
                shown = key[0] if isinstance(key, tuple) else key
                self.join(before, index, rule, str(shown))
