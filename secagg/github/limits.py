"""The limits of code scanning, and the count of what was cut to meet them.

Source: GitHub Docs, "SARIF results exceed one or more limits" and "SARIF support for code
scanning" (file size).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """GitHub's numbers. A file above ``X`` is refused; of what it takes ``X_shown`` are kept.

    ``gzip_bytes`` is the size after compression and before base64. GitHub says 10 MB; the
    smaller reading of that is taken. ``rule_name`` and ``rule_text`` are characters;
    ``uploads_an_hour`` are those of one token or app.
    """

    gzip_bytes: int = 10_000_000
    runs: int = 20
    results: int = 25_000
    results_shown: int = 5_000
    rules: int = 25_000
    extensions: int = 100
    flow_locations: int = 10_000
    flow_locations_shown: int = 1_000
    locations: int = 1_000
    locations_shown: int = 100
    tags: int = 20
    tags_shown: int = 10
    rule_name: int = 255
    rule_text: int = 1_024
    uploads_an_hour: int = 1_000


GITHUB = Limits()


# Dismissal comments, and the body of a comment on a pull request (characters).
LONGEST_DISMISSAL = 280


LONGEST_COMMENT = 65_536


# The job summary of one step (bytes).
LARGEST_STEP_SUMMARY = 1024 * 1024


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
