"""An exception with what it covers."""

from __future__ import annotations

from dataclasses import dataclass

from secagg.decisions.gapscope import GapScope
from secagg.decisions.scope import Scope
from secagg.decisions.toolscope import ToolScope
from secagg.policy.exception import PolicyException


@dataclass(frozen=True, slots=True)
class ScopedException:
    """``scope`` is what it covers: rows as a whole, one tool's findings among a row's, or gaps.

    ``None`` covers nothing: an entry that could not be understood is kept to be shown.
    """

    exception: PolicyException
    scope: Scope | ToolScope | GapScope | None


LONGEST_TEXT = 500


def shortened(text: object) -> str | None:
    """A text from a file on one line, cut where it is too long to show; None if there is none."""
    if not isinstance(text, str) or not text.strip():
        return None
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"
