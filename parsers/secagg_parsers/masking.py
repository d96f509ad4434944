"""Masking of the texts that a report repeats: each distinct text is masked once."""

from __future__ import annotations

import re

from secagg.redact import Redactor, Secret

REVOKE = "Revoke the secret where it was issued, then remove it from the code and its history."

_TOOL_MASKS = frozenset({"redacted", "redact", "[redacted]", "<redacted>", "removed"})
_ESCAPED_BREAK = re.compile(r"(?:\\r)?\\n")
_LONGEST_REASON = 300


class Masker(dict[str, str]):
    """``masker[text]`` is the text without secrets. Identify the report's secrets first."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._mask = redactor.mask

    def __missing__(self, text: str) -> str:
        masked = self[text] = self._mask(text)
        return masked

    def all(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """Texts that stand together and are seldom repeated: looked through as one.

        Those with an ``@`` take long to look through, and are looked at one by one.
        """
        plain = "\0".join([text for text in texts if "@" not in text])
        if self._mask(plain) == plain:
            return tuple([self[text] if "@" in text else text for text in texts])
        return tuple([self[text] for text in texts])

    def optional(self, text: str | None) -> str | None:
        return None if text is None else self[text]


def identify(redactor: Redactor, value: str | None, *, key: bool = False) -> str | None:
    """The keyed hash of a secret's value; None where the tool had masked it.

    Line ends are made equal. A private key is brought to one form (the lines between its BEGIN
    and END, without indentation and blank lines, also where they were written as ``\\n``), so
    that tools which quote it differently agree; ``key`` says that it is one whose BEGIN the
    tool left out. The form in which a value was written is remembered too.
    """
    if value is None or is_masked(value):
        return None
    normal = value.replace("\r\n", "\n").replace("\r", "\n")
    if key or "-----BEGIN" in normal:
        lines = [line.strip() for line in _ESCAPED_BREAK.sub("\n", normal).split("\n")]
        redactor.identify(Secret("\n".join(line for line in lines if line)))
        body = [line for line in lines if line and not line.startswith("-----")]
        normal = "\n".join(body) if body else normal
    if normal != value:
        redactor.identify(Secret(value))
    return redactor.identify(Secret(normal))


def is_masked(value: str) -> bool:
    """True for what tools put in the place of a secret: asterisks, REDACTED, ``abc...``."""
    bare = value.strip()
    return not bare.strip("*") or bare.lower() in _TOOL_MASKS or bare.endswith("...")


def reason(redactor: Redactor, text: str) -> str:
    """A tool's own error message, fit to be quoted in one of ours: masked, one line, short."""
    line = " ".join(redactor.mask(text).split())
    return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 1] + "…"
