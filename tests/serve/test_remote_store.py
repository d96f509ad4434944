"""A store behind ``secagg serve`` answers as the store in the database does."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from secagg.errors import StoreError, UsageError
from secagg.history import ImportedRun, Store
from secagg.jsonio import packed
from secagg.model.access import TokenScope
from secagg.model.finding import Severity
from secagg.model.problem import (
    MemberKeys,
    Problem,
    ProblemPlace,
    Snippet,
    Source,
    State,
    TimelineStep,
    ToolRunRecord,
    Triage,
)
from secagg.pipeline.origin import open_store_of
from secagg.remote import documents
from secagg.remote import store as remote_stores
from secagg.remote.credentials import VARIABLE, bearer_token
from secagg.remote.store import RemoteStore
from secagg.serve.server import callers_of
from secagg.serve.settings import Settings
from tests.history.make import REPO, day, ident, problem, run
from tests.serve.jobs import Jobs

KEY = ident("a run")
FULL: dict[str, Any] = {
    "severity": Severity.CRITICAL,
    "places": (ProblemPlace(uri="a\udcff.py", line=3), ProblemPlace(uri="b.py")),
    "sources": (Source(tool="trivy", rule_id="CVE-2026-1", severity=Severity.LOW, score=3.5),),
    "member_keys": (MemberKeys(identity=ident("m"), checks=("x",)),),
    "steps": (TimelineStep(uri="a.py", line=1, message="in"),),
    "snippet": Snippet(start_line=3, lines=("a = 1", "b")),
    "dependency_paths": (("a", "b"),),
    "severity_known": False,
    "epss": 0.5,
    "baseline": "new",
    "due": day(3).date(),
    "exception": "secagg-exceptions.yaml",
    "exception_state": State.ACCEPTED,
    "references": ("https://nvd.nist.gov/x",),
}


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(f"sqlite:///{tmp_path}/store.db")


@pytest.fixture
def remote(jobs: Jobs) -> RemoteStore:
    return jobs.remote(jobs.token(REPO))


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which nobody waits for."""
    made: list[float] = []
    monkeypatch.setattr(remote_stores, "_sleep", made.append)
    return made


def _fill(store: Store) -> None:
    tools = (
        ToolRunRecord(tool="trivy", component=".", status="complete", version="0.76"),
        ToolRunRecord(
            tool="snyk", component="web", status="failed", reason="no token", gaps=("g",)
        ),
    )
    first = run(1, key=KEY, commit="a" * 40, tools=tools, by_severity={"critical": 1})
    store.record(first, [problem("one", **FULL), problem("two", "second")], [("trivy", ".")])
    store.record(run(2, key=ident("b"), branch="dev"), [problem("two")], [("trivy", ".")])
    store.record(run(3, key=ident("c"), commit="b" * 40), [problem("two")], [("trivy", ".")])
    decision = Triage(state=State.ACCEPTED, reason="known", by="token:ci", at=day(4))
    store.triage(REPO, [ident("two")], decision)


def _everything(store: Store) -> dict[str, Any]:
    """What every reading method answers."""
    filed = {ident("one"): Triage(state=State.FALSE_POSITIVE, reason="x", at=day(9))}
    keys = [one.key for one in store.runs(REPO)]
    return {
        "runs": store.runs(),
        "main": store.runs(REPO, "main", limit=1),
        "newest": store.newest_runs(),
        "branches": store.branches(),
        "of": store.branches(REPO),
        "run": store.run(KEY),
        "key": store.run_key(KEY[:8]),
        "changes": dict(store.changes(keys)),
        "commit": store.run_of_commit(REPO, "a" * 12),
        "no commit": store.run_of_commit(REPO, "f" * 12),
        "first seen": dict(store.first_seen(REPO, "main", [ident("one"), ident("no")])),
        "problems": list(store.problems(REPO, "main", file_decisions=filed)),
        "all": list(store.problems(None, details=False)),
        "then": list(store.problems(REPO, "main", as_of=KEY)),
        "fixed": list(store.problems(REPO, states=[State.FIXED])),
        "newest decisions": store.newest_decisions(REPO),
        "decisions": store.decisions(REPO),
        "audit": store.audit(repository=REPO, subjects=[ident("two")], limit=5),
    }


def test_every_question_has_the_answer_of_the_database(jobs: Jobs, remote: RemoteStore) -> None:
    with jobs.store() as store:
        _fill(store)
        expected = _everything(store)
    assert _everything(remote) == expected
    assert expected["run"][1] and expected["audit"] and expected["then"]


def test_what_a_job_records_is_what_the_database_records(tmp_path: Path, jobs: Jobs) -> None:
    """The same rows, whether by the server or not, lone surrogates and all."""
    remote = jobs.remote(jobs.token("acme/*"))
    direct = Jobs(f"sqlite:///{tmp_path}/direct.db")
    with direct.store() as store:
        _fill(store)
        expected = _everything(store)
        for made in (*expected["decisions"].values(), *expected["newest decisions"][ident("two")]):
            assert made is None or made.by == "token:ci"
    _fill(remote)
    got = _everything(remote)
    for name in expected:
        if name not in ("audit", "decisions", "newest decisions"):
            # The server says when a decision is made.
            assert _untimed(got[name]) == _untimed(expected[name]), name
    (made,) = got["decisions"].values()
    assert (made.state, made.reason, made.by) == (State.ACCEPTED, "known", "token:ci")


def _untimed(answer: Any) -> Any:
    if isinstance(answer, list):
        for one in answer:
            if isinstance(one, Problem) and one.triage is not None and one.triage.by is not None:
                one.triage = None
    return answer


def test_a_run_that_comes_twice_is_recorded_once(jobs: Jobs, remote: RemoteStore) -> None:
    made = run(1, key=KEY)
    assert remote.record(made, [problem("one")], []) == ImportedRun(new=1)
    assert remote.record(made, [problem("one")], []) == ImportedRun(again=True)
    with jobs.store() as store:
        assert len(store.runs()) == 1


def test_a_lost_answer_is_asked_for_again(
    jobs: Jobs, remote: RemoteStore, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is cut after the server has recorded the run: nothing is doubled."""
    ask, broken = remote._client().request, [httpx.ReadError, httpx.ConnectTimeout]

    def request(*arguments: Any, **more: Any) -> httpx.Response:
        answer = ask(*arguments, **more)
        if broken:
            raise broken.pop()("cut")
        return answer

    monkeypatch.setattr(remote._client(), "request", request)
    assert remote.record(run(1, key=KEY), [problem("one")], []).again
    assert len(pauses) == 2
    with jobs.store() as store:
        assert [one.key for one in store.runs()] == [KEY]


def test_an_unreachable_server_is_an_error_of_the_store(pauses: list[float]) -> None:
    store = RemoteStore("http://127.0.0.1:9", {VARIABLE: "secagg_x_y"})
    with pytest.raises(StoreError, match=r"http://127.0.0.1:9 cannot be reached \(ConnectError\)"):
        store.runs()
    assert len(pauses) == remote_stores.ATTEMPTS - 1


@pytest.mark.parametrize("status", [200, 302, 404, 500, 503])
def test_another_server_at_the_address_is_an_error(
    remote: RemoteStore, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = httpx.Response(status, text="<html>hello")
    monkeypatch.setattr(remote._client(), "request", lambda *_, **__: answer)
    with pytest.raises(StoreError):
        remote.branches()


def test_refusals_keep_their_kind_and_their_hint(jobs: Jobs, remote: RemoteStore) -> None:
    with jobs.store() as store:
        _fill(store)
        with pytest.raises(UsageError) as direct:
            store.triage(REPO, ["0"], Triage(state=State.OPEN, reason="x"))
    with pytest.raises(UsageError) as served:
        remote.triage(REPO, ["0"], Triage(state=State.OPEN, reason="x"))
    assert (served.value.message, served.value.hint) == (direct.value.message, direct.value.hint)
    with pytest.raises(StoreError, match="no such run"):
        remote.run("f" * 32)
    with pytest.raises(StoreError, match="does not accept the token"):
        jobs.remote("secagg_1234567890_x").branches()
    with pytest.raises(StoreError, match="may not record"):
        jobs.remote(jobs.token("acme/other")).record(run(5, key=KEY), [], [])


def test_decisions_are_made_and_taken_back_in_the_name_of_the_token(
    jobs: Jobs, remote: RemoteStore
) -> None:
    _fill(remote)
    decision = Triage(state=State.ACCEPTED, reason="y", by="somebody else", at=day(1))
    assert remote.triage(REPO, [ident("one")[:8]], decision, dry_run=True) == [ident("one")]
    assert remote.undo(REPO, [ident("two")], who="somebody else") == [ident("two")]
    with jobs.store() as store:
        assert store.decisions(REPO) == {}
        assert {entry.who for entry in store.audit() if entry.what != "add token"} == {"token:ci"}


def test_what_needs_the_database_says_so(remote: RemoteStore) -> None:
    for ask in (
        lambda: remote.alerts(REPO),
        lambda: remote.save_alerts(REPO, []),
        lambda: remote.undo_dismissal(REPO, "x", who="y"),
        lambda: remote._read().__enter__(),
    ):
        with pytest.raises(StoreError, match="needs the database"):
            ask()


def test_addresses(tmp_path: Path) -> None:
    assert isinstance(open_store_of("https://secagg.example/", tmp_path), RemoteStore)
    assert RemoteStore("https://secagg.example/").where == "https://secagg.example"
    for address in ("https://", "https://user:word@x.example", "https://x.example?a=b"):
        with pytest.raises(UsageError, match="cannot be read"):
            RemoteStore(address)
    with pytest.raises(UsageError, match="unencrypted"):
        RemoteStore("http://secagg.example")


def test_a_run_that_is_too_large_is_not_sent(
    remote: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_stores, "MOST_PACKED_BYTES", 100)
    with pytest.raises(StoreError, match="larger than"):
        remote.record(run(1, key=KEY), [problem("one")], [])


def test_the_token_of_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def get(url: str, **request: Any) -> httpx.Response:
        asked.append((url, request["params"], request["headers"]))
        return httpx.Response(200, json={"value": "a.b.c"}, request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", get)
    github = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://ci.example/token?v=2",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "word",
    }
    assert bearer_token(github, "https://secagg.example") == "a.b.c"
    ((_, params, headers),) = asked
    assert params == [("v", "2"), ("audience", "https://secagg.example")]
    assert headers == {"Authorization": "Bearer word"}
    assert bearer_token({VARIABLE: " t ", **github}, "x") == "t"
    with pytest.raises(StoreError, match="no token"):
        bearer_token({}, "https://secagg.example")
    with pytest.raises(UsageError):
        bearer_token({VARIABLE: "two words"}, "x")


# What a job with a right to the repository may still not send.
def _set(path: str, value: Any) -> Any:
    def change(document: dict[str, Any]) -> None:
        *names, last = path.split(".")
        inner: Any = document
        for name in names:
            inner = inner[int(name) if name.isdecimal() else name]
        inner[int(last) if last.isdecimal() else last] = value

    return change


MALFORMED = {
    "another version": _set("version", 2),
    "an unknown member": _set("more", 1),
    "a key that is no hash": _set("run.key", "x" * 32),
    "no repository": _set("run.repository", ""),
    "a repository with a line break": _set("run.repository", "acme/shop\n"),
    "a branch with a NUL": _set("run.branch", "a\0b"),
    "another verdict": _set("run.verdict", "great"),
    "no time": _set("run.started_at", 5),
    "counts of nothing": _set("run.by_severity", {"great": 1}),
    "a negative count": _set("run.by_severity", {"high": -1}),
    "a tool with a NUL": _set("run.tools.0.reason", "a\0"),
    "a tool run of no time": _set("run.tools.0.seconds", 1e300),
    "a status": _set("run.tools.0.status", "great"),
    "an id that is none": _set("problems.0.identity", "' OR 1=1"),
    "another id that is none": _set("problems.0.known_as", ["x"]),
    "no tool": _set("problems.0.tools", []),
    "a likelihood": _set("problems.0.epss", 7),
    "a score": _set("problems.0.score", 1e9),
    "a baseline": _set("problems.0.baseline", "great"),
    "a kind": _set("problems.0.kind", "great"),
    "an exception with a NUL": _set("problems.0.exception", "a\0"),
    "a component with a NUL": _set("covered", [["trivy", "\0"]]),
}


def _body(change: Any = None) -> bytes:
    document = json.loads(documents.run_body(run(1, key=KEY), [problem("one")], [("trivy", ".")]))
    if change is not None:
        change(document)
    return json.dumps(document).encode()


def _send(jobs: Jobs, data: bytes, token: str | None = None, **headers: str) -> Any:
    sent = {"Content-Encoding": "gzip", "Content-Digest": documents.digest(data), **headers}
    return jobs.ask("POST", "/runs", token or jobs.token(REPO), content=data, headers=sent)


@pytest.mark.parametrize("change", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_no_scan_makes_is_refused_by_name(jobs: Jobs, change: Any) -> None:
    answer = _send(jobs, gzip.compress(_body(change)))
    assert answer.status_code == 422, answer.text
    assert "run" in answer.json()["detail"] or "document" in answer.json()["detail"]
    with jobs.store() as store:
        assert store.runs() == []


def test_a_run_from_the_future_is_refused(jobs: Jobs) -> None:
    answer = _send(jobs, gzip.compress(_body(_set("run.started_at", "2999-01-01T00:00:00Z"))))
    assert (answer.status_code, "future" in answer.text) == (409, True)


def test_a_body_that_was_cut_or_changed_or_not_packed_is_refused(jobs: Jobs) -> None:
    data = gzip.compress(_body())
    cut = {"Content-Digest": documents.digest(data)}
    assert _send(jobs, data[:-9], **cut).status_code == 422
    assert _send(jobs, data, **{"Content-Digest": ""}).status_code == 422
    assert _send(jobs, data, **{"Content-Encoding": "identity"}).status_code == 422
    assert _send(jobs, data[:-9]).status_code == 422
    assert _send(jobs, gzip.compress(b"[" * 5000)).status_code == 422
    assert _send(jobs, gzip.compress(b'{"run": {}, "run": ')).status_code == 422
    assert _send(jobs, data).status_code == 200


def test_a_body_is_not_unpacked_beyond_its_limits(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = gzip.compress(b" " * 40_000_000)
    answer = _send(jobs, bomb)
    assert (answer.status_code, "unpacks to more" in answer.text) == (422, True)
    data = gzip.compress(_body())
    monkeypatch.setattr(packed, "MOST_PACKED_BYTES", len(data) - 1)
    assert "larger than" in _send(jobs, data).text


def test_links_of_other_schemes_are_left_out(jobs: Jobs, remote: RemoteStore) -> None:
    odd = problem(
        "one", help_uri="javascript:alert(1)", references=("data:x", "https://ok.example")
    )
    remote.record(run(1, key=KEY), [odd], [])
    (got,) = remote.problems(REPO)
    assert (got.help_uri, got.references) == (None, ("https://ok.example",))


def test_nobody_takes_the_key_of_another_repositorys_run(jobs: Jobs) -> None:
    """A job that guessed a key would make the other's scan look recorded."""
    other = jobs.remote(jobs.token("acme/other"))
    other.record(run(1, key=KEY, repository="acme/other"), [], [])
    with pytest.raises(StoreError, match="another run with this key"):
        jobs.remote(jobs.token(REPO)).record(run(1, key=KEY), [problem("one")], [])


def test_no_job_uses_up_the_names_of_tools(jobs: Jobs) -> None:
    remote = jobs.remote(jobs.token(REPO, scopes=[TokenScope.WRITE]))
    many = [problem(f"p{n}", tools=(f"tool-{n}",)) for n in range(10)]
    with pytest.raises(StoreError) as caught:
        remote.record(run(1, key=ident("one")), [*many, problem("x", tools=("evil",))], ())
    assert "no place for the tool 'evil', which secagg does not know" in str(caught.value)
    assert caught.value.hint == "name it under tools: in the settings of secagg serve"
    # Names in what is covered count too; and nothing of such a run is kept.
    covered = [(f"tool-{n}", ".") for n in range(11)]
    with pytest.raises(StoreError, match="no place"):
        remote.record(run(1, key=ident("two")), [], covered)
    assert remote.record(run(1, key=ident("three")), many, covered[:10]).new == 10
    with pytest.raises(StoreError, match="no place"):
        remote.record(run(2, key=ident("four")), [problem("x", tools=("evil",))], ())
    # What the store has a place for is recorded as before.
    assert remote.record(run(2, key=ident("five")), many[:1], covered[:1]).unchanged == 1
    settings = Settings(address="https://secagg.example", tools=("ours",))
    tools = callers_of(jobs.store, settings).tools
    assert {"trivy", "grype", "semgrep", "eslint", "ours"} <= tools
    with jobs.store() as store:
        for number, name in enumerate(sorted(tools), start=3):
            seen = [problem("p0", tools=(name,))]
            store.record_untrusted(run(number), seen, [(name, ".")], tools)
        with pytest.raises(StoreError, match="no place for the tool 'evil'"):
            store.record_untrusted(run(99), [problem("x", tools=("evil",))], (), tools)


def test_a_decision_in_a_run_decides_nothing(jobs: Jobs, remote: RemoteStore) -> None:
    made = Triage(state=State.FALSE_POSITIVE, reason="trust me", at=day(9))
    remote.record(run(1, key=KEY), [problem("one", triage=made, first_seen=day(-9))], [])
    (got,) = remote.problems(REPO)
    assert (got.triage, got.first_seen) == (None, day(1))


def test_a_token_only_writes_where_it_may_only_write(jobs: Jobs) -> None:
    token = jobs.token(REPO, scopes=[TokenScope.WRITE])
    assert _send(jobs, gzip.compress(_body()), token).status_code == 200
    assert jobs.ask("GET", f"/runs/{KEY}", token).status_code == 409
    assert jobs.ask("GET", "/decisions", token, params={"repository": REPO}).status_code == 403
    assert jobs.ask("GET", "/runs", token).json() == {"runs": []}
