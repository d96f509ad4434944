"""Open the source of a report's problems: the store, or a report in JSON."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secagg.errors import UsageError
from secagg.model.problem import DECISION_FILES, Problem, RunRecord, State, Triage
from secagg.output.codehost import CodeHost
from secagg.pipeline.origin import open_store_of, origin_of
from secagg.report.source import EVERY_BRANCH, ProblemSource, RecordedHistory, TriageSink
from secagg.secrets.lastfilter import run_redactor
from secagg.system.dates import utc_now

if TYPE_CHECKING:
    from secagg.change.controls import Controls
    from secagg.history import Store

# As many runs as the page's chart can show.
_MOST_RUNS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryScope:
    """The part of the history that a report shows: by default the branch of the checkout ``root``.

    ``store`` is a path or URL. With ``all_repositories`` it is every repository, with its default
    branch, the one named ``branch``, or every branch (:data:`EVERY_BRANCH`).
    """

    root: Path = Path()
    store: str | None = None
    repository: str | None = None
    branch: str | None = None
    all_repositories: bool = False


@dataclass(frozen=True, slots=True)
class StoreTriageSink:
    """Records triage decisions in the store (a :class:`secagg.report.source.TriageSink`)."""

    scope: HistoryScope

    def decide(
        self,
        identities: Sequence[str],
        *,
        state: State,
        reason: str,
        by: str,
        owner: str | None = None,
        expires: datetime.date | None = None,
    ) -> str:
        """Record one decision on every problem named, and return the name of the batch.

        Raises :class:`StoreError` if one is not known.
        """
        from secagg.history.deciding import batch_of

        made = new_decision(state, reason, by=by, owner=owner, expires=expires)
        with self._store() as store:
            store.triage(self._repository(), identities, made)
        return batch_of(made)

    def undo(self, batch: str, *, by: str) -> Sequence[str]:
        """Take back the decisions of ``batch``, and return the identities that they were on."""
        with self._store() as store:
            return store.undo_batch(self._repository(), batch, who=by)

    def past(self, problem: Problem) -> Sequence[Mapping[str, Any]]:
        """Return the entries of the audit log on ``problem``, newest first."""
        subjects = (problem.identity, *problem.known_as)
        with self._store() as store:
            entries = store.audit(subjects=subjects, repository=self._repository())
        return [
            {
                "at": entry.at,
                "who": entry.who,
                "what": entry.what,
                "before": entry.before,
                "after": entry.after,
            }
            for entry in entries
        ]

    def _store(self) -> Store:
        return open_store_of(self.scope.store, self.scope.root, create=False)

    def _repository(self) -> str:
        return origin_of(self.scope.root, repository=self.scope.repository).repository


def open_scope(scope: HistoryScope) -> Store:
    """Open the store of ``scope``, which must be there."""
    return open_store_of(scope.store, scope.root, create=False)


def read_store(scope: HistoryScope, *, details: bool = True) -> RecordedHistory:
    """Return the problems and runs of ``scope``; without ``details``, only what a list needs.

    Raises :class:`secagg.errors.StoreError` where there is no store, and :class:`UsageError` for a
    repository or branch without a run: an empty report would look clean.
    """
    controls = controls_of_event(scope.root, scope.store)
    if scope.all_repositories:
        with open_store_of(scope.store, scope.root, create=False) as store:
            return _read_all_repositories(scope, store, details)
    origin = origin_of(scope.root, repository=scope.repository, branch=scope.branch)
    with open_store_of(scope.store, scope.root, create=False) as store:
        branches_of_store = store.branches()
        branches = [
            branch for repository, branch in branches_of_store if repository == origin.repository
        ]
        if origin.branch not in branches:
            branch_text = f"branch {origin.branch} of {origin.repository}"
            names = ", ".join(branches) or ", ".join(
                sorted({name for name, _ in branches_of_store})
            )
            option = "--branch" if branches else "--repo"
            raise UsageError(
                f"no scan of {branch_text} is recorded",
                hint=f"{option} of: {names}" if names else "run secagg scan first",
            )
        checkout_origin = origin_of(scope.root)
        triage = (
            _read_decision_files(scope.root, controls)
            if checkout_origin.repository == origin.repository
            else None
        )
        problems = list(
            store.problems(origin.repository, origin.branch, file_decisions=triage, details=details)
        )
        return RecordedHistory(
            problems,
            store.runs(origin.repository, origin.branch, limit=_MOST_RUNS),
            code_host(scope.root) if details else None,
        )


def code_host(root: Path) -> CodeHost | None:
    """Return the host that shows the code of the checkout at ``root``; None where it is unknown."""
    from secagg.github.event import read_checkout

    checkout = read_checkout(root)
    if checkout is None or checkout.repository is None or checkout.host is None:
        return None
    return CodeHost.of_remote(checkout.host, checkout.repository, os.environ)


def controls_of_event(root: Path, store: str | None = None) -> Controls | None:
    """Return the reader of controlling files in a workflow; None outside of one, to start quickly.

    Raises as :func:`secagg.pipeline.gate.controls_of` does.
    """
    if not os.environ.get("GITHUB_EVENT_NAME"):
        return None
    from secagg.pipeline.gate import controls_of

    return controls_of(root, store)


def file_decisions(root: Path, store: str | None = None) -> Mapping[str, Triage]:
    """Return the decisions in the files of ``root``, in a pull request in those of the base."""
    return _read_decision_files(root, controls_of_event(root, store))


def open_source(
    from_file: Path | None, scope: HistoryScope | None = None, *, details: bool = True
) -> ProblemSource:
    """Return the report in ``from_file``, else the part of the store in ``scope``.

    Without ``details`` the store's problems lack :data:`secagg.history.document.DETAILS`.
    Raises :class:`ReportError` where the file cannot be read, :class:`StoreError` where there is no
    store, and :class:`UsageError` for a file or store that the pull request itself brings.
    """
    if from_file is not None:
        from secagg.report.document import load_report

        controls = controls_of_event((scope or HistoryScope()).root)
        if controls is not None:
            controls.refuse_touched(from_file.absolute(), "--from")
        return replace(load_report(from_file), code=code_host((scope or HistoryScope()).root))
    return read_store(scope or HistoryScope(), details=details)


def open_report(
    from_file: Path | None, scope: HistoryScope, *, details: bool = True
) -> ProblemSource:
    """Return the source for one report; that of all repositories is asked in SQL.

    The caller closes an :class:`secagg.report.source.AnsweringSource`. Raises as
    :func:`open_source` does.
    """
    if from_file is not None or not scope.all_repositories:
        return open_source(from_file, scope, details=details)
    controls_of_event(scope.root, scope.store)
    store = open_store_of(scope.store, scope.root, create=False)
    if not hasattr(store, "reading"):
        with store:
            return _read_all_repositories(scope, store, details)
    from secagg.report.stored import StoreScope
    from secagg.report.storedreport import StoredSource

    try:
        by_default, branch = _branch_of_all(scope, store)
        return StoredSource(
            store,
            StoreScope(branch=branch, default_branches=by_default),
            _runs_of_all(store, by_default, branch),
            code=code_host(scope.root) if details else None,
            details=details,
        )
    except BaseException:
        store.close()
        raise


def open_triage(from_file: Path | None, scope: HistoryScope | None = None) -> TriageSink | None:
    """Return the sink for decisions, which is the store; None where none can be recorded.

    That is for a report in a file, where others would not see it, and for several repositories,
    where one identity may stand for several problems.
    """
    if from_file is not None or (scope is not None and scope.all_repositories):
        return None
    return StoreTriageSink(scope or HistoryScope())


def new_decision(
    state: State, reason: str, *, by: str, owner: str | None, expires: datetime.date | None
) -> Triage:
    """Return a decision of now. Masks ``reason``, which may quote the secret that it is about."""
    return Triage(
        state=state,
        reason=run_redactor().mask(reason),
        by=by,
        owner=owner,
        at=utc_now(),
        expires=expires,
    )


def _read_all_repositories(scope: HistoryScope, store: Store, details: bool) -> RecordedHistory:
    by_default, branch = _branch_of_all(scope, store)
    problems = store.problems(None, branch, details=details, default_branches=by_default)
    return RecordedHistory(
        list(problems),
        _runs_of_all(store, by_default, branch),
        code_host(scope.root) if details else None,
    )


def _branch_of_all(scope: HistoryScope, store: Store) -> tuple[bool, str | None]:
    """Return whether the default branches count, and the branch of each that counts instead.

    Without either every branch counts. Raises :class:`UsageError` for a branch without a scan.
    """
    if scope.repository is not None:
        raise UsageError(
            "--repo names one repository and --all-repos means every one",
            hint="leave one of them out; --branch with --all-repos is that branch of each",
        )
    branch = None if scope.branch == EVERY_BRANCH else scope.branch
    if branch is not None and branch not in {name for _, name in store.branches()}:
        raise UsageError(
            f"no scan of a branch {branch} is recorded",
            hint=f"without --branch it is the default branch of each, with {EVERY_BRANCH} all",
        )
    return scope.branch is None, branch


def _runs_of_all(store: Store, by_default: bool, branch: str | None) -> list[RunRecord]:
    # The newest run of each branch tells whether it was complete, however old it is.
    newest = store.newest_runs(default_branches=by_default)
    chosen = {(run.repository, run.branch) for run in newest}
    runs = {
        run.key: run
        for run in (*store.runs(None, branch, limit=_MOST_RUNS), *newest)
        if (run.repository, run.branch) in chosen and branch in (None, run.branch)
    }
    return list(runs.values())


def _read_decision_files(root: Path, controls: Controls | None) -> Mapping[str, Triage]:
    # The imports stand below, as they take longer than most reports.
    in_base = controls is not None and controls.base is not None
    if not in_base and not any(os.path.lexists(root / name) for name in DECISION_FILES):
        return {}
    from secagg.change.owners import code_owners
    from secagg.decisions.entry import work_tree
    from secagg.decisions.ownfile import decisions_in

    base = controls.base if controls is not None and in_base else None
    return decisions_in(
        controls.base_bytes if controls is not None and in_base else work_tree(root),
        code_owners(root, base),
    )
