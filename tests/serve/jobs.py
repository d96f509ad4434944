"""A server of the API in this process, over a store of its own, and jobs that use it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from fastapi.testclient import TestClient

from secagg.history import Store, open_store
from secagg.model.access import TokenScope, new_token
from secagg.remote.credentials import VARIABLE
from secagg.remote.store import RemoteStore
from secagg.serve.app import Served, make_app
from secagg.serve.callers import Callers
from secagg.serve.guard import Access, hosts_for
from secagg.serve.monitoring import LogLine
from secagg.serve.oidc import Verifier
from tests.serve.memory import Memory

ADDRESS = "http://127.0.0.1:8765"
YEAR = datetime.timedelta(days=365)


class Jobs:
    """``lines`` is what the server logs."""

    def __init__(
        self, url: str, verifier: Verifier | None = None, *, opens_once: bool = False
    ) -> None:
        """``opens_once`` saves the time of opening the store for every request."""
        self.url = url
        self.lines: list[LogLine] = []
        with open_store(url) as opened:
            pass
        self.callers = Callers(
            open_store=lambda: opened if opens_once else open_store(url, create=False),
            verifier=verifier,
        )
        served = Served(
            open_source=lambda: Memory([], []),
            access=Access(hosts=hosts_for("127.0.0.1", 8765)),
            log=self.lines.append,
            callers=self.callers,
        )
        self.app = make_app(served)
        self.client = TestClient(self.app, base_url=ADDRESS, follow_redirects=False)

    def store(self) -> Store:
        return open_store(self.url, create=False)

    def token(
        self,
        *repositories: str,
        scopes: Sequence[TokenScope] = tuple(TokenScope),
        lifetime: datetime.timedelta = YEAR,
    ) -> str:
        token, kept = new_token(
            name="ci", scopes=scopes, repositories=repositories, by="dana", lifetime=lifetime
        )
        with self.store() as store:
            store.add_token(kept)
        return token

    def ask(self, method: str, path: str, token: str | None, **request: Any) -> Any:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        headers |= request.pop("headers", {})
        return self.client.request(method, f"/api/v1{path}", headers=headers, **request)

    def remote(self, token: str) -> RemoteStore:
        """Return the store as a job with ``token`` sees it."""
        return _InProcess(self.app, token)


class _InProcess(RemoteStore):
    def __init__(self, app: Any, token: str) -> None:
        super().__init__(ADDRESS, {VARIABLE: token})
        # The client of starlette is of httpx2 where that is installed.
        client: Any = TestClient(
            app,
            base_url=ADDRESS,
            follow_redirects=False,
            headers={"Authorization": f"Bearer {token}"},
        )
        self._http = client
