"""Read the files of the last scan again: its rows, and how long its tools took."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from secagg import ids
from secagg.config import load_config
from secagg.errors import UsageError
from secagg.jsonio.members import text_at
from secagg.merge import Group
from secagg.merge.groups import find_group
from secagg.pipeline.gate import plain_gate
from secagg.pipeline.parse import parse_files
from secagg.pipeline.sarifruns import MERGED_DRIVER
from secagg.pipeline.write import SARIF_NAME, SUMMARY_NAME
from secagg.secrets.key import VARIABLE, is_shared
from secagg.secrets.lastfilter import run_redactor

# Our own summary has a few kilobytes; a larger file is something else.
_MOST_SUMMARY_BYTES = 4 * 1024 * 1024


def rows_of_last_scan(root: Path, directory: Path) -> Sequence[Group] | None:
    """Return the rows of the scan in ``directory``; None where there is none."""
    file = directory / SARIF_NAME
    if not file.is_file():
        return None
    outcome = parse_files(
        [str(file)],
        tool=None,
        root=root.resolve(),
        gate=plain_gate(root, load_config(root, None)),
    )
    return outcome.merged.groups


def durations_of_last_scan(directory: Path) -> dict[tuple[str, str, str | None], float]:
    """Return the seconds of each run, by tool, component and mode, of the scan in ``directory``.

    Empty where there is no such scan, or its summary cannot be read.
    """
    try:
        with (directory / SUMMARY_NAME).open("rb") as file:
            summary = msgspec.json.decode(file.read(_MOST_SUMMARY_BYTES), type=_SummaryTimes)
    except (OSError, msgspec.MsgspecError):
        return {}
    return {
        (tool.tool, tool.component, tool.mode): tool.seconds
        for tool in summary.tools
        if tool.seconds
    }


class _ToolTime(msgspec.Struct):
    tool: str
    component: str
    mode: str | None = None
    seconds: float = 0.0


class _SummaryTimes(msgspec.Struct):
    tools: list[_ToolTime]


def is_merged_row(group: Group) -> bool:
    """Return whether a group comes from the merged view: one result, which names its sources."""
    sarif = group.members[0].sarif
    return sarif is not None and text_at(sarif.run, "tool", "driver", "name") == MERGED_DRIVER


def find_row(
    prefix: str, rows: Sequence[Group] | None, *, option: str = ""
) -> tuple[str, Group | None]:
    """Find the row of the last scan whose id begins with ``prefix``; return its id and the row.

    ``rows`` are those of the last scan. Where there is none (None), ``prefix`` has to be a whole
    id, and the row is None. ``option`` is the option with the id. Raises :class:`UsageError`.
    """
    if rows is not None:
        group = find_group(rows, prefix, option=option)
        return group.identity, group
    identity = ids.read_id(prefix, option=option)
    if len(identity) < ids.WHOLE:
        where = f"{option}: " if option else ""
        raise UsageError(
            f"{where}without a scan's findings the whole id is needed ({ids.WHOLE} digits)",
            hint="run a scan first, or name its directory with --from",
        )
    return identity, None


def refuse_machine_only_id(key: str | None, *, option: str, other: str) -> None:
    """Raise :class:`UsageError` for a secret whose id depends on a key that only this machine has.

    ``key`` is the fingerprint of the key under which its value was hashed. The id, given with
    ``option``, would go into a file that others read; ``other`` is another way to name the secret.
    """
    if key is None or is_shared() or key != run_redactor().key_name:
        return
    raise UsageError(
        f"{option}: this secret's id holds on this machine only: its value is hashed under a key "
        "that nobody else has",
        hint=f"{other}; or set {VARIABLE} to the same text wherever this repository is scanned, "
        "and scan again",
    )
