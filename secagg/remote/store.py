"""The store behind ``secagg serve``, with the methods of one in a database.

Each method is one request. A broken connection, a busy server and a restart of its database are
waited for; a run that is sent twice is recorded once, by its key.
"""

from __future__ import annotations

import datetime
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from secagg import __version__
from secagg.errors import StoreError, UsageError
from secagg.history import ImportedRun, Store
from secagg.history.alerts import StoredAlert
from secagg.history.audit import AuditEntry
from secagg.jsonio.packed import MIB, MOST_PACKED_BYTES
from secagg.model.access import ApiToken
from secagg.model.approval import DecisionsMade
from secagg.model.problem import Problem, RunRecord, State, Triage
from secagg.remote import documents
from secagg.remote.credentials import VARIABLE, bearer_token
from secagg.secrets.lastfilter import filtered_json
from secagg.system.network import is_loopback

_log = logging.getLogger(__name__)

ATTEMPTS = 6
_TIMEOUT = httpx.Timeout(120.0, connect=10.0)
_RETRIED = frozenset({408, 429, 502, 503, 504})
_sleep = time.sleep

T = TypeVar("T")


class ReadOnlyStore(StoreError):
    """The server takes no runs of this job, which a pull request started; it may read."""

    reads_only = True


class _Transient(Exception):
    """A failure to retry; ``error`` is the one to raise after the last attempt."""

    def __init__(self, error: StoreError) -> None:
        super().__init__()
        self.error = error


class RemoteStore(Store):
    """A store at ``url``, the address of ``secagg serve``.

    What only a database can do raises :class:`StoreError`. So do all methods, as those of
    :class:`Store`. Raises :class:`UsageError` for an address that would send the token unencrypted.
    """

    def __init__(self, url: str, environ: Mapping[str, str] = os.environ) -> None:
        parts = urlsplit(url)
        if not parts.hostname or parts.username or parts.password or parts.query or parts.fragment:
            raise UsageError(
                "the address of the store cannot be read", hint="such as https://secagg.example"
            )
        if parts.scheme.lower() != "https" and not is_loopback(parts.hostname):
            raise UsageError(
                f"the store {url} would get its token unencrypted",
                hint="put secagg serve behind a proxy with TLS, and name it by https://",
            )
        self._url = url.rstrip("/")
        self._environ = environ
        self._http: httpx.Client | None = None

    def close(self) -> None:
        if self._http is not None:
            self._http.close()

    @property
    def where(self) -> str:
        return self._url

    def record(
        self,
        run: RunRecord,
        problems: Sequence[Problem],
        complete_tools: Iterable[tuple[str, str]],
    ) -> ImportedRun:
        body = documents.run_body(run, problems, complete_tools)
        data = documents.packed(filtered_json(body))
        if len(data) > MOST_PACKED_BYTES:
            raise StoreError(
                f"the run is larger than the {MOST_PACKED_BYTES // MIB} MiB that a server takes",
                hint="scan parts of the repository on their own, or name a database: --store",
            )
        headers = {
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            documents.DIGEST_HEADER: documents.digest(data),
        }
        return self._ask("POST", "/runs", ImportedRun, content=data, headers=headers)

    def first_seen(
        self, repository: str, branch: str, identities: Iterable[str]
    ) -> Mapping[str, datetime.datetime]:
        body = {"repository": repository, "branch": branch, "identities": sorted(set(identities))}
        return self._post("/first-seen", documents.FirstSeenAnswer, body).first_seen

    def problems(
        self,
        repository: str | None,
        branch: str | None = None,
        *,
        states: Iterable[State] = (),
        as_of: str | None = None,
        file_decisions: Mapping[str, Triage] | None = None,
        details: bool = True,
        default_branches: bool = False,
    ) -> Iterator[Problem]:
        body = {
            "repository": repository,
            "branch": branch,
            "states": sorted(set(states)),
            "as_of": as_of,
            "file_decisions": dict(file_decisions or {}),
            "details": details,
            "default_branches": default_branches,
        }
        return iter(self._post("/problems", documents.ProblemsAnswer, body).problems)

    def runs(
        self, repository: str | None = None, branch: str | None = None, *, limit: int | None = None
    ) -> list[RunRecord]:
        params = {"repository": repository, "branch": branch, "limit": limit}
        return self._get("/runs", documents.RunsAnswer, **params).runs

    def newest_runs(self, *, default_branches: bool = False) -> list[RunRecord]:
        params = {"default_branches": default_branches}
        return self._get("/newest-runs", documents.RunsAnswer, **params).runs

    def branches(self, repository: str | None = None) -> list[tuple[str, str]]:
        return self._get("/branches", documents.BranchesAnswer, repository=repository).branches

    def run(self, key: str) -> tuple[RunRecord, list[Problem]]:
        answer = self._get(f"/runs/{quote(key, safe='')}", documents.RunAnswer)
        if answer.run is None:
            raise StoreError("no such run in the store")
        return answer.run, answer.problems

    def run_key(self, beginning: str) -> str:
        path = f"/keys/{quote(beginning.strip() or '-', safe='')}"
        return self._get(path, documents.KeyAnswer).key

    def changes(self, keys: Iterable[str]) -> Mapping[str, ImportedRun]:
        body = {"keys": list(keys)}
        return self._post("/changes", documents.ChangesAnswer, body).changes

    def run_of_commit(self, repository: str, commit: str) -> RunRecord | None:
        params = {"repository": repository, "commit": commit}
        return self._get("/run-of-commit", documents.RunAnswer, **params).run

    def triage(
        self, repository: str, identities: Iterable[str], decision: Triage, *, dry_run: bool = False
    ) -> list[str]:
        body = {
            "repository": repository,
            "identities": list(identities),
            "decision": decision,
            "dry_run": dry_run,
        }
        return self._post("/decisions", documents.DecidedAnswer, body).identities

    def undo(
        self, repository: str, identities: Iterable[str], *, who: str, dry_run: bool = False
    ) -> list[str]:
        body = {"repository": repository, "identities": list(identities), "dry_run": dry_run}
        return self._post("/decisions/undo", documents.DecidedAnswer, body).identities

    def undo_batch(
        self, repository: str, batch: str, *, who: str, dry_run: bool = False
    ) -> list[str]:
        body = {"repository": repository, "batch": batch, "dry_run": dry_run}
        return self._post("/decisions/undo", documents.DecidedAnswer, body).identities

    def undo_dismissal(self, repository: str, alert: str, *, who: str) -> list[str]:
        raise self._needs_database()

    def decisions(self, repository: str) -> dict[str, Triage]:
        newest = self.newest_decisions(repository)
        oldest = datetime.datetime.min.replace(tzinfo=datetime.UTC)
        return {name: max(made, key=lambda d: d.at or oldest) for name, made in newest.items()}

    def newest_decisions(self, repository: str) -> dict[str, list[Triage]]:
        answer = self._get("/decisions", documents.DecisionsAnswer, repository=repository)
        return answer.decisions

    def decisions_made(self, repository: str) -> DecisionsMade:
        answer = self._get("/decisions", documents.DecisionsAnswer, repository=repository)
        # A server of an earlier version has only the newest of each id.
        made = answer.decisions if answer.made is None else answer.made
        return DecisionsMade(made, answer.wholes)

    def alerts(self, repository: str) -> dict[int, StoredAlert]:
        raise self._needs_database()

    def save_alerts(self, repository: str, changed: Iterable[StoredAlert]) -> None:
        raise self._needs_database()

    def audit(
        self,
        *,
        limit: int | None = None,
        subjects: Sequence[str] = (),
        repository: str | None = None,
    ) -> list[AuditEntry]:
        body = {"limit": limit, "subjects": list(subjects), "repository": repository}
        return self._post("/audit", documents.AuditAnswer, body).entries

    def add_token(self, token: ApiToken) -> None:
        body = {
            "id": token.id,
            "name": token.name,
            "digest": token.digest,
            "scopes": token.scopes,
            "repositories": token.repositories,
            "days": (token.expires_at - token.created_at).days,
        }
        self._post("/tokens", documents.TokensAnswer, body)

    def tokens(self, token_id: str | None = None) -> list[ApiToken]:
        tokens = self._get("/tokens", documents.TokensAnswer).tokens
        return [token for token in tokens if token_id in (None, token.id)]

    def revoke_token(self, token_id: str, *, who: str) -> ApiToken:
        path = f"/tokens/{quote(token_id or '-', safe='')}/revoke"
        return self._post(path, documents.TokensAnswer, {}).tokens[0]

    @contextmanager
    def _open(self, *, reads: bool) -> Iterator[Any]:
        """Refuse what is no request here, such as a method that was added to the store alone."""
        self._refuse()
        yield

    def _refuse(self) -> None:
        raise self._needs_database()

    def _needs_database(self) -> StoreError:
        return StoreError(
            f"this needs the database behind {self._url}",
            hint="name the database itself: --store postgresql://...",
        )

    def _get(self, path: str, answer: type[T], **params: Any) -> T:
        asked = {name: value for name, value in params.items() if value is not None}
        return self._ask("GET", path, answer, params=asked)

    def _post(self, path: str, answer: type[T], body: Mapping[str, Any]) -> T:
        content = filtered_json(documents.dumps(body))
        headers = {"Content-Type": "application/json"}
        return self._ask("POST", path, answer, content=content, headers=headers)

    def _ask(self, method: str, path: str, answer: type[T], **request: Any) -> T:
        """Send a request, again after a passing failure, and return its answer."""
        retrying = Retrying(
            sleep=lambda seconds: _sleep(seconds),
            wait=wait_exponential(multiplier=0.5, max=10.0) + wait_random(0, 0.5),
            stop=stop_after_attempt(ATTEMPTS),
            retry=retry_if_exception_type(_Transient),
            before_sleep=_log_retry,
            reraise=True,
        )
        try:
            response = retrying(self._ask_once, method, path, request)
        except _Transient as failure:
            raise failure.error from None
        return documents.read(response.content, answer)

    def _ask_once(self, method: str, path: str, request: Mapping[str, Any]) -> httpx.Response:
        try:
            response = self._client().request(
                method, f"{self._url}{documents.PREFIX}{path}", **request
            )
        except httpx.TransportError as failure:
            if "CERTIFICATE_VERIFY_FAILED" in str(failure):
                raise StoreError(
                    f"the certificate of the store {self._url} is not trusted",
                    hint="SSL_CERT_FILE names the certificates of your own authority",
                ) from None
            # Without the text of ``failure``, which may quote what was sent.
            raise _Transient(
                StoreError(
                    f"the store {self._url} cannot be reached ({type(failure).__name__})",
                    hint="is secagg serve running, and its address right?",
                )
            ) from None
        _log.debug("%s %s: %d", method, path, response.status_code)
        if response.status_code == 200:
            return response
        error = self._error_of(response)
        if response.status_code in _RETRIED and type(error) is StoreError:
            raise _Transient(error)
        raise error

    def _error_of(self, response: httpx.Response) -> StoreError | UsageError:
        """Return the error of a refusal, by what the server says and by the status."""
        status = response.status_code
        if status == 401:
            return StoreError(
                f"the store {self._url} does not accept the token",
                hint=f"it is unknown, expired or revoked, or for another server: {VARIABLE}",
            )
        try:
            answer = documents.read(response.content, documents.ErrorAnswer)
        except StoreError:
            answer = documents.ErrorAnswer(detail=None)
        if not isinstance(answer.detail, str):
            return StoreError(
                f"the store {self._url} answered with status {status}",
                hint="is secagg serve of the same version at this address?",
            )
        if answer.read_only:
            return ReadOnlyStore(answer.detail, hint=answer.hint)
        kind = UsageError if answer.usage else StoreError
        return kind(answer.detail[:1000], hint=answer.hint)

    def _client(self) -> httpx.Client:
        if self._http is None:
            token = bearer_token(self._environ, self._url)
            self._http = httpx.Client(
                timeout=_TIMEOUT,
                follow_redirects=False,
                headers={
                    "Authorization": f"Bearer {token}",
                    "User-Agent": f"secagg/{__version__}",
                },
            )
        return self._http


def _log_retry(state: RetryCallState) -> None:
    _log.info("the store does not answer: attempt %d of %d", state.attempt_number, ATTEMPTS)
