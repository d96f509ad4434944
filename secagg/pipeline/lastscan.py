"""The rows of the last scan, for commands that name one of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from secagg.config import load_config
from secagg.errors import UsageError
from secagg.merge import Group
from secagg.pipeline.gate import plain_gate
from secagg.pipeline.parse import parse_files
from secagg.pipeline.sarifruns import MERGED_DRIVER
from secagg.pipeline.write import SARIF_NAME

# As many digits as an identity has, and as many as tell a row from others.
_WHOLE = 32
_LEAST = 6


def rows_of_last(root: Path, last: Path) -> Sequence[Group] | None:
    """The rows of the scan that was written to the directory ``last``, if there was one."""
    file = last / SARIF_NAME
    if not file.is_file():
        return None
    outcome = parse_files(
        [str(file)],
        tool=None,
        root=root.resolve(),
        gate=plain_gate(root, load_config(root, None)),
    )
    return outcome.merged.groups


def is_whole_row(group: Group) -> bool:
    """True for a row of the merged view: one result for all its sources, which it only names."""
    origin = group.members[0].sarif
    if origin is None:
        return False
    driver = origin.run.get("tool", {}).get("driver", {})
    return bool(driver.get("name") == MERGED_DRIVER)


def whole_identities(
    root: Path, given: Sequence[str], last: Path, *, option: str = ""
) -> tuple[tuple[str, Group | None], ...]:
    """The identities of the rows of the last scan that begin with those ``given``, and the rows.

    One that is given whole is taken as it is; its row is None where the last scan has none.
    ``option`` is where they were given. Raises :class:`UsageError` for a beginning of no row or
    of several.
    """
    rows = rows_of_last(root, last)
    where = f"{option}: " if option else ""
    return tuple(_whole(one.strip().lower(), rows, where) for one in given)


def _whole(begun: str, rows: Sequence[Group] | None, where: str) -> tuple[str, Group | None]:
    found = [group for group in rows or () if group.identity.startswith(begun)]
    if len(begun) >= _WHOLE:
        return begun, found[0] if found else None
    if rows is None:
        raise UsageError(
            f"{where}without a scan's findings the whole identity is needed ({_WHOLE} digits)",
            hint="run a scan first, or name its directory with --from",
        )
    if len(found) != 1 or len(begun) < _LEAST:
        count = len(found) if found else "no"
        raise UsageError(
            f"{where}{count} row{'s' * (len(found) != 1)} of the last scan "
            f"begin{'s' * (len(found) == 1)} with {begun!r}",
            hint=f"give more of its digits (at least {_LEAST}), as secagg explain shows them"
            if found
            else "ids stand in the table of the last scan",
        )
    return found[0].identity, found[0]
