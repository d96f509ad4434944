"""Where reports read problems from: the store or a report in JSON."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secagg.errors import UsageError
from secagg.model.problem import DECISION_FILES, Problem, State, Triage
from secagg.pipeline.origin import open_store_of, origin_of
from secagg.report.source import CodeHost, ProblemSource, Recorded, TriageSink
from secagg.secrets.lastfilter import run_redactor

if TYPE_CHECKING:
    from secagg.change.controls import Controls
    from secagg.history import Store

# As many as a chart can show.
_RUNS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Which part of the history: by default the checkout at ``root`` and its branch.

    ``store`` is a path or URL. With ``all_repositories`` every repository is in it, with every
    branch or the one of that name.
    """

    root: Path = Path()
    store: str | None = None
    repository: str | None = None
    branch: str | None = None
    all_repositories: bool = False


@dataclass(frozen=True, slots=True)
class StoreTriage:
    """The store as the place where decisions go (:class:`secagg.report.source.TriageSink`)."""

    whose: Whose

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

        made = decision(state, reason, by=by, owner=owner, expires=expires)
        with self._store() as store:
            store.triage(self._repository(), identities, made)
        return batch_of(made)

    def undo(self, batch: str, *, by: str) -> Sequence[str]:
        """Take back the decisions of ``batch``, and return the identities that they were on."""
        with self._store() as store:
            return store.undo_batch(self._repository(), batch, who=by)

    def past(self, problem: Problem) -> Sequence[Mapping[str, Any]]:
        """Return the entries of the audit log on ``problem``, newest first."""
        with self._store() as store:
            entries = store.audit(subjects=(problem.identity, *problem.known_as))
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
        return open_store_of(self.whose.store, self.whose.root, create=False)

    def _repository(self) -> str:
        return origin_of(self.whose.root, repository=self.whose.repository).repository


def stored(whose: Whose, *, details: bool = True) -> Recorded:
    """The problems and runs that the store has; without ``details`` what a list can do without.

    Raises :class:`secagg.errors.StoreError` where there is no store, and :class:`UsageError`
    for a repository or branch of which nothing was recorded: an empty report would look clean.
    """
    controls = controls_of_event(whose.root, whose.store)
    if whose.all_repositories:
        return _all_stored(whose, details)
    origin = origin_of(whose.root, repository=whose.repository, branch=whose.branch)
    with open_store_of(whose.store, whose.root, create=False) as store:
        branches_of_store = store.branches()
        branches = [
            branch for repository, branch in branches_of_store if repository == origin.repository
        ]
        if origin.branch not in branches:
            what = f"branch {origin.branch} of {origin.repository}"
            others = ", ".join(branches) or ", ".join(
                sorted({name for name, _ in branches_of_store})
            )
            option = "--branch" if branches else "--repo"
            raise UsageError(
                f"no scan of {what} is recorded",
                hint=f"{option} of: {others}" if others else "run secagg scan first",
            )
        own = origin_of(whose.root)
        filed = _filed(whose.root, controls) if own.repository == origin.repository else None
        problems = list(
            store.problems(origin.repository, origin.branch, file_decisions=filed, details=details)
        )
        runs = store.runs(origin.repository, origin.branch, limit=_RUNS)
        return Recorded(problems, runs, code_host(whose.root) if details else None)


def _all_stored(whose: Whose, details: bool) -> Recorded:
    branch = whose.branch
    if whose.repository is not None:
        raise UsageError(
            "--repo names one repository and --all-repos means every one",
            hint="leave one of them out; --branch with --all-repos is that branch of each",
        )
    with open_store_of(whose.store, whose.root, create=False) as store:
        if branch is not None and branch not in {name for _, name in store.branches()}:
            raise UsageError(
                f"no scan of a branch {branch} is recorded",
                hint="without --branch all branches are asked for",
            )
        # A branch that was not scanned for long is still vouched for by its own newest run.
        all_runs = (*store.runs(None, branch, limit=_RUNS), *store.newest_runs())
        runs = {run.key: run for run in all_runs if branch in (None, run.branch)}
        problems = list(store.problems(None, branch, details=details))
        code = code_host(whose.root) if details else None
        return Recorded(problems, list(runs.values()), code)


def code_host(root: Path) -> CodeHost | None:
    """Return where the code of the checkout at ``root`` is read; None where nobody knows.

    The remote's host is GitHub's, or a GitLab by its name: other hosts have other addresses.
    """
    from secagg.github.event import read_checkout

    checkout = read_checkout(root)
    if checkout is None or checkout.repository is None or checkout.host is None:
        return None
    server = os.environ.get("GITHUB_SERVER_URL", "").removeprefix("https://")
    gitlab = os.environ.get("CI_SERVER_HOST")
    if checkout.host in ("github.com", server):
        middle = "/blob/"
    elif checkout.host == gitlab or "gitlab" in checkout.host:
        middle = "/-/blob/"
    else:
        return None
    files = f"https://{checkout.host}/{checkout.repository}{middle}"
    return CodeHost(repository=checkout.repository, files=files)


def controls_of_event(root: Path, store: str | None = None) -> Controls | None:
    """Return what reads deciding files in a workflow; None outside of one, where nothing is loaded.

    Raises as :func:`secagg.pipeline.gate.controls_of` does.
    """
    if not os.environ.get("GITHUB_EVENT_NAME"):
        return None
    from secagg.pipeline.gate import controls_of

    return controls_of(root, store)


def filed_decisions(root: Path, store: str | None = None) -> Mapping[str, Triage]:
    """Return the decisions in git that count at ``root``: in a pull request those of its base."""
    return _filed(root, controls_of_event(root, store))


def _filed(root: Path, controls: Controls | None) -> Mapping[str, Triage]:
    """The decisions in git: in a pull request the base's, by the rule that a gate follows.

    Their reader takes longer to load than most reports take.
    """
    in_base = controls is not None and controls.base is not None
    if not in_base and not any(os.path.lexists(root / name) for name in DECISION_FILES):
        return {}
    from secagg.decisions.entry import work_tree
    from secagg.decisions.ownfile import decisions_in

    return decisions_in(
        controls.base_bytes if controls is not None and in_base else work_tree(root)
    )


def open_source(
    from_file: Path | None, whose: Whose | None = None, *, details: bool = True
) -> ProblemSource:
    """Return the report in ``from_file``, else what the store has of ``whose``.

    Without ``details`` the store's problems lack :data:`secagg.history.document.DETAILS`.

    Raises :class:`ReportError` where the file cannot be read, :class:`StoreError` where there
    is no store, and :class:`UsageError` for a file or store that a pull request itself brings.
    """
    if from_file is not None:
        from secagg.report.document import load_report

        controls = controls_of_event((whose or Whose()).root)
        if controls is not None:
            controls.refuse_touched(from_file.absolute(), "--from")
        return replace(load_report(from_file), code=code_host((whose or Whose()).root))
    return stored(whose or Whose(), details=details)


def open_triage(from_file: Path | None, whose: Whose | None = None) -> TriageSink | None:
    """Return where decisions go: into the store.

    Nowhere for a report in a file, which nobody else would see changed, and for several
    repositories at once, in which one identity may stand for several problems.
    """
    if from_file is not None or (whose is not None and whose.all_repositories):
        return None
    return StoreTriage(whose or Whose())


def decision(
    state: State, reason: str, *, by: str, owner: str | None, expires: datetime.date | None
) -> Triage:
    """A decision made at this moment. ``reason`` is masked: it may quote the leak it explains."""
    return Triage(
        state=state,
        reason=run_redactor().mask(reason),
        by=by,
        owner=owner,
        at=now_in_utc(),
        expires=expires,
    )


def now_in_utc() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
