"""All five tools over the sample monorepo: the real Trivy, Gitleaks and Snyk, and stand-ins."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts import planted, sample_repo, trivy_db, truth
from tests.cli.running import Ran, secagg, summary
from tests.cli.test_sample import TOOLS
from tests.standins.snyk_api import SnykApi

STANDINS = Path(__file__).parent.parent / "standins"
REAL_OR_STANDIN = ("trivy", "snyk", "codeql", "gitleaks", "trufflehog")


@dataclass(frozen=True, slots=True)
class Scanned:
    """The scan, and each tool's own results by tool name from ``findings.sarif``."""

    ran: Ran
    out: Path
    items: list[dict[str, Any]]

    def rows_of(self, tool: str) -> list[dict[str, Any]]:
        return [item for item in self.items if tool in item["tools"]]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    home = tmp_path_factory.mktemp("five")
    sample_repo.build(home / "repo")
    trivy_db.build(home / "cache")
    bin_dir = home / "bin"
    bin_dir.mkdir()
    for name in ("trivy", "gitleaks", "snyk"):
        (bin_dir / name).symlink_to(TOOLS / name)
    (bin_dir / "python").symlink_to(sys.executable)  # Snyk asks Python about Poetry's files
    for name in ("codeql", "trufflehog", "misbehave.py"):
        shutil.copy(STANDINS / name, bin_dir)
    config = home / "secagg.yaml"
    config.write_text(
        f"tools:\n"
        f"  trivy: {{offline: true, cache_dir: {home / 'cache'}}}\n"
        f"  snyk: {{modes: [test], allow_unread_manifests: true}}\n"
    )
    with SnykApi() as api:
        ran = secagg(
            *("scan", home / "repo", "--config", config, "--output", home / "out"),
            *("--format", "json", "--verbose"),
            bin_dir=bin_dir,
            home=home,
            extra=api.environment(),
        )
    return Scanned(ran, home / "out", json.loads(ran.stdout)["findings"]["items"])


def test_every_tool_completes_what_it_can(scanned: Scanned) -> None:
    """Snyk from npm has no plug-in for requirements.txt: that run fails, and says so."""
    tools = summary(scanned.out)["tools"]
    assert {t["tool"] for t in tools} == set(REAL_OR_STANDIN)
    failed = [t for t in tools if t["status"] == "failed"]
    assert all(t["tool"] == "snyk" for t in failed), failed
    assert all(t["reason"] for t in failed)
    assert scanned.ran.code == (3 if failed else 1)


def test_counts_balance_for_each_tool(scanned: Scanned) -> None:
    document = summary(scanned.out)
    for tool in document["tools"]:
        accounted = tool["findings"] + tool["suppressed"] + tool["merged"] + tool["unreadable"]
        assert tool["reported"] == accounted, tool
    found = document["findings"]
    rest = found["merged"] + found["suppressed"] + found["unreadable"]
    assert found["reported"] == found["total"] + rest


@pytest.mark.parametrize("tool", ["trivy", "snyk", "gitleaks", "trufflehog"])
def test_every_planted_problem_of_a_tool_is_a_row(scanned: Scanned, tool: str) -> None:
    missing = []
    for problem in truth.load()["problems"]:
        if tool not in problem["seen_by"] or tool in problem.get("needs", {}):
            continue
        if problem["kind"] == "code" or (tool == "trufflehog" and not problem["commits"]):
            continue
        rows = [row for row in scanned.rows_of(tool) if _is(row, problem)]
        if not rows:
            missing.append(problem["id"])
    assert missing == []


def test_code_flaws_are_found_by_the_stand_in(scanned: Scanned) -> None:
    rows = scanned.rows_of("codeql")
    assert {row["kind"] for row in rows} == {"code"}
    flawed = {p["path"] for p in truth.load()["problems"] if p["kind"] == "code"}
    assert {row["path"] for row in rows} <= flawed


def test_three_tools_agree_on_one_row(scanned: Scanned) -> None:
    """A token in the work tree and the history, by three tools, is one row."""
    tokens = [
        item
        for item in scanned.items
        if item["kind"] == "secret"
        and item["path"] == "python-ai-service/app/settings.py"
        and item["line"] == 7
    ]
    assert [item["tools"] for item in tokens] == [["gitleaks", "trivy", "trufflehog"]]
    lodash = [
        item
        for item in scanned.items
        if item["package"] == "lodash" and "CVE-2019-10744" in item["aliases"]
    ]
    assert [item["tools"] for item in lodash] == [["snyk", "trivy"]]


def test_no_planted_secret_gets_out(scanned: Scanned) -> None:
    written = b"".join(path.read_bytes() for path in scanned.out.iterdir())
    written += scanned.ran.stdout.encode() + scanned.ran.stderr.encode()
    assert [name for name, value in planted.load().items() if value.encode() in written] == []


def _is(row: dict[str, Any], problem: dict[str, Any]) -> bool:
    if row["kind"] != problem["kind"]:
        return False
    if problem["kind"] == "vulnerability":
        same = row["package"].lower() == problem["package"].lower()
        same = same and row["version"] == problem["version"]
        return same and bool(set(row["aliases"]) & set(problem["advisories"]))
    places = [problem, *problem.get("also_at", [])]
    return row["path"] in {place["path"] for place in places}
