"""Connected components: which items hang together by the keys that they share."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence


def components(keys: Sequence[Iterable[Hashable]]) -> list[list[int]]:
    """Indices of items that share keys, directly or through others, in near-linear time.

    ``keys[i]`` are the keys of item ``i``. The components, and the indices in each, are in
    the order of the items.
    """
    if len(keys) == 2:
        return [[0], [1]] if set(keys[0]).isdisjoint(keys[1]) else [[0, 1]]
    if len(keys) == 1:
        return [[0]]
    parent = list(range(len(keys)))
    owner: dict[Hashable, int] = {}
    for item, own in enumerate(keys):
        for key in own:
            other = owner.setdefault(key, item)
            # Most have been joined by the key before.
            if other != item and parent[item] != other:
                join(parent, item, other)
    found: dict[int, list[int]] = {}
    for item, above in enumerate(parent):
        top = above if parent[above] == above else root(parent, item)
        if top == item:
            found[item] = [item]
        else:
            found[top].append(item)
    return list(found.values())


def root(parent: list[int], item: int) -> int:
    """The root of ``item`` in a forest of disjoint sets; halves the path to it."""
    while parent[item] != item:
        parent[item] = parent[parent[item]]
        item = parent[item]
    return item


def join(parent: list[int], one: int, other: int) -> int:
    """Make one set of two; the lower root stays. Returns it."""
    low, high = root(parent, one), root(parent, other)
    if high < low:
        low, high = high, low
    parent[high] = low
    return low
