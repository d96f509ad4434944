"""Join what several tools report at one place, and the sets of what is joined.

Two results of one tool at one place are two problems to that tool, so a group never holds
both. Joining goes through classes of entries that could be one problem, the surest first;
within a class only what is unambiguous joins. The work is linear in the size of the classes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass


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
    members: dict[int, list[int]] = {}
    for item, above in enumerate(parent):
        top = above if parent[above] == above else root(parent, item)
        if top == item:
            members[item] = [item]
        else:
            members[top].append(item)
    return list(members.values())


def root(parent: list[int], item: int) -> int:
    """Return the root of ``item`` in a forest of disjoint sets; halves the path to it."""
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


@dataclass(slots=True)
class MatchStep:
    """One joining: the rule and key by which the entries ``nodes`` became one."""

    rule: str
    key: str
    nodes: tuple[int, ...]


class Matching:
    """Disjoint sets over entries, each entry of one tool, with labels that must stay shared.

    ``labels[i]`` are what entry ``i`` can be about (weaknesses); a set of entries keeps the
    labels that all of its entries have, and there is always one.
    """

    def __init__(self, tools: Sequence[str], labels: Sequence[frozenset[str]]) -> None:
        self._parent = list(range(len(tools)))
        self._tools: list[tuple[str, ...]] = [(tool,) for tool in tools]
        self._labels = list(labels)
        self._steps: dict[int, list[MatchStep]] = {}

    def root(self, node: int) -> int:
        """Return the entry that stands for the set of ``node``."""
        return root(self._parent, node)

    def labels(self, node: int) -> frozenset[str]:
        """Return what the set of ``node`` can be about."""
        return self._labels[self.root(node)]

    def classes(
        self, rule: str, classes: Mapping[str, Sequence[int]], *, label: str | None = None
    ) -> None:
        """Join what is unambiguous in each class of entries (by key)."""
        for key, nodes in classes.items():
            if len(nodes) > 1:
                self.one_class(rule, key, nodes, label)

    def one_class(
        self, rule: str, key: str, nodes: Iterable[int], label: str | None, strict: bool = False
    ) -> None:
        """Join the sets of ``nodes`` that hold a tool which has no other set among them.

        Nothing joins if a tool would then be in the joined set twice; with ``strict``, nothing
        joins if any tool has two sets here.
        """
        roots = list(dict.fromkeys(self.root(node) for node in nodes))
        if label is not None:
            roots = [r for r in roots if label in self._labels[r]]
        if len(roots) < 2:
            return
        if len(roots) == 2:
            # By far the most: what follows comes down to this for two.
            one, other = roots
            if set(self._tools[one]).isdisjoint(self._tools[other]):
                both = self._labels[one] & self._labels[other]
                if both or not (self._labels[one] or self._labels[other]):
                    self._join(rule, key, roots, both)
            return
        count: dict[str, int] = {}
        for r in roots:
            for tool in self._tools[r]:
                count[tool] = count.get(tool, 0) + 1
        if strict and max(count.values()) > 1:
            return
        alone = [r for r in roots if any(count[tool] == 1 for tool in self._tools[r])]
        if len(alone) < 2:
            return
        if sum(len(self._tools[r]) for r in alone) > len(
            {tool for r in alone for tool in self._tools[r]}
        ):
            return
        shared = frozenset.intersection(*(self._labels[r] for r in alone))
        if not shared and any(self._labels[r] for r in alone):
            return
        self._join(rule, key, alone, shared)

    def pair(self, rule: str, key: str, one: int, other: int) -> None:
        """Join two sets of different labels, if no tool is in both."""
        a, b = self.root(one), self.root(other)
        if a == b or not set(self._tools[a]).isdisjoint(self._tools[b]):
            return
        self._join(rule, key, [a, b], self._labels[a] | self._labels[b])

    def _join(self, rule: str, key: str, roots: list[int], labels: frozenset[str]) -> None:
        tools = tuple(sorted(tool for r in roots for tool in self._tools[r]))
        steps = [step for r in roots for step in self._steps.pop(r, ())]
        kept = roots[0]
        for r in roots[1:]:
            kept = join(self._parent, kept, r)
        self._tools[kept] = tools
        self._labels[kept] = labels
        self._steps[kept] = [*steps, MatchStep(rule, key, tuple(roots))]

    def steps_of(self, node: int) -> Sequence[MatchStep]:
        """Return how the set of ``node`` came to be."""
        return self._steps.get(self.root(node), ())

    def sets(self) -> list[list[int]]:
        """Return the sets of entries, in the order of their first ones."""
        members: dict[int, list[int]] = {}
        for node in range(len(self._parent)):
            members.setdefault(self.root(node), []).append(node)
        return list(members.values())


def runs(intervals: Sequence[tuple[int, int, int]]) -> list[list[int]]:
    """Nodes whose intervals overlap, directly or through others.

    ``intervals`` are (first, last, node), both ends included.
    """
    stretches: list[list[int]] = []
    end = -1
    for first, last, node in sorted(intervals):
        if stretches and first <= end:
            stretches[-1].append(node)
            end = max(end, last)
        else:
            stretches.append([node])
            end = last
    return stretches
