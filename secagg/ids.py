"""Ids of problems: shorten them for screens, and resolve what people type.

A problem has an id of its own (``secagg/v1`` of its group). Each of its findings has one too, which
SARIF files and GitHub show. In every command any of these names the problem, whole or by its first
digits.
"""

from __future__ import annotations

from collections.abc import Iterable

from secagg.errors import UsageError

WHOLE = 32
"""The number of hexadecimal digits of an id."""
SHORTEST = 6
"""The fewest digits that may name a problem."""
SHOWN = 10
"""The number of digits that screens show."""
NEAR = 3
"""The first digits that an id must share with a wrong one to be suggested."""

_MOST_SUGGESTED = 3
_WHERE = "ids are in the table of the last scan, in findings.sarif and in secagg report"


def short(identity: str) -> str:
    """Shorten an id to the digits that screens show."""
    return identity[:SHOWN]


def read_id(text: str, *, option: str = "") -> str:
    """Read an id, or its first digits, as people type it: in any case, with or without hyphens.

    ``option`` is the command's option, for messages. Raises :class:`UsageError` for any other
    text; the message does not repeat it, because people paste secrets by mistake.
    """
    digits = text.strip().lower().replace("-", "")
    where = f"{option}: " if option else ""
    if len(digits) > WHOLE or digits.strip("0123456789abcdef"):
        raise UsageError(
            f"{where}an id has up to {WHOLE} hexadecimal digits and nothing else", hint=_WHERE
        )
    if len(digits) < SHORTEST:
        raise UsageError(
            f"{where}{digits!r} is too short to name a problem",
            hint=f"give at least {SHORTEST} digits of its id",
        )
    return digits


def begins(start: str, names: Iterable[str]) -> bool:
    """Tell whether one of ``names`` begins with ``start`` (in lower case, hyphens allowed)."""
    digits = start.replace("-", "")
    return len(digits) >= SHORTEST and any(name.startswith(digits) for name in names)


def resolve(
    text: str,
    rows: Iterable[tuple[str, Iterable[str]]],
    *,
    source: str = "the last scan",
    option: str = "",
) -> str:
    """Resolve an id, or its first digits, to the id of the only problem that has it.

    ``rows`` are the ids of problems, each with all ids of its findings (its own may be among
    them). The id of a problem outranks the same id of another problem's finding. ``source`` is
    where the rows come from, for messages. Raises :class:`UsageError` with the nearest ids if no
    problem or several have the id ``text``.
    """
    start = read_id(text, option=option)
    where = f"{option}: " if option else ""
    names: dict[str, dict[str, None]] = {}
    near: dict[str, None] = {}
    for row, others in rows:
        for name in (row, *others):
            if name.startswith(start):
                names.setdefault(name, {})[row] = None
            elif name.startswith(start[:NEAR]):
                near[name] = None
    matches: dict[str, None] = {}
    for name, owners in names.items():
        matches.update({name: None} if name in owners else owners)
    if len(matches) == 1:
        return next(iter(matches))
    if not matches:
        suggested = _nearest(start, near)
        raise UsageError(
            f"{where}no problem of {source} goes by the id {start}",
            hint=f"did you mean {' or '.join(suggested)}?" if suggested else _WHERE,
        )
    if len(names) == 1:
        raise UsageError(
            f"{where}{len(matches)} problems of {source} share the id {start}",
            hint="each problem has one of its own: " + ", ".join(sorted(matches)[:_MOST_SUGGESTED]),
        )
    raise UsageError(
        f"{where}{len(matches)} problems of {source} have an id that begins with {start}",
        hint="give more of its digits: " + ", ".join(sorted(names)[:_MOST_SUGGESTED]),
    )


def _nearest(start: str, names: Iterable[str]) -> list[str]:
    """Return the ``names`` that share most first digits with ``start``."""

    def shared(name: str) -> int:
        return next((at for at, (a, b) in enumerate(zip(start, name, strict=False)) if a != b), 0)

    return sorted(names, key=lambda name: (-shared(name), name))[:_MOST_SUGGESTED]
