"""``--attest`` and ``secagg verify`` as a job and a person run them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from secagg.cli.attesting import attest_scan
from secagg.cli.screen import Screen
from secagg.errors import SigningError
from secagg.evidence.signing import Signer
from secagg.pipeline.attest import Attestation
from secagg.pipeline.gate import GateOptions, prepare
from secagg.pipeline.parse import parse_files
from secagg.pipeline.write import write_outputs
from tests.cli.running import Ran, secagg, standin
from tests.evidence.conftest import Desk
from tests.standins.sigstore_services import GITHUB, IDENTITY

SCHEMA = Path(__file__).parents[2] / "secagg" / "schemas" / "evidence.schema.json"
SECRET = "ghp_0FakeTokenForTheTestsOnly1234567890ab"
GITLEAKS = [
    {
        "RuleID": "github-pat",
        "Description": "A GitHub token",
        "StartLine": 3,
        "Match": f"token = {SECRET}",
        "Secret": SECRET,
        "File": "app.py",
        "Fingerprint": "app.py:github-pat:3",
    }
]
# Writes an empty report, as the real one does for an empty tree.
TRIVY = """
output = next(a.removeprefix('--output=') for a in sys.argv if a.startswith('--output='))
pathlib.Path(output).write_text(
    '{"SchemaVersion": 2, "Trivy": {"Version": "0.76.0"}, "ArtifactName": "."}'
)
"""


def git(root: Path, *arguments: str) -> str:
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@shelf.example")
    done = subprocess.run(
        ["git", *author, *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    git(root, "remote", "add", "origin", "https://github.com/acme/shop.git")
    (root / "secagg.yaml").write_text("policy: policy.yaml\n")
    (root / "policy.yaml").write_text("name: ours\nextends: default\n")
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "Begin")
    return root


def run(root: Path, *arguments: str | Path, extra: Mapping[str, str] | None = None) -> Ran:
    home = root.parent / "home"
    home.mkdir(exist_ok=True)
    bin_dir = root.parent / "bin"
    return secagg(*arguments, bin_dir=bin_dir, home=home, cwd=root, extra=extra)


def job(desk: Desk, root: Path, name: str = "schedule", **event: Any) -> dict[str, str]:
    """The variables of a step of GitHub Actions that may sign."""
    path = root.parent / "event.json"
    path.write_text(json.dumps(event))
    return desk.environment() | {
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_REF_NAME": "main",
        "GITHUB_SHA": git(root, "rev-parse", "HEAD"),
        "PYTHONWARNINGS": "ignore",
    }


def verify(desk: Desk, root: Path, file: str, *arguments: str) -> Ran:
    trusted = str(desk.expected.trusted_root)
    who = ("--identity", IDENTITY, "--issuer", GITHUB, "--trusted-root", trusted)
    return run(root, "verify", file, *who, *arguments)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_job_signs_and_a_person_verifies(desk: Desk, root: Path) -> None:
    (root / "leaks.json").write_text(json.dumps(GITLEAKS))
    variables = job(desk, root)
    # A report that is not there makes the scan incomplete.
    files = ("leaks.json", "gone.json")
    ran = run(root, "parse", *files, "--no-store", "--attest", "-v", extra=variables)
    assert ran.code == 3, ran.stderr
    assert "wrote secagg-out/evidence.sigstore.json" in ran.stdout
    shown = verify(desk, root, "secagg-out/evidence.sigstore.json", "--repo", "acme/shop")
    assert shown.code == 3, shown.stderr
    assert f"VERIFIED: signed by {IDENTITY}" in shown.stdout
    assert f"acme/shop, branch main, commit {git(root, 'rev-parse', 'HEAD')}" in shown.stdout
    assert "findings.sarif has the digest of the statement" in shown.stdout
    assert "Verdict: INCOMPLETE" in shown.stdout
    assert "incomplete: " in shown.stdout


def test_the_statement_says_what_decided_and_no_secret(desk: Desk, root: Path) -> None:
    (root / "leaks.json").write_text(json.dumps(GITLEAKS))
    extra = {"SNYK_TOKEN": "a-token-in-a-branch-name"}
    arguments = ("--branch", f"fix/{extra['SNYK_TOKEN']}", "--no-store", "--attest-unsigned")
    ran = run(root, "parse", "leaks.json", *arguments, extra=extra)
    assert "the evidence is not signed" in ran.stderr
    data = (root / "secagg-out" / "evidence.unsigned.json").read_bytes()
    assert SECRET.encode() not in data
    assert extra["SNYK_TOKEN"].encode() not in data
    document = json.loads(data)
    Draft202012Validator(json.loads(SCHEMA.read_bytes())).validate(document)
    out, commit = root / "secagg-out", git(root, "rev-parse", "HEAD")
    assert document["subject"] == [
        {"name": "acme/shop", "digest": {"gitCommit": commit}},
        {"name": "findings.sarif", "digest": {"sha256": digest(out / "findings.sarif")}},
        {"name": "decision.json", "digest": {"sha256": digest(out / "decision.json")}},
    ]
    predicate = document["predicate"]
    assert predicate["changedFiles"] == 0
    decision = json.loads((out / "decision.json").read_bytes())
    assert (predicate["verdict"], predicate["gaps"]) == (decision["verdict"], decision["gaps"])
    assert predicate["counts"]["total"] == decision["total"] == 1
    assert [tool["name"] for tool in predicate["tools"]] == ["gitleaks"]
    files = {file["name"]: file for file in predicate["decidingFiles"]}
    assert set(files) == {"secagg.yaml", "policy.yaml", "policy default"}
    assert files["policy.yaml"]["sha256"] == digest(root / "policy.yaml")
    assert files["secagg.yaml"]["readFrom"] == "work tree"
    assert files["policy default"]["readFrom"] == "secagg"
    # Reads back, and only with the word of the reader.
    assert run(root, "verify", "secagg-out/evidence.unsigned.json").code == 5
    shown = run(root, "verify", "secagg-out/evidence.unsigned.json", "--allow-unsigned")
    assert (shown.code, shown.stdout.splitlines()[0]) == (
        predicate["exitCode"],
        "NOT SIGNED: anybody may have written this statement",
    )
    as_json = run(
        *(root, "verify", "secagg-out/evidence.unsigned.json", "--allow-unsigned"),
        *("--format", "json"),
    )
    assert json.loads(as_json.stdout)["statement"] == document
    assert json.loads(as_json.stdout)["verified"] is False


def test_a_scan_names_its_database_and_that_it_was_narrowed(root: Path) -> None:
    standin(root.parent / "bin", "trivy", "Version: 0.76.0", TRIVY)
    cache = root.parent / "cache" / "db"
    cache.mkdir(parents=True)
    metadata = {"UpdatedAt": "2026-11-29T06:00:00Z", "NextUpdate": "2999-01-01T00:00:00Z"}
    (cache / "metadata.json").write_text(json.dumps(metadata))
    arguments = ("scan", "--tool", "trivy", "--no-store", "--attest-unsigned")
    ran = run(root, *arguments, extra={"TRIVY_CACHE_DIR": str(cache.parent)})
    document = json.loads((root / "secagg-out" / "evidence.unsigned.json").read_bytes())
    predicate = document["predicate"]
    assert predicate["databases"] == [{"tool": "trivy", "builtAt": "2026-11-29T06:00:00Z"}]
    assert predicate["narrowed"] is True
    assert [(t["name"], t["version"]) for t in predicate["tools"]] == [("trivy", "0.76.0")]
    assert predicate["exitCode"] == ran.code
    shown = run(root, "verify", "secagg-out/evidence.unsigned.json", "--allow-unsigned")
    assert "database of trivy: built 2026-11-29T06:00:00Z" in shown.stdout
    assert "narrowed: only named tools, components or commits were looked at" in shown.stdout
    # A job that judges the reports of others reads it in the SARIF.
    report = root / "trivy.sarif"
    report.write_bytes((root / "secagg-out" / "findings.sarif").read_bytes())
    run(root, "parse", report.name, "--no-store", "--attest-unsigned")
    document = json.loads((root / "secagg-out" / "evidence.unsigned.json").read_bytes())
    assert document["predicate"]["databases"] == predicate["databases"]
    written = json.loads((root / "secagg-out" / "findings.sarif").read_bytes())["runs"][0]
    assert written["properties"]["secagg"]["databaseBuiltAt"] == "2026-11-29T06:00:00Z"


def test_in_a_change_the_digests_are_those_of_the_base(desk: Desk, root: Path) -> None:
    base, policy = git(root, "rev-parse", "HEAD"), digest(root / "policy.yaml")
    git(root, "checkout", "-q", "-b", "change")
    (root / "policy.yaml").write_text("name: mine\nextends: default\n")
    git(root, "commit", "-q", "-a", "-m", "Another policy")
    (root / "secagg.yaml").write_text("policy: policy.yaml # touched by the job\n")
    (root / "leaks.json").write_text("[]")
    variables = job(desk, root, "pull_request", pull_request={"base": {"sha": base}})
    variables |= {"GITHUB_REF": "refs/pull/7/merge", "GITHUB_HEAD_REF": "change"}
    run(root, "parse", "leaks.json", "--no-store", "--attest-unsigned", extra=variables)
    document = json.loads((root / "secagg-out" / "evidence.unsigned.json").read_bytes())
    predicate = document["predicate"]
    files = {file["name"]: file for file in predicate["decidingFiles"]}
    assert files["policy.yaml"]["sha256"] == policy
    assert base.startswith(files["policy.yaml"]["readFrom"])
    assert "policy.yaml" in predicate["change"]["controlsChanged"]
    assert predicate["changedFiles"] == 1
    shown = run(root, "verify", "secagg-out/evidence.unsigned.json", "--allow-unsigned")
    assert "1 tracked files differed from that commit" in shown.stdout


def test_a_change_does_not_say_where_the_token_goes(desk: Desk, root: Path) -> None:
    base = git(root, "rev-parse", "HEAD")
    git(root, "checkout", "-q", "-b", "change")
    variables = job(desk, root, "pull_request", pull_request={"base": {"sha": base}})
    own = root / "sigstore.json"
    own.write_bytes(Path(variables["SECAGG_SIGSTORE_CONFIG"]).read_bytes())
    git(root, "add", "sigstore.json")
    git(root, "commit", "-q", "-m", "My own sigstore")
    (root / "leaks.json").write_text("[]")
    variables |= {"SECAGG_SIGSTORE_CONFIG": str(own), "GITHUB_REF": "refs/pull/7/merge"}
    ran = run(root, "parse", "leaks.json", "--no-store", "--attest", extra=variables)
    assert ran.code == 2
    assert "SECAGG_SIGSTORE_CONFIG leads to sigstore.json, which this change touches" in ran.stderr
    assert desk.sigstore.requests == []


def test_without_an_identity_nothing_is_scanned(root: Path) -> None:
    (root / "leaks.json").write_text("[]")
    ran = run(root, "parse", "leaks.json", "--no-store", "--attest")
    assert ran.code == 4
    assert "this job has no identity to sign by" in ran.stderr
    assert "--attest-unsigned" in ran.stderr
    assert not (root / "secagg-out").exists()
    ran = run(root, "parse", "leaks.json", "--attest", "--attest-unsigned")
    assert ran.code == 2
    assert "only one can be given" in ran.stderr


class _Refused(Signer):
    def __init__(self) -> None:
        pass

    def sign(self, statement: bytes) -> bytes:
        raise SigningError("the log refuses")


@pytest.mark.parametrize(("scan", "code"), [(0, 4), (1, 4), (3, 3)])
def test_a_pass_without_its_evidence_does_not_end_with_0(
    root: Path, scan: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The scan's files are there; the exit code says that its evidence is not."""
    (root / "leaks.json").write_text("[]")
    gate, out = prepare(root, GateOptions(store="")), root / "secagg-out"
    outcome = parse_files([str(root / "leaks.json")], tool=None, root=root, gate=gate)
    write_outputs(outcome, out)
    attestation = Attestation(signer=_Refused())
    assert attest_scan(gate, outcome, out, attestation, screen=Screen(), code=scan) == code
    assert "the log refuses" in capsys.readouterr().err
    assert "evidence.sigstore.json" not in os.listdir(out)
