"""Deciding as a person does it, in the store and in the file: what is said, and what is left."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from tests.github.test_commands import Cli, cli
from tests.matrix.shop import git
from tests.parsers.samples import GITLEAKS, trivy, trivy_result

__all__ = ["cli"]

FILE = "secagg-exceptions.yaml"
TODAY = datetime.datetime.now(datetime.UTC).date()
NEXT_MONTH = TODAY + datetime.timedelta(days=30)
TOKEN = "ghp_" + "Zx7" * 12


class Desk:
    """A repository with two scanned problems, and the commands of the person who looks at it."""

    def __init__(self, root: Path, cli: Cli) -> None:
        self.root, self._cli = root, cli
        git(root, "init", "-q", "-b", "trunk")
        git(root, "config", "user.email", "ana@shelf.example")
        git(root, "commit", "-q", "--allow-empty", "-m", "x")
        (root / "trivy.json").write_text(json.dumps(_report("lodash", "minimist")))
        leak = {**GITLEAKS, "File": "a.py", "RuleID": "github-pat", "Secret": TOKEN, "Commit": ""}
        (root / "gitleaks.json").write_text(json.dumps([{**leak, "Match": f"k = {TOKEN}"}]))
        # Two scans of one second with the same findings are one run of the history.
        earlier = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
        self.scan("--at", earlier.strftime("%Y-%m-%dT%H:%M:%SZ"))
        found = self.findings()
        self.lodash = next(f["id"] for f in found if "CVE-2026-10001" in f["aliases"])
        self.minimist = next(f["id"] for f in found if "CVE-2026-10002" in f["aliases"])

    def scan(self, *options: str) -> None:
        self.run("parse", "trivy.json", "gitleaks.json", *options, code=1)

    def findings(self) -> list[dict[str, Any]]:
        decision = json.loads((self.root / "secagg-out/decision.json").read_bytes())
        found: list[dict[str, Any]] = decision["findings"]
        return found

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command; what it prints, on both streams."""
        done, out, err = self._cli(*arguments)
        assert done == code, (arguments, out, err)
        return out + err

    def decide(self, identity: str, state: str, *more: str) -> str:
        return self.run("triage", identity, "--state", state, "--reason", "looked at", *more)

    def action(self, identity: str) -> str:
        self.run("gate", "-q", "--output", "secagg-out", code=1)
        return next(str(f["action"]) for f in self.findings() if f["id"] == identity)


def _report(*packages: str) -> dict[str, object]:
    found = [
        {
            "VulnerabilityID": f"CVE-2026-{10_001 + number}",
            "PkgName": package,
            "InstalledVersion": "1.0.0",
            "PkgIdentifier": {"PURL": f"pkg:npm/{package}@1.0.0"},
            "Severity": "HIGH",
            "Title": f"a hole in {package}",
            **({"FixedVersion": "2.0.0"} if number else {}),
        }
        for number, package in enumerate(packages)
    ]
    return trivy(trivy_result(Target="package-lock.json", Type="npm", Vulnerabilities=found))


@pytest.fixture
def desk(tmp_path: Path, cli: Cli) -> Desk:
    return Desk(tmp_path, cli)


def test_triage_in_the_file_and_except_add_write_one_file(desk: Desk) -> None:
    desk.decide(desk.lodash[:8], "false-positive", "--file", "--expires", "2w")
    said = desk.run("except", "add", "--id", desk.minimist[:8], "--reason", "not called")
    assert (
        f"{FILE}:11: problem {desk.minimist} does not count through {NEXT_MONTH} (30 days)" in said
    )
    lines = (desk.root / FILE).read_text().splitlines()
    assert [lines[3], lines[4], lines[5], lines[7]] == [
        f"  - id: {desk.lodash}",
        "    title: 'CVE-2026-10001 lodash 1.0.0: a hole in lodash (package-lock.json)'",
        "    state: false-positive",
        "    by: ana@shelf.example",
    ]
    assert lines[11] == (
        "    title: 'CVE-2026-10002 minimist 1.0.0: a hole in minimist (package-lock.json)'"
    )
    desk.scan()
    marks = {f["id"]: f["exception"] for f in desk.findings() if f["exception"] is not None}
    assert {i: (e["source"], e["state"]) for i, e in marks.items()} == {
        desk.lodash: (f"{FILE}:4", "false-positive"),
        desk.minimist: (f"{FILE}:11", "accepted"),
    }
    # Either command takes back what the other has written.
    desk.run("triage", desk.minimist, "--undo", "--file")
    desk.run("triage", desk.lodash, "--undo", "--file")
    assert desk.action(desk.minimist) == "fail"
    refused = desk.run("triage", desk.lodash, "--undo", "--file", code=4)
    assert f"none is in {FILE}; without --file the store is looked at" in refused


def test_screens_name_the_state_of_a_decision(desk: Desk) -> None:
    desk.decide(desk.lodash, "false-positive")
    desk.run("except", "add", "--cve", "CVE-2026-10002", "--reason", "not called")
    shown = desk.run("gate", "--all", "--format", "concise", code=1)
    rows = {line.rsplit("[", 1)[1][:8]: line for line in shown.splitlines() if line.endswith("]")}
    assert "false-positive: store" in rows[desk.lodash[:8]]
    assert f"accepted: {FILE}:4" in rows[desk.minimist[:8]]
    assert "exception" not in rows[desk.lodash[:8]]
    desk.scan()
    for identity, state in ((desk.lodash, "false-positive"), (desk.minimist, "accepted")):
        told = desk.run("show", identity)
        assert f"decision {state} matches" in told
    by_cve = desk.run("show", desk.minimist)
    assert f"accepted by {FILE}:4: not called" in by_cve


def test_an_exception_may_say_that_it_is_a_false_positive(desk: Desk) -> None:
    by = ("--reason", "another package of that name", "--state", "false-positive")
    said = desk.run("except", "add", "--purl", "pkg:npm/lodash", *by)
    assert f"in pkg:npm/lodash is no problem through {NEXT_MONTH}" in said
    listed = json.loads(desk.run("except", "list", "--format", "json"))["exceptions"]
    assert [(e["covers"], e["state"]) for e in listed] == [("in pkg:npm/lodash", "false-positive")]
    desk.scan()
    vex = json.loads(desk.run("report", "--format", "openvex", "--state", "all"))
    status = {s["vulnerability"]["name"]: s["status"] for s in vex["statements"]}
    assert status == {"CVE-2026-10001": "not_affected", "CVE-2026-10002": "under_investigation"}


def test_what_holds_after_a_decision_is_taken_back_is_said(desk: Desk) -> None:
    desk.decide(desk.lodash, "accepted", "--file")
    decided = desk.decide(desk.lodash, "false-positive").splitlines()
    assert "1 problem now false-positive" in decided
    undone = desk.run("triage", desk.lodash, "--undo")
    assert undone.splitlines()[-2:] == [
        "1 problem undone",
        f"{desk.lodash[:10]} is accepted by another decision: looked at",
    ]
    assert desk.action(desk.lodash) == "ignore"
    refused = desk.run("triage", desk.lodash, "--undo", code=4)
    assert f"none is in the store; --file looks in {FILE}" in refused


def test_a_risk_that_is_accepted_without_an_end_is_said_to_have_none(desk: Desk) -> None:
    forever = desk.decide(desk.lodash, "accepted", "--dry-run").splitlines()[-1]
    assert forever == "1 problem would be accepted without an end (--expires gives it one)"
    month = desk.decide(desk.lodash, "accepted", "--expires", "30d").splitlines()
    assert f"1 problem now accepted through {NEXT_MONTH}" in month
    asked = desk.run("triage", desk.lodash, "--state", "open", code=2)
    assert "--state is one of open, confirmed, false-positive, accepted, fixed" in asked
    both = desk.run("triage", desk.lodash, "--state", "open", "--undo", code=2)
    assert "--undo takes a decision back" in both
    given = ("--state", "open", "--reason", "x", "--expires", "soon")
    soon = desk.run("triage", desk.lodash, *given, code=2)
    assert "--expires: 30d, 2w or a day such as 2026-12-31 is expected" in soon


def test_without_a_history_the_last_scan_names_problems(desk: Desk) -> None:
    (desk.root / ".secagg/secagg.db").unlink()
    by = ("--state", "false-positive", "--reason", "looked at")
    refused = desk.run("triage", desk.lodash, *by, "--file", code=4)
    assert "secagg except add --id ID --state false-positive takes those of the last" in refused
    desk.run("except", "add", "--id", desk.lodash, *by)
    assert desk.action(desk.lodash) == "ignore"


@pytest.mark.parametrize(
    ("filters", "rows"),
    [
        (("--state", "false-positive"), {"lodash"}),
        (("--state", "all", "--tool", "trivy"), {"lodash", "minimist"}),
        (("--fix-available",), {"minimist"}),
        (("--older-than", "2d"), set()),
        (("--new-since", "1d", "--kind", "vulnerability"), {"lodash", "minimist"}),
        (("--overdue",), set()),
    ],
)
def test_the_gate_s_listing_takes_the_filters_of_the_report(
    filters: tuple[str, ...], rows: set[str], desk: Desk
) -> None:
    desk.decide(desk.lodash, "false-positive")
    shown = desk.run("gate", "--all", "--format", "concise", *filters, code=1)
    listed = {n for n in ("lodash", "minimist") if f"{n} 1.0.0: a hole in {n}" in shown}
    assert listed == rows


def test_ages_need_a_history(desk: Desk) -> None:
    refused = desk.run("gate", "--no-store", "--older-than", "1d", code=2)
    assert "--older-than and --new-since need a history" in refused
