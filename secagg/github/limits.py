"""What code scanning refuses, and what it keeps of what it takes.

Source: GitHub Docs, "SARIF results exceed one or more limits" and "SARIF support for code
scanning" (file size).
"""

from __future__ import annotations

from dataclasses import dataclass


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
