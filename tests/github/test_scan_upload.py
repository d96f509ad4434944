"""``secagg scan --upload`` with scanners of the test's choosing."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.cli.running import Ran, secagg, standin, summary
from tests.github.fakes import COMMIT
from tests.standins.github_server import REPOSITORY, TOKEN, GitHubServer


def scan(tmp_path: Path, server: GitHubServer, config: str, *options: str | Path) -> Ran:
    (tmp_path / "repo").mkdir(exist_ok=True)
    (tmp_path / "repo" / "a.txt").write_text("nothing\n")
    (tmp_path / "secagg.yaml").write_text(config)
    return run_secagg(
        tmp_path,
        server,
        *("scan", tmp_path / "repo", "--config", tmp_path / "secagg.yaml", "--upload"),
        *("--output", tmp_path / "out", *options),
    )


def run_secagg(tmp_path: Path, server: GitHubServer, *arguments: str | Path) -> Ran:
    """Run secagg in a workflow of a push to the default branch."""
    return secagg(
        *arguments,
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


def _reporting(tmp_path: Path) -> None:
    """A Gitleaks that reports one secret, which is in ``a.txt``."""
    report = [
        {
            "RuleID": "generic-api-key",
            "Description": "Detected a Generic API Key",
            "StartLine": 1,
            "EndLine": 1,
            "StartColumn": 1,
            "EndColumn": 8,
            "Match": "nothing",
            "Secret": "nothing",
            "File": "a.txt",
            "Entropy": 3.5,
            "Tags": [],
            "Fingerprint": "a.txt:generic-api-key:1",
        }
    ]
    body = (
        "path = next(a for a in sys.argv if a.startswith('--report-path=')).split('=')[1]\n"
        f"pathlib.Path(path).write_text({json.dumps(report)!r})\n"
    )
    standin(tmp_path / "bin", "gitleaks", "8.30.1", body)


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("options", [(), ("--category", "nightly")])
def test_scan_sends_what_upload_sends_of_its_file(tmp_path: Path, options: tuple[str, ...]) -> None:
    _reporting(tmp_path)
    config = f"tools: {{trivy: {{enabled: false}}, {_TWO}}}\n"
    with GitHubServer(looks=0) as server:
        scanned = scan(tmp_path, server, config, "--dry-run", tmp_path / "scan", *options)
        assert scanned.code in (0, 1), scanned.stdout + scanned.stderr
        uploaded = run_secagg(
            tmp_path,
            server,
            *("upload", tmp_path / "out" / "findings.sarif", "--root", tmp_path / "repo"),
            *("--dry-run", tmp_path / "upload"),
            *options,
        )
        assert uploaded.code == 0, uploaded.stdout + uploaded.stderr
        assert not server.analyses
    sent = json.loads((tmp_path / "scan" / "upload-1.sarif").read_bytes())
    assert sent == json.loads((tmp_path / "upload" / "upload-1.sarif").read_bytes())
    assert [len(run["results"]) for run in sent["runs"]] == [1]


@pytest.mark.usefixtures("tools")
def test_scan_takes_every_option_of_an_upload(tmp_path: Path) -> None:
    config = f"tools: {{trivy: {{enabled: false}}, {_TWO}}}\n"
    with GitHubServer(looks=0) as server:
        given = ("--ref", "refs/heads/release", "--repository", "acme/other", "--no-journal")
        ran = scan(tmp_path, server, config, "--explain", *given)
        assert ran.code == 0, ran.stdout + ran.stderr
        assert "refs/heads/release" in ran.stdout
        assert "acme/other" in ran.stdout
        assert not server.analyses


@pytest.mark.usefixtures("tools")
def test_option_of_an_upload_needs_an_upload(tmp_path: Path) -> None:
    ran = secagg(
        *("scan", tmp_path, "--ref", "refs/heads/main"), bin_dir=tmp_path / "bin", home=tmp_path
    )
    assert ran.code == 2
    assert "without --upload" in ran.stderr


def test_upload_options_of_scan_are_those_of_upload(tmp_path: Path) -> None:
    screens = [
        secagg(command, "--help", bin_dir=tmp_path, home=tmp_path).stdout
        for command in ("scan", "upload")
    ]
    scan_options, upload_options = (set(re.findall(r"--[a-z-]+", text)) for text in screens)
    # What files say of themselves: a scan knows that it is complete, and where it is.
    assert upload_options - scan_options == {"--complete", "--root"}
