"""What was done to results on their way to GitHub, counted, so that nothing goes unsaid."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_EXAMPLES = 3


@dataclass(slots=True)
class Counted:
    """How often something was done, and the first few places."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        self.count += 1
        if example and len(self.examples) < _EXAMPLES and example not in self.examples:
            self.examples.append(example)


@dataclass(slots=True)
class Tally:
    """``mends`` and ``cuts`` change a result or rule that is still sent; ``left_out`` are
    results that are not sent, by reason; ``truncated`` is what GitHub itself will not show.
    """

    mends: dict[str, Counted] = field(default_factory=dict)
    cuts: dict[str, Counted] = field(default_factory=dict)
    left_out: dict[str, Counted] = field(default_factory=dict)
    truncated: dict[str, Counted] = field(default_factory=dict)

    def mend(self, what: str, example: str = "") -> None:
        self.mends.setdefault(what, Counted()).add(example)

    def cut(self, what: str, example: str = "") -> None:
        self.cuts.setdefault(what, Counted()).add(example)

    def leave_out(self, why: str, example: str = "") -> None:
        self.left_out.setdefault(why, Counted()).add(example)

    def truncate(self, what: str, example: str = "") -> None:
        self.truncated.setdefault(what, Counted()).add(example)

    @property
    def left_out_count(self) -> int:
        return sum(counted.count for counted in self.left_out.values())

    def counts(self, kind: str) -> Counter[str]:
        """The plain counts of ``mends``, ``cuts``, ``left_out`` or ``truncated``."""
        listed: dict[str, Counted] = getattr(self, kind)
        return Counter({what: counted.count for what, counted in listed.items()})
