"""The options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from secagg.output.listing import Listing


class OutputFormat(StrEnum):
    """What is printed on standard output."""

    TABLE = "table"
    JSON = "json"


class ScanFormat(StrEnum):
    """What a scan prints on standard output."""

    FULL = "full"
    CONCISE = "concise"
    TABLE = "table"
    JSON = "json"

    @property
    def listing(self) -> Listing | None:
        """How rows are listed; None for a format that is no list."""
        from secagg.output.listing import Listing

        return None if self is ScanFormat.JSON else Listing(self.value)


class ViewName(StrEnum):
    """How findings stand in ``findings.sarif``."""

    PER_TOOL = "per-tool"
    MERGED = "merged"


def _seconds(text: str) -> float:
    from secagg.system.durations import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _is_default(context: typer.Context, name: str | None) -> bool:
    source = context.get_parameter_source(name or "")
    return source is not None and source.name == "DEFAULT"


def _root(context: typer.Context, param: typer.CallbackParam, value: Path) -> Path:
    """The repository's root where nothing is named, as git and ruff find it from a subfolder."""
    if not _is_default(context, param.name):
        return value
    from secagg.system.root import find_root

    return find_root(Path())


def _in_root(context: typer.Context, param: typer.CallbackParam, value: Path) -> Path:
    """A directory below the repository's root where nothing is named."""
    if not _is_default(context, param.name):
        return value
    from secagg.system.root import find_root

    return find_root(Path()) / value


PathArgument = Annotated[
    Path,
    typer.Argument(
        help="The repository's directory; by default the root of the one you stand in.",
        metavar="[PATH]",
        show_default=False,
        callback=_root,
    ),
]
FilesArgument = Annotated[list[str], typer.Argument(help="Reports of scanners.", metavar="FILE...")]
ToolsOption = Annotated[
    list[str] | None,
    typer.Option("--tool", "-t", help="Run this tool only, and require it. Repeatable."),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        parser=_seconds, metavar="TIME", help="One deadline for each tool run, such as 90s or 15m."
    ),
]
JobsOption = Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Runs side by side.")]
OutputOption = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="Directory for findings.sarif and the rest.",
        callback=_in_root,
    ),
]
LastOption = Annotated[
    Path,
    typer.Option(
        "--from", metavar="DIR", help="Where the last scan was written.", callback=_in_root
    ),
]
FormatOption = Annotated[
    OutputFormat, typer.Option("--format", "-f", help="What to print on standard output.")
]
ScanFormatOption = Annotated[
    ScanFormat | None,
    typer.Option(
        "--format",
        "-f",
        help="How findings are listed: full (grouped by place; so on a terminal), concise (a line "
        "each; so in a pipe or a CI log), table, or json.",
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="List what does not count as well.")]
PolicyOption = Annotated[
    str | None, typer.Option(help="A built-in policy or the path of a policy file.")
]
ConfigOption = Annotated[
    Path | None, typer.Option(help="The configuration, instead of secagg.yaml in PATH.")
]
RootOption = Annotated[
    Path,
    typer.Option(
        help="The repository; by default the one you stand in.",
        metavar="DIR",
        show_default=False,
        callback=_root,
    ),
]
StripPrefixOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PREFIX",
        help="Where the reports' paths begin on the machine that scanned, as /src. Repeatable.",
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress, and only the decision.")
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="More about each tool run.")]
ColourOption = Annotated[bool, typer.Option("--no-color", help="No colours (also by NO_COLOR).")]
ViewOption = Annotated[
    ViewName,
    typer.Option("--view", help="In findings.sarif: a run a tool, or a result a row."),
]
