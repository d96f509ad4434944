"""``secagg triage``: decide on problems by id or by filter, or take a decision back."""

from __future__ import annotations

import datetime
import getpass
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secagg import ids
from secagg.cli.filteroptions import (
    AtLeastFilter,
    ComponentFilter,
    FixFilter,
    KindFilter,
    NewSinceFilter,
    OlderThanFilter,
    OverdueFilter,
    PackageFilter,
    PathFilter,
    SearchFilter,
    SeverityFilter,
    ToolFilter,
)
from secagg.cli.options import HistoryOption, RootOption
from secagg.cli.report import note_unmatched_filters
from secagg.decisions.entry import work_tree
from secagg.decisions.ownedit import file_decisions, unfile_decisions
from secagg.decisions.ownfile import decisions_in
from secagg.errors import ExitCode, StoreError, UsageError
from secagg.model.problem import DECISION_FILE, Problem, RunRecord, State
from secagg.output import console
from secagg.output.escape import terminal
from secagg.pipeline.origin import Origin, open_store_of, origin_of
from secagg.pipeline.storesource import new_decision
from secagg.pipeline.write import refuse_machine_only_id
from secagg.report.filters import FilterWords, filters_of
from secagg.report.query import Query, answer
from secagg.system.dates import utc_now

if TYPE_CHECKING:
    from secagg.history import Store


class StateName(StrEnum):
    """Where triage can put a problem."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false-positive"
    ACCEPTED = "accepted"
    FIXED = "fixed"


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a day such as 2026-12-31 is expected") from None


def triage(
    identities: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Problems, or the beginnings of their ids."),
    ] = None,
    state: Annotated[StateName | None, typer.Option(help="What they are.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; asked for by every decision.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who takes care of them.")] = None,
    expires: Annotated[
        datetime.date | None,
        typer.Option(parser=_day, metavar="DAY", help="The last day (UTC) on which it holds."),
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Who decides; by default the user of this process.")
    ] = None,
    severity: SeverityFilter = None,
    at_least: AtLeastFilter = None,
    kind: KindFilter = None,
    tool: ToolFilter = None,
    component: ComponentFilter = None,
    path: PathFilter = None,
    package: PackageFilter = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            "--id",
            "--cve",
            help="This CVE, GHSA, CWE, rule or id of a row. Repeatable.",
        ),
    ] = None,
    owned_by: Annotated[
        list[str] | None, typer.Option(metavar="OWNER", help="Owned by them, or none. Repeatable.")
    ] = None,
    older_than: OlderThanFilter = None,
    new_since: NewSinceFilter = None,
    fix: FixFilter = None,
    overdue: OverdueFilter = False,
    search: SearchFilter = "",
    in_state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE", help="In this state, or all; open and confirmed if nothing is said."
        ),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last decision back.")] = False,
    file: Annotated[
        bool, typer.Option("--file", help="Write into secagg-exceptions.yaml, not into the store.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be.")] = False,
    repo: Annotated[
        str | None, typer.Option(help="The repository; by default git's remote owner/name.")
    ] = None,
    branch: Annotated[
        str | None, typer.Option(help="Where filters look; by default the one checked out.")
    ] = None,
    store: HistoryOption = None,
    root: RootOption = Path(),
) -> None:
    """Decide on problems by id or by filter; a decision holds on all branches."""
    selection = Selection(
        identities=tuple(identities or ()),
        filters=FilterWords(
            severity=tuple(severity or ()),
            kind=tuple(kind or ()),
            tool=tuple(tool or ()),
            id=tuple(rule or ()),
            package=tuple(package or ()),
            path=tuple(path or ()),
            component=tuple(component or ()),
            state=tuple(in_state or ()),
            at_least=at_least,
            owner=tuple(owned_by or ()),
            older_than=older_than,
            new_since=new_since,
            fix=fix,
            overdue=overdue,
            search=search,
        ),
    )
    place = Place(url=store, root=root, repository=repo, branch=branch, file=file)
    if undo:
        raise typer.Exit(undo_decisions(selection, place, who=by, dry_run=dry_run))
    raise typer.Exit(
        decide_on(
            selection,
            place,
            state=state.value if state else None,
            reason=reason,
            owner=owner,
            expires=expires,
            by=by,
            dry_run=dry_run,
        )
    )


_SHOWN = 20


# As many as the report looks through.
_RUNS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which problems: by ids, or those of the branch that the report shows by these filters."""

    identities: tuple[str, ...] = ()
    filters: FilterWords = field(default_factory=FilterWords)
    runs: Sequence[RunRecord] = ()

    def check(self) -> None:
        """Raise :class:`UsageError` for a word that is none, or for ids beside filters."""
        if bool(self.identities) == (self.filters != FilterWords()):
            raise UsageError(
                "name problems by id or by filter, one of the two",
                hint="filters are those of secagg report, with --in-state and --owned-by",
            )
        filters_of(self.filters, None, utc_now())

    def of(self, problems: Iterable[Problem], branch: str) -> list[Problem]:
        """Pick those of ``problems`` on ``branch`` that pass every filter given."""
        now = utc_now()
        filters = filters_of(self.filters, self.runs, now)
        query = Query(filters=filters)
        on_branch = [problem for problem in problems if problem.branch == branch]
        note_unmatched_filters(filters, on_branch, now)
        return answer(query, on_branch, now.date()).rows

    def decided(self, problems: Iterable[Problem], branch: str) -> list[Problem]:
        """Pick those that pass every filter and on which somebody has decided, in any state."""
        words = self.filters if self.filters.state else replace(self.filters, state=("all",))
        whole = replace(self, filters=words)
        return [p for p in whole.of(problems, branch) if p.triage is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which store and repository; ``file``: decisions go into git rather than into the store."""

    url: str | None
    root: Path
    repository: str | None = None
    branch: str | None = None
    file: bool = False


def decide_on(
    selection: Selection,
    place: Place,
    *,
    state: str | None,
    reason: str | None,
    owner: str | None,
    expires: datetime.date | None,
    by: str | None,
    dry_run: bool,
) -> int:
    """Decide on what is selected; raises :class:`UsageError` and :class:`StoreError`."""
    if state is None or not (reason or "").strip():
        raise UsageError("a decision needs --state and --reason")
    if expires is not None and expires < utc_now().date():
        raise UsageError(f"{expires} is over already", hint="give a day to come")
    selection.check()
    made = new_decision(
        State(state), (reason or "").strip(), by=by or _user(), owner=owner, expires=expires
    )
    origin = origin_of(place.root, repository=place.repository, branch=place.branch)
    with open_store_of(place.url, place.root, create=False) as store:
        problems = list(
            store.problems(origin.repository, file_decisions=decisions_in(work_tree(place.root)))
        )
        # Filters are for what still stands; ids may name what is gone, too.
        chosen = selection.identities or tuple(
            p.identity for p in _with_runs(selection, store, origin).of(problems, origin.branch)
        )
        if not chosen:
            _say("nothing passes these filters")
            return int(ExitCode.PASS)
        full = store.triage(origin.repository, chosen, made, dry_run=dry_run or place.file)
    titles = {p.identity: p.title for p in problems}
    if place.file:
        for problem in problems:
            if problem.identity in full:
                refuse_machine_only_id(
                    problem.secret_key,
                    option="--file",
                    other=f"secagg except add --rule {problem.rule_id} --path {problem.uri}",
                )
    if place.file and not dry_run:
        file_decisions(place.root, dict.fromkeys(full, made), titles)
    verb = "would be" if dry_run else "now"
    _list(full, titles, f"{verb} {made.state.value}")
    if place.file and not dry_run:
        _say(f"wrote {DECISION_FILE}: commit it to share the decisions")
    return int(ExitCode.PASS)


def undo_decisions(selection: Selection, place: Place, *, who: str | None, dry_run: bool) -> int:
    """Take the last decision on each of what is selected back."""
    selection.check()
    origin = origin_of(place.root, repository=place.repository, branch=place.branch)
    filed = decisions_in(work_tree(place.root))
    with open_store_of(place.url, place.root, create=False) as store:
        problems = list(store.problems(origin.repository, file_decisions=filed))
        chosen = selection.identities or tuple(
            p.identity
            for p in _with_runs(selection, store, origin).decided(problems, origin.branch)
        )
        if place.file:
            given = {name for one in chosen for name in _filed_under(one, filed, problems)}
            undone = sorted(given)
            if undone and not dry_run:
                unfile_decisions(place.root, undone)
        elif chosen:
            undone = store.undo(origin.repository, chosen, who=who or _user(), dry_run=dry_run)
        else:
            undone = []
    if not undone:
        raise StoreError("there is no decision to take back")
    titles = {p.identity: p.title for p in problems}
    _list(undone, titles, "would be undone" if dry_run else "undone")
    return int(ExitCode.PASS)


def _with_runs(selection: Selection, store: Store, origin: Origin) -> Selection:
    """``selection`` with the branch's runs, which ``--new-since`` may name."""
    if selection.filters.new_since is None:
        return selection
    runs = store.runs(origin.repository, origin.branch, limit=_RUNS)
    return replace(selection, runs=tuple(runs))


def _filed_under(given: str, filed: Iterable[str], known: Sequence[Problem]) -> set[str]:
    """The ids in the file of the problem with the id ``given``."""
    rows = {p.identity: {p.identity, *p.known_as} for p in known}
    identity = ids.resolve(
        given, [*rows.items(), *((name, ()) for name in filed)], source="the store and the file"
    )
    return rows.get(identity, {identity}).intersection(filed)


def _user() -> str:
    """Who runs this: the actor of a workflow, else the account."""
    try:
        return os.environ.get("GITHUB_ACTOR") or getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _list(identities: Sequence[str], titles: dict[str, str], what: str) -> None:
    for identity in identities[:_SHOWN]:
        title = terminal(titles.get(identity, ""))
        _say(f"{ids.short(identity)}  {title}".rstrip())
    if len(identities) > _SHOWN:
        _say(f"and {len(identities) - _SHOWN} more")
    _say(f"{len(identities)} {'problem' if len(identities) == 1 else 'problems'} {what}")


def _say(line: str) -> None:
    console.out(f"{terminal(line)}\n")
