"""Join the results of several tools that are one problem, as disjoint sets.

Two results of one tool at one place are two problems to that tool, so a set never holds both.
Joining goes through classes of results that could be one problem, the surest first; within a
class only unambiguous results join. The time is linear in the size of the classes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

from msgspec import Struct


def components(keys: Sequence[Iterable[Hashable]]) -> list[list[int]]:
    """Return the sets of items that share keys, directly or through others, as indices.

    ``keys[i]`` are the keys of item ``i``. The sets, and the indices in each, are in the order of
    the items. The time is almost linear.
    """
    if len(keys) == 2:
        return [[0], [1]] if set(keys[0]).isdisjoint(keys[1]) else [[0, 1]]
    if len(keys) == 1:
        return [[0]]
    parent = list(range(len(keys)))
    owner: dict[Hashable, int] = {}
    for item, item_keys in enumerate(keys):
        for key in item_keys:
            other = owner.setdefault(key, item)
            # Most are already joined by an earlier key.
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
    """Join two sets; return the root of the result, which is the lower one."""
    low, high = root(parent, one), root(parent, other)
    if high < low:
        low, high = high, low
    parent[high] = low
    return low


class MatchStep(Struct):
    """The rule and key by which the results ``nodes`` were joined."""

    rule: str
    key: str
    nodes: tuple[int, ...]


class Matching:
    """Disjoint sets of results, each of one tool.

    ``labels[i]`` are the weaknesses or checks that result ``i`` can be about. A set keeps the
    labels that all of its results share; results without a shared label do not join.
    """

    def __init__(self, tools: Sequence[str], labels: Sequence[frozenset[str]]) -> None:
        self._parent = list(range(len(tools)))
        self._tools: list[tuple[str, ...]] = [(tool,) for tool in tools]
        self._labels = list(labels)
        self._steps: dict[int, list[MatchStep]] = {}

    def root(self, node: int) -> int:
        """Return the result that represents the set of ``node``."""
        return root(self._parent, node)

    def labels(self, node: int) -> frozenset[str]:
        """Return the labels of the set of ``node``."""
        return self._labels[self.root(node)]

    def classes(
        self, rule: str, classes: Mapping[str, Sequence[int]], *, label: str | None = None
    ) -> None:
        """Join the unambiguous results of each class (by key)."""
        for key, nodes in classes.items():
            if len(nodes) > 1:
                self.one_class(rule, key, nodes, label)

    def one_class(
        self, rule: str, key: str, nodes: Iterable[int], label: str | None, strict: bool = False
    ) -> None:
        """Join those sets of ``nodes`` that have a tool which is in no other set of ``nodes``.

        None join if a tool would be in the result twice; with ``strict``, none join if any tool
        is in two of the sets.
        """
        roots = list(dict.fromkeys(self.root(node) for node in nodes))
        if label is not None:
            roots = [r for r in roots if label in self._labels[r]]
        if len(roots) < 2:
            return
        if len(roots) == 2:
            # The usual case, for which the code below is slower and has the same result.
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
        joining = [r for r in roots if any(count[tool] == 1 for tool in self._tools[r])]
        if len(joining) < 2:
            return
        if sum(len(self._tools[r]) for r in joining) > len(
            {tool for r in joining for tool in self._tools[r]}
        ):
            return
        shared = frozenset.intersection(*(self._labels[r] for r in joining))
        if not shared and any(self._labels[r] for r in joining):
            return
        self._join(rule, key, joining, shared)

    def pair(self, rule: str, key: str, one: int, other: int) -> None:
        """Join two sets of different labels, if no tool is in both."""
        a, b = self.root(one), self.root(other)
        if a == b or not set(self._tools[a]).isdisjoint(self._tools[b]):
            return
        self._join(rule, key, [a, b], self._labels[a] | self._labels[b])

    def _join(self, rule: str, key: str, roots: list[int], labels: frozenset[str]) -> None:
        tools = tuple(sorted(tool for r in roots for tool in self._tools[r]))
        steps = [step for r in roots for step in self._steps.pop(r, ())]
        result = roots[0]
        for r in roots[1:]:
            result = join(self._parent, result, r)
        self._tools[result] = tools
        self._labels[result] = labels
        self._steps[result] = [*steps, MatchStep(rule, key, tuple(roots))]

    def steps_of(self, node: int) -> Sequence[MatchStep]:
        """Return the steps that made the set of ``node``."""
        return self._steps.get(self.root(node), ())

    def sets(self) -> list[list[int]]:
        """Return the sets of results, in the order of their first results."""
        members: dict[int, list[int]] = {}
        for node in range(len(self._parent)):
            members.setdefault(self.root(node), []).append(node)
        return list(members.values())


def runs(intervals: Sequence[tuple[int, int, int]]) -> list[list[int]]:
    """Return the sets of nodes whose intervals overlap, directly or through others.

    ``intervals`` are (first, last, node), both ends included.
    """
    overlapping: list[list[int]] = []
    end = -1
    for first, last, node in sorted(intervals):
        if overlapping and first <= end:
            overlapping[-1].append(node)
            end = max(end, last)
        else:
            overlapping.append([node])
            end = last
    return overlapping
