"""The options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class OutputFormat(StrEnum):
    """What is printed on standard output."""

    TABLE = "table"
    JSON = "json"


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


PathArgument = Annotated[Path, typer.Argument(help="The repository's directory.")]
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
    typer.Option("--output", "-o", help="Directory for findings.sarif and the rest."),
]
FormatOption = Annotated[
    OutputFormat, typer.Option("--format", "-f", help="What to print on standard output.")
]
PolicyOption = Annotated[
    str | None, typer.Option(help="A built-in policy or the path of a policy file.")
]
ConfigOption = Annotated[
    Path | None, typer.Option(help="The configuration, instead of secagg.yaml in PATH.")
]
RootOption = Annotated[
    Path, typer.Option(help="The checkout that the reports speak of.", metavar="DIR")
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
