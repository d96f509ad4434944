"""``secagg issues``: keep rolling issues at GitHub up to date."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.filteroptions import AtLeastFilter, KindFilter, SeverityFilter
from secagg.cli.options import (
    ApiUrlOption,
    HistoryBranchOption,
    HistoryOption,
    RepositoryOption,
    RootOption,
)
from secagg.errors import ExitCode, UsageError
from secagg.github.client import Client, Token, find_token
from secagg.github.issues import LABEL, IssueAction, IssuesApi, Step, Tracker, plan
from secagg.github.target import TargetOptions, find_repository
from secagg.output import console
from secagg.output.escape import terminal
from secagg.pipeline.issues import draft_issues
from secagg.pipeline.origin import origin_of
from secagg.pipeline.storesource import HistoryScope, read_store
from secagg.report.filters import FilterWords, filters_of
from secagg.report.query import GroupBy
from secagg.secrets.lastfilter import run_redactor
from secagg.system.dates import utc_now

issues_app = typer.Typer(help="Keep rolling issues at GitHub up to date.")

_MOST_NEW = 25


class SectionName(StrEnum):
    """What has an issue of its own."""

    COMPONENT = "component"
    OWNER = "owner"


@issues_app.callback()
def _issues() -> None:
    """Keep rolling issues at GitHub up to date."""


@issues_app.command()
def sync(
    by: Annotated[SectionName, typer.Option(help="What has an issue of its own.")] = (
        SectionName.COMPONENT
    ),
    severity: SeverityFilter = None,
    at_least: AtLeastFilter = None,
    kind: KindFilter = None,
    into: Annotated[
        str | None,
        typer.Option(
            metavar="OWNER/NAME", help="The repository of the issues, if not the scanned one."
        ),
    ] = None,
    public_ok: Annotated[
        bool,
        typer.Option(
            "--public-ok",
            help="Write issues that everybody can read; secrets are counted there, not listed.",
        ),
    ] = False,
    label: Annotated[
        str, typer.Option(metavar="LABEL", help="The label by which its issues are found.")
    ] = LABEL,
    most_new: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="The most issues to make in one call, the worst first."
        ),
    ] = _MOST_NEW,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; show what would be done.")
    ] = False,
    root: RootOption = Path(),
    store: HistoryOption = None,
    repository: RepositoryOption = None,
    branch: HistoryBranchOption = None,
    api_url: ApiUrlOption = None,
) -> None:
    """Keep one issue for each component or owner up to date with the recorded scans.

    An issue is closed when nothing is open and the last scan was complete, and opened again when
    something comes back. Comments stay, and so does what people write above and below its text.
    """
    request = IssuesRequest(
        severity=severity or (),
        at_least=at_least,
        kind=kind or (),
        by=GroupBy(by.value),
        into=into,
        public_ok=public_ok,
        label=label,
        most_new=most_new,
        dry_run=dry_run,
        branch_named=branch is not None,
        target=TargetOptions(repository=repository, api_url=api_url),
    )
    scope = HistoryScope(root=root, store=store, repository=repository, branch=branch)
    raise typer.Exit(sync_issues(request, scope))


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuesRequest(FilterWords):
    """The options of ``secagg issues sync``, not yet checked.

    Its filters select by what a problem is, never by when or where: an issue whose problems are
    only filtered out would be closed.
    """

    by: GroupBy = GroupBy.COMPONENT
    into: str | None = None
    public_ok: bool = False
    label: str = LABEL
    most_new: int = _MOST_NEW
    dry_run: bool = False
    branch_named: bool = False
    target: TargetOptions = field(default_factory=TargetOptions)


def sync_issues(request: IssuesRequest, scope: HistoryScope) -> int:
    """Bring the issues up to date, print what was done, and return 0, or 4 if GitHub refused.

    Raises :class:`UsageError` for a public repository without ``public_ok``, and for a branch other
    than the default one that was not named; :class:`UploadError` where GitHub cannot be read.
    """
    now = utc_now()
    filters_of(request, None, now)
    if not request.label.strip() or "," in request.label:
        raise UsageError("--label is one word without a comma")
    redactor = run_redactor()
    name, address = find_repository(request.target, os.environ, scope.root)
    options = TargetOptions(repository=request.into, api_url=request.target.api_url)
    into = name if request.into is None else find_repository(options, os.environ, scope.root)[0]
    history = read_store(scope, details=False)
    origin = origin_of(scope.root, repository=scope.repository, branch=scope.branch)
    with Client(address, _token()) as client:
        issues = IssuesApi(client, into)
        tracker = issues.tracker()
        _check_public(tracker, request)
        _check_branch(origin.branch, issues.default_branch(name), request)
        sections = draft_issues(
            history,
            request,
            request.by,
            repository=origin.repository,
            branch=origin.branch,
            public=tracker.is_public,
            redactor=redactor,
            now=now,
        )
        actions = plan(
            sections.drafts,
            issues.ours(request.label),
            sections.scope,
            complete=sections.complete,
            most_new=request.most_new,
        )
        if request.dry_run:
            _print(actions, would=True)
            return int(ExitCode.PASS)
        report = issues.carry_out(actions, request.label)
    _print(report.done)
    for action, message in report.failed:
        console.err(f"failed: {_line(action)}: {terminal(message)}\n")
    is_stuck = any(action.needs_person for action in report.done)
    return int(ExitCode.STORE_OR_UPLOAD if report.failed or is_stuck else ExitCode.PASS)


def _token() -> Token:
    try:
        return find_token(os.environ)
    except UsageError as error:
        raise UsageError(
            error.message,
            hint="set GITHUB_TOKEN; the token needs to read the repository and write issues (in "
            "a workflow: permissions: {contents: read, issues: write})",
        ) from None


def _check_public(tracker: Tracker, request: IssuesRequest) -> None:
    if tracker.is_public and not request.public_ok:
        raise UsageError(
            f"{tracker.name} is public: its issues would tell everybody of problems that are not "
            "fixed yet",
            hint="name a private repository with --into OWNER/NAME, or say --public-ok",
        )


def _check_branch(branch: str, default: str | None, request: IssuesRequest) -> None:
    if default is not None and branch != default and not request.branch_named:
        raise UsageError(
            f"{branch} is checked out, and issues are about the default branch {default}",
            hint=f"--branch {default}, or --branch {branch} for issues of that branch",
        )


def _print(actions: Sequence[IssueAction], *, would: bool = False) -> None:
    if not actions:
        console.out("nothing is open, and there are no issues\n")
    changing = [a for a in actions if a.step not in (Step.KEEP, Step.LEAVE)]
    for action in actions:
        prefix = "would " if would and action in changing else ""
        console.out(f"{prefix}{_line(action)}\n")


def _line(action: IssueAction) -> str:
    number = f" #{action.number}" if action.number else ""
    return terminal(f"{action.step}{number} {action.name}: {action.reason}")
