"""Ids of rows: shown short, and understood as people give them back.

A row has an id of its own (``secagg/v1`` of its group). Each of its members has one too, which
SARIF files and GitHub show. Any of them names the row, whole or by its first digits, in every
command.
"""

from __future__ import annotations

from collections.abc import Iterable

from secagg.errors import UsageError

WHOLE = 32
"""The hexadecimal digits of an id."""
SHORTEST = 6
"""The fewest digits that name a row."""
SHOWN = 10
"""The digits that screens show."""
NEAR = 3
"""The first digits that an id must share with a wrong one to be offered in its place."""

_OFFERED = 3
_WHERE = "ids stand in the table of the last scan, in findings.sarif and in secagg report"


def short(identity: str) -> str:
    """Cut an id to as many digits as screens show."""
    return identity[:SHOWN]


def read_id(given: str, *, option: str = "") -> str:
    """Read an id, or its first digits, as people write it: in any case, with or without hyphens.

    ``option`` is where it was given. Raises :class:`UsageError` for what is no id; the message
    does not repeat it, since people paste what they should not.
    """
    digits = given.strip().lower().replace("-", "")
    where = f"{option}: " if option else ""
    if len(digits) > WHOLE or digits.strip("0123456789abcdef"):
        raise UsageError(
            f"{where}an id has up to {WHOLE} hexadecimal digits and nothing else", hint=_WHERE
        )
    if len(digits) < SHORTEST:
        raise UsageError(
            f"{where}{digits!r} is too short to name a row",
            hint=f"give at least {SHORTEST} digits of its id",
        )
    return digits


def begins(start: str, names: Iterable[str]) -> bool:
    """Tell whether ``start`` (in lower case, hyphens allowed) is how one of ``names`` begins."""
    digits = start.replace("-", "")
    return len(digits) >= SHORTEST and any(name.startswith(digits) for name in names)


def resolve(
    given: str,
    rows: Iterable[tuple[str, Iterable[str]]],
    *,
    source: str = "the last scan",
    option: str = "",
) -> str:
    """Resolve an id, or its first digits, to the id of the only row that has it.

    ``rows`` are ids of rows, each with all ids of the row (its own may be among them).
    A row's own id outranks the same id of another row's member. ``source`` is where the rows come
    from, for messages. Raises :class:`UsageError` with the nearest ids where no row goes by
    ``given``, or several do.
    """
    start = read_id(given, option=option)
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
        offered = _nearest(start, near)
        raise UsageError(
            f"{where}no row of {source} goes by the id {start}",
            hint=f"did you mean {' or '.join(offered)}?" if offered else _WHERE,
        )
    if len(names) == 1:
        raise UsageError(
            f"{where}{len(matches)} rows of {source} share the id {start}",
            hint="each row has one of its own: " + ", ".join(sorted(matches)[:_OFFERED]),
        )
    raise UsageError(
        f"{where}{len(matches)} rows of {source} have an id that begins with {start}",
        hint="give more of its digits: " + ", ".join(sorted(names)[:_OFFERED]),
    )


def _nearest(start: str, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that share most first digits with ``start``."""

    def shared(name: str) -> int:
        return next((at for at, (a, b) in enumerate(zip(start, name, strict=False)) if a != b), 0)

    return sorted(names, key=lambda name: (-shared(name), name))[:_OFFERED]
