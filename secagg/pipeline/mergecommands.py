"""``secagg merge``: what people decide on rows of the last scan, written down for the next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from secagg import ids
from secagg.errors import UsageError
from secagg.exitcodes import ExitCode
from secagg.output import console
from secagg.output.escape import terminal
from secagg.pipeline import overrules
from secagg.pipeline.lastscan import is_whole_row, row_named, rows_of_last


def split(root: Path, identity: str, *, reason: str, apart: Sequence[str], last: Path) -> int:
    """Run ``secagg merge split``."""
    whole, group = row_named(identity, rows_of_last(root, last))
    if group is not None and not is_whole_row(group):
        if len(group.members) == 1:
            raise UsageError(
                f"{ids.short(whole)} is one finding of {group.tools[0]}: there is nothing to split"
            )
        for tool in apart:
            if tool not in group.tools:
                raise UsageError(
                    f"{tool} did not report {ids.short(whole)}",
                    hint=f"it comes from {', '.join(group.tools)}",
                )
    file = overrules.split(root, whole, reason=reason, apart=tuple(apart))
    console.out(f"wrote {terminal(str(file))}; it holds from the next scan on\n")
    return int(ExitCode.PASS)


def join(root: Path, identities: Sequence[str], *, reason: str, last: Path) -> int:
    """Run ``secagg merge join``."""
    rows = rows_of_last(root, last)
    whole = tuple(dict.fromkeys(row_named(given, rows)[0] for given in identities))
    if len(whole) < 2:
        raise UsageError("it takes two rows to join", hint="secagg merge join ID ID --reason ...")
    file = overrules.join(root, whole, reason=reason)
    console.out(f"wrote {terminal(str(file))}; it holds from the next scan on\n")
    return int(ExitCode.PASS)
