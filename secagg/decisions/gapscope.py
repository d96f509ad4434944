"""What an exception for a gap covers: something that a tool has not looked at, by what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secagg.merge.groups import Group
from secagg.system.globs import Glob


@dataclass(frozen=True, slots=True, kw_only=True)
class GapScope:
    """Patterns, of which one must occur in the gap's sentence: a path, or words with ``*``."""

    patterns: tuple[Glob, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> GapScope:
        """Make the scope of patterns as people write them."""
        return cls(patterns=tuple(Glob(f"*{text}*", flat=True) for text in texts))

    def covers_gap(self, sentence: str) -> bool:
        """Tell whether the gap that ``sentence`` states is covered."""
        return any(pattern.matches(sentence) for pattern in self.patterns)

    def covers(self, group: Group) -> bool:
        """Tell that no row is covered."""
        return False
