"""Reports that were made elsewhere have a history too: ids, ages, decisions, runs."""

from __future__ import annotations

import datetime
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Ran, secagg


def git(root: Path, *arguments: str) -> str:
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@shelf.example")
    done = subprocess.run(
        ["git", *author, *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def trivy(*results: Mapping[str, Any], created: str | None = None, **more: Any) -> str:
    document = {"SchemaVersion": 2, "ArtifactName": ".", "ArtifactType": "filesystem", **more}
    if created is not None:
        document["CreatedAt"] = created
    return json.dumps({**document, "Results": list(results)})


def failed(target: str, *, line: int = 2, check: str = "DS-0025") -> dict[str, Any]:
    cause = {"Provider": "Dockerfile", "StartLine": line, "EndLine": line}
    entry = {
        "ID": check,
        "Title": "no cache",
        "Message": "'--no-cache' is missed: apk add curl",
        "Severity": "HIGH",
        "Status": "FAIL",
        "CauseMetadata": cause,
    }
    kind = {"Class": "config", "Type": "dockerfile"}
    return {"Target": target, **kind, "Misconfigurations": [entry]}


def vulnerable(version: str) -> dict[str, Any]:
    entry = {
        "VulnerabilityID": "CVE-2019-10744",
        "PkgName": "lodash",
        "InstalledVersion": version,
        "PkgIdentifier": {"PURL": f"pkg:npm/lodash@{version}"},
        "Severity": "HIGH",
        "Title": "Prototype pollution",
    }
    kind = {"Class": "lang-pkgs", "Type": "npm"}
    return {"Target": "package-lock.json", **kind, "Vulnerabilities": [entry]}


class Shop:
    """A repository with a Dockerfile, and a store."""

    def __init__(self, home: Path, url: str) -> None:
        self.home, self.url = home, url
        self.root = home / "shop"
        (self.root).mkdir()
        (self.root / "Dockerfile").write_text("FROM alpine:3.20\nRUN apk add curl\nUSER app\n")
        git(self.root, "init", "-q", "-b", "main")
        self.commit()

    def commit(self) -> None:
        git(self.root, "add", "--all")
        git(self.root, "commit", "-q", "--allow-empty", "-m", "x")

    def run(self, *arguments: str | Path, stdin: str = "") -> Ran:
        extra = {"SECAGG_STORE": self.url}
        ran = secagg(
            *arguments,
            bin_dir=self.home / "bin",
            home=self.home,
            cwd=self.root,
            extra=extra,
            stdin=stdin.encode(),
        )
        assert ran.code in (0, 1), ran.stderr
        return ran

    def parse(self, report: str, *more: str) -> Ran:
        return self.run("parse", "-", "--output", self.home / "out", *more, stdin=report)

    def problems(self) -> list[dict[str, Any]]:
        shown = self.run("report", "--format", "json", "--state", "all")
        problems: list[dict[str, Any]] = json.loads(shown.stdout)["problems"]
        return problems

    def states(self) -> list[str]:
        return sorted(problem["state"] for problem in self.problems())


@pytest.fixture
def shop(tmp_path: Path, url: str) -> Shop:
    return Shop(tmp_path, url)


def test_a_decision_goes_with_its_file_and_holds_in_the_gate(shop: Shop) -> None:
    assert shop.parse(trivy(failed("Dockerfile"))).code == 1
    (problem,) = shop.problems()
    given = ("--state", "accepted", "--reason", "a small image", "--by", "kim@shelf.example")
    shop.run("triage", problem["identity"][:10], *given)
    (shop.root / "docker").mkdir()
    git(shop.root, "mv", "Dockerfile", "docker/Dockerfile")
    # The line after it is edited in the same commit.
    file = shop.root / "docker" / "Dockerfile"
    file.write_text(file.read_text().replace("USER app", "USER shop"))
    shop.commit()
    moved = shop.parse(trivy(failed("docker/Dockerfile")))
    assert moved.code == 0, moved.stdout
    (now,) = shop.problems()
    assert (now["identity"], now["state"]) == (problem["identity"], "accepted")
    assert now["uri"] == "docker/Dockerfile"
    assert now["first_seen"] == problem["first_seen"]
    decision = json.loads((shop.home / "out" / "decision.json").read_text())
    (row,) = decision["findings"]
    assert (row["action"], row["exception"]["source"]) == ("ignore", "store")
    assert "a small image" in row["exception"]["reason"]
    runs = json.loads((shop.home / "out" / "findings.sarif").read_text())["runs"]
    (result,) = (result for run in runs for result in run["results"])
    assert result["suppressions"][0]["status"] == "accepted"
    # Taken back, it counts again.
    shop.run("triage", problem["identity"][:10], "--undo")
    assert shop.parse(trivy(failed("docker/Dockerfile"))).code == 1


def test_a_decision_stays_with_its_version(shop: Shop) -> None:
    shop.parse(trivy(vulnerable("4.17.4"), vulnerable("4.17.11")))
    ids = {problem["version"]: problem["identity"] for problem in shop.problems()}
    shop.run("triage", ids["4.17.4"], "--state", "accepted", "--reason", "not reached")
    shop.parse(trivy(vulnerable("4.17.11")))
    rows = {problem["version"]: problem for problem in shop.problems()}
    assert {version: row["state"] for version, row in rows.items()} == {
        "4.17.4": "fixed",
        "4.17.11": "open",
    }
    assert rows["4.17.11"]["identity"] == ids["4.17.11"]


def test_what_was_confirmed_after_an_exception_was_written_counts(shop: Shop) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    written, ends = today - datetime.timedelta(days=10), today + datetime.timedelta(days=30)
    (shop.root / "secagg-exceptions.yaml").write_text(
        "exceptions:\n  - rule: DS-0025\n    reason: never mind\n    owner: kim@shelf.example\n"
        f"    created: {written}\n    expires: {ends}\n"
    )
    shop.parse(trivy(failed("Dockerfile")))
    (problem,) = shop.problems()
    given = ("--state", "confirmed", "--reason", "it does matter")
    shop.run("triage", problem["identity"], *given)
    shop.parse(trivy(failed("Dockerfile")))
    decision = json.loads((shop.home / "out" / "decision.json").read_text())
    assert decision["verdict"] == "fail"
    (lapsed,) = decision["findings"][0]["lapsed"]
    assert "triage says confirmed" in lapsed["refusal"]


def test_an_image_says_nothing_of_the_tree(shop: Shop) -> None:
    shop.parse(trivy(failed("Dockerfile")))
    image = {"ArtifactName": "shop:v2", "ArtifactType": "container_image"}
    shop.parse(trivy(**image))
    assert shop.states() == ["open"]
    shop.parse(trivy(vulnerable("4.17.4"), **image))
    shop.parse(trivy(failed("Dockerfile")))
    assert shop.states() == ["open", "open"]


def test_old_reports_enter_in_the_order_of_their_time(shop: Shop) -> None:
    old = shop.home / "old"
    (old / "second").mkdir(parents=True)
    one, both = failed("Dockerfile"), [failed("Dockerfile"), vulnerable("4.17.4")]
    (old / "z.json").write_text(trivy(*both, created="2026-01-01T04:00:00Z"))
    (old / "second" / "a.json").write_text(trivy(one, created="2026-01-02T04:00:00Z"))
    done = shop.run("import", old)
    assert [line.split("  ")[1] for line in done.stdout.splitlines()] == ["z.json", "second/a.json"]
    assert shop.states() == ["fixed", "open"]
    again = shop.run("import", old)
    assert again.stdout.count("in the history already") == 2
    shown = json.loads(shop.run("runs", "--format", "json").stdout)["runs"]
    assert [(run["started_at"], run["total"], run["fixed"]) for run in shown] == [
        ("2026-01-02T04:00:00Z", 1, 1),
        ("2026-01-01T04:00:00Z", 2, 0),
    ]
    key = shown[1]["key"]
    assert key[:12] in shop.run("runs").stdout
    assert "CVE-2019-10744" in shop.run("runs", "show", key[:8]).stdout
    judged = json.loads(shop.run("gate", "--run", key[:8], "--format", "json").stdout)
    assert (judged["total"], judged["verdict"]) == (2, "fail")


def test_no_history_where_none_is_wanted(shop: Shop) -> None:
    shop.parse(trivy(failed("Dockerfile")), "--no-store")
    ran = secagg("runs", bin_dir=shop.home, home=shop.home, cwd=shop.root)
    assert ran.code == 4
    assert not (shop.root / ".secagg").exists()


def test_runs_of_one_second_keep_their_order(shop: Shop) -> None:
    shop.parse(trivy(failed("Dockerfile"), vulnerable("4.17.4")))
    shop.parse(trivy(failed("Dockerfile")))
    assert shop.states() == ["fixed", "open"]
