"""Read ``.gitleaksignore``: a fingerprint a line, ``commit:file:rule:line`` or ``file:rule:line``.

The latter covers every commit and the work tree (as Gitleaks 8.30 reads it).
"""

from __future__ import annotations

import re

from secagg.decisions.entry import ScopedException, shortened
from secagg.decisions.toolscope import Fingerprint, ToolScope
from secagg.model.finding import Kind
from secagg.policy.decision import DecisionSource, PolicyException
from secagg.system.dates import Ceiling

NAME = ".gitleaksignore"
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def read_gitleaksignore(text: str, ceiling: Ceiling, *, name: str = NAME) -> list[ScopedException]:
    """Return the exceptions in ``text``; comment lines right above a fingerprint are its reason."""
    entries: list[ScopedException] = []
    comment: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        text_line = line.strip()
        if not text_line:
            comment = []
        elif text_line.startswith("#"):
            comment.append(text_line.lstrip("# "))
        else:
            entries.append(_entry(text_line, " ".join(comment), ceiling, f"{name}:{number}"))
            comment = []
    return entries


def _entry(text: str, comment: str, ceiling: Ceiling, source: str) -> ScopedException:
    fingerprint, refusal = None, None
    try:
        fingerprint = _fingerprint(text)
    except ValueError as error:
        refusal = str(error)
    exception = PolicyException(
        origin=DecisionSource.SCANNERS,
        source=source,
        target=shortened(f"leak {text}") or "",
        reason=shortened(comment),
        by_line=fingerprint is not None and fingerprint.commit is None,
        refusal=refusal or ceiling.foreign_refusal(None, None),
    )
    if fingerprint is None:
        return ScopedException(exception, None)
    scope = ToolScope(tool="gitleaks", kinds=frozenset({Kind.SECRET}), fingerprint=fingerprint)
    return ScopedException(exception, scope)


def _fingerprint(text: str) -> Fingerprint:
    parts = text.split(":")
    if len(parts) not in (3, 4):
        raise ValueError("is no fingerprint (file:rule:line, with or without commit: before it)")
    commit = parts[0] if len(parts) == 4 else None
    if commit is not None and not _COMMIT.fullmatch(commit):
        raise ValueError("names no whole commit, so that Gitleaks would not honour it either")
    uri, rule, line = parts[-3:]
    if not line.isascii() or not line.isdecimal() or len(line) > 9:
        raise ValueError("ends in no line number")
    if not uri or not rule:
        raise ValueError("names no file or no rule")
    uri = uri.replace("\\", "/").removeprefix("./")
    return Fingerprint(uri=uri, rule=rule, line=int(line), commit=commit)
