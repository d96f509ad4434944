"""The options that several commands share."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secagg.cli import completion
from secagg.errors import UsageError
from secagg.pipeline.choices import SuppressedHandling, View

if TYPE_CHECKING:
    from secagg.output.listing import Listing


class OutputFormat(StrEnum):
    """What to print on standard output."""

    TABLE = "table"
    JSON = "json"


class ScanFormat(StrEnum):
    """How a scan prints its findings on standard output."""

    FULL = "full"
    CONCISE = "concise"
    TABLE = "table"
    JSON = "json"

    @property
    def listing(self) -> Listing | None:
        """Return how to list rows; None for JSON."""
        from secagg.output.listing import Listing

        return None if self is ScanFormat.JSON else Listing(self.value)


def _seconds(text: str) -> float:
    from secagg.system.dates import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _moment(text: str) -> datetime:
    from secagg.system.dates import parse_time

    at = parse_time(text)
    if at is None:
        raise typer.BadParameter("a time such as 2026-12-31T04:00:00Z is expected")
    return at


def _is_default(context: typer.Context, name: str | None) -> bool:
    source = context.get_parameter_source(name or "")
    return source is not None and source.name == "DEFAULT"


def _root(context: typer.Context, param: typer.CallbackParam, value: Path) -> Path:
    """Return the directory given, by default the root of the repository around this one.

    Raises :class:`UsageError` where it does not exist: a failed checkout has no exceptions and no
    problems, and must not count as clean.
    """
    if not _is_default(context, param.name):
        if not value.is_dir():
            raise UsageError(f"{value} is not a directory")
        return value
    from secagg.system.root import find_root

    return find_root(Path())


def _in_root(context: typer.Context, param: typer.CallbackParam, value: Path) -> Path:
    """Return the directory given; the default is relative to the repository's root."""
    if not _is_default(context, param.name):
        return value
    from secagg.system.root import find_root

    return find_root(Path()) / value


PathArgument = Annotated[
    Path,
    typer.Argument(
        help="The repository's directory; by default the root of the current one.",
        metavar="PATH",
        show_default=False,
        callback=_root,
    ),
]
FilesArgument = Annotated[list[str], typer.Argument(help="Reports of scanners.", metavar="FILE")]
ToolsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tool",
        "-t",
        help="Run only this tool, and require it. Repeatable.",
        autocompletion=completion.tools,
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        parser=_seconds, metavar="TIME", help="The most time for each tool run, such as 90s or 15m."
    ),
]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="The most tools to run at once.")
]
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
        help="How problems are listed: full (grouped by place; so on a terminal), concise (a line "
        "each; so in a pipe or a CI log), table, or json.",
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="Also list the problems that do not count.")]
PolicyOption = Annotated[
    str | None,
    typer.Option(
        help="A built-in policy or the path of a policy file.", autocompletion=completion.policies
    ),
]
ConfigOption = Annotated[
    Path | None, typer.Option(help="The configuration, instead of secagg.yaml in PATH.")
]
RootOption = Annotated[
    Path,
    typer.Option(
        help="The repository; by default the current one.",
        metavar="DIR",
        show_default=False,
        callback=_root,
    ),
]
StripPrefixOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PREFIX",
        help="The checkout's path on the machine that scanned, such as /src. Repeatable.",
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print no progress, and only the decision.")
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print more about each tool run.")
]
ColourOption = Annotated[bool, typer.Option("--no-color", help="Print no colours (also NO_COLOR).")]
ViewOption = Annotated[
    View,
    typer.Option("--view", help="In findings.sarif: one run per tool, or one result per problem."),
]
PolicyFromOption = Annotated[
    str | None,
    typer.Option(
        metavar="COMMIT",
        help="Read policy, exceptions and configuration from this commit; in a pull request by "
        "default from its base.",
    ),
]
BaselineOption = Annotated[
    str | None,
    typer.Option(
        metavar="WHAT",
        help="Compare with a report, run:KEY of the store, a recorded commit, a scan of the base "
        "(scan), the store's run or else such a scan (auto: the default of pr-gate in a change), "
        "or none.",
    ),
]
DiffOption = Annotated[
    str | None,
    typer.Option(metavar="BASE...HEAD", help="Mark the problems on lines of this change."),
]
VexOption = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="A VEX document: OpenVEX, CycloneDX or CSAF. Repeatable."),
]
ByOption = Annotated[
    str | None,
    typer.Option(
        "--by",
        "--as",
        metavar="NAME",
        help="Who decides; by default git's user.email, or the account.",
    ),
]
HistoryOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="WHERE",
        help="The history: a SQLite file, or the URL of a database or of secagg serve; by default "
        ".secagg/secagg.db (also SECAGG_STORE).",
    ),
]
NoStoreOption = Annotated[
    bool, typer.Option("--no-store", help="Neither read nor write the history.")
]
OriginOption = Annotated[
    str | None,
    typer.Option(
        "--repo",
        "--repository",
        metavar="OWNER/NAME",
        help="In the history: the repository, if git is wrong.",
    ),
]
OriginBranchOption = Annotated[
    str | None, typer.Option(help="In the history: the branch, instead of the one checked out.")
]
OriginCommitOption = Annotated[
    str | None, typer.Option(help="In the history: the commit, instead of the one checked out.")
]
TimeOption = Annotated[
    datetime | None,
    typer.Option(
        "--at",
        parser=_moment,
        metavar="TIME",
        help="In the history: when the scanners ran (UTC), by default now.",
    ),
]
AttestOption = Annotated[
    bool,
    typer.Option(
        "--attest",
        help="Write evidence.sigstore.json: what was evaluated and what was incomplete, signed "
        "by the CI job's identity.",
    ),
]
AttestUnsignedOption = Annotated[
    bool,
    typer.Option(
        "--attest-unsigned",
        help="Write that statement without a signature, as evidence.unsigned.json.",
    ),
]
RepositoryOption = Annotated[
    str | None,
    typer.Option(
        "--repo", "--repository", metavar="OWNER/NAME", help="The repository, if not this one."
    ),
]
RefOption = Annotated[
    str | None, typer.Option(metavar="REF", help="The ref analysed, such as refs/heads/main.")
]
CommitOption = Annotated[str | None, typer.Option(metavar="SHA", help="The commit analysed.")]
ApiUrlOption = Annotated[
    str | None, typer.Option(metavar="URL", help="The API of a GitHub Enterprise Server.")
]
CategoryOption = Annotated[
    str | None,
    typer.Option(help="The category of a single run; before those of several it is a prefix."),
]
CompleteOption = Annotated[
    bool,
    typer.Option(
        "--complete",
        help="FILES are the whole result: close the alerts of categories that none of them has.",
    ),
]
SuppressedOption = Annotated[
    SuppressedHandling,
    typer.Option(help="Dismiss the alerts of suppressed results (default branch), or omit them."),
]
DryRunOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Send nothing; write the exact requests into DIR."),
]
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Send nothing; show what would be sent as a table.")
]
CommentOption = Annotated[
    bool, typer.Option("--comment", help="Keep one comment on the pull request up to date.")
]
JournalOption = Annotated[
    bool,
    typer.Option("--journal/--no-journal", help="Record what was sent, and do not send it twice."),
]
HistoryRepositoryOption = Annotated[
    str | None,
    typer.Option(
        "--repo",
        "--repository",
        metavar="OWNER/NAME",
        help="The repository in the history; by default this one.",
    ),
]
HistoryBranchOption = Annotated[
    str | None, typer.Option(help="The branch, instead of the one checked out.")
]
