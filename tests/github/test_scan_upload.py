"""``secagg scan --upload`` with scanners of the test's choosing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.cli.running import Ran, secagg, standin, summary
from tests.github.fakes import COMMIT
from tests.standins.github_server import REPOSITORY, TOKEN, GitHubServer


def scan(tmp_path: Path, server: GitHubServer, config: str) -> Ran:
    (tmp_path / "repo").mkdir(exist_ok=True)
    (tmp_path / "repo" / "a.txt").write_text("nothing\n")
    (tmp_path / "secagg.yaml").write_text(config)
    return secagg(
        *("scan", tmp_path / "repo", "--config", tmp_path / "secagg.yaml", "--upload"),
        *("--output", tmp_path / "out"),
        bin_dir=tmp_path / "bin",
        home=tmp_path,
        extra={
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_REF": "refs/heads/trunk",
            "GITHUB_SHA": COMMIT,
            "GITHUB_API_URL": server.url,
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_STEP_SUMMARY": str(tmp_path / "step-summary.md"),
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
    )


@pytest.fixture
def tools(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    standin(tmp_path / "bin", "trivy", "Version: 0.76.0", "sys.exit(1)")
    body = (
        "path = next(a for a in sys.argv if a.startswith('--report-path=')).split('=')[1]\n"
        "pathlib.Path(path).write_text('[]')\n"
    )
    standin(tmp_path / "bin", "gitleaks", "8.30.1", body)


_TWO = "codeql: {enabled: false}, snyk: {enabled: false}, trufflehog: {enabled: false}"


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(("optional", "code"), [("false", 3), ("true", 0)])
def test_tool_that_failed_is_not_uploaded(tmp_path: Path, optional: str, code: int) -> None:
    config = f"tools: {{trivy: {{optional: {optional}}}, {_TWO}}}\n"
    with GitHubServer(looks=0) as server:
        ran = scan(tmp_path, server, config)
        assert ran.code == code, ran.stdout + ran.stderr
        assert {a["tool"]["name"] for a in server.analyses} == {"Gitleaks"}
        upload = summary(tmp_path / "out")["upload"]
        assert {a["tool"] for a in upload["analyses"]} == {"Gitleaks"}
        assert [w["tool"] for w in upload["withheld"]] == ["Trivy"]
        assert "withheld: Trivy" in ran.stdout
        told = (tmp_path / "step-summary.md").read_text()
        verdict = "The scan is incomplete" if code == 3 else "The gate passes"
        assert told.index(verdict) < told.index("### Upload to code scanning")
        assert TOKEN not in ran.stdout + ran.stderr


@pytest.mark.usefixtures("tools")
def test_upload_that_is_refused_makes_the_run_red(tmp_path: Path) -> None:
    config = f"tools: {{trivy: {{enabled: false}}, {_TWO}}}\n"
    with GitHubServer() as server:
        server.fail("POST", "/sarifs$", status=413)
        ran = scan(tmp_path, server, config)
        assert ran.code == 4, ran.stdout + ran.stderr
        assert "upload failed: the upload is too large" in ran.stdout
        assert summary(tmp_path / "out")["upload"]["error"]
