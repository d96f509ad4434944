"""Dependency paths as Snyk's policy file writes them: ``a > b@1.0``, ``* > semver``, ``*``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_RANGE = re.compile(r"[\^~<>=|*\s]|(?:^|\.)[xX](?:\.|$)")


@dataclass(frozen=True, slots=True)
class Chain:
    """The packages from a direct dependency on, by name and perhaps version.

    ``*`` stands for any packages, none among them. Unlike Snyk's own reading a chain covers a
    path to its end: ``a`` does not cover ``a > b``, unless it says ``a > *``.
    """

    steps: tuple[str, ...]

    def matches(self, path: Sequence[str]) -> bool:
        """``path`` leads from a direct dependency (``name@version``) to the package."""
        # Which of the steps' beginnings match what was seen of the path so far.
        reached = self._skipped({0})
        for package in path:
            after = set()
            for at in reached:
                if at == len(self.steps):
                    continue
                if self.steps[at] == "*":
                    after.add(at)
                elif _is(self.steps[at], package):
                    after.add(at + 1)
            reached = self._skipped(after)
        return len(self.steps) in reached

    def _skipped(self, reached: set[int]) -> set[int]:
        """``reached``, and what is reached where a star stands for nothing."""
        for at in sorted(reached):
            while at < len(self.steps) and self.steps[at] == "*":
                at += 1
                reached.add(at)
        return reached


def chain(text: str) -> Chain:
    """Read a chain. Raises ``ValueError`` for a version range, which is not understood."""
    steps = tuple(step.strip() for step in text.split(" > "))
    if not all(steps) or len(steps) > 64:
        raise ValueError("its path has empty steps, or more than 64")
    for step in steps:
        if step != "*" and _RANGE.search(step.rpartition("@")[2] if "@" in step[1:] else ""):
            raise ValueError("its path has a version range, of which only exact ones are read")
        if step != "*" and "*" in step:
            raise ValueError("its path has a wildcard within a name")
    return Chain(steps)


def _is(step: str, package: str) -> bool:
    if step == package:
        return True
    name, at, _ = package.rpartition("@")
    # A scope's own @ parts no version.
    return bool(at and name) and step == name
