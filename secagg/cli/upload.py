"""``secagg upload`` and the options that it shares with ``secagg scan --upload``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secagg.cli.db import StoreOption
from secagg.cli.options import (
    ConfigOption,
    FilesArgument,
    FormatOption,
    OutputFormat,
    QuietOption,
    RootOption,
)

if TYPE_CHECKING:
    from secagg.pipeline.uploadcommands import UploadRequest


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


def upload(
    files: FilesArgument,
    root: RootOption = Path(),
    repository: RepositoryOption = None,
    ref: RefOption = None,
    commit: CommitOption = None,
    api_url: ApiUrlOption = None,
    category: CategoryOption = None,
    suppressed: SuppressedOption = SuppressedName.DISMISS,
    dry_run: DryRunOption = None,
    explain: ExplainOption = False,
    comment: CommentOption = False,
    journal: JournalOption = True,
    complete: CompleteOption = False,
    output_format: FormatOption = OutputFormat.TABLE,
    config: ConfigOption = None,
    quiet: QuietOption = False,
) -> None:
    """Upload FILES to GitHub code scanning, mended and split so that GitHub takes them."""
    from secagg.pipeline import commands, uploadcommands

    screen = commands.Screen(json=output_format is OutputFormat.JSON, quiet=quiet)
    request = request_of(
        repository=repository,
        ref=ref,
        commit=commit,
        api_url=api_url,
        category=category,
        suppressed=suppressed,
        dry_run=dry_run,
        explain=explain,
        comment=comment,
        journal=journal,
        complete=complete,
    )
    raise typer.Exit(
        uploadcommands.upload_files(files, request, root=root, config=config, screen=screen)
    )


def bundle(
    files: FilesArgument,
    out: Annotated[
        Path, typer.Option("--output", "-o", "--out", metavar="FILE", help="The bundle to write.")
    ] = Path("secagg-bundle.json.gz"),
    root: RootOption = Path(),
    repository: RepositoryOption = None,
    ref: RefOption = None,
    commit: CommitOption = None,
    config: ConfigOption = None,
) -> None:
    """Write FILES into one bundle, in a job that may not upload (a fork's pull request)."""
    from secagg.pipeline import uploadcommands

    asked = uploadcommands.Asked(repository=repository, ref=ref, commit=commit)
    raise typer.Exit(uploadcommands.bundle_files(files, out, asked, root=root, config=config))


def publish(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="What secagg bundle wrote.")],
    api_url: ApiUrlOption = None,
    category: CategoryOption = None,
    comment: CommentOption = False,
    output_format: FormatOption = OutputFormat.TABLE,
) -> None:
    """Upload a BUNDLE of an untrusted job, in a workflow_run job that may."""
    from secagg.pipeline import commands, uploadcommands

    screen = commands.Screen(json=output_format is OutputFormat.JSON)
    request = request_of(api_url=api_url, category=category, comment=comment)
    raise typer.Exit(uploadcommands.publish_bundle(bundle, request, screen=screen))


def sync(
    store: StoreOption = None,
    root: RootOption = Path(),
    repository: RepositoryOption = None,
    ref: RefOption = None,
    commit: CommitOption = None,
    api_url: ApiUrlOption = None,
    newer_wins: Annotated[
        bool, typer.Option("--newer-wins", help="Settle conflicts by time, instead of not at all.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; show what would be changed.")
    ] = False,
) -> None:
    """Take dismissals from GitHub into the store, and write the store's decisions there."""
    from secagg.pipeline import synccommand, uploadcommands

    asked = uploadcommands.Asked(repository=repository, ref=ref, commit=commit, api_url=api_url)
    raise typer.Exit(
        synccommand.sync_alerts(asked, store, root=root, newer_wins=newer_wins, dry_run=dry_run)
    )


def triage_comment(
    store: StoreOption = None,
    root: RootOption = Path(),
    repo: Annotated[
        str | None, typer.Option(help="The repository in the store, if not GitHub's OWNER/NAME.")
    ] = None,
    repository: RepositoryOption = None,
    api_url: ApiUrlOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be.")] = False,
) -> None:
    """Decide as a comment on a pull request says (/secagg accept ID reason: WHY)."""
    from secagg.pipeline import commentcommand, uploadcommands

    asked = uploadcommands.Asked(repository=repository, api_url=api_url)
    raise typer.Exit(
        commentcommand.decide_by_comment(asked, store, root=root, repository=repo, dry_run=dry_run)
    )


def register(app: typer.Typer) -> None:
    """Give ``app`` the commands of this file."""
    for command in (upload, bundle, publish, sync, triage_comment):
        app.command()(command)


def request_of(
    *,
    repository: str | None = None,
    ref: str | None = None,
    commit: str | None = None,
    api_url: str | None = None,
    category: str | None = None,
    suppressed: SuppressedName = SuppressedName.DISMISS,
    dry_run: Path | None = None,
    explain: bool = False,
    comment: bool = False,
    journal: bool = True,
    complete: bool = False,
) -> UploadRequest:
    """The options as the pipeline takes them."""
    from secagg.pipeline import upload as uploading
    from secagg.pipeline import uploadcommands

    return uploadcommands.UploadRequest(
        asked=uploadcommands.Asked(repository=repository, ref=ref, commit=commit, api_url=api_url),
        options=uploading.UploadOptions(
            category=category,
            suppressed=uploading.Suppressed(suppressed.value),
            dry_run=dry_run,
            explain=explain,
            comment=comment,
        ),
        use_journal=journal,
        complete=complete,
    )
