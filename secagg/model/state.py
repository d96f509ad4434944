"""The states of a problem, and the files that hold decisions on it and its history.

They stand apart from :mod:`secagg.model.problem`, whose classes take longer to make than a small
report takes to read: a command that reads no history does without them.
"""

from __future__ import annotations

from enum import StrEnum

DECISION_FILE = "secagg-exceptions.yaml"
"""Where decisions are written in git, relative to the root of the checkout."""
TRIAGE_FILE = ".secagg/triage.yaml"
"""Where older versions wrote decisions on single problems: it is read as the other file is."""
DECISION_FILES = (DECISION_FILE, TRIAGE_FILE)
"""Where decisions in git are read."""
STORE_FILE = ".secagg/secagg.db"
"""The default file of the history, relative to the root of the checkout."""


class State(StrEnum):
    """The state of a problem in triage."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false-positive"
    ACCEPTED = "accepted"
    FIXED = "fixed"


REOPENED = frozenset({State.OPEN, State.CONFIRMED})
"""The states that take back what was said before."""
