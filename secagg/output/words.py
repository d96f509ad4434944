"""Return the texts of a problem for all screens and files, from plain values.

:mod:`secagg.output.rows` uses them for the groups of a scan, :mod:`secagg.report.words` for the
problems of the history. They are as the scanners wrote them (masked, not escaped).
"""

from __future__ import annotations

from collections.abc import Sequence

from secagg.model.finding import Kind

_COMMIT_SHOWN = 10


def title(name: str, package: str | None, version: str | None) -> str:
    """Return the name of a problem: the advisory, licence or rule ``name``, and the package."""
    if package is None:
        return name
    return f"{name} {package}{f' {version}' if version else ''}"


def detail(
    title: str,
    message: str,
    rule_id: str,
    *,
    verified: bool | None,
    in_history_only: bool | None,
    kev: bool | None = None,
) -> str:
    """Return a sentence on a problem, with notes on its urgency."""
    notes = []
    if verified:
        notes.append("verified: it works")
    if in_history_only:
        notes.append("only in history")
    if kev:
        notes.append("known to be exploited")
    # A title that is only the rule's id explains nothing.
    text = title if title != rule_id else message or title
    return text + (f" ({', '.join(notes)})" if notes else "")


def place(
    uri: str | None, line: int | None, *, fallback: str | None, commit: str | None = None
) -> str:
    """Return the place of a problem as editors and terminals write it (``path:line``).

    ``fallback`` is the place without a file; ``commit`` that of a file in the history only.
    """
    if uri is None:
        return fallback or "(no location)"
    location = uri if line is None else f"{uri}:{line}"
    return f"{location} @ {commit[:_COMMIT_SHOWN]}" if commit else location


def remedy(kind: Kind, fixed_versions: Sequence[str], fix: str | None) -> str | None:
    """Return the fix of a problem, if one is known."""
    if fixed_versions:
        return "fixed in " + " or ".join(fixed_versions)
    # The fix of a secret is always the same, and the gate's reason has it.
    return None if kind is Kind.SECRET else fix
