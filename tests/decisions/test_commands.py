"""secagg except: add, list and prune, as people call them."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

import pytest

from tests.cli.running import Ran, environment, secagg
from tests.parsers.samples import GITLEAKS

NAME = "secagg-exceptions.yaml"
TODAY = datetime.datetime.now(datetime.UTC).date()


# Where the code under test is not the one installed.
HERE = {name: value for name, value in os.environ.items() if name == "PYTHONPATH"}


def run(root: Path, *arguments: str) -> Ran:
    return secagg("except", *arguments, bin_dir=root / "bin", home=root, cwd=root, extra=HERE)


def day(days: int) -> str:
    return (TODAY + datetime.timedelta(days=days)).isoformat()


def entry(cve: str, *, created: int = -10, expires: int = 10) -> str:
    return (
        f"  # about {cve}\n  - cve: {cve}\n    reason: accepted\n    owner: ana\n"
        f"    created: {day(created)}\n    expires: {day(expires)}\n"
    )


def test_add_list_and_prune(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        *("add", "--cve", "CVE-2021-44228", "--path", "engine/", "--reason", "not reachable"),
        *("--owner", "ana@example.com", "--expires", "2w"),
    )
    assert done.code == 0, done.stderr
    assert done.stdout == (
        f"{NAME}:4: CVE-2021-44228 at engine/ does not count through {day(14)} (14 days)\n"
    )
    again = run(
        tmp_path,
        *("add", "--cve", "CVE-2021-44228", "--path", "engine/", "--reason", "again"),
        *("--owner", "bo"),
    )
    assert again.code == 2
    assert f"{NAME}:4 covers that until {day(14)}" in again.stderr

    file = tmp_path / NAME
    file.write_text(file.read_text() + entry("CVE-2020-1111", expires=-1))
    (tmp_path / ".trivyignore").write_text("# \x1b[31mred\nCVE-2020-2222\nCVE-2020-3333 exp:x\n")
    listed = run(tmp_path, "list")
    assert listed.code == 0, listed.stderr
    lines = listed.stdout.splitlines()
    assert lines[1].startswith(f"{NAME}:4") and "in force" in lines[1] and "14 days" in lines[1]
    assert lines[2].startswith(f"{NAME}:11") and "expired" in lines[2] and "yesterday" in lines[2]
    assert "\x1b" not in listed.stdout and "[31mred" in lines[3] and "no end" in lines[3]
    assert "refused" in lines[4]
    assert lines[-2:] == [
        f"{NAME}: 1 decision honoured, 1 expired",
        ".trivyignore: 1 decision honoured, 1 refused",
    ]
    document = json.loads(run(tmp_path, "list", "--format", "json").stdout)
    assert [e["standing"] for e in document["exceptions"]] == [
        "in force",
        "expired",
        "in force",
        "refused",
    ]
    assert document["exceptions"][0]["days_left"] == 14

    before = file.read_text()
    dry = run(tmp_path, "prune", "--dry-run")
    assert f"{NAME}:11: CVE-2020-1111: expired {day(-1)}" in dry.stdout
    assert "1 decision to be taken out, 1 left" in dry.stdout
    assert file.read_text() == before
    assert run(tmp_path, "prune").code == 0
    assert "CVE-2020-1111" not in file.read_text()
    assert "CVE-2021-44228" in file.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--path", "**"], "it would cover everything"),
        (["--cve", "44228"], "--cve: a CVE id such as CVE-2021-44228 is expected"),
        (["--purl", "lodash"], "--purl: a purl is expected"),
        ([], "it covers nothing"),
        (["--tool", "trivy", "--cve", "CVE-2021-44228"], "tool goes with rule only"),
        (["--cve", "CVE-2021-44228", "--expires", "91d"], "91 days after it was created"),
        (["--cve", "CVE-2021-44228", "--expires", "soon"], "--expires: 30d, 2w or a day"),
        (["--cve", "CVE-2021-44228", "--expires", "2020-01-01"], "2020-01-01 is over"),
        (["--id", "abcdef"], "the whole id is needed"),
        (["--id", "x" * 32], "--id: an id has up to 32 hexadecimal digits"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    done = run(tmp_path, "add", "--reason", "because", "--owner", "ana", *arguments)
    assert done.code == 2
    assert said in done.stderr
    assert not (tmp_path / NAME).exists()


def test_owner_is_git_s_user_or_must_be_named(tmp_path: Path) -> None:
    wanted = ("add", "--cve", "CVE-2021-44228", "--reason", "because")
    nobody = run(tmp_path, *wanted)
    assert nobody.code == 2
    assert "name who answers for it with --owner" in nobody.stderr
    (tmp_path / ".gitconfig").write_text("[user]\n\temail = ana@example.com\n")
    assert run(tmp_path, *wanted).code == 0
    assert "owner: ana@example.com" in (tmp_path / NAME).read_text()


def test_a_broken_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("exceptions:\n  - cvee: CVE-2021-1111\n")
    done = run(tmp_path, "add", "--cve", "CVE-2021-44228", "--reason", "because", "--owner", "ana")
    assert done.code == 2
    assert f"{NAME}:2:5: unknown key exceptions.0.cvee" in done.stderr
    assert (tmp_path / NAME).read_text() == "exceptions:\n  - cvee: CVE-2021-1111\n"


def test_rows_of_the_last_scan_are_known(tmp_path: Path) -> None:
    report = [
        {
            "Description": "Generic key",
            "StartLine": line,
            "EndLine": line,
            "StartColumn": 1,
            "EndColumn": 9,
            "Match": "REDACTED",
            "Secret": f"value-{line}-of-a-key",
            "File": "app/config.py",
            "RuleID": "generic-api-key",
            "Fingerprint": f"app/config.py:generic-api-key:{line}",
        }
        for line in (3, 9)
    ]
    (tmp_path / "gitleaks.json").write_text(json.dumps(report))
    scanned = secagg("parse", "gitleaks.json", bin_dir=tmp_path / "bin", home=tmp_path, extra=HERE)
    assert scanned.code in (0, 1), scanned.stderr
    sarif = json.loads((tmp_path / "secagg-out/findings.sarif").read_text())
    identity = next(
        value
        for run_ in sarif["runs"]
        for result in run_["results"]
        for value in [result["partialFingerprints"].get("secagg/v1")]
        if value
    )
    add = ("add", "--reason", "a fixture", "--owner", "ana")
    done = run(tmp_path, *add, "--id", identity[:10])
    assert done.code == 0, done.stderr
    assert "it covers 1 problem of the last scan" in done.stdout
    assert f"id: {identity}" in (tmp_path / NAME).read_text()
    done = run(tmp_path, *add, "--rule", "py/*")
    assert "it covers 0 problems of the last scan" in done.stdout
    none = run(tmp_path, *add, "--id", "0123456789")
    assert none.code == 2 and "no problem of the last scan goes by the id" in none.stderr

    pruned = run(tmp_path, "prune", "--unused")
    assert pruned.code == 0, pruned.stderr
    assert "rule py/*: covers nothing that the last scan found" in pruned.stdout
    assert identity in (tmp_path / NAME).read_text()
    assert "py/*" not in (tmp_path / NAME).read_text()

    summary = tmp_path / "secagg-out/summary.json"
    broken = json.loads(summary.read_text())
    broken["decision"]["verdict"] = "incomplete"
    summary.write_text(json.dumps(broken))
    refused = run(tmp_path, "prune", "--unused")
    assert refused.code == 2 and "the last scan is incomplete" in refused.stderr

    broken["decision"]["verdict"], broken["narrowed"] = "pass", True
    summary.write_text(json.dumps(broken))
    refused = run(tmp_path, "prune", "--unused")
    assert refused.code == 2 and "the last scan is of a part only" in refused.stderr


def test_prune_without_a_scan_says_so(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("exceptions:\n" + entry("CVE-2021-1111"))
    done = run(tmp_path, "prune", "--unused")
    assert done.code == 2
    assert "no scan in secagg-out" in done.stderr


def test_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "security").mkdir()
    (tmp_path / "security/exceptions.yaml").write_text("exceptions: []\n")
    (tmp_path / NAME).symlink_to("security/exceptions.yaml")
    add = ("add", "--cve", "CVE-2021-44228", "--reason", "because", "--owner", "ana")
    assert run(tmp_path, *add).code == 0
    assert (tmp_path / NAME).is_symlink()
    assert "CVE-2021-44228" in (tmp_path / "security/exceptions.yaml").read_text()


def test_the_ceiling_is_that_of_the_repositorys_policy(tmp_path: Path) -> None:
    (tmp_path / "secagg.yaml").write_text("policy: ours.yaml\n")
    (tmp_path / "ours.yaml").write_text(
        "name: ours\nextends: default\nexceptions:\n  max_days: 10d\n"
    )
    asked = ("add", "--cve", "CVE-2021-44228", "--reason", "not reachable", "--owner", "ana")
    refused = run(tmp_path, *asked, "--expires", day(11))
    assert refused.code == 2
    assert "the policy allows 10" in refused.stderr
    assert run(tmp_path, *asked, "--expires", day(10)).code == 0
    (tmp_path / "ours.yaml").write_text(
        "name: ours\nextends: default\nexceptions:\n  max_days: 9d\n"
    )
    assert "the policy allows 9" in run(tmp_path, "list").stdout


def test_the_id_of_a_secret_that_only_this_machine_knows_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    value = "ghp_" + "Zx7" * 12
    leak = {**GITLEAKS, "File": "settings.py", "RuleID": "github-pat", "StartLine": 1}
    (root / "settings.py").write_text(f'token = "{value}"\n')
    said = {"Secret": value, "Match": f'token = "{value}"', "Commit": ""}
    (root / "gitleaks.json").write_text(json.dumps([leak | said]))
    for key, refused in ((None, True), ("the same key wherever it is scanned", False)):
        env = environment(tmp_path / "bin", tmp_path)
        del env["SECAGG_HMAC_KEY"]
        if key is not None:
            env["SECAGG_HMAC_KEY"] = key
        parsed = Ran.of(["parse", "gitleaks.json"], env=env, cwd=root)
        assert parsed.code == 1, parsed.stderr
        (found,) = json.loads((root / "secagg-out" / "decision.json").read_bytes())["findings"]
        by = ["--reason", "made up", "--owner", "ana"]
        added = Ran.of(["except", "add", "--id", found["id"], *by], env=env, cwd=root)
        decide = ["--state", "accepted", "--reason", "made up", "--file"]
        filed = Ran.of(["triage", found["id"], *decide], env=env, cwd=root)
        assert [added.code, filed.code] == ([2, 2] if refused else [0, 0])
        for done in (added, filed):
            told = "holds on this machine only" in done.stderr
            assert (
                told is refused and ("--rule github-pat --path settings.py" in done.stderr) is told
            )
