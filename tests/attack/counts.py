"""What an attack gives: how much was tried, of what, and what broke through."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """``tried`` counts by kind; ``broken`` has a line for each that broke through."""

    tried: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def add(self, kind: str, *, broken: str | None = None) -> None:
        """Count one try of ``kind``; ``broken`` says how it broke through, if it did."""
        self.tried[kind] += 1
        if broken is not None:
            self.broken.append(f"{kind}: {broken}")
