"""The action signs evidence into its artifact where its caller asks for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secagg.evidence.signing import CONFIG_VARIABLE
from secagg.evidence.verifying import Expected, verify
from secagg.init.plan import action_and_locks
from tests.standins.sigstore_services import GITHUB, IDENTITY, LocalSigstore
from tests.workflows.act import git
from tests.workflows.composite import Composite, event_file


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Composite:
    """A scheduled job that judges the report of another one."""
    tree, temp, reports = (tmp_path / name for name in ("tree", "temp", "reports"))
    for directory in (tree, temp, reports):
        directory.mkdir()
    (reports / "gitleaks.json").write_text("[]")
    (tree / "secagg.yaml").write_text("policy: secrets-only\n")
    git(tree, "init", "-q", "-b", "main")
    git(tree, "remote", "add", "origin", "https://github.com/acme/shop.git")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "first")
    monkeypatch.chdir(tree)
    payload = {"repository": {"full_name": "acme/shop", "default_branch": "main"}}
    return Composite(
        temp,
        {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "RUNNER_TEMP": str(temp),
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_EVENT_NAME": "schedule",
            "GITHUB_EVENT_PATH": event_file(temp / "event.json", payload),
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_SHA": git(tree, "rev-parse", "HEAD").strip(),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
            "TOKEN_OF_THE_JOB": "none",
        },
    )


def run(job: Composite, reports: Path, *, attest: str) -> int:
    return job.run(mode="gate-only", reports=str(reports), attest=attest)


def test_the_artifact_has_evidence_that_holds(job: Composite, tmp_path: Path) -> None:
    sigstore, config = LocalSigstore(), tmp_path / "sigstore.json"
    with sigstore.serving():
        config.write_text(json.dumps(sigstore.trust_config))
        job.environ |= {
            CONFIG_VARIABLE: str(config),
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "a-token-for-one-job",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{sigstore.url}/token?x=1",
        }
        assert run(job, tmp_path / "reports", attest="true") == 0
    artifact = Path(job.artifact["path"])
    expected = Expected(
        identity=IDENTITY,
        issuer=GITHUB,
        trusted_root=config,
        files=artifact,
        repository="acme/shop",
    )
    verified = verify(artifact / "evidence.sigstore.json", expected)
    assert verified.statement.predicate.verdict == "pass"
    assert verified.statement.commit() == job.environ["GITHUB_SHA"]


def test_without_the_permission_the_job_is_red(
    job: Composite, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(job, tmp_path / "reports", attest="true") == 3
    assert "id-token: write" in capfd.readouterr().err


def test_by_default_nothing_is_signed(job: Composite, tmp_path: Path) -> None:
    assert run(job, tmp_path / "reports", attest="false") == 0
    assert not (Path(job.artifact["path"]) / "evidence.sigstore.json").exists()


def test_the_copied_action_has_the_lock_that_signing_needs() -> None:
    action, locks = action_and_locks()
    assert '"$requirements/attest.txt"' in action
    assert "sigstore==" in locks["attest.txt"]
    assert "sigstore==" not in locks["runtime.txt"]
