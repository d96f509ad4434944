"""secagg policy: list, show, test and check, as people call them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.running import Ran, secagg

OURS = """name: our-gate
description: Payments come first.
extends: pr-gate
remove: new-medium
optional_tools: snyk
max_age: {critical: 7d, high: 30d}
gaps:
  - gap: legacy/
    reason: Python 2, leaves in March
    owner: ana
    created: 2026-11-01
    expires: 2026-12-24
rules:
  - name: payments
    match: {component: payments, severity: medium.., not: {path: [docs/, "*.md"]}}
    action: fail
    limit: 10
    why: "Payments \\e[31mgoes out clean."
"""


def run(root: Path, *arguments: str | Path, extra: dict[str, str] | None = None) -> Ran:
    return secagg("policy", *arguments, bin_dir=root / "bin", home=root, cwd=root, extra=extra)


def package(root: Path, text: str | None) -> dict[str, str]:
    """An installed package with a policy, and the environment in which it is found."""
    (root / "acme_policies").mkdir(parents=True)
    (root / "acme_policies" / "__init__.py").touch()
    if text is not None:
        (root / "acme_policies" / "acme-gate.yaml").write_text(text)
    info = root / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[secagg.policies]\nacme-gate = acme_policies\ndefault = acme_policies\n"
    )
    before = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return {"PYTHONPATH": os.pathsep.join([str(root), *map(os.path.abspath, before)])}


def test_list(tmp_path: Path) -> None:
    done = run(tmp_path, "list")
    assert (done.code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["NAME", "DESCRIPTION"]
    names = ["daily", "default", "pr-gate", "secrets-only", "seed", "strict"]
    assert [line.split()[0] for line in lines[1:]] == names
    assert lines[3].endswith("Fails on what the change adds, never on what was there before it.")
    listed = json.loads(run(tmp_path, "list", "--format", "json").stdout)
    assert [row["name"] for row in listed["policies"]] == names


def test_policies_of_packages(tmp_path: Path) -> None:
    extra = package(
        tmp_path / "site", "name: acme-gate\ndescription: Acme's.\nextends: strict\nremove: low\n"
    )
    listed = run(tmp_path, "list", extra=extra).stdout.splitlines()
    assert listed[0].split() == ["NAME", "SOURCE", "DESCRIPTION"]
    assert listed[-1].split() == ["acme-gate", "acme", "Acme's."]
    # A package does not replace what is built in.
    assert [line.split()[0] for line in listed].count("default") == 1
    (tmp_path / "ours.yaml").write_text("name: ours\nextends: acme-gate\n")
    shown = run(tmp_path, "show", "ours.yaml", extra=extra).stdout
    assert "ours.yaml extends acme-gate extends strict\n" in shown
    misspelt = run(tmp_path, "show", "acme-gat", extra=extra)
    assert misspelt.code == 2 and "did you mean acme-gate?" in misspelt.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "policy acme-gate: cannot be read: FileNotFoundError"),
        ("name: x\nextends: ./other.yaml\n", "cannot extend a file (./other.yaml)"),
        ("name: x\nruls: []\n", "policy acme-gate:2:1: unknown key ruls"),
    ],
)
def test_a_package_with_a_broken_policy_is_named(
    tmp_path: Path, text: str | None, said: str
) -> None:
    extra = package(tmp_path / "site", text)
    listed = run(tmp_path, "list", extra=extra)
    assert listed.code == 0 and said in listed.stdout
    shown = run(tmp_path, "show", "acme-gate", extra=extra)
    assert shown.code == 2 and said in shown.stderr
    assert run(tmp_path, "show", "default", extra=extra).code == 0


def test_show_says_what_a_gate_does(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(OURS)
    done = run(tmp_path, "show", "ours.yaml")
    assert (done.code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:3] == ["our-gate: Payments come first.", "ours.yaml extends pr-gate", ""]
    assert lines[3].split() == ["WHEN", "THEN", "WHY", "RULE", "FROM"]
    first = " ".join(lines[4].split())
    assert first == (
        "1 severity medium.., component payments, not (path docs/ or *.md) "
        "warn up to 10, then fail Payments \ufffd[31mgoes out clean. payments ours.yaml"
    )
    assert [line.split()[-1] for line in lines[5:9]] == ["pr-gate"] * 4
    assert lines[10:] == [
        "The first rule that matches decides; what no rule takes is ignored.",
        "From first seen to fixed: critical 7 days, high 30 days; what is late fails. "
        "A note says so 3 days before.",
        "Of unknown severity: counts as high or worse, and as medium where only linters report it; "
        "of unknown tools: as high or worse.",
        "A change is compared with: the stored run of its base, or else a scan of it.",
        "A scanner's database of advisories may be 30 days old.",
        "Tools that may fail: snyk.",
        "Accepted until 2026-12-24 by ana, though no tool looks at it: legacy/ "
        "(Python 2, leaves in March).",
        "An exception holds for 90 days at the most.",
        "Decisions count that are made in: files, store, github, vex, scanners; "
        "others are shown as not trusted.",
    ]


def test_what_show_prints_is_a_policy(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(OURS)
    printed = run(tmp_path, "show", "ours.yaml", "--format", "yaml")
    assert "extends" not in printed.stdout and "\x1b" not in printed.stdout
    (tmp_path / "whole.yaml").write_text(printed.stdout)
    again = run(tmp_path, "show", "whole.yaml", "--format", "yaml")
    assert (again.code, again.stdout) == (0, printed.stdout)


def test_the_policy_of_the_configuration_is_shown_where_none_is_named(tmp_path: Path) -> None:
    assert run(tmp_path, "show").stdout.startswith("default: ")
    (tmp_path / "secagg.yaml").write_text("policy: strict\n")
    assert run(tmp_path, "show").stdout.startswith("strict: ")


def test_what_is_no_policy_is_exit_2(tmp_path: Path) -> None:
    done = run(tmp_path, "show", "stricd")
    assert done.code == 2
    assert done.stderr == (
        "secagg: error: no policy 'stricd'\n  hint: did you mean strict? a file, or one of the "
        "built-in ones: daily, default, pr-gate, secrets-only, seed, strict\n"
    )
    (tmp_path / "x.yaml").write_text("name: x\nextends: seed\nremove: [critical, high]\n")
    done = run(tmp_path, "show", "x.yaml")
    assert done.code == 2 and "without rules would let everything pass" in done.stderr


TESTS = """policy: ../ours.yaml
cases:
  - name: a new secret fails
    findings: [{kind: secret, baseline: new, expect: {rule: new-secrets}}]
    verdict: fail
"""


def test_tests_pass_and_fail(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(OURS)
    deeper = tmp_path / "tests" / "deeper"
    deeper.mkdir(parents=True)
    (tmp_path / "tests" / "one.yaml").write_text(TESTS)
    (tmp_path / "tests" / ".hidden.yaml").write_text("nonsense")
    (tmp_path / "tests" / "notes.txt").write_text("nonsense")
    done = run(tmp_path, "test", "tests")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == (
        "tests/one.yaml (policy our-gate)\n  \u2713 a new secret fails\n"
        "  rules that took no problem here: payments, not-from-this-change, from-the-world, "
        "new-critical-and-high\n"
        "1 case in 1 file: all pass\n"
    )
    (deeper / "two.yml").write_text(TESTS.replace("../", "../../").replace("fail\n", "pass\n"))
    done = run(tmp_path, "test", "tests", "--quiet")
    assert (done.code, done.stderr) == (1, "")
    assert done.stdout.startswith("tests/deeper/two.yml (policy our-gate)\n  \u2717 a new secret")
    assert done.stdout.endswith("2 cases in 2 files: 1 failed\n")
    junit = run(tmp_path, "test", "tests", "--format", "junit")
    assert junit.code == 1 and 'tests="2" failures="1"' in junit.stdout
    assert run(tmp_path, "test", "tests/one.yaml").code == 0


def test_without_tests_nothing_passes(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run(tmp_path, "test", "empty")
    assert (done.code, done.stdout) == (2, "")
    assert "there are no tests in empty: no file ends in .yaml" in done.stderr
    done = run(tmp_path, "test", "nowhere")
    assert done.code == 2 and "there is no nowhere" in done.stderr
    (tmp_path / "empty" / "a.yaml").write_text("")
    done = run(tmp_path, "test", "empty")
    assert done.code == 2 and "empty/a.yaml:1:1" in done.stderr
    (tmp_path / "empty" / "a.yaml").write_text("policy: default\ncases: [{name: a}]\n")
    done = run(tmp_path, "test", "empty")
    assert done.code == 2 and "empty/a.yaml:2:9: cases.0.verdict: this key is needed" in done.stderr


def test_check_says_where_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "package.json").write_text("{}")
    (tmp_path / "clean.yaml").write_text(
        "name: clean\nextends: strict\nrules:\n"
        "  - {name: web, match: {component: web}, action: fail}\n"
    )
    done = run(tmp_path, "check", "clean.yaml", "default")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == "2 policies checked: nothing to mend\n"
    (tmp_path / "bad.yaml").write_text(
        "name: bad\nextends: clean.yaml\nrules:\n  - {name: x, match: {path: srv/}, action: fail}\n"
    )
    done = run(tmp_path, "check", "bad.yaml", "clean.yaml")
    assert (done.code, done.stderr) == (1, "")
    assert done.stdout == (
        "bad.yaml:4:23: path-matches-nothing: the path 'srv/' matches no file here, nor one "
        "in the history of this clone\n"
        "  hint: correct or remove it; paths are relative to the root, as in .gitignore\n"
        "2 policies checked: 1 message\n"
    )
    machine = json.loads(run(tmp_path, "check", "bad.yaml", "--format", "json").stdout)
    assert [m["where"] for m in machine["messages"]] == ["bad.yaml:4:23"]


def test_check_tells_what_cannot_be_read_beside_the_rest(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(
        "name: bad\nrules: [{name: x, match: {kind: code, scope: dev}, action: fail}]\n"
    )
    (tmp_path / "two.yaml").write_text(
        "name: two\nrules:\n  - {name: x, action: fail}\n  - {name: x, action: fail}\n"
    )
    done = run(tmp_path, "check", "two.yaml", "no.yaml", "bad.yaml")
    assert done.code == 2
    assert done.stdout.startswith(
        "two.yaml:4:6: unusable: two rules are named 'x'\n  hint: give each its own name"
    )
    assert "no.yaml: unusable: no policy 'no.yaml'\n  hint: a file, or one of" in done.stdout
    assert "bad.yaml:2:19: impossible-match" in done.stdout
    assert done.stdout.endswith("3 policies checked: 3 messages\n")
    assert run(tmp_path, "check", "bad.yaml", "--root", "nowhere").code == 2


def test_check_counts_exceptions_by_the_day(tmp_path: Path) -> None:
    (tmp_path / "secagg-exceptions.yaml").write_text(
        "exceptions:\n  - {cve: CVE-2021-1234, reason: why not, owner: ana, created: 2026-11-01,"
        " expires: 2026-11-24}\n"
    )
    assert run(tmp_path, "check", "seed", "--today", "2026-11-24").code == 0
    done = run(tmp_path, "check", "seed", "--today", "2026-11-25")
    assert done.code == 1
    assert (
        "secagg-exceptions.yaml:2:76: exception-expired: the exception CVE-2021-1234" in done.stdout
    )


def test_check_shows_no_secret_of_an_exception(tmp_path: Path) -> None:
    token = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    (tmp_path / "secagg-exceptions.yaml").write_text(
        f"exceptions:\n  - {{path: {token}, reason: why not, owner: ana, created: 2026-11-01,"
        " expires: 2026-11-24}\n"
    )
    done = run(tmp_path, "check", "seed", "--today", "2026-11-25")
    assert done.code == 1 and "exception-expired" in done.stdout
    assert token not in done.stdout + done.stderr
