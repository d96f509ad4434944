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
_WHERE_IDS_STAND = "ids stand in the table of the last scan"


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


def whole_identity(
    given: str, rows: Sequence[Group] | None, *, option: str = ""
) -> tuple[str, Group | None]:
    """The identity of the row of the last scan that begins with ``given``, and the row.

    One that is given whole is taken as it is; its row is None where the last scan has none.
    ``rows`` are those of the last scan if there was one, ``option`` is where it was given. Raises
    :class:`UsageError` for what is no id, and for a beginning of no row or of several.
    """
    begun = given.strip().lower()
    where = f"{option}: " if option else ""
    if not begun or len(begun) > _WHOLE or begun.strip("0123456789abcdef"):
        # It is not repeated: people paste what they should not.
        raise UsageError(
            f"{where}an id has up to {_WHOLE} hexadecimal digits and nothing else",
            hint=_WHERE_IDS_STAND,
        )
    found = [group for group in rows or () if group.identity.startswith(begun)]
    if len(begun) == _WHOLE:
        return begun, found[0] if found else None
    if rows is None:
        raise UsageError(
            f"{where}without a scan's findings the whole identity is needed ({_WHOLE} digits)",
            hint="run a scan first, or name its directory with --from",
        )
    if not found:
        raise UsageError(
            f"{where}no rows of the last scan begin with {begun}", hint=_WHERE_IDS_STAND
        )
    if len(found) > 1 or len(begun) < _LEAST:
        raise UsageError(
            f"{where}{begun} is too short to name a row of the last scan",
            hint=f"give more of its digits (at least {_LEAST}), as secagg explain shows them",
        )
    return found[0].identity, found[0]
