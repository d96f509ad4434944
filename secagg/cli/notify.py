"""``secagg notify``: send a digest of the history's problems to chats, mail and webhooks."""

from __future__ import annotations

import datetime
import hashlib
import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secagg.cli.filteroptions import (
    AtLeastFilter,
    ComponentFilter,
    FixFilter,
    IdFilter,
    KindFilter,
    NewSinceFilter,
    OlderThanFilter,
    OverdueFilter,
    OwnerFilter,
    PackageFilter,
    PathFilter,
    SearchFilter,
    SeverityFilter,
    StateFilter,
    ToolFilter,
)
from secagg.cli.options import (
    HistoryBranchOption,
    HistoryOption,
    HistoryRepositoryOption,
    RootOption,
)
from secagg.cli.report import note_unmatched_filters
from secagg.errors import ExitCode, UsageError
from secagg.model.problem import RunRecord
from secagg.notify.digest import Digest, compose_digest
from secagg.notify.journal import Deliveries, DeliveryJournal, Sending
from secagg.notify.message import write_message
from secagg.notify.targets import (
    VARIABLE,
    Address,
    NotifyTarget,
    find_addresses,
    learn_addresses,
    targets_of,
)
from secagg.notify.texts import MENTION_BREAK, TextFormat
from secagg.output import console
from secagg.output.escape import terminal
from secagg.report.filters import FilterWords, filters_of
from secagg.report.formats import Report, compose
from secagg.report.query import GroupBy, Query
from secagg.report.source import RecordedHistory
from secagg.report.standing import newest_runs
from secagg.secrets.lastfilter import run_redactor
from secagg.secrets.redactor import Redactor
from secagg.system.dates import utc_now

if TYPE_CHECKING:
    from secagg.pipeline.storesource import HistoryScope

_ROWS = 50
_LONGEST_DRY_RUN = 100_000
_LAST = "last"


def notify(
    urls: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="URL",
            help="An address of apprise, such as slack://, mailto:// or json://. Addresses hold "
            f"tokens: rather set {VARIABLE}.",
            show_default=False,
        ),
    ] = None,
    urls_from: Annotated[
        Path | None,
        typer.Option("--urls-from", metavar="FILE", help="Addresses in a file, one on each line."),
    ] = None,
    severity: SeverityFilter = None,
    at_least: AtLeastFilter = None,
    kind: KindFilter = None,
    tool: ToolFilter = None,
    component: ComponentFilter = None,
    path: PathFilter = None,
    state: StateFilter = None,
    owner: OwnerFilter = None,
    package: PackageFilter = None,
    cve: IdFilter = None,
    older_than: OlderThanFilter = None,
    new_since: NewSinceFilter = None,
    fix: FixFilter = None,
    overdue: OverdueFilter = False,
    search: SearchFilter = "",
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="The most rows in a message.")
    ] = _ROWS,
    always: Annotated[
        bool, typer.Option("--always", help="Send a message also when no problem matches.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Send also what was sent for this run already.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing; print the message and its targets.")
    ] = False,
    root: RootOption = Path(),
    store: HistoryOption = None,
    repo: HistoryRepositoryOption = None,
    branch: HistoryBranchOption = None,
    all_repos: Annotated[
        bool,
        typer.Option(
            "--all-repos",
            help="All repositories: the default branch of each, or --branch ('*': every one).",
        ),
    ] = False,
) -> None:
    """Send a digest by owner to chats, mail and webhooks, once for each scan.

    The problems are those of secagg report with the same filters, of the recorded scans. A target
    that fails gets the message at the next call; the exit code is 4 then.
    """
    from secagg.pipeline.storesource import HistoryScope

    request = NotifyRequest(
        severity=severity or (),
        at_least=at_least,
        kind=kind or (),
        tool=tool or (),
        component=component or (),
        path=path or (),
        state=state or (),
        owner=owner or (),
        package=package or (),
        id=cve or (),
        older_than=older_than,
        new_since=new_since,
        fix=fix,
        overdue=overdue,
        search=search,
        limit=limit,
        always=always,
        again=again,
        dry_run=dry_run,
    )
    scope = HistoryScope(
        root=root, store=store, repository=repo, branch=branch, all_repositories=all_repos
    )
    redactor = run_redactor()
    addresses = find_addresses(urls or (), urls_from, os.environ)
    learn_addresses(addresses, redactor)
    raise typer.Exit(send_digests(request, scope, addresses, redactor))


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyRequest(FilterWords):
    """The options of ``secagg notify``, not yet checked."""

    limit: int = _ROWS
    always: bool = False
    again: bool = False
    dry_run: bool = False
    now: datetime.datetime = field(default_factory=utc_now)

    def filter_options(self) -> list[str]:
        """Return the filters as options of ``secagg report``."""
        return list(_options(self))


@dataclass(slots=True)
class _Outcome:
    """What happened at one target, as a line, and whether that is a failure."""

    line: str
    failed: bool = False
    digest: Digest | None = None


def send_digests(
    request: NotifyRequest, scope: HistoryScope, addresses: Sequence[Address], redactor: Redactor
) -> int:
    """Send each of ``addresses`` what is new to it, print what was sent, return the exit code.

    ``redactor`` knows the addresses. Raises :class:`UsageError` before anything is sent for an
    unknown option or address, and :class:`StoreError` where the history cannot be read.
    """
    from secagg.cli.decide import user
    from secagg.pipeline.origin import open_store_of
    from secagg.pipeline.storesource import read_store

    # Check the options before opening the history, which may take long.
    filters_of(request, None, request.now)
    if not addresses and not request.dry_run:
        raise UsageError(
            "no target is named",
            hint=f"set {VARIABLE} to addresses of apprise, name a file with --urls-from, or see "
            "the message with --dry-run",
        )
    targets = targets_of(addresses)
    history = read_store(scope, details=False)
    filters = filters_of(request, history.runs(), request.now)
    note_unmatched_filters(filters, history.problems(), request.now)
    command = _report_command(request, scope)
    if request.dry_run and not targets:
        digest = _digest(request, history, Deliveries(), redactor, command)
        console.out(_text_of(digest))
        return int(ExitCode.PASS)
    failed = False
    with open_store_of(scope.store, scope.root, create=False) as store:
        for target in targets:
            subject = _subject(target.address, request)
            journal = DeliveryJournal(store, subject, user(scope.root))
            outcome = _send(target, journal, request, history, redactor, command)
            if request.dry_run and outcome.digest is not None:
                console.out(_text_of(outcome.digest) + "\n")
            (console.err if outcome.failed else console.out)(f"{terminal(outcome.line)}\n")
            failed = failed or outcome.failed
    return int(ExitCode.STORE_OR_UPLOAD if failed else ExitCode.PASS)


def _send(
    target: NotifyTarget,
    journal: DeliveryJournal,
    request: NotifyRequest,
    history: RecordedHistory,
    redactor: Redactor,
    command: str,
) -> _Outcome:
    name = target.address.name
    deliveries = journal.deliveries()
    if request.again:
        deliveries = Deliveries(messages=deliveries.messages)
    runs = deliveries.pending(history.runs())
    if not runs:
        return _already(name, deliveries, newest_runs(history.runs()))
    digest = _digest(request, history, deliveries, redactor, command)
    count = f"{digest.total:,} problem" + ("" if digest.total == 1 else "s")
    if digest.incomplete:
        count += ", and that the scan was incomplete"
    if not digest.total and not digest.incomplete and not request.always:
        return _Outcome(f"nothing to send to {name}: no problem matches")
    if request.dry_run:
        return _Outcome(f"would send to {name}: {count}", digest=digest)
    message = target.message(digest)
    message_name = journal.begin(runs, deliveries)
    if message_name is None:
        return _Outcome(f"another process is sending this run to {name}")
    reason = target.send(message, alarm=digest.incomplete)
    if reason is not None:
        journal.end(message_name, runs, Sending.FAILED)
        return _Outcome(
            f"failed: {name}: {reason.rstrip('.')}; the next call tries again", failed=True
        )
    journal.end(message_name, runs, Sending.SENT)
    return _Outcome(f"sent to {name}: {count}")


def _already(name: str, deliveries: Deliveries, newest: Sequence[RunRecord]) -> _Outcome:
    unclear = [deliveries.unclear[run.key] for run in newest if run.key in deliveries.unclear]
    if unclear:
        return _Outcome(
            f"unclear: sending this run to {name} began at {max(unclear):%Y-%m-%d %H:%M} UTC and "
            "did not end; look whether it arrived (--again sends it once more)",
            failed=True,
        )
    at = max(deliveries.runs[run.key] for run in newest)
    return _Outcome(
        f"this run was sent to {name} at {at:%Y-%m-%d %H:%M} UTC already (--again: once more)"
    )


def _digest(
    request: NotifyRequest,
    history: RecordedHistory,
    deliveries: Deliveries,
    redactor: Redactor,
    command: str,
) -> Digest:
    """Return the digest: with ``--new-since last`` only what is new to the target."""
    runs = history.runs()
    filters = filters_of(request, runs, request.now)
    if request.new_since == _LAST:
        pending = {(run.repository, run.branch) for run in deliveries.pending(runs)}
        filters = replace(filters, new_since=deliveries.new_since(runs))
        history = RecordedHistory(
            [p for p in history.problems() if (p.repository, p.branch) in pending],
            [run for run in runs if (run.repository, run.branch) in pending],
        )
    report: Report = compose(
        history,
        Query(filters=filters, limit=request.limit),
        request.now,
        group_by=GroupBy.OWNER,
    )
    return compose_digest(report, redactor, command=command, new=request.new_since is not None)


def _text_of(digest: Digest) -> str:
    message = write_message(digest, TextFormat.TEXT, most_characters=_LONGEST_DRY_RUN)
    # The console would show what breaks mentions.
    return f"{message.title}\n\n{message.body}\n".replace(MENTION_BREAK, "")


def _subject(address: Address, request: NotifyRequest) -> str:
    words = "\0".join(request.filter_options())
    digest = hashlib.sha256(words.encode("utf-8", "surrogateescape")).hexdigest()
    return f"notify {address.fingerprint()} {digest[:16]}"


def _report_command(request: NotifyRequest, scope: HistoryScope) -> str:
    """Return the command that shows the same rows; without the store, whose address is private."""
    words = ["secagg", "report", *request.filter_options()]
    if scope.repository is not None:
        words += ["--repo", scope.repository]
    if scope.branch is not None:
        words += ["--branch", scope.branch]
    if scope.all_repositories:
        words.append("--all-repos")
    return shlex.join(words)


def _options(words: FilterWords) -> Iterator[str]:
    for each in fields(FilterWords):
        value = getattr(words, each.name)
        option = f"--{each.name.replace('_', '-')}"
        if each.name == "fix":
            if value is not None:
                yield "--fix-available" if value else "--no-fix-available"
        elif value is True:
            yield option
        elif isinstance(value, str):
            yield from (option, value) if value else ()
        elif value:
            for word in value:
                yield from (option, word)
