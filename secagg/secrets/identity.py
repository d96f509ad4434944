"""One identity for one secret, however tools quote it."""

from __future__ import annotations

import re

from secagg.secrets.redactor import Redactor, Secret

_TOOL_MASKS = frozenset({"redacted", "redact", "[redacted]", "<redacted>", "removed"})
_ESCAPED_BREAK = re.compile(r"(?:\\r)?\\n")


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
