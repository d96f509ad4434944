"""Bundles from jobs that may not upload, and the distrust with which they are published."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from secagg.config import Config
from secagg.errors import SecaggError, UsageError
from secagg.github.bundle import Bundle, UntrustedBundle, pack, unpack
from secagg.github.client import Token
from secagg.github.target import TargetOptions
from secagg.jsonio import packed
from secagg.pipeline.upload import UploadOptions, UploadReport
from secagg.pipeline.uploadruns import make_bundle, publish_fork
from tests.github.fakes import COMMIT, FakeClock
from tests.github.make import result, run
from tests.standins.github_server import REPOSITORY, TOKEN, GitHubServer

HUSHED = {"suppressions": [{"kind": "external", "justification": "trust me"}]}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "a key that is only for tests")


def bundle(*runs: dict[str, Any], **changes: Any) -> Bundle:
    made: dict[str, Any] = {
        "repository": REPOSITORY,
        "commit": COMMIT,
        "pull_number": 7,
        "sarif": {"version": "2.1.0", "runs": list(runs or (run([result(1)]),))},
    }
    return Bundle(**{**made, **changes})


def event(tmp_path: Path, name: str = "workflow_run", **changes: Any) -> dict[str, str]:
    about = {"head_sha": COMMIT, "event": "pull_request", "conclusion": "success", **changes}
    (tmp_path / "event.json").write_text(json.dumps({"workflow_run": about, "pull_request": {}}))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_REPOSITORY": REPOSITORY,
    }


def published(
    server: GitHubServer,
    tmp_path: Path,
    data: bytes | Bundle,
    environ: dict[str, str] | None = None,
) -> UploadReport:
    pull = {"head": {"sha": COMMIT}, "base": {"repo": {"full_name": REPOSITORY}}}
    server.pulls.setdefault(7, pull)
    path = tmp_path / "bundle.json.gz"
    path.write_bytes(pack(data) if isinstance(data, Bundle) else data)
    return publish_fork(
        path,
        UploadOptions(comment=True),
        token=Token(TOKEN),
        environ=environ or event(tmp_path),
        given_api_url=server.url,
        clock=FakeClock(),
    )


def test_bundle_made_without_a_token_is_published(tmp_path: Path) -> None:
    payload = {
        "number": 7,
        "pull_request": {
            "number": 7,
            "head": {"sha": COMMIT, "repo": {"full_name": "eve/shop"}},
            "base": {"repo": {"full_name": REPOSITORY}},
        },
    }
    (tmp_path / "event.json").write_text(json.dumps(payload))
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_SHA": "e" * 40,
    }
    failed = run([], tool="B", invocations=[{"executionSuccessful": False}])
    report = tmp_path / "a.sarif"
    own = run([result(1)], category="secagg/tool/")
    report.write_text(json.dumps({"version": "2.1.0", "runs": [own, failed]}))
    out = tmp_path / "out.gz"
    made = make_bundle(
        [str(report)], out, TargetOptions(), root=tmp_path, config=Config(), environ=environ
    )
    assert (made.commit, made.pull_number) == (COMMIT, 7)
    with GitHubServer() as server:
        done = published(server, tmp_path, out.read_bytes())
        assert done.summary.ref == "refs/pull/7/head"
        assert [(a.tool, a.category) for a in done.summary.analyses] == [("Tool", "secagg/tool/")]
        assert [w.tool for w in done.summary.withheld] == ["B"]
        assert int(done.exit_code) == 3
        assert len(server.comments) == 1 and "problem 1" in server.comments[0]["body"]


def test_bundle_cannot_take_the_place_of_others_analyses(tmp_path: Path) -> None:
    with GitHubServer() as server:
        runs = [run([], tool="CodeQL", category=c) for c in ("/language:python/", None)]
        done = published(server, tmp_path, bundle(*runs))
        assert {a.category for a in done.summary.analyses} == {
            "secagg-bundle/language:python/",
            "secagg-bundle/",
        }


def test_bundle_dismisses_nothing(tmp_path: Path) -> None:
    with GitHubServer() as server:
        done = published(server, tmp_path, bundle(run([result(1), result(2, **HUSHED)])))
        assert server.count("PATCH", "alerts") == 0
        assert done.summary.left_out == {"it is suppressed": 1}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"repository": "acme/other"}, "another repository"),
        ({"commit": "d" * 40}, "another commit"),
        ({"pull_number": 8}, "does not have the commit"),
        ({"pull_number": 9}, "not one of this repository"),
    ],
)
def test_bundle_that_does_not_fit_to_its_event(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    with GitHubServer() as server:
        base = {"repo": {"full_name": REPOSITORY}}
        server.pulls[8] = {"head": {"sha": "d" * 40}, "base": base}
        server.pulls[9] = {"head": {"sha": COMMIT}, "base": {"repo": {"full_name": "eve/shop"}}}
        with pytest.raises(UntrustedBundle, match=why):
            published(server, tmp_path, bundle(**changes))
        assert server.count("POST", ".*") == 0


def test_pull_request_that_is_not_there(tmp_path: Path) -> None:
    with GitHubServer() as server, pytest.raises(SecaggError, match="404"):
        published(server, tmp_path, bundle(pull_number=99))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("pull_request", {}),
        ("push", {}),
        ("workflow_run", {"event": "push"}),
        ("workflow_run", {"head_sha": "main"}),
    ],
)
def test_only_a_workflow_run_after_a_pull_request_may_publish(
    tmp_path: Path, name: str, changes: dict[str, Any]
) -> None:
    with GitHubServer() as server:
        with pytest.raises(UsageError):
            published(server, tmp_path, bundle(), event(tmp_path, name, **changes))
        assert server.requests == []


def test_workflow_that_failed_is_told_of(tmp_path: Path) -> None:
    with GitHubServer() as server:
        done = published(server, tmp_path, bundle(), event(tmp_path, conclusion="failure"))
        assert any("ended with failure" in w for w in done.summary.warnings)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not gzip",
        gzip.compress(b"not json"),
        gzip.compress(b"[]"),
        gzip.compress(b'{"version": 1}'),
        gzip.compress(b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
        gzip.compress(json.dumps({**bundle().model_dump(), "version": 2}).encode()),
        gzip.compress(json.dumps({**bundle().model_dump(), "run": "rm"}).encode()),
        gzip.compress(json.dumps({**bundle().model_dump(), "commit": "x\ny"}).encode()),
        gzip.compress(json.dumps({**bundle().model_dump(), "pull_number": "../1"}).encode()),
        gzip.compress(json.dumps(bundle().model_dump()).encode())[:-20],
    ],
    # The bytes of gzip hold the time, which differs between processes.
    ids=[
        "nothing",
        "no gzip",
        "no JSON",
        "no object",
        "too little",
        "too deep",
        "another version",
        "too much",
        "odd commit",
        "odd number",
        "cut off",
    ],
)
def test_what_is_no_bundle_is_refused(tmp_path: Path, data: bytes) -> None:
    with GitHubServer() as server:
        with pytest.raises(SecaggError):
            published(server, tmp_path, data)
        assert server.requests == []


@pytest.mark.parametrize("sarif", [{}, {"version": "2.1.0"}, {"version": "2.1.0", "runs": []}])
def test_bundle_without_results_of_any_tool(tmp_path: Path, sarif: dict[str, Any]) -> None:
    with GitHubServer() as server:
        with pytest.raises(SecaggError):
            published(server, tmp_path, bundle(sarif=sarif))
        assert server.count("POST", ".*") == 0


def test_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pack(bundle())
    size = len(gzip.decompress(data))
    monkeypatch.setattr(packed, "MOST_BYTES", size)
    monkeypatch.setattr(packed, "MOST_PACKED_BYTES", len(data))
    assert unpack(data).pull_number == 7
    monkeypatch.setattr(packed, "MOST_BYTES", size - 1)
    with pytest.raises(UntrustedBundle, match="unpacks to more"):
        unpack(data)
    monkeypatch.setattr(packed, "MOST_PACKED_BYTES", len(data) - 1)
    with pytest.raises(UntrustedBundle, match="larger than"):
        unpack(data)


@pytest.mark.parametrize(
    "sarif", [b'{"runs": [' + b"{}," * 50 + b"{}]}", b'{"runs": [' + b"1," * 500 + b"1]}"]
)
def test_many_small_objects_are_not_decoded(monkeypatch: pytest.MonkeyPatch, sarif: bytes) -> None:
    """They take a hundred times the memory that they take in the file."""
    monkeypatch.setattr(packed, "MOST_OBJECTS", 50)
    monkeypatch.setattr(packed, "MOST_VALUES", 400)
    head = b'{"repository": "acme/shop", "commit": "' + COMMIT.encode() + b'", "pull_number": 7'
    with pytest.raises(UntrustedBundle, match="more objects"):
        unpack(gzip.compress(head + b', "sarif": ' + sarif + b"}"))


def test_link_in_place_of_a_bundle_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(pack(bundle()))
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(UntrustedBundle, match="cannot be read"):
        publish_fork(
            tmp_path / "link", UploadOptions(), token=Token(TOKEN), environ=event(tmp_path)
        )
