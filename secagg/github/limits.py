"""The limits of code scanning, and the tally of what was changed or left out to meet them.

Source: GitHub Docs, "SARIF results exceed one or more limits" and "SARIF support for code
scanning" (file size).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MOST_DISMISSAL_CHARACTERS = 280
"""The longest comment of a dismissal."""
MOST_COMMENT_CHARACTERS = 65_536
"""The longest body of a comment on a pull request."""
MOST_STEP_SUMMARY_BYTES = 1024 * 1024
"""The largest job summary of one step."""
_MOST_EXAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """GitHub's limits. It refuses a file above ``X``, and shows no more than ``X_shown`` of it.

    ``gzip_bytes`` is the size after compression and before base64: GitHub says 10 MB, which may
    be 10,000,000. ``rule_name`` and ``rule_text`` are characters. ``uploads_an_hour`` are those of
    one token or app.
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


@dataclass(slots=True)
class TallyEntry:
    """How many times something was done, and the first few examples."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        self.count += 1
        if example and len(self.examples) < _MOST_EXAMPLES and example not in self.examples:
            self.examples.append(example)


@dataclass(slots=True)
class Tally:
    """Counts what an upload changes.

    ``mends`` and ``cuts`` change a result or rule that is sent; ``left_out`` are results that are
    not sent, by reason; ``truncated`` are parts that GitHub will not show.
    """

    mends: dict[str, TallyEntry] = field(default_factory=dict)
    cuts: dict[str, TallyEntry] = field(default_factory=dict)
    left_out: dict[str, TallyEntry] = field(default_factory=dict)
    truncated: dict[str, TallyEntry] = field(default_factory=dict)

    def mend(self, description: str, example: str = "") -> None:
        self.mends.setdefault(description, TallyEntry()).add(example)

    def cut(self, description: str, example: str = "") -> None:
        self.cuts.setdefault(description, TallyEntry()).add(example)

    def leave_out(self, reason: str, example: str = "") -> None:
        self.left_out.setdefault(reason, TallyEntry()).add(example)

    def truncate(self, description: str, example: str = "") -> None:
        self.truncated.setdefault(description, TallyEntry()).add(example)

    @property
    def left_out_count(self) -> int:
        return sum(entry.count for entry in self.left_out.values())

    def counts(self, kind: str) -> Counter[str]:
        """Return the counts of ``mends``, ``cuts``, ``left_out`` or ``truncated``."""
        entries: dict[str, TallyEntry] = getattr(self, kind)
        return Counter({description: entry.count for description, entry in entries.items()})
