"""Masking of the texts that a report repeats: each distinct text is masked once."""

from __future__ import annotations

from secagg.secrets.redactor import Redactor

REVOKE = "Revoke the secret where it was issued, then remove it from the code and its history."

_LONGEST_REASON = 300
# What repeats within a report does so soon; the rest would only take memory until its end.
_MOST_KEPT = 16_384
_LONGEST_KEPT = 256


class Masker(dict[str, str]):
    """``masker[text]`` is the text without secrets. Identify the report's secrets first."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._mask = redactor.mask

    def __missing__(self, text: str) -> str:
        masked = self._mask(text)
        if len(text) <= _LONGEST_KEPT:
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[text] = masked
        return masked

    def optional(self, text: str | None) -> str | None:
        return None if text is None else self[text]


def reason(redactor: Redactor, text: str) -> str:
    """A tool's own error message, fit to be quoted in one of ours: masked, one line, short."""
    line = " ".join(redactor.mask(text).split())
    return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 1] + "…"
