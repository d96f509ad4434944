"""The rows of the last scan, for commands that name one of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from secagg import ids
from secagg.config import load_config
from secagg.errors import UsageError
from secagg.merge import Group
from secagg.merge.identity import find_group
from secagg.pipeline.gate import plain_gate
from secagg.pipeline.parse import parse_files
from secagg.pipeline.sarifruns import MERGED_DRIVER
from secagg.pipeline.write import SARIF_NAME, SUMMARY_NAME
from secagg.secrets.key import VARIABLE, is_shared
from secagg.secrets.lastfilter import run_redactor

# Its own summary has a few kilobytes; what else may lie there is not read.
_LARGEST_SUMMARY = 4 * 1024 * 1024


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


def last_times(last: Path) -> dict[tuple[str, str, str | None], float]:
    """How many seconds each run took (by tool, component and mode) of the scan in ``last``.

    Without such a scan, or where its summary cannot be read, nothing is known.
    """
    try:
        with (last / SUMMARY_NAME).open("rb") as file:
            summary = msgspec.json.decode(file.read(_LARGEST_SUMMARY), type=_Times)
    except (OSError, msgspec.MsgspecError):
        return {}
    return {(t.tool, t.component, t.mode): t.seconds for t in summary.tools if t.seconds}


class _Time(msgspec.Struct):
    tool: str
    component: str
    mode: str | None = None
    seconds: float = 0.0


class _Times(msgspec.Struct):
    tools: list[_Time]


def is_whole_row(group: Group) -> bool:
    """True for a row of the merged view: one result for all its sources, which it only names."""
    origin = group.members[0].sarif
    if origin is None:
        return False
    driver = origin.run.get("tool", {}).get("driver", {})
    return bool(driver.get("name") == MERGED_DRIVER)


def row_named(
    given: str, rows: Sequence[Group] | None, *, option: str = ""
) -> tuple[str, Group | None]:
    """Find the row of the last scan that goes by the id ``given``: its own id, and the row.

    ``rows`` are those of the last scan. Without one (None) only a whole id will do, and it is taken
    as it is. ``option`` is where the id was given. Raises :class:`UsageError`.
    """
    if rows is not None:
        group = find_group(rows, given, option=option)
        return group.identity, group
    identity = ids.read_id(given, option=option)
    if len(identity) < ids.WHOLE:
        where = f"{option}: " if option else ""
        raise UsageError(
            f"{where}without a scan's findings the whole id is needed ({ids.WHOLE} digits)",
            hint="run a scan first, or name its directory with --from",
        )
    return identity, None


def refuse_own_key(key: str | None, *, option: str, other: str) -> None:
    """Raise :class:`UsageError` for a secret whose id depends on a key that only this machine has.

    ``key`` is the fingerprint of the key that its value was hashed under. What names the id, given
    with ``option``, goes into a file that others read; ``other`` is another way to name it.
    """
    if key is None or is_shared() or key != run_redactor().key_name:
        return
    raise UsageError(
        f"{option}: this secret's id holds on this machine only: its value is hashed under a key "
        "that nobody else has",
        hint=f"{other}; or set {VARIABLE} to the same text wherever this repository is scanned, "
        "and scan again",
    )
