"""The choices that options offer and the pipeline makes.

They are apart from the pipeline, so that the command line starts without it.
"""

from __future__ import annotations

from enum import StrEnum


class View(StrEnum):
    """Which results ``findings.sarif`` has: one a finding, or one a group."""

    PER_TOOL = "per-tool"
    MERGED = "merged"


class SuppressedHandling(StrEnum):
    """What to do with suppressed results: upload and dismiss them, or leave them out."""

    DISMISS = "dismiss"
    OMIT = "omit"
