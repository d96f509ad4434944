"""A change brings files or programs that would let it pass its own gate: none of them decides."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.attack.changes import LEAK, ONLY_GITLEAKS, SECRET, Change, quiet_gitleaks

ALLOW_ALL = '[extend]\nuseDefault = true\n[allowlist]\npaths = [".*"]\n'
DEFAULTS = "[extend]\nuseDefault = true\n"
PLAIN = f"tools:\n{ONLY_GITLEAKS}"


IGNORED = "app.py:generic-api-key:2\n"
OLD_LEAK = LEAK.replace(SECRET, "Q7vX2pLr9KzT4mWs8NbY1cJd")


def gitleaks(settings: str) -> str:
    """A secagg.yaml with Gitleaks alone."""
    return f"{PLAIN}  gitleaks: {{{settings}}}\n"


@dataclass(frozen=True)
class Attack:
    """What main has, what the change adds to its leak, and the exit codes that are right."""

    base: dict[str, str]
    change: dict[str, str | None] = field(default_factory=dict)
    right: tuple[int, ...] = (1,)


ATTACKS = {
    "rules that allow everything": Attack(
        {"secagg.yaml": gitleaks("config: ci/g.toml"), "ci/g.toml": DEFAULTS},
        {"ci/g.toml": ALLOW_ALL},
    ),
    "rules that are gone": Attack(
        {"secagg.yaml": gitleaks("config: ci/g.toml"), "ci/g.toml": DEFAULTS},
        {"ci/g.toml": None},
    ),
    "rules that only the change has": Attack(
        {"secagg.yaml": gitleaks("config: ci/g.toml")}, {"ci/g.toml": ALLOW_ALL}, (2, 3)
    ),
    "rules that extend a file of the change": Attack(
        {
            "secagg.yaml": gitleaks("config: ci/g.toml"),
            "ci/g.toml": '[extend]\npath = "ci/more.toml"\n',
            "ci/more.toml": DEFAULTS,
        },
        {"ci/more.toml": ALLOW_ALL},
    ),
    "the trusted rules of the tree": Attack(
        {"secagg.yaml": gitleaks("trust_target_config: true"), ".gitleaks.toml": DEFAULTS},
        {".gitleaks.toml": ALLOW_ALL},
    ),
    "trusted rules that only the change has": Attack(
        {"secagg.yaml": gitleaks("trust_target_config: true")}, {".gitleaks.toml": ALLOW_ALL}
    ),
    "a trusted tree, and a comment that allows": Attack(
        {"secagg.yaml": gitleaks("trust_target_config: true")},
        {"app.py": LEAK.replace('"\n', '"  # gitleaks:allow\n')},
    ),
    "another secret on a line that the ignore file names": Attack(
        {"secagg.yaml": PLAIN, ".gitleaksignore": IGNORED, "app.py": OLD_LEAK}
    ),
    "the same where the tree is trusted": Attack(
        {
            "secagg.yaml": gitleaks("trust_target_config: true"),
            ".gitleaksignore": IGNORED,
            "app.py": OLD_LEAK,
        }
    ),
    "a program of the tree by its path": Attack(
        {"secagg.yaml": gitleaks("path: ci/gitleaks"), "ci/gitleaks": quiet_gitleaks()},
        {"ci/gitleaks": quiet_gitleaks() + "# changed\n"},
        (3,),
    ),
    "a program of the tree that only the change has": Attack(
        {"secagg.yaml": gitleaks("path: ci/gitleaks")}, {"ci/gitleaks": quiet_gitleaks()}, (3,)
    ),
    "a configuration that switches the scanner off": Attack(
        {"secagg.yaml": PLAIN}, {"secagg.yaml": "tools:\n  gitleaks: {enabled: false}\n"}
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_leak_does_not_pass(name: str, tmp_path: Path) -> None:
    attack = ATTACKS[name]
    change = Change.make(tmp_path, attack.base, {"app.py": LEAK, **attack.change})
    change.real("gitleaks")
    ran = change.scan()
    assert ran.code in attack.right, ran.stdout + ran.stderr
    assert SECRET not in ran.stdout + ran.stderr


def test_an_ignore_file_holds_for_the_secret_that_the_base_has_there(tmp_path: Path) -> None:
    base = {"secagg.yaml": PLAIN, ".gitleaksignore": IGNORED, "app.py": OLD_LEAK}
    change = Change.make(tmp_path, base, {"other.py": "print(2)\n"})
    change.real("gitleaks")
    ran = change.scan()
    assert ran.code == 0, ran.stdout + ran.stderr
    assert ".gitleaksignore: 1 decision honoured" in ran.stdout
    change.commit({"app.py": LEAK})
    ran = change.scan()
    assert ran.code == 1
    assert "it names a line, and this change writes what stands there" in ran.stdout
    assert "decision honoured" not in ran.stdout


def test_a_link_in_the_place_of_rules_that_the_workflow_makes(tmp_path: Path) -> None:
    change = Change.make(
        tmp_path,
        {"secagg.yaml": gitleaks("config: build/g.toml")},
        {"app.py": LEAK, "evil/g.toml": ALLOW_ALL},
    )
    (change.root / "build").symlink_to("evil")
    change.git("add", "build")
    change.git("commit", "-q", "-m", "Link")
    change.real("gitleaks")
    assert change.scan().code in (2, 3)


def test_rules_that_the_workflow_makes_are_used(tmp_path: Path) -> None:
    """What git does not know is no part of the change."""
    change = Change.make(
        tmp_path, {"secagg.yaml": gitleaks("config: build/g.toml")}, {"app.py": LEAK}
    )
    (change.root / "build").mkdir()
    (change.root / "build" / "g.toml").write_text(ALLOW_ALL)
    change.real("gitleaks")
    ran = change.scan()
    assert ran.code == 0, ran.stdout + ran.stderr


def test_a_program_in_the_tree_is_found_on_no_path(tmp_path: Path) -> None:
    change = Change.make(tmp_path, {"secagg.yaml": PLAIN}, {"app.py": LEAK})
    inside = change.root / "node_modules" / ".bin"
    inside.mkdir(parents=True)
    (inside / "gitleaks").write_text(quiet_gitleaks())
    (inside / "gitleaks").chmod(0o755)
    search_path = os.pathsep.join((str(inside), str(change.bin_dir), "/usr/bin", "/bin"))
    ran = change.scan(PATH=search_path)
    assert ran.code == 3
    assert "is in the scanned tree and is not pinned" in ran.stdout + ran.stderr
    change.real("gitleaks")
    assert change.scan(PATH=search_path).code == 1


def test_git_of_the_tree_is_not_run(tmp_path: Path) -> None:
    change = Change.make(tmp_path, {"secagg.yaml": PLAIN}, {"app.py": LEAK})
    trace = tmp_path / "was-run"
    (change.root / "git").write_text(f'#!/bin/sh\ntouch {trace}\nexec /usr/bin/git "$@"\n')
    (change.root / "git").chmod(0o755)
    change.real("gitleaks")
    search_path = os.pathsep.join((str(change.root), str(change.bin_dir), "/usr/bin", "/bin"))
    assert change.scan(PATH=search_path).code == 1
    assert not trace.exists()


def test_a_pinned_program_of_the_tree_runs_while_it_is_the_pinned_one(tmp_path: Path) -> None:
    program = quiet_gitleaks()
    pin = hashlib.sha256(program.encode()).hexdigest()
    base = {
        "secagg.yaml": gitleaks(f"path: ci/gitleaks, sha256: {pin}"),
        "ci/gitleaks": program,
    }
    change = Change.make(tmp_path, base, {"app.py": LEAK})
    assert change.scan().code == 0
    change.commit({"ci/gitleaks": program + "# changed\n"})
    assert change.scan().code == 3


def sarif(**result: object) -> str:
    """A report with one result on line 2 of app.py."""
    place = {"artifactLocation": {"uri": "app.py"}, "region": {"startLine": 2}}
    found = {
        "ruleId": "python.exec",
        "level": "error",
        "message": {"text": "exec of input"},
        "locations": [{"physicalLocation": place}],
        **result,
    }
    driver = {"name": "Semgrep OSS", "rules": [{"id": "python.exec"}]}
    run = {"tool": {"driver": driver}, "results": [found]}
    return json.dumps({"version": "2.1.0", "runs": [run]})


@pytest.mark.parametrize(
    "suppression",
    [
        {"kind": "inSource"},
        {"kind": "inSource", "status": "accepted", "justification": "reviewed"},
        {"kind": "inSource", "state": "accepted"},
    ],
)
def test_a_comment_in_the_source_decides_nothing_in_a_change(
    suppression: dict[str, str], tmp_path: Path
) -> None:
    change = Change.make(tmp_path, {}, {"app.py": "print(1)\nexec(x)  # nosemgrep\n"})
    report = tmp_path / "report.sarif"
    report.write_text(sarif(suppressions=[suppression]))
    ran = change.run("gate", report, "--policy", "pr-gate", "--diff", "origin/main...HEAD")
    assert ran.code == 1, ran.stdout + ran.stderr
    assert "decides nothing in a change" in ran.stdout
    # On main, where it was reviewed, it holds.
    assert change.run("gate", report, "--policy", "strict", GITHUB_EVENT_NAME="push").code == 0


def test_an_ignore_file_that_the_change_brings_decides_nothing_in_it(tmp_path: Path) -> None:
    """Brakeman's SARIF says of each ignored warning in which file of the tree it is ignored."""
    ignore = "config/brakeman.ignore"
    place = {"physicalLocation": {"artifactLocation": {"uri": ignore, "uriBaseId": "%SRCROOT%"}}}
    suppression = {"kind": "external", "justification": "fine", "location": place}
    report = tmp_path / "report.sarif"
    report.write_text(sarif(suppressions=[suppression]))
    change = Change.make(tmp_path, {}, {"app.py": "print(1)\nexec(x)\n", ignore: "{}"})
    judged = ("gate", report, "--no-store", "--policy", "pr-gate", "--diff", "origin/main...HEAD")
    ran = change.run(*judged)
    assert (ran.code, f"is written in {ignore}" in ran.stdout) == (1, True), ran
    # The base's own holds.
    change.git("update-ref", "refs/remotes/origin/main", "HEAD")
    change.commit({"other.py": "print(2)\n"})
    assert change.run(*judged).code == 0


def triage(identity: str) -> str:
    return (
        "decisions:\n"
        f"  - {{id: {identity}, state: false-positive, reason: no, at: '2026-01-01T00:00:00Z'}}\n"
    )


def test_decisions_that_the_change_brings_do_not_count_in_a_report(tmp_path: Path) -> None:
    change = Change.make(tmp_path, {"secagg.yaml": PLAIN}, {"app.py": LEAK})
    change.real("gitleaks")
    assert change.run("scan", "--policy", "pr-gate", "-o", "out").code == 1
    identity = json.loads((change.root / "out/decision.json").read_text())["findings"][0]["id"]
    for name in (".secagg/triage.yaml", "secagg-exceptions.yaml"):
        (change.root / name).write_text(triage(identity))
        change.git("add", "--force", name)
        change.git("commit", "-q", "-m", "Decide")
        assert change.run("report", "--fail-on", "high").code == 1
    # Once it is merged it holds.
    change.git("update-ref", "refs/remotes/origin/main", "HEAD")
    assert change.run("report", "--fail-on", "high").code == 0


def test_a_report_that_the_change_brings_is_no_gate(tmp_path: Path) -> None:
    change = Change.make(tmp_path, {}, {"report.json": "{}"})
    ran = change.run("report", "--from", "report.json", "--fail-on", "high")
    assert ran.code == 2
    assert "which this change touches" in ran.stderr


@pytest.mark.parametrize("how", ["option", "variable", "url", "log"])
def test_a_store_that_the_change_brings_is_refused(how: str, tmp_path: Path) -> None:
    name = "history.db-wal" if how == "log" else "history.db"
    change = Change.make(tmp_path, {}, {name: "x"})
    report = tmp_path / "report.sarif"
    report.write_text(sarif())
    store = {"url": "sqlite:///history.db"}.get(how, "history.db")
    options = [] if how == "variable" else ["--store", store]
    extra = {"SECAGG_STORE": store} if how == "variable" else {}
    ran = change.run("gate", report, "--policy", "daily", *options, **extra)
    assert ran.code == 2
    assert "could bring a history of its own" in ran.stderr
    report_ran = change.run("report", "--fail-on", "high", *options, **extra)
    assert report_ran.code == 2
    assert "could bring a history of its own" in report_ran.stderr


def test_scores_that_the_change_brings_are_refused(tmp_path: Path) -> None:
    policy = "name: ours\nrules:\n  - {name: all, match: {in_kev: true}, action: fail, why: x}\n"
    base = {"policy.yaml": policy, "intel/epss_scores.csv": "x"}
    change = Change.make(tmp_path, base, {"intel/epss_scores.csv": "y"})
    report = tmp_path / "report.sarif"
    report.write_text(sarif())
    ran = change.run("gate", report, "--policy", "policy.yaml", SECAGG_INTEL_DIR="intel")
    assert ran.code == 2, ran.stdout
    assert "SECAGG_INTEL_DIR leads to intel/epss_scores.csv" in ran.stderr


def test_a_submodule_that_the_change_moves_decides_nothing(tmp_path: Path) -> None:
    rules = Change.make(tmp_path / "rules", {"g.toml": DEFAULTS}, {"g.toml": ALLOW_ALL})
    change = Change.make(tmp_path, {"secagg.yaml": gitleaks("config: ci/g.toml")}, {"x": "x"})
    add = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "-b", "main")
    change.git(*add, str(rules.root), "ci")
    change.git("commit", "-q", "-m", "Rules")
    change.git("update-ref", "refs/remotes/origin/main", "HEAD")
    change.commit({"app.py": LEAK})
    change.real("gitleaks")
    assert change.scan().code == 1
    change.git("-C", "ci", "checkout", "-q", "change")
    change.git("commit", "-qam", "Move the rules")
    assert change.scan().code in (2, 3)


def test_what_secagg_itself_has_made_is_not_of_the_change(tmp_path: Path) -> None:
    change = Change.make(tmp_path, {"secagg.yaml": PLAIN}, {"README": "x"})
    change.real("gitleaks")
    assert change.run("scan", "--policy", "pr-gate", "-q").code == 0
    (change.root / "made.vex.json").write_text("{}")
    ran = change.run("gate", "--policy", "pr-gate", "--output", "out")
    assert ran.code == 0
    decided = json.loads((change.root / "out/decision.json").read_text())
    assert decided["change"]["controls_changed"] == []
