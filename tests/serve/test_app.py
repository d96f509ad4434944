"""Who is let in, who may change something, and what the answers hold."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient

from secagg.model.problem import State
from secagg.serve import guard
from secagg.serve.app import Served, make_app
from secagg.serve.guard import CSRF_HEADER, Access, hosts_for
from secagg.system.network import is_loopback
from tests.report.make import problem, run
from tests.serve.memory import Memory

HOST = "127.0.0.1:8765"
BASE = f"http://{HOST}"


class Server:
    """A server in this process, and a client that has not come in yet."""

    def __init__(self, **options: Any) -> None:
        self.memory = Memory([problem("one"), problem("two")], [run()])
        self.access = Access(hosts=hosts_for("127.0.0.1", 8765))
        served = Served(
            open_source=lambda: self.memory,
            access=self.access,
            triage=options.pop("triage", self.memory),
            by="dana",
            **options,
        )
        self.client = TestClient(make_app(served), base_url=BASE, follow_redirects=False)

    def enter(self) -> None:
        answer = self.client.get("/", params={"token": self.access.one_time})
        assert answer.status_code == 303

    def decide(self, token: str | None = None, **changes: Any) -> Any:
        body = {"identities": [problem("one").identity], "state": "accepted", "reason": "known"}
        headers = {CSRF_HEADER: self.access.csrf if token is None else token}
        headers |= changes.pop("headers", {})
        return self.client.post("/api/triage", json=body | changes, headers=headers)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.mark.parametrize("path", ["/", "/api/report", "/api/problems/x", "/nothing", "/docs"])
def test_without_the_cookie_there_is_nothing(server: Server, path: str) -> None:
    assert server.client.get(path).status_code == 401
    server.client.cookies.set(server.access.cookie_name, "guessed")
    assert server.client.get(path).status_code == 401


def test_the_token_works_once_and_gives_a_cookie_that_scripts_and_others_cannot_use(
    server: Server,
) -> None:
    wrong = server.client.get("/", params={"token": "x"})
    assert wrong.status_code == 403 and "set-cookie" not in wrong.headers
    answer = server.client.get("/", params={"token": server.access.one_time})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "domain" not in cookie
    assert server.access.one_time not in cookie.lower()
    assert server.client.get("/").status_code == 200
    # With the cookie the old address still leads to the page; without it, to nothing.
    assert server.client.get("/", params={"token": server.access.one_time}).status_code == 303
    server.client.cookies.clear()
    assert server.client.get("/", params={"token": server.access.one_time}).status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1:1", "127.0.0.1", ""]
)
def test_another_host_name_is_not_served(server: Server, host: str) -> None:
    server.enter()
    for path in ("/", "/openapi.json", "/api/report"):
        assert server.client.get(path, headers={"Host": host}).status_code == 421
    assert server.client.get("/", headers={"Host": "LOCALHOST:8765"}).status_code == 200


def test_every_answer_says_what_browsers_may_not_do(server: Server) -> None:
    answers = [server.client.get("/"), server.client.get("/", headers={"Host": "evil"})]
    server.enter()
    answers += [server.client.get("/"), server.client.get("/api/report"), server.decide()]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers


def test_a_decision_is_recorded_and_shown(server: Server) -> None:
    server.enter()
    answer = server.decide(owner="@acme/web", expires="2099-01-01")
    assert answer.status_code == 200
    (shown,) = answer.json()["problems"]
    assert (shown["state"], shown["triage"]["reason"]) == ("accepted", "known")
    kept = next(p for p in server.memory.problems() if p.triage)
    assert kept.triage is not None
    assert (kept.triage.state, kept.triage.by) == (State.ACCEPTED, "dana")
    assert server.client.get(f"/api/problems/{kept.identity}").json()["state"] == "accepted"


def test_only_the_page_itself_may_decide(server: Server) -> None:
    assert server.decide().status_code == 401
    server.enter()
    assert server.decide(token="").status_code == 403
    assert server.decide(token=server.access.session).status_code == 403
    for origin in ("https://evil.example", "null", "http://evil.example:8765", "file://"):
        assert server.decide(headers={"Origin": origin}).status_code == 403
    assert not any(p.triage for p in server.memory.problems())
    assert server.decide(headers={"Origin": BASE}).status_code == 200


@pytest.mark.parametrize("options", [{"read_only": True}, {"triage": None}])
def test_a_read_only_server_changes_nothing(options: dict[str, Any]) -> None:
    server = Server(**options)
    server.enter()
    assert server.decide().status_code == 403
    assert '"read_only":true' in server.client.get("/").text


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"reason": ""}, 422),
        ({"state": "fixed"}, 422),
        ({"identities": []}, 422),
        ({"more": 1}, 422),
        ({"identities": ["unknown"]}, 409),
        ({"reason": "x" * 2_000_000}, 413),
    ],
)
def test_what_cannot_be_decided_is_refused(
    server: Server, changes: dict[str, Any], status: int
) -> None:
    server.enter()
    assert server.decide(**changes).status_code == status
    assert not any(p.triage for p in server.memory.problems())


def test_a_problem_that_is_not_there(server: Server) -> None:
    server.enter()
    assert server.client.get("/api/problems/unknown").status_code == 404
    assert server.client.get("/api/problems/unknown/history").status_code == 404


def test_a_problem_is_found_by_any_of_its_ids(server: Server) -> None:
    server.enter()
    (found, *_) = server.memory.problems()
    found.known_as = (found.identity, "0f" * 16)
    for written in (found.identity.upper(), found.identity[:8], "0f" * 16):
        answer = server.client.get(f"/api/problems/{written}")
        assert answer.json()["identity"] == found.identity
        assert server.client.get(f"/api/problems/{written}/history").status_code == 200


def test_the_openapi_document_says_what_can_be_asked(server: Server) -> None:
    document = server.client.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/",
        "/healthz",
        "/metrics",
        "/api/report",
        "/api/problems/{identity}",
        "/api/problems/{identity}/history",
        "/api/triage",
        "/api/undo",
    }


def test_the_page_holds_no_token_but_its_own(server: Server) -> None:
    server.enter()
    text = server.client.get("/").text
    assert server.access.csrf in text
    assert server.access.session not in text and server.access.one_time not in text
    assert re.search(r"connect-src &#39;self&#39;", text)


def test_hosts() -> None:
    assert "127.0.0.1:80" in hosts_for("127.0.0.1", 80) and "localhost" in hosts_for("::1", 80)
    assert hosts_for("0.0.0.0", 8000) == frozenset()
    assert hosts_for("0.0.0.0", 8000, ["Secagg.example"]) == {"secagg.example:8000"}
    assert hosts_for("10.0.0.5", 8000) == {"10.0.0.5:8000"}
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "LocalHost")))
    assert not any(map(is_loopback, ("0.0.0.0", "10.0.0.5", "localhost.evil.example", "")))


def test_a_body_without_a_length_is_refused(server: Server) -> None:
    server.enter()
    headers = {CSRF_HEADER: server.access.csrf, "content-type": "application/json"}
    pieces = (b"x" * 100_000 for _ in range(100))
    answer = server.client.post("/api/triage", content=pieces, headers=headers)
    assert answer.status_code == 411


@pytest.mark.parametrize("text", ['"\\ud800"', '"a\\udfffb"'])
def test_lone_surrogates_are_refused_and_not_repeated(server: Server, text: str) -> None:
    server.enter()
    body = f'{{"identities": ["x"], "state": "accepted", "reason": {text}}}'
    headers = {CSRF_HEADER: server.access.csrf, "content-type": "application/json"}
    answer = server.client.post("/api/triage", content=body, headers=headers)
    assert answer.status_code == 422
    assert "reason" in answer.text and "input" not in answer.text
    assert server.memory.problems()[0].triage is None


def test_slow_bodies_are_given_up() -> None:
    class Slow:
        async def body(self) -> bytes:
            await asyncio.sleep(60)
            return b""

    # A browser of another test may have left its loop running in this thread.
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(
            asyncio.run, guard.Guard._read_body(cast("Any", Slow()), 0.01)
        ).result()
    assert answer is not None and answer.status_code == 408


def test_each_request_is_one_line_without_tokens() -> None:
    lines: list[str] = []
    server = Server(log=lambda line: lines.append(str(line)))
    once = server.access.one_time
    server.enter()
    server.client.get("/api/report")
    server.client.get("/%1b[31m%0a::error::x")
    server.decide()
    assert [line.split()[:3] for line in lines] == [
        ["GET", "/", "303"],
        ["GET", "/api/report", "200"],
        ["GET", lines[2].split()[1], "404"],
        ["POST", "/api/triage", "200"],
    ]
    text = "\n".join(lines)
    assert "\x1b" not in text and text.count("\n") == 3
    assert not any(secret in text for secret in (once, server.access.session, server.access.csrf))
