"""A pull request before its gate: the base's rules hold, and what the change did not bring passes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import Ran, secagg

REPORT = Path(__file__).parent.parent.parent / "fixtures" / "reports" / "trivy" / "fs.json"
FAILS = "name: ours\nrules:\n  - {name: all, match: {}, action: fail, why: Fix it.}\n"
PASSES = "name: ours\nrules:\n  - {name: all, match: {}, action: ignore, why: Never mind.}\n"


def git(root: Path, *arguments: str) -> str:
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@shelf.example")
    done = subprocess.run(
        ["git", *author, *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository whose gate fails on everything, on a branch that would let all pass."""
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    (root / "policy.yaml").write_text(FAILS)
    (root / "secagg.yaml").write_text("policy: policy.yaml\n")
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "Begin")
    git(root, "checkout", "-q", "-b", "change")
    (root / "policy.yaml").write_text(PASSES)
    (root / "secagg-exceptions.yaml").write_text("not: [a, valid, file\n")
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "Let all pass")
    return root


def gate(root: Path, tmp_path: Path, *arguments: str | Path, pull_request: bool = True) -> Ran:
    event = tmp_path / "event.json"
    base = git(root, "rev-parse", "main")
    event.write_text(json.dumps({"pull_request": {"base": {"sha": base}}}))
    extra = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(event)}
    return secagg(
        *("gate", REPORT, "--root", root, *arguments),
        bin_dir=tmp_path / "bin",
        home=tmp_path,
        cwd=root,
        extra=extra if pull_request else {},
    )


def test_a_change_cannot_weaken_its_own_gate(root: Path, tmp_path: Path) -> None:
    ran = gate(root, tmp_path)
    assert ran.code == 1, ran.stderr
    assert "Fix it." in ran.stdout
    assert "this change touches the gate itself (policy.yaml, secagg-exceptions.yaml)" in ran.stdout


def test_outside_of_a_pull_request_the_work_tree_holds(root: Path, tmp_path: Path) -> None:
    ran = gate(root, tmp_path, pull_request=False)
    assert ran.code == 2
    assert "secagg-exceptions.yaml:2:1: not valid YAML" in ran.stderr
    (root / "secagg-exceptions.yaml").unlink()
    ran = gate(root, tmp_path, pull_request=False)
    assert ran.code == 0, ran.stderr


def test_a_policy_that_only_the_change_has_is_refused(root: Path, tmp_path: Path) -> None:
    (root / "easy.yaml").write_text(PASSES)
    git(root, "add", "easy.yaml")
    ran = gate(root, tmp_path, "--policy", "easy.yaml")
    assert ran.code == 2
    assert "holds once it is merged" in ran.stderr
    assert ran.stdout == ""


def test_a_configuration_that_is_named_is_the_bases_too(root: Path, tmp_path: Path) -> None:
    (root / "secagg.yaml").write_text("policy: easy.yaml\n")
    git(root, "add", "--all")
    ran = gate(root, tmp_path, "--config", "secagg.yaml")
    assert ran.code == 1, ran.stderr
    assert "Fix it." in ran.stdout
    (root / "other.yaml").write_text("policy: easy.yaml\n")
    git(root, "add", "--all")
    ran = gate(root, tmp_path, "--config", root / "other.yaml")
    assert ran.code == 2
    assert "is brought by this change" in ran.stderr


def test_a_broken_configuration_of_the_change_is_not_read(root: Path, tmp_path: Path) -> None:
    (root / "secagg.yaml").write_text("policy: [\n")
    assert gate(root, tmp_path).code == 1


def test_a_policy_that_is_no_part_of_the_repository_is_used(root: Path, tmp_path: Path) -> None:
    shared = tmp_path / "policies"
    shared.mkdir()
    (shared / "easy.yaml").write_text("name: easy\nextends: base.yaml\n")
    (shared / "base.yaml").write_text(PASSES)
    assert gate(root, tmp_path, "--policy", "../policies/easy.yaml").code == 0
    # A link in the repository is the repository's, wherever it leads.
    (root / "linked.yaml").symlink_to(shared / "base.yaml")
    git(root, "add", "linked.yaml")
    assert gate(root, tmp_path, "--policy", "linked.yaml").code == 2


def test_a_history_in_the_repository_is_refused(root: Path, tmp_path: Path) -> None:
    (root / ".secagg").mkdir()
    (root / ".secagg" / "secagg.db").write_text("")
    git(root, "add", "--force", ".secagg/secagg.db")
    ran = gate(root, tmp_path, "--policy", "daily")
    assert ran.code == 2
    assert "a change could bring a history of its own" in ran.stderr


def test_a_vex_document_of_the_change_is_refused(root: Path, tmp_path: Path) -> None:
    (root / "vex.json").write_text("{}")
    git(root, "add", "vex.json")
    ran = gate(root, tmp_path, "--vex", "vex.json")
    assert ran.code == 2
    assert "is brought by this change" in ran.stderr


def test_below_the_top_of_the_repository_the_same_holds(root: Path, tmp_path: Path) -> None:
    (root / "web").mkdir()
    (root / "base.json").write_bytes(REPORT.read_bytes())
    git(root, "add", "--all")
    ran = gate(root / "web", tmp_path, "--policy", "pr-gate", "--baseline", "../base.json")
    assert ran.code == 2
    assert "is brought by this change" in ran.stderr


def test_a_clone_without_the_base_is_told_to_fetch_it(root: Path, tmp_path: Path) -> None:
    ran = gate(root, tmp_path, "--policy-from", "0" * 40)
    assert ran.code == 2
    assert "fetch-depth: 0" in ran.stderr


def test_what_was_there_before_does_not_block(root: Path, tmp_path: Path) -> None:
    against = gate(root, tmp_path, "--policy", "pr-gate", "--baseline", REPORT)
    assert against.code == 0, against.stdout
    assert "0 new" not in against.stdout
    assert "unchanged" in against.stdout
    # Without a baseline the lines of the change answer, and what nobody can tell counts.
    alone = gate(root, tmp_path, "--policy", "pr-gate")
    assert alone.code == 0, alone.stdout
    assert "there is no baseline" in alone.stdout
    none = gate(root, tmp_path, "--policy", "pr-gate", "--baseline", "none")
    assert none.code == 1


def test_a_baseline_that_the_change_brings_is_refused(root: Path, tmp_path: Path) -> None:
    (root / "base.json").write_bytes(REPORT.read_bytes())
    git(root, "add", "base.json")
    ran = gate(root, tmp_path, "--policy", "pr-gate", "--baseline", "base.json")
    assert ran.code == 2
    assert "is brought by this change" in ran.stderr


def test_explain_prints_the_chain(root: Path, tmp_path: Path) -> None:
    found = json.loads(gate(root, tmp_path, "--format", "json").stdout)["findings"][0]
    ran = gate(root, tmp_path, "--explain", found["id"][:10])
    assert ran.code == 0, ran.stderr
    assert found["id"] in ran.stdout
    assert "action fail" in ran.stdout
    assert "\u2192" in ran.stdout
    wrong = gate(root, tmp_path, "--explain", "00000000")
    assert wrong.code == 2
    assert "no problem of the last scan goes by the id 00000000" in wrong.stderr


@pytest.mark.parametrize(("today", "code"), [("2026-02-01", 0), ("2026-02-02", 1)])
def test_an_exception_ends_after_its_last_day(
    root: Path, tmp_path: Path, today: str, code: int
) -> None:
    (root / "policy.yaml").write_text(FAILS.replace("{}", "{advisory: CVE-2019-10744}"))
    (root / "secagg-exceptions.yaml").write_text(
        "exceptions:\n"
        "  - cve: CVE-2019-10744\n    reason: Known\n    owner: ana\n"
        "    created: 2026-01-01\n    expires: 2026-02-01\n"
    )
    ran = gate(root, tmp_path, "--all", "--today", today, pull_request=False)
    assert ran.code == code, ran.stdout + ran.stderr
    # Says who let it pass, or whose word is over.
    assert "secagg-exceptions.yaml:2" in ran.stdout
