"""The API of ``secagg serve`` for jobs: a store over HTTP, without rights to its database.

Every route checks the rights of the caller to its repositories. A repository that the caller may
not read looks like one that does not exist.
"""

from __future__ import annotations

import asyncio
import datetime
import hmac
from collections.abc import Callable, Iterator, Set
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from secagg.errors import SecaggError, StoreError
from secagg.history import ImportedRun, Store
from secagg.history.reading import NO_SUCH_RUN, RUNS_HINT
from secagg.model.access import ApiToken, Caller, TokenScope
from secagg.model.problem import RunRecord, Triage
from secagg.output.escape import cell
from secagg.remote import documents
from secagg.remote.documents import PREFIX, UntrustedRun
from secagg.secrets.lastfilter import filtered_error
from secagg.serve.monitoring import Metrics
from secagg.serve.requests import (
    MOST_RUNS,
    AuditRequest,
    Branch,
    ChangesRequest,
    DecisionRequest,
    FirstSeenRequest,
    Name,
    ProblemsRequest,
    Repository,
    TokenRequest,
    UndoRequest,
)
from secagg.system.dates import utc_now

INGEST_PATH = f"{PREFIX}/runs"
# Runs that are decoded and recorded at once: each may take hundreds of megabytes.
_AT_ONCE = 2


class Forbidden(SecaggError):
    """The caller may not do this. ``read_only`` as in :class:`documents.ErrorAnswer`."""

    def __init__(self, message: str, *, hint: str | None = None, read_only: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.read_only = read_only


def _caller(request: Request) -> Caller:
    caller = request.state.caller
    assert isinstance(caller, Caller)
    return caller


TheCaller = Annotated[Caller, Depends(_caller)]
_RUN_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["run", "covered", "problems"],
                    "description": "The JSON, packed with gzip, with its digest in Content-Digest.",
                }
            }
        },
    }
}


def make_api(
    open_store: Callable[[], Store], metrics: Metrics, tools: Set[str] = frozenset()
) -> APIRouter:
    """Return the routes below :data:`secagg.remote.documents.PREFIX`.

    ``tools`` are as in :class:`secagg.serve.callers.Callers`.
    """
    router = APIRouter(prefix=PREFIX, tags=["store"])
    slots = asyncio.Semaphore(_AT_ONCE)

    @router.post("/runs", summary="Record a run", openapi_extra=_RUN_BODY)
    async def record(request: Request, caller: TheCaller) -> Response:
        data = await request.body()
        _check_body(request, data)
        async with slots:
            run, recorded = await run_in_threadpool(_record, open_store, caller, data, tools)
        metrics.run(recorded)
        request.state.about = {
            "repository": cell(run.repository),
            "branch": cell(run.branch),
            "run": run.key,
            "again": recorded.again,
        }
        return _answer(recorded)

    @router.get("/runs", summary="Runs, newest first")
    def runs(
        caller: TheCaller,
        repository: Repository | None = None,
        branch: Branch | None = None,
        limit: Annotated[int, Field(ge=1, le=MOST_RUNS)] = MOST_RUNS,
    ) -> Response:
        with open_store() as store:
            if repository is None and caller.may_everywhere(TokenScope.READ):
                return _answer({"runs": store.runs(None, branch, limit=limit)})
            readable = [
                run
                for name in _readable(caller, store, repository)
                for run in store.runs(name, branch, limit=limit)
            ]
        readable.sort(key=lambda run: (run.started_at, run.key), reverse=True)
        return _answer({"runs": readable[:limit]})

    @router.get("/newest-runs", summary="The newest run of every branch")
    def newest_runs(caller: TheCaller, default_branches: bool = False) -> Response:
        with open_store() as store:
            newest = store.newest_runs(default_branches=default_branches)
        return _answer(
            {"runs": [run for run in newest if caller.may(TokenScope.READ, run.repository)]}
        )

    @router.get("/runs/{key}", summary="A run and its problems")
    def run(key: Name, caller: TheCaller) -> Response:
        with open_store() as store:
            record, problems = store.run(key)
        if not caller.may(TokenScope.READ, record.repository):
            raise StoreError(NO_SUCH_RUN, hint=RUNS_HINT)
        return _answer({"run": record, "problems": documents.problems_values(problems)})

    @router.get("/keys/{beginning}", summary="The only key that begins so")
    def run_key(beginning: Name, caller: TheCaller) -> Response:
        with open_store() as store:
            key = store.run_key(beginning)
            record, _ = store.run(key)
        if not caller.may(TokenScope.READ, record.repository):
            raise StoreError(NO_SUCH_RUN, hint=RUNS_HINT)
        return _answer({"key": key})

    @router.get("/run-of-commit", summary="The newest run of a commit")
    def run_of_commit(repository: Repository, commit: Name, caller: TheCaller) -> Response:
        _need(caller, TokenScope.READ, repository)
        with open_store() as store:
            return _answer({"run": store.run_of_commit(repository, commit), "problems": []})

    @router.post("/changes", summary="What changed with each run")
    def changes(request: ChangesRequest, caller: TheCaller) -> Response:
        keys = set(request.keys)
        with open_store() as store:
            if not caller.may_everywhere(TokenScope.READ):
                keys &= {
                    run.key
                    for name in _readable(caller, store, None)
                    for run in store.runs(name, limit=MOST_RUNS)
                }
            return _answer({"changes": dict(store.changes(sorted(keys)))})

    @router.get("/branches", summary="Every repository and branch with a run")
    def branches(caller: TheCaller, repository: Repository | None = None) -> Response:
        with open_store() as store:
            pairs = store.branches(repository)
        return _answer(
            {"branches": [pair for pair in pairs if caller.may(TokenScope.READ, pair[0])]}
        )

    @router.post("/problems", summary="Problems with their history")
    def problems(request: ProblemsRequest, caller: TheCaller) -> Response:
        file_decisions = {name: one.triage() for name, one in request.file_decisions.items()}
        with open_store() as store:
            readable = [
                problem
                for name in _readable(caller, store, request.repository)
                for problem in store.problems(
                    name,
                    request.branch,
                    states=request.states,
                    as_of=request.as_of,
                    file_decisions=file_decisions if request.repository is not None else None,
                    details=request.details,
                    default_branches=request.default_branches,
                )
            ]
        return _answer({"problems": documents.problems_values(readable)})

    @router.post("/first-seen", summary="When problems were first seen")
    def first_seen(request: FirstSeenRequest, caller: TheCaller) -> Response:
        _need(caller, TokenScope.READ, request.repository)
        with open_store() as store:
            times = store.first_seen(request.repository, request.branch, request.identities)
        return _answer({"first_seen": dict(times)})

    @router.get("/decisions", summary="The newest decisions on each problem")
    def decisions(repository: Repository, caller: TheCaller) -> Response:
        _need(caller, TokenScope.READ, repository)
        with open_store() as store:
            made = store.decisions_made(repository)
            return _answer(
                {
                    "decisions": store.newest_decisions(repository),
                    "made": made.by_identity,
                    "wholes": {name: sorted(wholes) for name, wholes in made.wholes.items()},
                }
            )

    @router.post("/decisions", summary="Decide on problems")
    def decide(request: DecisionRequest, caller: TheCaller) -> Response:
        _need(caller, TokenScope.TRIAGE, request.repository)
        requested = request.decision
        decision = Triage(
            state=requested.state,
            reason=filtered_error(requested.reason),
            by=caller.name,
            owner=requested.owner,
            at=utc_now(),
            expires=requested.expires,
        )
        with open_store() as store:
            full = store.triage(
                request.repository, request.identities, decision, dry_run=request.dry_run
            )
        return _answer({"identities": full})

    @router.post("/decisions/undo", summary="Take decisions back")
    def undo(request: UndoRequest, caller: TheCaller) -> Response:
        _need(caller, TokenScope.TRIAGE, request.repository)
        who, dry_run = caller.name, request.dry_run
        with open_store() as store:
            if request.batch is not None:
                full = store.undo_batch(request.repository, request.batch, who=who, dry_run=dry_run)
            else:
                full = store.undo(
                    request.repository, request.identities or (), who=who, dry_run=dry_run
                )
        return _answer({"identities": full})

    @router.post("/audit", summary="Who decided what")
    def audit(request: AuditRequest, caller: TheCaller) -> Response:
        if request.repository is not None:
            _need(caller, TokenScope.READ, request.repository)
        elif not caller.may_everywhere(TokenScope.READ):
            raise Forbidden(
                "the audit log of all repositories needs a token for all of them",
                hint="name a repository",
            )
        with open_store() as store:
            entries = store.audit(
                limit=request.limit, subjects=request.subjects, repository=request.repository
            )
        return _answer({"entries": entries})

    @router.get("/tokens", summary="Tokens")
    def list_tokens(caller: TheCaller) -> Response:
        _need_admin(caller)
        with open_store() as store:
            tokens = store.tokens()
        own = [token for token in tokens if caller.administers(token.repositories)]
        return _answer({"tokens": [_shown(token) for token in own]})

    @router.post("/tokens", summary="Add a token, whose holder made its secret")
    def add_token(request: TokenRequest, caller: TheCaller) -> Response:
        if not caller.administers(request.repositories):
            raise Forbidden("this needs the right to admin for each of the repositories")
        now = utc_now()
        token = ApiToken(
            id=request.id,
            name=request.name,
            digest=request.digest,
            scopes=tuple(request.scopes),
            repositories=tuple(request.repositories),
            created_at=now,
            created_by=caller.name,
            expires_at=now + datetime.timedelta(days=request.days),
        )
        with open_store() as store:
            if store.tokens(token.id):
                raise StoreError("there is a token with this id already")
            store.add_token(token)
        return _answer({"tokens": [_shown(token)]})

    @router.post("/tokens/{token_id}/revoke", summary="Revoke a token")
    def revoke_token(token_id: Name, caller: TheCaller) -> Response:
        _need_admin(caller)
        with open_store() as store:
            if not all(caller.administers(one.repositories) for one in store.tokens(token_id)):
                raise Forbidden("this needs the right to admin for the token's repositories")
            revoked = store.revoke_token(token_id, who=caller.name)
        return _answer({"tokens": [_shown(revoked)]})

    return router


def _shown(token: ApiToken) -> ApiToken:
    """Return ``token`` without its hash, which nobody needs to see."""
    return replace(token, digest="")


def _need_admin(caller: Caller) -> None:
    if not any(TokenScope.ADMIN in grant.scopes for grant in caller.grants):
        raise Forbidden("this needs the right to admin")


def _check_body(request: Request, data: bytes) -> None:
    """Raise :class:`UntrustedRun` for a body that is not the one that its sender has sent."""
    if request.headers.get("content-encoding", "").lower() != "gzip":
        raise UntrustedRun("the run is not packed with gzip")
    expected = documents.digest(data)
    stated = request.headers.get(documents.DIGEST_HEADER.lower(), "")
    if not hmac.compare_digest(stated.encode("utf-8", "replace"), expected.encode()):
        raise UntrustedRun("the run is not what its Content-Digest says: it was cut off or changed")


def _record(
    open_store: Callable[[], Store], caller: Caller, data: bytes, tools: Set[str]
) -> tuple[RunRecord, ImportedRun]:
    """Record the run in ``data`` if ``caller`` may; return it and what it changed."""
    if not any(TokenScope.WRITE in grant.scopes for grant in caller.grants):
        # Before anything is unpacked.
        raise _may_not_record(caller)
    document = documents.read_run(data)
    run = document.run
    if not caller.may_record(run.repository, run.branch):
        raise _may_not_record(caller)
    with open_store() as store:
        recorded = store.record_untrusted(run, document.problems, document.covered, tools)
        if recorded.again:
            _check_same_origin(store, run)
    return run, recorded


def _may_not_record(caller: Caller) -> Forbidden:
    if caller.reads_only:
        return Forbidden(
            "the store takes no runs of pull requests by a token of the CI service",
            hint="their findings are compared with the store's; a fork could have sent them",
            read_only=True,
        )
    return Forbidden(
        "this token may not record runs of this repository and branch",
        hint="the server's settings, or secagg token list, say what it is for",
    )


def _check_same_origin(store: Store, run: RunRecord) -> None:
    """Raise :class:`StoreError` if the run that has the key of ``run`` is of another branch."""
    before, _ = store.run(run.key)
    if (before.repository, before.branch) != (run.repository, run.branch):
        raise StoreError("another run with this key is recorded already")


def _readable(caller: Caller, store: Store, repository: str | None) -> Iterator[str]:
    """Yield the repositories to read: ``repository``, or all that the caller may read."""
    if repository is not None:
        _need(caller, TokenScope.READ, repository)
        yield repository
        return
    names = sorted({name for name, _ in store.branches()})
    yield from (name for name in names if caller.may(TokenScope.READ, name))


def _need(caller: Caller, scope: TokenScope, repository: str) -> None:
    """Raise :class:`Forbidden` unless ``caller`` has ``scope`` for ``repository``."""
    if not caller.may(scope, repository):
        raise Forbidden(f"this needs the right to {scope} for the repository")


def _answer(value: dict[str, Any] | ImportedRun) -> Response:
    return Response(documents.dumps(value), media_type="application/json")
