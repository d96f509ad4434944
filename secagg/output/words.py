"""The words for a problem, made once for all screens and files.

They are made of plain values: a scan shows groups (:mod:`secagg.output.rows`), the report shows
what the history keeps (:mod:`secagg.report.words`). Texts are as the scanners gave them (masked):
escape them for where they are shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from secagg.model.finding import Kind

_COMMIT_SHOWN = 10


def title(name: str, package: str | None, version: str | None) -> str:
    """Name a problem in a few words: the advisory, licence or rule ``name``, and the package."""
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
    """Say what a problem is in a sentence, with what makes it urgent or less so."""
    notes = []
    if verified:
        notes.append("verified: it works")
    if in_history_only:
        notes.append("only in history")
    if kev:
        notes.append("known to be exploited")
    # A rule's bare id tells nobody anything.
    text = title if title != rule_id else message or title
    return text + (f" ({', '.join(notes)})" if notes else "")


def place(
    uri: str | None, line: int | None, *, otherwise: str | None, commit: str | None = None
) -> str:
    """Say where a problem is, as editors and terminals understand it (``path:line``).

    ``otherwise`` is what stands in for a file, ``commit`` where the file is in history only.
    """
    if uri is None:
        return otherwise or "(no location)"
    where = uri if line is None else f"{uri}:{line}"
    return f"{where} @ {commit[:_COMMIT_SHOWN]}" if commit else where


def remedy(kind: Kind, fixed_versions: Sequence[str], fix: str | None) -> str | None:
    """Say what mends a problem, if anybody has said so."""
    if fixed_versions:
        return "fixed in " + " or ".join(fixed_versions)
    # What to do about a secret is always the same, and the gate's reason says it once.
    return None if kind is Kind.SECRET else fix
