"""The options that several commands share."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from secagg.output.listing import Listing
    from secagg.pipeline.gate import GateOptions


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
    from secagg.system.dates import seconds

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
    typer.Option(metavar="BASE...HEAD", help="Mark what lies on the lines of this change."),
]


VexOption = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="A VEX document: OpenVEX, CycloneDX or CSAF. Repeatable."),
]


StoreOption = Annotated[
    str | None,
    typer.Option(metavar="WHERE", help="The history: a path or URL, instead of .secagg/secagg.db."),
]


NoStoreOption = Annotated[
    bool, typer.Option("--no-store", help="Ask no history, and keep none of this.")
]


OriginOption = Annotated[
    str | None,
    typer.Option("--repo", help="In the history: the repository as OWNER/NAME, if git is wrong."),
]


OriginBranchOption = Annotated[
    str | None, typer.Option(help="In the history: the branch, instead of the one checked out.")
]


OriginCommitOption = Annotated[
    str | None, typer.Option(help="In the history: the commit, instead of the one checked out.")
]


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a time such as 2026-12-31T04:00:00Z is expected") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


TimeOption = Annotated[
    datetime | None,
    typer.Option(
        "--at",
        parser=_moment,
        metavar="TIME",
        help="In the history: when the scanners ran (UTC), by default now.",
    ),
]


def gate_options(
    *,
    policy: str | None,
    policy_from: str | None,
    baseline: str | None,
    diff: str | None,
    vex: list[str] | None,
    store: str | None,
    today: date | None = None,
    repository: str | None = None,
    branch: str | None = None,
    commit: str | None = None,
) -> GateOptions:
    """Return the options as the pipeline takes them."""
    from secagg.pipeline.gate import GateOptions

    return GateOptions(
        policy=policy,
        policy_from=policy_from,
        baseline=baseline,
        diff=diff,
        vex=tuple(vex or ()),
        store=store,
        today=today,
        repository=repository,
        branch=branch,
        commit=commit,
    )


class SuppressedName(StrEnum):
    """What becomes of suppressed results."""

    DISMISS = "dismiss"
    OMIT = "omit"


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
        help="FILES are all there is: close the alerts of categories that none of them has.",
    ),
]


SuppressedOption = Annotated[
    SuppressedName,
    typer.Option(help="Dismiss the alerts of suppressed results (default branch), or omit them."),
]


DryRunOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Send nothing; write exactly what would be sent into DIR."),
]


ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Send nothing; show what would be sent as a table.")
]


CommentOption = Annotated[
    bool, typer.Option("--comment", help="Keep one comment on the pull request up to date.")
]


JournalOption = Annotated[
    bool, typer.Option("--journal/--no-journal", help="Remember what was sent, and send it once.")
]


HistoryRepositoryOption = Annotated[
    str | None, typer.Option("--repo", help="The repository as OWNER/NAME.")
]


HistoryBranchOption = Annotated[
    str | None, typer.Option(help="The branch, instead of the one checked out.")
]


HistoryOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL|PATH",
        help="The store: a SQLAlchemy URL or a SQLite file (also SECAGG_STORE).",
        show_default=".secagg/secagg.db",
    ),
]
