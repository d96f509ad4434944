"""Whatever breaks in the action ends red or incomplete, and says what it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from secagg.github.client import SystemClock
from secagg.sarif.gaps import of_run
from tests.standins.github_server import TOKEN, GitHubServer
from tests.workflows.act import git
from tests.workflows.composite import Composite, event_file

NOTHING = '{"SchemaVersion":2,"ArtifactName":"x","Results":[]}'
TRIVY = """#!/bin/sh
if [ "$1" = --version ]; then echo "Version: 0.76.0"; exit 0; fi
for argument in "$@"; do
  case "$argument" in
    --output=*) output=${argument#--output=} ;;
    --download-db-only) %s ;;
  esac
done
%s
"""
KEY = "a-key-of-scanners-only"
SNYK_TOKEN = "0f1e2d3c-dead-4bad-8bad-000000000000"


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer(default_branch="main") as running:
        yield running


@pytest.fixture
def job(tmp_path: Path, server: GitHubServer, monkeypatch: pytest.MonkeyPatch) -> Composite:
    """A job for a push to main of a repository in which nothing is to be found."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "README.md").write_text("hello\n")
    git(tree, "init", "-q", "-b", "main")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "first")
    monkeypatch.chdir(tree)
    monkeypatch.setattr(SystemClock, "sleep", lambda self, seconds: None)
    (tmp_path / "bin").mkdir()
    (tmp_path / "temp").mkdir()
    made = Composite(
        tmp_path / "temp",
        {
            "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "RUNNER_TEMP": str(tmp_path / "temp"),
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": server.url,
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_SHA": git(tree, "rev-parse", "HEAD"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
            "GITHUB_SERVER_URL": "https://github.example",
            "TOKEN_OF_THE_JOB": TOKEN,
        },
    )
    push(made)
    trivy(made)
    return made


def push(job: Composite, branch: str = "main") -> None:
    repository = {"full_name": "acme/shop", "default_branch": "main"}
    payload = {"ref": f"refs/heads/{branch}", "repository": repository}
    job.environ |= {
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": f"refs/heads/{branch}",
        "GITHUB_EVENT_PATH": event_file(job.temp / "event.json", payload),
    }


def fork(job: Composite) -> None:
    head = job.environ["GITHUB_SHA"]
    pull: dict[str, Any] = {
        "number": 7,
        "user": {"login": "mallory"},
        "head": {"sha": head, "ref": "main", "repo": {"full_name": "mallory/shop"}},
        "base": {"sha": head, "ref": "main", "repo": {"full_name": "acme/shop"}},
    }
    repository = {"full_name": "acme/shop", "default_branch": "main"}
    payload = {"number": 7, "pull_request": pull, "repository": repository}
    job.environ |= {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_EVENT_PATH": event_file(job.temp / "event.json", payload),
    }


def trivy(
    job: Composite, scan: str = f"echo '{NOTHING}' >\"$output\"", database: str = "exit 0"
) -> None:
    path = Path(job.environ["PATH"].partition(":")[0]) / "trivy"
    path.write_text(TRIVY % (database, scan))
    path.chmod(0o755)
    made(job, timedelta(hours=1))


def made(job: Composite, age: timedelta) -> None:
    """Have a database of that age in the cache."""
    directory = job.temp / "secagg-trivy" / "db"
    directory.mkdir(parents=True, exist_ok=True)
    stamp = {"UpdatedAt": (datetime.now(UTC) - age).isoformat()}
    (directory / "metadata.json").write_text(json.dumps(stamp))


def scan(job: Composite, **inputs: str) -> int:
    return job.run(**{"tools_install": "path", "tools": "trivy", **inputs})


def said(capfd: pytest.CaptureFixture[str]) -> str:
    printed = capfd.readouterr()
    return printed.out + printed.err


def test_a_clean_scan_is_green_uploaded_and_kept(job: Composite, server: GitHubServer) -> None:
    """And each step knows its own secrets only."""
    assert scan(job, snyk_token=SNYK_TOKEN, hmac_key=KEY) == 0
    holders = {
        value: {name for name, env in job.seen.items() if value in env.values()}
        for value in (TOKEN, SNYK_TOKEN, KEY)
    }
    assert holders == {TOKEN: {"publish"}, SNYK_TOKEN: {"scan"}, KEY: {"scan", "publish"}}
    assert (job.output("verdict"), job.output("exit-code")) == ("pass", "0")
    assert {upload.ref for upload in server.uploads.values()} == {"refs/heads/main"}
    names = {path.name for path in Path(job.artifact["path"]).iterdir()}
    assert names == {
        "findings.sarif",
        "summary.json",
        "decision.json",
        "decision.xml",
        "report.html",
    }
    assert job.output("code-scanning-url").startswith(
        "https://github.example/acme/shop/security/code-scanning?query=is%3Aopen"
    )
    assert [job.output(name) for name in ("findings", "critical", "high")] == ["0", "0", "0"]
    summary = Path(job.environ["GITHUB_STEP_SUMMARY"]).read_text()
    assert summary.count("The gate passes") == 1


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        pytest.param("kill -9 $$", "killed by signal 9", id="killed"),
        pytest.param("exit 1", "failed with exit code 1", id="failed"),
        pytest.param("exit 0", "without writing its report", id="no-report"),
    ],
)
def test_a_scanner_that_breaks_is_incomplete_by_name(
    job: Composite, capfd: pytest.CaptureFixture[str], ends: str, words: str
) -> None:
    trivy(job, ends)
    assert scan(job) == 3
    assert job.output("verdict") == "incomplete"
    printed = said(capfd)
    assert "::error title=secagg::INCOMPLETE: trivy" in printed
    assert words in printed
    # Who reads what it left, in another job, learns why too.
    left = json.loads((Path(job.artifact["path"]) / "findings.sarif").read_bytes())["runs"][0]
    (gap,) = of_run(left, left, 0)
    assert gap.message.startswith("Trivy: the tool says that it failed: ") and words in gap.message
    assert gap.fatal and gap.whole


def test_an_absent_snyk_token_and_a_missing_scanner_are_incomplete_by_name(
    job: Composite, capfd: pytest.CaptureFixture[str]
) -> None:
    snyk = Path(job.environ["PATH"].partition(":")[0]) / "snyk"
    snyk.write_text("#!/bin/sh\necho 1.1307.4\n")
    snyk.chmod(0o755)
    assert scan(job, tools="snyk gitleaks") == 3
    printed = said(capfd)
    assert "Snyk has no token" in printed
    assert "Gitleaks is not installed" in printed


def test_a_refused_database_is_told_with_the_age_of_the_one_in_the_cache(job: Composite) -> None:
    trivy(job, database="echo 'FATAL toomanyrequests' >&2; exit 1")
    made(job, timedelta(days=3))
    assert scan(job) == 0
    assert job.seen["scan"]["TRIVY_SKIP_DB_UPDATE"] == "true"
    assert "3 days old" in Path(job.environ["GITHUB_STEP_SUMMARY"]).read_text()


def test_a_refused_database_that_is_too_old_is_incomplete(
    job: Composite, capfd: pytest.CaptureFixture[str]
) -> None:
    trivy(job, database="exit 1")
    made(job, timedelta(days=40))
    assert scan(job) == 3
    assert "database is 40 days old" in said(capfd)


def test_no_database_at_all_is_incomplete(
    job: Composite, capfd: pytest.CaptureFixture[str]
) -> None:
    trivy(job, "echo 'FATAL failed to download vulnerability DB' >&2; exit 1", "exit 1")
    (job.temp / "secagg-trivy" / "db" / "metadata.json").unlink()
    assert scan(job) == 3
    assert "Trivy has no vulnerability database" in said(capfd)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        pytest.param(
            403,
            "Code Security must be enabled for this repository to use code scanning.",
            id="code-scanning-off",
        ),
        pytest.param(503, "oh", id="github-5xx"),
        pytest.param(502, "<html>bad gateway</html>", id="github-5xx-proxy"),
    ],
)
def test_an_upload_that_is_refused_is_red_by_name(
    job: Composite,
    server: GitHubServer,
    capfd: pytest.CaptureFixture[str],
    status: int,
    message: str,
) -> None:
    server.fail("POST", "sarifs", times=50, status=status, body={"message": message})
    assert scan(job) == 4
    assert job.output("upload-error") != ""
    assert job.output("exit-code") == "4"
    printed = said(capfd)
    assert "GitHub did not take the results" in printed
    # By name: what GitHub answered.
    assert (message if status == 403 else str(status)) in printed


def test_default_setup_in_the_way_is_red_by_name(
    job: Composite, server: GitHubServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.default_setup = True
    reports(job, "report-codeql-python", {"tool": {"driver": {"name": "CodeQL"}}, "results": []})
    assert aggregate(job, expect="report-codeql-python") == 4
    assert "default setup" in said(capfd)


def reports(job: Composite, name: str, run: dict[str, Any]) -> None:
    directory = job.temp / "reports" / name
    directory.mkdir(parents=True)
    (directory / "findings.sarif").write_text(json.dumps({"version": "2.1.0", "runs": [run]}))


def aggregate(job: Composite, **inputs: str) -> int:
    return job.run(mode="upload-only", reports=str(job.temp / "reports"), **inputs)


def test_an_artifact_that_is_missing_makes_its_tool_incomplete(
    job: Composite, server: GitHubServer, capfd: pytest.CaptureFixture[str]
) -> None:
    run = {
        "tool": {"driver": {"name": "Trivy"}},
        "automationDetails": {"id": "secagg/trivy/"},
        "results": [],
    }
    reports(job, "report-trivy", run)
    assert aggregate(job, expect="report-trivy report-snyk-web-app") == 3
    printed = said(capfd)
    assert "snyk" in printed
    assert "its job left no report (artifact report-snyk-web-app)" in printed
    # What there is goes up under the category that a scan gives it, and nothing of the missing.
    assert {analysis["category"] for analysis in server.analyses} == {"secagg/trivy/"}


def test_an_artifact_with_another_tools_report_makes_its_tool_incomplete(
    job: Composite, capfd: pytest.CaptureFixture[str]
) -> None:
    reports(job, "report-snyk", {"tool": {"driver": {"name": "Trivy"}}, "results": []})
    assert aggregate(job, expect="report-snyk") == 3
    assert "the artifact of its job has no report of it (artifact report-snyk)" in said(capfd)


def test_no_report_at_all_is_red(job: Composite) -> None:
    (job.temp / "reports").mkdir()
    assert aggregate(job) != 0


@pytest.mark.parametrize("step", ["install", "tools", "scan", "publish"])
def test_a_step_that_is_killed_is_red(job: Composite, step: str) -> None:
    job.lost = {step: lambda: None}
    assert scan(job) in (3, 4)


def test_a_store_that_cannot_be_used_is_red(job: Composite) -> None:
    (job.temp / "store.db").write_text("this is no database")
    assert scan(job, store=str(job.temp / "store.db")) != 0


def test_a_forks_change_meets_the_gate_without_any_secret(
    job: Composite, server: GitHubServer, capfd: pytest.CaptureFixture[str]
) -> None:
    fork(job)
    assert scan(job, tools="trivy snyk", policy="daily") == 0
    printed = said(capfd)
    assert "Snyk was not run" in printed
    assert "not uploaded" in printed
    assert server.requests == []
    assert (Path(job.artifact["path"]) / "secagg-bundle.json.gz").is_file()


@pytest.mark.parametrize(
    "inputs", [{"mode": "all"}, {"fail_on": "gates"}, {"tools": "trivi"}, {"upload": "no"}]
)
def test_an_input_that_is_wrong_is_red(
    job: Composite, inputs: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert scan(job, **inputs) != 0
    assert "secagg: error: input " in said(capfd)


def test_a_database_of_a_change_is_not_kept(job: Composite) -> None:
    job.lost = dict.fromkeys(("tools", "scan", "publish"), lambda: None)
    kept = []
    for branch in ("main", "feature", ""):
        if branch:
            push(job, branch)
        else:
            fork(job)
        scan(job)
        kept.append(job.outputs["install"]["cache-save"])
    assert kept == ["true", "false", "false"]


def test_a_change_cannot_weaken_its_own_gate(
    job: Composite,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the generated workflow calls it: policy and configuration are those of the base."""
    tree = tmp_path / "change"
    (tree / "policies").mkdir(parents=True)
    policy = "name: pr-gate\nextends: pr-gate\nrules: []\n"
    (tree / "policies" / "pr-gate.yaml").write_text(policy)
    (tree / "secagg.yaml").write_text("tools: {trivy: {optional: false}}\n")
    git(tree, "init", "-q", "-b", "main")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "base")
    base = git(tree, "rev-parse", "HEAD")
    git(tree, "update-ref", "refs/remotes/origin/main", base)
    allowing = "- {name: all, match: {severity: none..}, action: ignore, why: no}"
    (tree / "policies" / "pr-gate.yaml").write_text(policy.replace("[]", f"\n  {allowing}"))
    (tree / "secagg.yaml").write_text("tools: {trivy: {optional: true, enabled: false}}\n")
    (tree / "requirements.txt").write_text("yaml==5.3\n")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "change")
    head = git(tree, "rev-parse", "HEAD")
    fork(job)
    payload = json.loads(Path(job.environ["GITHUB_EVENT_PATH"]).read_text())
    payload["pull_request"]["head"]["sha"] = head
    payload["pull_request"]["base"]["sha"] = base
    event_file(job.temp / "event.json", payload)
    job.environ["GITHUB_SHA"] = head
    found = {
        "VulnerabilityID": "CVE-2020-14343",
        "PkgName": "yaml",
        "InstalledVersion": "5.3",
        "Severity": "HIGH",
        "PkgIdentifier": {"PURL": "pkg:pypi/yaml@5.3"},
    }
    result = {
        "Target": "requirements.txt",
        "Class": "lang-pkgs",
        "Type": "pip",
        "Packages": [{"Name": "yaml", "Version": "5.3"}],
        "Vulnerabilities": [found],
    }
    report = {"SchemaVersion": 2, "ArtifactName": "x", "Results": [result]}
    bad, clean = json.dumps(report), NOTHING
    trivy(
        job,
        f"for last; do :; done; if [ -e \"$last/requirements.txt\" ]; then echo '{bad}'; "
        f"else echo '{clean}'; fi >\"$output\"",
    )
    monkeypatch.chdir(tmp_path)
    assert scan(job, path="change", policy="change/policies/pr-gate.yaml") == 1
    assert "the gate fails" in said(capfd)
