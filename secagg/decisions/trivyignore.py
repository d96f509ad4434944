"""``.trivyignore``: an id a line, of any kind, perhaps ``exp:2026-12-01`` behind it.

Trivy 0.76 reads it so: blank lines and lines that begin with ``#`` say nothing, the first word
is the id, and a line with a bad date is left out.
"""

from __future__ import annotations

import datetime

from secagg.decisions.dates import Ceiling, last_day
from secagg.decisions.entry import ScopedException, shortened
from secagg.decisions.toolscope import ToolScope, checked_id
from secagg.policy.exception import DecisionSource, PolicyException

NAME = ".trivyignore"
_PREFIX = "exp:"


def read_trivyignore(text: str, ceiling: Ceiling, *, name: str = NAME) -> list[ScopedException]:
    """The exceptions in ``text``; comment lines right above an id are its reason."""
    entries: list[ScopedException] = []
    said: list[str] = []
    after_id = False
    for number, line in enumerate(text.split("\n"), start=1):
        written = line.strip()
        if not written:
            said, after_id = [], False
        elif written.startswith("#"):
            said = [] if after_id else said
            said.append(written.lstrip("# "))
            after_id = False
        else:
            after_id = True
            entries.append(_entry(written, said, ceiling, f"{name}:{number}"))
    return entries


def _entry(written: str, said: list[str], ceiling: Ceiling, source: str) -> ScopedException:
    words, _, comment = written.partition(" #")
    fields = words.split()
    expires: datetime.date | None = None
    refusal = None
    try:
        checked_id(fields[0])
    except ValueError as error:
        refusal = f"cannot be understood: {error}"
    dates = [word.removeprefix(_PREFIX) for word in fields[1:] if word.startswith(_PREFIX)]
    if dates:
        try:
            expires = last_day(dates[0])
        except ValueError:
            refusal = "has an expiry date that is none (exp:YYYY-MM-DD is expected)"
    exception = PolicyException(
        origin=DecisionSource.SCANNERS,
        source=source,
        target=f"{shortened(fields[0])} of trivy",
        reason=shortened(comment) or shortened(" ".join(said)),
        expires=expires,
        refusal=refusal or ceiling.foreign_refusal(None, expires),
    )
    return ScopedException(exception, ToolScope(tool="trivy", name=fields[0]))
