"""The other commands as a user runs them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from secagg.cli.app import run as run_cli
from tests.github.fakes import COMMIT, FakeClock
from tests.github.make import result, run
from tests.standins.github_server import REPOSITORY, TOKEN, GitHubServer

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "a key that is only for tests")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setattr("secagg.github.client.time.sleep", lambda seconds: None)
    monkeypatch.chdir(tmp_path)

    def ran(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["secagg", *arguments])
        code = 0
        try:
            run_cli()
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfd.readouterr()
        assert TOKEN not in out + err
        return code, out, err

    return ran


def where(server: GitHubServer, ref: str = "refs/heads/trunk") -> list[str]:
    there = ["--repository", REPOSITORY, "--ref", ref, "--commit", COMMIT]
    return [*there, "--api-url", server.url]


def sarif(path: Path) -> str:
    path.write_text(json.dumps({"version": "2.1.0", "runs": [run([result(1)])]}))
    return str(path)


def test_bundle_then_publish(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with GitHubServer(looks=0) as server:
        there = where(server, "refs/pull/7/head")[:-2]
        code, out, err = cli("bundle", sarif(tmp_path / "a.sarif"), *there)
        assert (code, err) == (0, "")
        assert "1 results in 1 runs for pull request 7" in out
        event = {"workflow_run": {"head_sha": COMMIT, "event": "pull_request"}}
        (tmp_path / "event.json").write_text(json.dumps(event))
        for name, value in {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "workflow_run",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": server.url,
        }.items():
            monkeypatch.setenv(name, value)
        base = {"repo": {"full_name": REPOSITORY}}
        server.pulls[7] = {"head": {"sha": COMMIT}, "base": base}
        code, out, err = cli("publish", "secagg-bundle.json.gz", "--comment")
        assert code == 0, err
        assert server.analyses[0]["ref"] == "refs/pull/7/head"
        assert len(server.comments) == 1


def test_bundle_of_no_pull_request(cli: Cli, tmp_path: Path) -> None:
    with GitHubServer() as server:
        code, _, err = cli("bundle", sarif(tmp_path / "a.sarif"), *where(server)[:-2])
        assert code == 2 and "this is none" in err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--view", "merged", "--tool", "trivy"], "merged view of some tools"),
        (["--view", "merged", "--component", "x"], "merged view of some tools"),
    ],
)
def test_scan_of_a_part_is_not_uploaded(
    cli: Cli, tmp_path: Path, arguments: list[str], why: str
) -> None:
    code, _, err = cli("scan", str(tmp_path), "--upload", *arguments)
    assert code == 2 and why in err


def test_scan_asks_for_the_token_before_it_begins(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    code, _, err = cli("scan", str(tmp_path), "--upload")
    assert code == 2 and "no GitHub token" in err


def test_upload_from_a_directory_of_the_repository(cli: Cli, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "service").mkdir()
    with GitHubServer(looks=0) as server:
        file = sarif(tmp_path / "a.sarif")
        code, _, err = cli("upload", file, "--root", "service", *where(server))
        assert code == 0, err
        assert [alert.path for alert in server.alerts] == ["service/src/a.py"]


def test_doctor_says_when_the_security_tab_was_last_fed(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    with GitHubServer(looks=0) as server:
        monkeypatch.setenv("GITHUB_API_URL", server.url)
        code, out, _ = cli("doctor", str(tmp_path), "--github")
        assert code == 0 and "nothing was uploaded" in out
        clock = FakeClock(server.now() - 41 * 86_400)
        server.now = clock.now
        for day, category in ((1, "old/"), (10, "old/"), (29, "fresh/")):
            clock.sleep(day * 86_400)
            (tmp_path / "a.sarif").write_text(
                json.dumps({"version": "2.1.0", "runs": [run([result(day)], category=category)]})
            )
            assert cli("upload", str(tmp_path / "a.sarif"), *where(server))[0] == 0
        code, out, _ = cli("doctor", str(tmp_path), "--github")
        rows = [line.split() for line in out.splitlines()]
        assert code == 0, out
        assert ["Tool", "old/", "30", "days", "ago", COMMIT[:12], "1", "not"] in [
            r[:8] for r in rows
        ]
        assert ["Tool", "fresh/", "24", "h", "ago", COMMIT[:12], "1"] in rows
        code, out, _ = cli("doctor", str(tmp_path), "--github", "--format", "json")
        assert [c["category"] for c in json.loads(out)["categories"]] == ["old/", "fresh/"]
        server.fail("GET", "/analyses", status=403)
        code, out, _ = cli("doctor", str(tmp_path), "--github")
        assert code == 4 and "(403)" in out
