"""Who may read and write what: every role times every route times every state of a repository."""

from __future__ import annotations

import datetime
import gzip
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.datastructures import Headers

from secagg.history import Store, open_store
from secagg.model.access import Caller, TokenScope, new_token
from secagg.model.problem import State, Triage
from secagg.pipeline.storesource import HistoryScope, StoreTriageSink, open_source
from secagg.remote import documents
from secagg.serve.app import Served, make_app
from secagg.serve.guard import CSRF_HEADER, Access, hosts_for
from secagg.serve.oidc import Verifier
from secagg.serve.overview import AllRepositories
from secagg.serve.people import People
from secagg.serve.sessions import Sessions
from secagg.serve.settings import Proxy, Team
from tests.history.make import ident, problem, run
from tests.serve.jobs import ADDRESS, YEAR, Jobs
from tests.serve.test_oidc import ISSUERS, KEYS, _token

PROXY = "10.0.0.5"
SHOP, OTHER, EMPTY = "acme/shop", "evil/other", "acme/empty"
# In everything that is about the repository, and nowhere else.
MARKS = {SHOP: "of the shop", OTHER: "of the other"}
KEY_OF = {SHOP: ident("shop run"), OTHER: ident("other run"), EMPTY: ident("no run")}
PROBLEM_OF = {SHOP: ident("shop"), OTHER: ident("other"), EMPTY: ident("none")}
_numbers = itertools.count()


def _fill(url: str) -> None:
    with open_store(url) as store:
        for repository, name in ((SHOP, "shop"), (OTHER, "other")):
            mark = MARKS[repository]
            made = run(1, key=KEY_OF[repository], repository=repository, branch=f"main {mark}")
            store.record(made, [problem(name, title=mark)], [("trivy", ".")])
            decision = Triage(state=State.CONFIRMED, reason=mark, by="sam")
            store.triage(repository, [PROBLEM_OF[repository]], decision)


def _state(store: Store) -> dict[str, Any]:
    """All that a request may have changed, by what a caller needs to change it."""
    return {
        "write": {one.key for one in store.runs()},
        "triage": [(e.who, e.what, e.subject) for e in store.audit() if "token" not in e.what],
        "admin": [(t.id, t.revoked_at) for t in store.tokens()],
    }


@dataclass(frozen=True)
class Route:
    """A request about a repository; ``scope`` is what it needs there, None for what filters."""

    method: str
    path: str
    scope: TokenScope | None
    ask: Callable[[str], Mapping[str, Any]] = lambda repository: {}
    target: Callable[[str], str] = lambda repository: ""

    def address(self, repository: str) -> str:
        return self.path.partition("{")[0] + self.target(repository) + self.path.partition("}")[2]


def _params(repository: str) -> Mapping[str, Any]:
    return {"params": {"repository": repository}}


def _json(**body: Any) -> Callable[[str], Mapping[str, Any]]:
    return lambda repository: {"json": {"repository": repository, **body}}


def _a_run(repository: str) -> Mapping[str, Any]:
    made = run(2, key=ident(f"made {next(_numbers)}"), repository=repository)
    data = gzip.compress(documents.run_body(made, [problem("new")], []))
    return {
        "content": data,
        "headers": {"Content-Encoding": "gzip", "Content-Digest": documents.digest(data)},
    }


def _a_decision(repository: str) -> Mapping[str, Any]:
    decision = {"state": "accepted", "reason": "r"}
    body = {"identities": [PROBLEM_OF[repository]], "decision": decision}
    return {"json": {"repository": repository, **body}}


def _a_token(repository: str) -> Mapping[str, Any]:
    return {
        "json": {
            "id": f"{next(_numbers):010x}",
            "name": "n",
            "digest": "0" * 64,
            "scopes": ["read"],
            "repositories": [repository],
            "days": 3,
        }
    }


def _undo(repository: str) -> Mapping[str, Any]:
    return {"json": {"repository": repository, "identities": [PROBLEM_OF[repository]]}}


def _seen(repository: str) -> Mapping[str, Any]:
    body = {"branch": "main", "identities": [PROBLEM_OF[repository]]}
    return {"json": {"repository": repository, **body}}


READ, WRITE, TRIAGE, ADMIN = TokenScope.READ, TokenScope.WRITE, TokenScope.TRIAGE, TokenScope.ADMIN
ROUTES = (
    Route("POST", "/runs", WRITE, _a_run),
    Route("GET", "/runs", READ, _params),
    Route("GET", "/runs", None),
    Route("GET", "/newest-runs", None),
    Route("GET", "/runs/{key}", READ, target=lambda r: KEY_OF[r]),
    Route("GET", "/keys/{beginning}", READ, target=lambda r: KEY_OF[r][:9]),
    Route(
        "GET",
        "/run-of-commit",
        READ,
        lambda r: {"params": {"repository": r, "commit": "abcdefab"}},
    ),
    Route("POST", "/changes", None, lambda r: {"json": {"keys": [KEY_OF[r]]}}),
    Route("GET", "/branches", None, _params),
    Route("GET", "/branches", None),
    Route("POST", "/problems", READ, _json()),
    Route("POST", "/problems", None, lambda r: {"json": {}}),
    Route("POST", "/problems", None, lambda r: {"json": {"as_of": KEY_OF[r]}}),
    Route("POST", "/first-seen", READ, _seen),
    Route("GET", "/decisions", READ, _params),
    Route("POST", "/decisions", TRIAGE, _a_decision),
    Route("POST", "/decisions/undo", TRIAGE, _undo),
    Route("POST", "/audit", READ, _json()),
    Route("GET", "/tokens", None),
    Route("POST", "/tokens", ADMIN, _a_token),
    Route("POST", "/tokens/{token_id}/revoke", None, target=lambda r: "ffffffffff"),
)

# What each caller has in SHOP and EMPTY. Nobody but the last has anything in OTHER.
CALLERS: dict[str, frozenset[TokenScope]] = {
    "nobody": frozenset(),
    "made up": frozenset(),
    "expired": frozenset(),
    "revoked": frozenset(),
    "of another audience": frozenset(),
    "writer": frozenset({WRITE}),
    "reader": frozenset({READ}),
    "triager": frozenset({READ, TRIAGE}),
    "admin": frozenset({ADMIN}),
    "branch": frozenset({WRITE, READ}),
    "pull request": frozenset({READ}),
    "everything": frozenset(TokenScope),
}
UNKNOWN = ("nobody", "made up", "expired", "revoked", "of another audience")


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    url = f"sqlite:///{tmp_path_factory.mktemp('rights')}/store.db"
    verifier = Verifier(ISSUERS, ADDRESS, fetch=lambda url: KEYS[url])
    made = Jobs(url, verifier, opens_once=True)
    _fill(url)
    return made


@pytest.fixture(scope="module")
def tokens(jobs: Jobs) -> dict[str, str | None]:
    def of(*scopes: TokenScope, **more: Any) -> str:
        return jobs.token("acme/*", scopes=scopes, **more)

    revoked = of(*TokenScope)
    with jobs.store() as store:
        store.revoke_token(revoked.split("_")[1], who="dana")
    return {
        "nobody": None,
        "made up": "secagg_0123456789_" + "x" * 43,
        "expired": of(*TokenScope, lifetime=-datetime.timedelta(days=1)),
        "revoked": revoked,
        "of another audience": _token(aud="https://other.example"),
        "writer": of(WRITE),
        "reader": of(READ),
        "triager": of(READ, TRIAGE),
        "admin": of(ADMIN),
        "branch": _token(repository=SHOP),
        "pull request": _token(repository=SHOP, event_name="pull_request", ref="refs/pull/1/merge"),
        "everything": jobs.token("*"),
    }


def _may(caller: str, scope: TokenScope, repository: str) -> bool:
    if caller == "everything":
        return True
    if repository == OTHER or (repository == EMPTY and caller in ("branch", "pull request")):
        return False
    return scope in CALLERS[caller]


def test_every_route_is_in_the_table(jobs: Jobs) -> None:
    paths = jobs.app.openapi()["paths"]
    routes = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in paths.items()
        for method in methods
        if path.startswith("/api/v1")
    }
    assert routes == {(route.method, route.path) for route in ROUTES}


@pytest.mark.parametrize("repository", [SHOP, OTHER, EMPTY])
@pytest.mark.parametrize("caller", CALLERS)
def test_the_api(jobs: Jobs, tokens: dict[str, str | None], caller: str, repository: str) -> None:
    with jobs.store() as store, jobs.client:
        _try_routes(jobs, store, tokens[caller], caller, repository)


def _try_routes(jobs: Jobs, store: Store, token: str | None, caller: str, repository: str) -> None:
    before = _state(store)
    for route in ROUTES:
        answer = jobs.ask(route.method, route.address(repository), token, **route.ask(repository))
        # What a GET changed would be seen with the next POST.
        before, earlier = before if route.method == "GET" else _state(store), before
        said = f"{caller} {route.method} {route.path} {repository}: {answer.text}"
        for about, mark in MARKS.items():
            # The caller's own names and the mark of what they may read are all that is said.
            assert _may(caller, READ, about) or mark not in answer.text, said
        changed = [name for name in before if before[name] != earlier[name]]
        allowed = route.scope is not None and _may(caller, route.scope, repository)
        if caller in UNKNOWN:
            assert (answer.status_code, changed) == (401, []), said
        elif route.scope is None:
            assert answer.status_code in (200, 403, 409) and changed == [], said
        elif not allowed:
            assert answer.status_code in (403, 409) and changed == [], said
        elif repository == EMPTY and route.scope in (READ, TRIAGE):
            # There is nothing in it: no run, and nothing to decide on.
            assert answer.status_code in (200, 409) and changed == [], said
        else:
            assert answer.status_code == 200, said
            assert changed == ([] if route.scope is READ else [str(route.scope)]), said


TEAMS = (
    Team(name="readers", role="reader", members=("rea",), repositories=("acme/*",)),
    Team(name="triagers", role="triager", groups=("triage",), repositories=(SHOP,)),
    Team(name="admins", role="admin", members=("ada",), repositories=("acme/*",)),
    Team(name="others", role="triager", members=("oda",), repositories=(OTHER,)),
    Team(name="all", role="triager", members=("abe",), repositories=("*",)),
)
# What each person has in SHOP, and in OTHER.
PEOPLE: dict[str, tuple[dict[str, str], set[TokenScope], set[TokenScope]]] = {
    "nobody": ({}, set(), set()),
    "a stranger": ({"X-Forwarded-User": "mal"}, set(), set()),
    "a group alone": ({"X-Forwarded-Groups": "triage"}, set(), set()),
    "a reader": ({"X-Forwarded-User": "rea"}, {READ}, set()),
    "a triager": (
        {"X-Forwarded-User": "tri", "X-Forwarded-Groups": "staff, triage"},
        {READ, TRIAGE},
        set(),
    ),
    "an admin": ({"X-Forwarded-User": "ada"}, {READ, TRIAGE, ADMIN}, set()),
    "another team": ({"X-Forwarded-User": "oda"}, set(), {READ, TRIAGE}),
    "everybody's": ({"X-Forwarded-User": "abe"}, {READ, TRIAGE}, {READ, TRIAGE}),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a store that has runs of two repositories."""
    made = tmp_path_factory.mktemp("page")
    _fill(f"sqlite:///{made}/store.db")
    return made


def _page(
    place: Path, repository: str | None, peer: str = PROXY, way: str = "proxy"
) -> tuple[TestClient, People]:
    """The page of ``repository``, or of all, for the people of the teams."""
    url = f"sqlite:///{place}/store.db"
    branch = None if repository is None else f"main {MARKS[repository]}"
    scope = HistoryScope(
        root=place,
        store=url,
        repository=repository,
        branch=branch,
        all_repositories=repository is None,
    )
    people = People(
        proxy=Proxy(addresses=(ip_address(PROXY),)),
        teams=TEAMS,
        sessions=Sessions(absolute=3600, idle=600, secure=False) if way == "login" else None,
    )
    served = Served(
        open_source=lambda: open_source(None, scope),
        access=Access(hosts=hosts_for("127.0.0.1", 8765)),
        triage=None if repository is None else StoreTriageSink(scope),
        people=people,
        repositories=None
        if repository is not None
        else AllRepositories(open_store=lambda: open_store(url), teams=TEAMS),
    )
    client = TestClient(
        make_app(served),
        base_url="http://127.0.0.1:8765",
        client=(peer, 5000),
        follow_redirects=False,
    )
    return client, people


PAGES = (
    ("GET", "/"),
    ("GET", "/api/report"),
    ("GET", "/api/problems/{identity}"),
    ("GET", "/api/problems/{identity}/history"),
    ("POST", "/api/triage"),
    ("POST", "/api/undo"),
)


def _log_in(client: TestClient, people: People, headers: Mapping[str, str]) -> Caller | None:
    """Give the browser the session of whom ``headers`` name, without any header of a proxy."""
    assert people.sessions is not None
    name = headers.get("X-Forwarded-User")
    if name is None:
        return None
    groups = [group.strip() for group in headers.get("X-Forwarded-Groups", "").split(",")]
    session = people.sessions.start(name, people.groups_that_count(groups))
    client.cookies.set(people.sessions.session_name, people.sessions.cookie(session))
    return people.of_session(session)


PAGES_OF_ALL = (
    ("GET", "/"),
    ("GET", "/problems?state=all&q={repository}"),
    ("GET", "/problem?repository={repository}&id={identity}"),
)


@pytest.mark.parametrize("way", ["proxy", "login"])
@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("repository", [SHOP, OTHER, None])
def test_the_page(place: Path, who: str, repository: str | None, way: str) -> None:
    headers, in_shop, in_other = PEOPLE[who]
    user = headers.get("X-Forwarded-User")
    client, people = _page(place, repository, way=way)
    described = {
        (method.upper(), path)
        for path, methods in client.app.openapi()["paths"].items()  # type: ignore[attr-defined]
        for method in methods
    }
    pages = PAGES if repository is not None else PAGES_OF_ALL
    plain = {(method, path.partition("?")[0]) for method, path in pages}
    assert described == {*plain, ("GET", "/healthz"), ("GET", "/metrics")}
    scopes = {SHOP: in_shop, OTHER: in_other}
    if way == "proxy":
        person = people.of(PROXY, Headers(headers))
    else:
        person, headers = _log_in(client, people, headers), {}
    assert (person is not None) == bool(in_shop or in_other)
    csrf = "" if person is None else people.csrf_of(person)
    with open_store(f"sqlite:///{place}/store.db") as store:
        before = len(store.audit())
    for (method, path), about in itertools.product(pages, (SHOP, OTHER)):
        if about is OTHER and path in ("/", "/api/report"):
            # These are about no repository: once is enough.
            continue
        answer = client.request(
            method,
            path.replace("{identity}", PROBLEM_OF[about]).replace("{repository}", about),
            headers={**headers, CSRF_HEADER: csrf},
            json=_change(path, about) if method == "POST" else None,
        )
        if path == "/" and person is not None and repository is not None:
            assert f'"csrf":"{csrf}"' in answer.text
        with open_store(f"sqlite:///{place}/store.db") as store:
            entries = store.audit()
        said = f"{who} {method} {path} {about} on the page of {repository}: {answer.status_code}"
        for name, mark in MARKS.items():
            shown = READ in scopes[name] and repository in (name, None)
            assert shown or mark not in answer.text, said
        changed, before = len(entries) != before, len(entries)
        decides = TRIAGE in scopes[about] and repository == about and path == "/api/triage"
        assert changed == decides, said
        if decides:
            assert entries[0].who == user, said
        if not in_shop and not in_other:
            # A page of the browser is sent to the login.
            to_login = not path.startswith("/api/") and method == "GET" and way == "login"
            assert answer.status_code == (303 if to_login else 401), said
        elif method == "POST" and not decides:
            assert answer.status_code in (403, 409), said


def _change(path: str, about: str) -> dict[str, Any]:
    if path == "/api/undo":
        return {"batch": "b-nothing"}
    return {"identities": [PROBLEM_OF[about]], "state": "accepted", "reason": "r"}


def test_headers_count_from_the_proxy_alone_and_once(place: Path) -> None:
    headers = {"X-Forwarded-User": "abe"}
    client, _ = _page(place, SHOP)
    assert client.get("/", headers=headers).status_code == 200
    twice = [("X-Forwarded-User", "abe"), ("X-Forwarded-User", "mal")]
    assert client.get("/", headers=twice).status_code == 401
    both = [("X-Forwarded-User", "tri"), ("X-Forwarded-Groups", "a"), ("X-Forwarded-Groups", "b")]
    assert client.get("/", headers=both).status_code == 401
    for peer in ("10.0.0.6", "127.0.0.1", ""):
        away, _ = _page(place, SHOP, peer)
        assert away.get("/", headers=headers).status_code == 401
    # The address that works once is for a page of one person.
    assert client.get("/", params={"token": "x"}).status_code == 401


def test_another_site_changes_nothing_in_a_persons_name(place: Path) -> None:
    client, people = _page(place, SHOP)
    abe, rea = {"X-Forwarded-User": "abe"}, {"X-Forwarded-User": "rea"}
    body = _change("/api/triage", SHOP)
    of_abe, of_rea = people.of(PROXY, Headers(abe)), people.of(PROXY, Headers(rea))
    assert of_abe is not None and of_rea is not None
    good = {**abe, CSRF_HEADER: people.csrf_of(of_abe)}
    for headers in (
        abe,
        {**abe, CSRF_HEADER: people.csrf_of(of_rea)},
        {**good, "Origin": "https://evil.example"},
    ):
        assert client.post("/api/triage", json=body, headers=headers).status_code == 403
    assert client.post("/api/triage", json=body, headers=good).status_code == 200


def test_an_admin_gives_no_rights_to_other_repositories(jobs: Jobs) -> None:
    admin = jobs.remote(jobs.token("acme/*", scopes=[ADMIN]))
    _, kept = new_token(name="n", scopes=[READ], repositories=[SHOP], by="x", lifetime=YEAR)
    admin.add_token(kept)
    (listed,) = admin.tokens(kept.id)
    assert (listed.created_by, listed.digest, listed.repositories) == ("token:ci", "", (SHOP,))
    assert not any("*" in one.repositories for one in admin.tokens())
    assert admin.revoke_token(kept.id, who="somebody else").id == kept.id
    token = jobs.token("acme/*", scopes=[ADMIN])
    for pattern in ("*", "evil/*", OTHER, "acme", "acme/*/x"):
        body = _a_token(pattern)
        assert jobs.ask("POST", "/tokens", token, **body).status_code in (403, 422)
    of_all = jobs.token("*").split("_")[1]
    assert jobs.ask("POST", f"/tokens/{of_all}/revoke", token).status_code == 403
