"""A job that has a token and no database: scan, gate and report go on as with a database."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secagg.cli.token import add_token, print_tokens, revoke_token
from secagg.errors import StoreError, UsageError
from secagg.history import open_store
from secagg.model.access import TokenScope
from secagg.remote.credentials import VARIABLE
from tests.cli.running import Ran, secagg
from tests.history.test_reports_from_elsewhere import git, trivy, vulnerable


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A real ``secagg serve`` over an empty store, with settings; its log goes into a file."""
    store = tmp_path / "store.db"
    with open_store(store):
        pass
    settings = tmp_path / "serve.yaml"
    settings.write_text("address: https://secagg.example\n")
    argv = ["serve", "--all-repos", "--store", str(store), "--config", str(settings)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "secagg", *argv],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=tmp_path,
        )
        assert process.stdout is not None
        found = re.match(r"Open (http://127\.0\.0\.1:\d+)/", process.stdout.readline())
        assert found is not None, (tmp_path / "log").read_text()
        yield found[1]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


class Job:
    """A checkout in CI: its only way to the history is the server."""

    def __init__(self, home: Path, address: str, token: str) -> None:
        self.home = home
        self.root = home / "shop"
        self.root.mkdir()
        self.extra = {"SECAGG_STORE": address, VARIABLE: token}
        git(self.root, "init", "-q", "-b", "main")
        git(self.root, "remote", "add", "origin", "https://github.com/acme/shop.git")
        git(self.root, "commit", "-q", "--allow-empty", "-m", "x")

    def run(self, *arguments: str | Path, stdin: str = "") -> Ran:
        return secagg(
            *arguments,
            bin_dir=self.home / "bin",
            home=self.home,
            cwd=self.root,
            extra=self.extra,
            stdin=stdin.encode(),
        )

    def json(self, *arguments: str) -> Any:
        ran = self.run(*arguments)
        assert ran.code in (0, 1), ran.stderr
        return json.loads(ran.stdout)


def test_a_job_records_and_reads_through_the_server(tmp_path: Path, address: str) -> None:
    store = tmp_path / "store.db"
    made = secagg(
        *("token", "add", "ci-shop", "--repo", "acme/*", "--store", store),
        *("--scope", "write", "--scope", "read", "--scope", "triage"),
        bin_dir=tmp_path,
        home=tmp_path,
    )
    token = made.stdout.strip()
    assert made.code == 0 and token.startswith("secagg_") and token not in made.stderr
    job = Job(tmp_path, address, token)
    report = trivy(vulnerable("4.17.4"))
    assert job.run("parse", "-", stdin=report).code in (0, 1)
    (run,) = job.json("runs", "--format", "json")["runs"]
    assert (run["repository"], run["branch"], run["total"]) == ("acme/shop", "main", 1)
    (row,) = job.json("report", "--format", "json")["problems"]
    assert row["aliases"] == ["CVE-2019-10744"]
    with open_store(store) as direct:
        assert [problem.identity for problem in direct.problems("acme/shop")] == [row["identity"]]
    assert row["identity"][:8] in job.run("gate", "--run", run["key"][:8]).stdout
    compared = ("--baseline", f"run:{run['key']}", "--format", "json")
    assert [
        f["baseline"] for f in job.json("gate", "--run", run["key"], *compared)["findings"]
    ] == ["unchanged"]
    reason = ("--state", "accepted", "--reason", "not reachable", "--yes")
    assert job.run("triage", row["identity"][:8], *reason).code == 0
    assert job.json("report", "--state", "all", "--format", "json")["problems"][0]["state"] == (
        "accepted"
    )
    assert "token:ci-shop" in job.run("show", row["identity"][:8]).stdout
    assert job.run("parse", "-", stdin=report).code == 0
    # No word of the token anywhere but where it was shown.
    assert token not in (tmp_path / "log").read_text()
    job.extra[VARIABLE] = token[:-4]
    refused = job.run("parse", "-", stdin=report)
    assert (refused.code, "does not accept the token" in refused.stderr) == (4, True)
    assert token[:-4] not in refused.stderr + refused.stdout
    del job.extra[VARIABLE]
    assert job.run("report").code == 4
    assert job.run("db", "current").code == 4


def test_tokens_are_added_listed_and_revoked(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = str(tmp_path / "store.db")
    with open_store(url):
        pass
    scopes = [TokenScope.READ]
    add_token("ci", ["acme/*"], scopes, expires="30d", by="dana", url=url, root=tmp_path)
    out, err = capfd.readouterr()
    token = out.strip()
    kept = token.split("_")[1]
    assert re.fullmatch(r"secagg_[0-9a-f]{10}_[\w-]{43}", token)
    assert "may read acme/* until" in err and token not in err
    print_tokens(url, tmp_path)
    listed, _ = capfd.readouterr()
    assert kept in listed and token[18:] not in listed and "dana" in listed
    assert token[18:].encode() not in (tmp_path / "store.db").read_bytes()
    revoke_token(kept, by="kim", url=url, root=tmp_path)
    with pytest.raises(StoreError, match="in force"):
        revoke_token(kept, by="kim", url=url, root=tmp_path)
    capfd.readouterr()
    print_tokens(url, tmp_path)
    assert "revoked" in capfd.readouterr().out
    with open_store(url) as store:
        assert [(e.who, e.what, e.subject) for e in store.audit()] == [
            ("kim", "revoke token", kept),
            ("dana", "add token", kept),
        ]


@pytest.mark.parametrize(
    "wrong", [{"expires": "2y"}, {"expires": "0d"}, {"expires": "x"}, {"repositories": ["a*b"]}]
)
def test_tokens_that_cannot_be_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"repositories": ["acme/shop"], "expires": "30d"} | wrong
    with pytest.raises(UsageError):
        add_token(
            "ci",
            asked["repositories"],
            [TokenScope.READ],
            expires=asked["expires"],
            by="dana",
            url=str(tmp_path / "store.db"),
            root=tmp_path,
        )
