"""Decide on problems that are chosen by id or by filter, and take decisions back."""

from __future__ import annotations

import datetime
import getpass
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from secagg import ids
from secagg.change.owners import code_owners
from secagg.cli.report import note_unmatched_filters
from secagg.decisions.entry import work_tree
from secagg.decisions.ownedit import remove_decisions, write_decisions
from secagg.decisions.ownfile import decisions_in
from secagg.errors import ExitCode, StoreError, UsageError
from secagg.model.problem import DECISION_FILE, Problem, RunRecord, State, Triage
from secagg.output import console
from secagg.output.escape import cell, terminal
from secagg.pipeline.lastscan import refuse_machine_only_id
from secagg.pipeline.origin import Origin, has_store, open_store_of, origin_of
from secagg.pipeline.storesource import new_decision
from secagg.report import words
from secagg.report.filters import FilterWords, filters_of
from secagg.report.query import Query, answer
from secagg.report.standing import severity_label
from secagg.system.dates import utc_now
from secagg.system.git import git

if TYPE_CHECKING:
    from secagg.history import Store

_SHOWN = 20
# As many as the report looks through.
_RUNS = 400


class StateName(StrEnum):
    """The states that triage can give a problem."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false-positive"
    ACCEPTED = "accepted"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The problems to decide on: by ids, or those of the branch that pass these filters."""

    identities: tuple[str, ...] = ()
    filters: FilterWords = field(default_factory=FilterWords)
    runs: Sequence[RunRecord] = ()

    def check(self, *, everything: bool = False) -> None:
        """Raise :class:`UsageError` for a word that is none, or for ids beside filters.

        Where ``everything`` may be meant, neither need be given.
        """
        filtered = self.filters != FilterWords()
        if bool(self.identities) == filtered and not (everything and not filtered):
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
        return list(answer(query, on_branch, now.date()).rows)

    def decided(self, problems: Iterable[Problem], branch: str) -> list[Problem]:
        """Pick those that pass every filter and on which somebody has decided, in any state."""
        words = self.filters if self.filters.state else replace(self.filters, state=("all",))
        whole = replace(self, filters=words)
        return [p for p in whole.of(problems, branch) if p.triage is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The store and repository; with ``file`` decisions go into a file instead of the store."""

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
    ask: bool = False,
) -> int:
    """Decide on what is selected; raises :class:`UsageError` and :class:`StoreError`.

    Where filters select and there is somebody to ``ask``, what is decided on is listed before.
    """
    if state is None or not (reason or "").strip():
        raise UsageError(
            "a decision needs --state and --reason",
            hint=f"--state is one of {', '.join(StateName)}; --reason says why",
        )
    selection.check()
    decision = new_decision(
        State(state),
        (reason or "").strip(),
        by=by or user(place.root),
        owner=owner,
        expires=expires,
    )
    if place.file and not has_store(place.url, place.root):
        raise StoreError(
            "there is no history to look the ids up in",
            hint=f"secagg except add --id ID --state {state} takes those of the last scan",
        )
    origin = origin_of(place.root, repository=place.repository, branch=place.branch)
    with open_store_of(place.url, place.root, create=False) as store:
        problems = list(store.problems(origin.repository, file_decisions=_filed(place)))
        # Filters are for what still stands; ids may name what is gone, too.
        chosen = selection.identities or tuple(
            p.identity for p in select(selection, problems, store, origin)
        )
        if not chosen:
            say("nothing passes these filters")
            return int(ExitCode.PASS)
        full = store.triage(origin.repository, chosen, decision, dry_run=True)
        rows = {p.identity: p for p in sorted(problems, key=lambda p: p.branch == origin.branch)}
        shown = [(identity, rows.get(identity)) for identity in full]
        asks = ask and not dry_run and not selection.identities
        if asks and not _agreed(shown, decision.state):
            say("nothing is decided")
            return int(ExitCode.PASS)
        if not dry_run:
            decision = record(store, origin, place, [p for _, p in shown if p], decision, full)
    if not asks:
        _list(shown, every=dry_run)
    say(
        f"{_count(shown)} {'would be' if dry_run else 'now'} {decision.state.value}{_end(decision)}"
    )
    if place.file and not dry_run:
        say(f"wrote {DECISION_FILE}: commit it to share the decisions")
    if not dry_run:
        batch = _batch(decision)
        say(f"to take it back: secagg triage --undo {batch}{' --file' if place.file else ''}")
    return int(ExitCode.PASS)


def select(
    selection: Selection, problems: Sequence[Problem], store: Store, origin: Origin
) -> list[Problem]:
    """Return those of ``problems`` that are selected on the branch, worst first."""
    if not selection.identities:
        return _with_runs(selection, store, origin).of(problems, origin.branch)
    rows = {p.identity: p for p in sorted(problems, key=lambda p: p.branch == origin.branch)}
    names = [(identity, p.known_as) for identity, p in rows.items()]
    full = [ids.resolve(one, names, source="the store") for one in selection.identities]
    return [rows[identity] for identity in dict.fromkeys(full)]


def record(
    store: Store,
    origin: Origin,
    place: Place,
    problems: Sequence[Problem],
    decision: Triage,
    identities: Sequence[str] = (),
    *,
    at: datetime.datetime | None = None,
) -> Triage:
    """Write ``decision`` on ``problems`` into the store, or into the file in git.

    ``identities`` are all that it is about, where the history no longer shows some; ``at`` is the
    moment at which it was made, by default that of ``decision``. Returns the decision as written.
    """
    decision = decision if at is None else replace(decision, at=at)
    full = list(identities) or [problem.identity for problem in problems]
    if not place.file:
        store.triage(origin.repository, full, decision)
        return decision
    for problem in problems:
        refuse_machine_only_id(
            problem.secret_key,
            option="--file",
            other=f"secagg except add --rule {problem.rule_id} --path {problem.uri}",
        )
    # The file knows seconds.
    decision = replace(decision, at=(decision.at or utc_now()).replace(microsecond=0))
    subjects = {problem.identity: words.subject(problem) for problem in problems}
    write_decisions(place.root, dict.fromkeys(full, decision), subjects)
    return decision


def _batch(decision: Triage) -> str:
    from secagg.history.deciding import batch_of

    return batch_of(decision)


def undo_decisions(selection: Selection, place: Place, *, who: str | None, dry_run: bool) -> int:
    """Take the last decision on each of what is selected back."""
    selection.check()
    origin = origin_of(place.root, repository=place.repository, branch=place.branch)
    filed = _filed(place)
    batches = [one for one in selection.identities if one.startswith("b-")]
    with open_store_of(place.url, place.root, create=False) as store:
        problems = list(store.problems(origin.repository, file_decisions=filed))
        chosen = selection.identities or tuple(
            p.identity
            for p in _with_runs(selection, store, origin).decided(problems, origin.branch)
        )
        if batches:
            undone = _undo_batch(batches, selection, store, origin, place, who=who, dry_run=dry_run)
        elif place.file:
            filed_ids = {name for one in chosen for name in _filed_under(one, filed, problems)}
            undone = sorted(filed_ids)
            if undone and not dry_run:
                remove_decisions(place.root, undone)
        elif chosen:
            by = who or user(place.root)
            undone = store.undo(origin.repository, chosen, who=by, dry_run=dry_run)
        else:
            undone = []
        now = () if dry_run else store.problems(origin.repository, file_decisions=_filed(place))
        left = {p.identity: p.triage for p in now if p.triage is not None and p.identity in undone}
    if not undone:
        where = f"the store; --file looks in {DECISION_FILE}"
        if place.file:
            where = f"{DECISION_FILE}; without --file the store is looked at"
        raise StoreError("there is no decision to take back", hint=f"none is in {where}")
    rows = {p.identity: p for p in sorted(problems, key=lambda p: p.branch == origin.branch)}
    shown = [(identity, rows.get(identity)) for identity in undone]
    _list(shown, every=dry_run)
    say(f"{_count(shown)} {'would be undone' if dry_run else 'undone'}")
    for identity, decision in left.items():
        say(f"{ids.short(identity)} is {decision.state} by another decision: {decision.reason}")
    return int(ExitCode.PASS)


def _undo_batch(
    batches: Sequence[str],
    selection: Selection,
    store: Store,
    origin: Origin,
    place: Place,
    *,
    who: str | None,
    dry_run: bool,
) -> list[str]:
    """Take the one batch back that is named, out of the store or the file."""
    if len(selection.identities) > 1:
        raise UsageError("one batch is taken back at a time, and no problems beside it")
    if not place.file:
        by = who or user(place.root)
        return store.undo_batch(origin.repository, batches[0], who=by, dry_run=dry_run)
    filed_ids = {
        identity for identity, decision in _filed(place).items() if _batch(decision) == batches[0]
    }
    if not dry_run:
        remove_decisions(place.root, filed_ids)
    return sorted(filed_ids)


def _end(decision: Triage) -> str:
    """Return a note on the decision's last day: a risk that is accepted without one stays."""
    if decision.expires is not None:
        return f" through {decision.expires}"
    return " without an end (--expires gives it one)" if decision.state is State.ACCEPTED else ""


def _filed(place: Place) -> Mapping[str, Triage]:
    return decisions_in(work_tree(place.root), code_owners(place.root))


def _with_runs(selection: Selection, store: Store, origin: Origin) -> Selection:
    """``selection`` with the branch's runs, which ``--new-since`` may name."""
    if selection.filters.new_since is None:
        return selection
    runs = store.runs(origin.repository, origin.branch, limit=_RUNS)
    return replace(selection, runs=tuple(runs))


def _filed_under(prefix: str, filed: Iterable[str], problems: Sequence[Problem]) -> set[str]:
    """Return the ids in the file of the problem whose id begins with ``prefix``."""
    rows = {p.identity: {p.identity, *p.known_as} for p in problems}
    identity = ids.resolve(
        prefix, [*rows.items(), *((name, ()) for name in filed)], source="the store and the file"
    )
    return rows.get(identity, {identity}).intersection(filed)


def user(root: Path) -> str:
    """Return the actor of the workflow, else git's user.email, else the name of the account."""
    try:
        actor = os.environ.get("GITHUB_ACTOR")
        return actor or git(root, "config", "user.email").text or getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _agreed(shown: Sequence[tuple[str, Problem | None]], state: State) -> bool:
    """List what is to be decided on, and ask; ``l`` lists all of it."""
    _list(shown)
    while True:
        hint = "y/N/l to list all" if len(shown) > _SHOWN else "y/N"
        answer = console.ask(f"{_count(shown)}: {state.value}? [{hint}] ")
        if answer is None or answer.lower() in ("", "n", "no"):
            return False
        if answer.lower() in ("y", "yes"):
            return True
        if answer.lower() == "l":
            _list(shown, every=True)


def _count(shown: Sequence[object]) -> str:
    return f"{len(shown)} {'problem' if len(shown) == 1 else 'problems'}"


def _list(shown: Sequence[tuple[str, Problem | None]], *, every: bool = False) -> None:
    """A line each: id, severity, place, and what it is."""
    most = len(shown) if every else _SHOWN
    width = console.width()
    for identity, problem in shown[:most]:
        line = ids.short(identity)
        if problem is not None:
            where, what = words.place(problem), words.title(problem)
            if problem.rule_id in problem.title:
                what = problem.title
            elif problem.title not in what:
                what += f": {problem.title}"
            line += f"  {severity_label(problem):8}  {cell(where)}  {cell(what)}"
            if width is not None and len(line) > width:
                line = line[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"
        say(line)
    if len(shown) > most:
        say(f"and {len(shown) - most} more")


def say(line: str) -> None:
    """Print one line of text that tools may have a part in."""
    console.out(f"{terminal(line)}\n")
