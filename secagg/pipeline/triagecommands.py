"""``secagg triage`` without its option parsing."""

from __future__ import annotations

import datetime
import getpass
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from secagg import ids
from secagg.decisions.triagefile import read_triage, remove_triage, write_triage
from secagg.errors import StoreError, UsageError
from secagg.exitcodes import ExitCode
from secagg.model.problem import TRIAGE_FILE, Problem, RunRecord, State, Triage
from secagg.output import console
from secagg.output.escape import terminal
from secagg.pipeline.lastscan import refuse_own_key
from secagg.pipeline.origin import Origin, open_store_of, origin_of
from secagg.pipeline.reportcommands import tell_strangers
from secagg.report.filterwords import FilterWords, filters_of
from secagg.report.query import Query, answer
from secagg.secrets.lastfilter import run_redactor

if TYPE_CHECKING:
    from secagg.history import Store

_SHOWN = 20
# As many as the report looks through.
_RUNS = 400


__all__ = ["FilterWords", "Place", "Selection", "decide", "decision", "undo"]


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
        filters_of(self.filters, None, _now())

    def of(self, problems: Iterable[Problem], branch: str) -> list[Problem]:
        """Pick those of ``problems`` on ``branch`` that pass every filter given."""
        now = _now()
        filters = filters_of(self.filters, self.runs, now)
        query = Query(filters=filters)
        found = [problem for problem in problems if problem.branch == branch]
        tell_strangers(filters, found, now)
        return answer(query, found, now.date()).rows

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


def decide(
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
    if expires is not None and expires < _now().date():
        raise UsageError(f"{expires} is over already", hint="give a day to come")
    selection.check()
    made = decision(
        State(state), (reason or "").strip(), by=by or _user(), owner=owner, expires=expires
    )
    origin = origin_of(place.root, repository=place.repository, branch=place.branch)
    with open_store_of(place.url, place.root, create=False) as store:
        known = list(store.problems(origin.repository, filed=read_triage(place.root)))
        # Filters are for what still stands; ids may name what is gone, too.
        chosen = selection.identities or tuple(
            p.identity for p in _with_runs(selection, store, origin).of(known, origin.branch)
        )
        if not chosen:
            _say("nothing passes these filters")
            return int(ExitCode.PASS)
        full = store.triage(origin.repository, chosen, made, dry_run=dry_run or place.file)
    titles = {p.identity: p.title for p in known}
    if place.file:
        for problem in known:
            if problem.identity in full:
                refuse_own_key(
                    problem.secret_key,
                    option="--file",
                    other=f"secagg except add --rule {problem.rule_id} --path {problem.uri}",
                )
    if place.file and not dry_run:
        write_triage(place.root, dict.fromkeys(full, made), titles)
    verb = "would be" if dry_run else "now"
    _list(full, titles, f"{verb} {made.state.value}")
    if place.file and not dry_run:
        _say(f"wrote {TRIAGE_FILE}: commit it to share the decisions")
    return int(ExitCode.PASS)


def decision(
    state: State, reason: str, *, by: str, owner: str | None, expires: datetime.date | None
) -> Triage:
    """A decision made at this moment. ``reason`` is masked: it may quote the leak it explains."""
    return Triage(
        state=state,
        reason=run_redactor().mask(reason),
        by=by,
        owner=owner,
        at=_now(),
        expires=expires,
    )


def undo(selection: Selection, place: Place, *, who: str | None, dry_run: bool) -> int:
    """Take the last decision on each of what is selected back."""
    selection.check()
    origin = origin_of(place.root, repository=place.repository, branch=place.branch)
    filed = read_triage(place.root)
    with open_store_of(place.url, place.root, create=False) as store:
        known = list(store.problems(origin.repository, filed=filed))
        chosen = selection.identities or tuple(
            p.identity for p in _with_runs(selection, store, origin).decided(known, origin.branch)
        )
        if place.file:
            given = {name for one in chosen for name in _filed_under(one, filed, known)}
            undone = sorted(given if dry_run else remove_triage(place.root, given))
        elif chosen:
            undone = store.undo(origin.repository, chosen, who=who or _user(), dry_run=dry_run)
        else:
            undone = []
    if not undone:
        raise StoreError("there is no decision to take back")
    titles = {p.identity: p.title for p in known}
    _list(undone, titles, "would be undone" if dry_run else "undone")
    return int(ExitCode.PASS)


def _with_runs(selection: Selection, store: Store, origin: Origin) -> Selection:
    """``selection`` with the branch's runs, which ``--new-since`` may name."""
    if selection.filters.new_since is None:
        return selection
    runs = store.runs(origin.repository, origin.branch, limit=_RUNS)
    return replace(selection, runs=tuple(runs))


def _filed_under(given: str, filed: Iterable[str], known: Sequence[Problem]) -> set[str]:
    """The ids in the file of the problem that goes by ``given``."""
    rows = {p.identity: {p.identity, *p.known_as} for p in known}
    identity = ids.resolve(
        given, [*rows.items(), *((name, ()) for name in filed)], source="the store and the file"
    )
    return rows.get(identity, {identity}).intersection(filed)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


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
