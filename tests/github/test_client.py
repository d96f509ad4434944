"""Single requests, without a server: what is sent, and answers that no GitHub should give."""

from __future__ import annotations

import httpx
import pytest
import respx

from secagg.github.client import Client, Token
from secagg.github.failures import Failure, GitHubError
from tests.github.fakes import FakeClock

API = "https://api.github.com"


def client() -> Client:
    return Client(API, Token("t0ken"), clock=FakeClock())


@respx.mock
def test_headers_of_a_request() -> None:
    route = respx.get(f"{API}/x").respond(json={})
    with client() as github:
        assert github.get("/x") == {}
    sent = route.calls.last.request.headers
    assert sent["authorization"] == "Bearer t0ken"
    assert sent["x-github-api-version"] == "2022-11-28"
    assert sent["accept"] == "application/vnd.github+json"
    assert sent["user-agent"].startswith("secagg/")


@pytest.mark.parametrize(
    ("answer", "failure", "calls"),
    [
        (httpx.Response(501), Failure.UNAVAILABLE, 1),
        (httpx.Response(418), Failure.FORBIDDEN, 1),
        (httpx.Response(200, text="<html>"), Failure.CONNECTION, 1),
        (httpx.Response(400, json=["odd"]), Failure.BAD_REQUEST, 1),
        (httpx.Response(304), Failure.FORBIDDEN, 1),
        (httpx.ConnectError("refused"), Failure.CONNECTION, 6),
        (httpx.ReadTimeout("slow"), Failure.CONNECTION, 6),
        (
            httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"),
            Failure.CERTIFICATE,
            1,
        ),
        (httpx.UnsupportedProtocol("odd"), Failure.CONNECTION, 1),
    ],
)
@respx.mock
def test_odd_answers(answer: httpx.Response | Exception, failure: Failure, calls: int) -> None:
    route = respx.get(f"{API}/x").mock(side_effect=[answer] * 6)
    with client() as github, pytest.raises(GitHubError) as caught:
        github.get("/x")
    assert caught.value.failure is failure
    assert route.call_count == calls
    assert "t0ken" not in str(caught.value)


@respx.mock
def test_details_of_a_refusal_are_shown() -> None:
    errors = [{"message": "ref is odd", "field": "ref"}, "and so is this"]
    respx.post(f"{API}/x").respond(422, json={"message": "Validation Failed", "errors": errors})
    with client() as github, pytest.raises(GitHubError, match="ref is odd; and so is this"):
        github.post("/x", {})


@respx.mock
def test_answer_without_content() -> None:
    respx.patch(f"{API}/x").respond(204)
    with client() as github:
        assert github.patch("/x", {}) is None


@respx.mock
def test_see_other_is_read() -> None:
    respx.post(f"{API}/x").respond(303, headers={"Location": "/y"})
    route = respx.get(f"{API}/y").respond(json=1)
    with client() as github:
        assert github.post("/x", {"a": 1}) == 1
    assert route.calls.last.request.content == b""
