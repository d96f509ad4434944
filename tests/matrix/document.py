"""``docs/decisions-in-force.md``: the table that the matrix came to."""

from __future__ import annotations

from collections.abc import Mapping

from secagg.policy import load
from tests.matrix.places import PLACES
from tests.matrix.sources import SOURCES

_HEAD = """\
# Decisions in force

Made by the test of the matrix (`tests/matrix`), which makes a decision in each place below by the
command or the file that people use, and then reads from each place what became of it. A row of a
repository without decisions counts everywhere, before, meanwhile and after.

"""
_MIDDLE = """

`-`: the format speaks of vulnerabilities only, and the source is about others.

How a row looks on which somebody has decided:

"""
_TAIL = """

How a decision ends, in all of these places at the next run:

"""
_LAST = """

- **Overruled**: of several decisions on one problem the newest counts, under whichever of its ids each was
  made. In the store, people who said the same one after another are counted together; entries of a file
  name who agrees in `approved_by`. Open or confirmed, said by
  `secagg triage`, takes back what was written before it; what has no date counts as written before.
- A pull request decides nothing for itself: files and VEX documents count as they are in the base
  commit, and those that only the change has are refused. `pr-gate` does not trust reports.
"""


def document(cells: Mapping[tuple[str, str], bool]) -> str:
    """The document for ``cells``: by the names of source and place, whether decisions act."""
    names = [place.name for place in PLACES]
    rows = [["decided by", *names]]
    for source in SOURCES:
        acts = [_cell(cells.get((source.name, name))) for name in names]
        rows.append([source.what, *acts])
    looks = [["place", "a row that does not count"], *([p.what, p.looks] for p in PLACES)]
    trusted = load("pr-gate").decisions.trust
    ends = [["decided by", "a last day", "overruled by a newer word", "trusted by `pr-gate`"]]
    for source in SOURCES:
        day = "yes" if source.end is not None else "has none"
        ends.append([source.what, day, "yes", "yes" if source.origin in trusted else "no"])
    return _HEAD + _table(rows) + _MIDDLE + _table(looks) + _TAIL + _table(ends) + _LAST


def _cell(acts: bool | None) -> str:
    return "-" if acts is None else "acts" if acts else "does not act"


def _table(rows: list[list[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
