"""What the page for all repositories shows: counts by repository, team and owner, and gaps.

What a person may not read is in no number: every count is made of the repositories that the person
may read. Counts are kept for each set of rights: after half a minute the next reader gets them once
more while new ones are counted, and after five minutes the reader waits for new ones.
"""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from secagg.errors import StoreError, StoreUnavailable, UsageError
from secagg.history import Store
from secagg.ids import read_id
from secagg.model.access import Caller, Grant, TokenScope
from secagg.model.problem import Problem, RunRecord
from secagg.report.filters import Filters, problem_with_id
from secagg.report.source import EVERY_BRANCH
from secagg.report.standing import SEVERITY_LABELS, ShownState
from secagg.report.stored import Page, StoreScope, page
from secagg.report.storedcounts import (
    Count,
    StoredSummary,
    Week,
    summary,
    weeks,
    worst_first,
)
from secagg.serve.settings import Team
from secagg.system.dates import utc_now

_FRESH_SECONDS = 30.0
_KEPT_SECONDS = 300.0
# As many sets of rights as are kept at once.
_MOST_KEPT = 50
_QUIET = datetime.timedelta(days=7)
ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryLine:
    """A repository with its open problems and its last scan."""

    count: Count
    last: RunRecord | None

    @property
    def name(self) -> str:
        return self.count.name


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamLine:
    """A team with the open problems of those of its repositories that the reader may read."""

    count: Count
    repositories: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoriesOverview:
    """All of the first page. ``quiet`` are repositories that nobody has scanned for a week."""

    made_at: datetime.datetime
    summary: StoredSummary
    repositories: Sequence[RepositoryLine]
    teams: Sequence[TeamLine]
    owners: Sequence[Count]
    incomplete: Sequence[RunRecord]
    quiet: Sequence[RunRecord]
    weeks: Sequence[Week]


@dataclass(slots=True)
class _Kept:
    overview: RepositoriesOverview
    counted: float
    counting: bool = False


def _in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


@dataclass(slots=True, kw_only=True)
class AllRepositories:
    """The store behind the page; ``open_store`` is called at first and after a failure.

    ``teams`` are listed by their repositories. ``branch`` is the one that is shown of each
    repository, by default its default branch; :data:`EVERY_BRANCH` is all of them. ``later`` does
    work that no reader waits for.
    """

    open_store: Callable[[], Store]
    teams: Sequence[Team] = ()
    branch: str | None = None
    now: Callable[[], datetime.datetime] = utc_now
    clock: Callable[[], float] = time.monotonic
    later: Callable[[Callable[[], None]], None] = _in_a_thread
    _kept: dict[tuple[Grant, ...], _Kept] = field(default_factory=dict)
    _locks: dict[tuple[Grant, ...], threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _opened: Store | None = None
    _lock_of_store: threading.Lock = field(default_factory=threading.Lock)

    def overview(self, person: Caller) -> RepositoriesOverview:
        """Return the counts for ``person``, which say when they were made."""
        with self._lock_of(person.grants):
            kept = self._kept.get(person.grants)
            age = float("inf") if kept is None else self.clock() - kept.counted
            if kept is None or age >= _KEPT_SECONDS:
                return self._renew(person)
            if age < _FRESH_SECONDS or kept.counting:
                return kept.overview
            kept.counting = True
        self.later(partial(self._renew_or_keep, person, kept))
        return kept.overview

    def _lock_of(self, grants: tuple[Grant, ...]) -> threading.Lock:
        """Return the lock of a set of rights, so that the same counts are not made twice."""
        with self._lock:
            while len(self._locks) >= _MOST_KEPT and grants not in self._locks:
                oldest = next(iter(self._locks))
                del self._locks[oldest]
                self._kept.pop(oldest, None)
            return self._locks.setdefault(grants, threading.Lock())

    def _renew(self, person: Caller) -> RepositoriesOverview:
        overview = self._count(person)
        self._kept[person.grants] = _Kept(overview, self.clock())
        return overview

    def _renew_or_keep(self, person: Caller, kept: _Kept) -> None:
        """Count again; where the store fails, the next reader tries again."""
        try:
            self._renew(person)
        except StoreError:
            kept.counting = False

    def problems(
        self,
        person: Caller,
        filters: Filters,
        *,
        repository: str | None = None,
        sort: Sequence[str] = (),
        after: str | None = None,
    ) -> Page:
        """Return a page of the problems that ``person`` may read and that match.

        Raises :class:`secagg.errors.UsageError` for a cursor or a key that is none.
        """
        with self._store() as store:
            return page(
                store,
                self._scope(person, repository),
                filters,
                today=self.now().date(),
                sort=sort,
                after=after,
                limit=ROWS,
                details=False,
            )

    def problem(self, person: Caller, repository: str, identity: str) -> Problem | None:
        """Return one problem with all that is known of it; None for what cannot be read.

        ``identity`` is any id of it, or its first digits.
        """
        try:
            digits = read_id(identity)
        except UsageError:
            return None
        every = Filters(ids=frozenset({digits}), states=frozenset(ShownState))
        with self._store() as store:
            rows = page(store, self._scope(person, repository), every, today=self.now().date()).rows
        return problem_with_id(identity, rows)

    @contextmanager
    def _store(self) -> Iterator[Store]:
        """Yield the store, which stays open: it keeps its statements and connections ready."""
        with self._lock_of_store:
            store = self._opened = self._opened or self.open_store()
        try:
            yield store
        except StoreUnavailable:
            with self._lock_of_store:
                if self._opened is store:
                    self._opened = None
            store.close()
            raise

    def _scope(self, person: Caller, repository: str | None = None) -> StoreScope:
        return StoreScope(
            repository=repository,
            branch=None if self.branch == EVERY_BRANCH else self.branch,
            default_branches=self.branch is None,
            readable=lambda name: person.may(TokenScope.READ, name),
        )

    def _count(self, person: Caller) -> RepositoriesOverview:
        now = self.now()
        scope = self._scope(person)
        with self._store() as store:
            counted = summary(store, scope, Filters(), today=now.date())
            by_week = weeks(store, scope, today=now.date())
            newest = store.newest_runs(default_branches=self.branch is None)
        shown = [
            run
            for run in newest
            if person.may(TokenScope.READ, run.repository)
            and self.branch in (None, EVERY_BRANCH, run.branch)
        ]
        runs = {run.repository: run for run in reversed(shown)}
        counts = {count.name: count for count in counted.repositories}
        lines = [
            RepositoryLine(count=counts.get(name) or Count(name=name), last=runs.get(name))
            for name in {*counts, *runs}
        ]
        lines.sort(key=lambda line: worst_first(line.count))
        late = [count for count in counted.owners if count.overdue]
        return RepositoriesOverview(
            made_at=now,
            summary=counted,
            repositories=lines,
            teams=_teams(self.teams, [line.count for line in lines]),
            owners=sorted(late, key=lambda count: (-count.overdue, count.name)),
            incomplete=[run for run in shown if run.verdict == "incomplete"],
            quiet=sorted(
                (run for run in runs.values() if now - run.started_at > _QUIET),
                key=lambda run: run.started_at,
            ),
            weeks=by_week,
        )


def lines_after(
    lines: Sequence[RepositoryLine], after: str | None
) -> tuple[Sequence[RepositoryLine], str | None]:
    """Return the lines that follow the repository ``after``, and the last one's name if more do.

    A repository that is gone begins with the first line.
    """
    names = [line.name for line in lines]
    start = names.index(after) + 1 if after in names else 0
    rows = lines[start : start + ROWS]
    more = start + ROWS < len(lines)
    return rows, rows[-1].name if more else None


def _teams(teams: Iterable[Team], counts: Sequence[Count]) -> list[TeamLine]:
    """Add up the repositories of each team; a team without one that can be read is left out."""
    lines = []
    for team in teams:
        grant = Grant(scopes=frozenset(), repositories=team.repositories)
        own = [count for count in counts if grant.covers(count.name)]
        if not own:
            continue
        lines.append(
            TeamLine(
                count=Count(
                    name=team.name,
                    total=sum(count.total for count in own),
                    by_severity={
                        label: sum(count.by_severity[label] for count in own)
                        for label in SEVERITY_LABELS
                    },
                    overdue=sum(count.overdue for count in own),
                    oldest=min((c.oldest for c in own if c.oldest is not None), default=None),
                ),
                repositories=len(own),
            )
        )
    return sorted(lines, key=lambda line: worst_first(line.count))
