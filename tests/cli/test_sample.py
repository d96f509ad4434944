"""The main job, end to end: real scanners over the sample monorepo, against its truth file."""

from __future__ import annotations

import base64
import json
import sysconfig
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from scripts import planted, sample_repo, trivy_db, truth
from secagg.packages.components import find_components
from secagg.sarif.conform import schema
from tests.cli.running import Ran, secagg, summary
from tests.sarif.om import load

TOOLS = Path(sysconfig.get_path("scripts"))


@dataclass(frozen=True, slots=True)
class Scanned:
    """The sample scanned once, for all tests of this file."""

    ran: Ran
    home: Path
    items: list[dict[str, Any]]

    @property
    def out(self) -> Path:
        return self.home / "out"


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    home = tmp_path_factory.mktemp("sample")
    sample_repo.build(home / "repo")
    trivy_db.build(home / "cache")
    config = home / "secagg.yaml"
    config.write_text(f"tools: {{trivy: {{offline: true, cache_dir: {home / 'cache'}}}}}\n")
    tools = ("--tool", "trivy", "--tool", "gitleaks", "--config", config)
    scan = ("scan", home / "repo", *tools, "--output", home / "out", "--verbose")
    ran = secagg(*scan, "--format", "concise", "--all", bin_dir=TOOLS, home=home)
    document = secagg(*scan, "--format", "json", bin_dir=TOOLS, home=home)
    assert document.code == ran.code
    return Scanned(ran, home, json.loads(document.stdout)["findings"]["items"])


def test_gate_fails_and_everything_ran(scanned: Scanned) -> None:
    assert scanned.ran.code == 1, scanned.ran.stderr
    tools = summary(scanned.out)["tools"]
    assert [(t["tool"], t["mode"], t["status"]) for t in tools] == [
        ("trivy", "fs", "complete"),
        ("gitleaks", "dir", "complete"),
        ("gitleaks", "git", "complete"),
    ]


def test_table_holds_every_planted_problem_once(scanned: Scanned) -> None:
    """Each problem of the truth file at each of its places is one row, and there is no other."""
    expected = Counter(_expected(truth.load()))
    found = Counter(key for item in scanned.items for key in [_place_of(item, expected)])
    assert found == expected


def test_the_concise_list_has_a_line_a_row(scanned: Scanned) -> None:
    lines = scanned.ran.stdout.splitlines()
    rows = lines[: lines.index("")]
    assert len(rows) == len(scanned.items)
    for item in scanned.items:
        where = item["path"] if item["line"] is None else f"{item['path']}:{item['line']}"
        assert any(where in row for row in rows), item


def test_counts_balance(scanned: Scanned) -> None:
    document = summary(scanned.out)
    for tool in document["tools"]:
        accounted = tool["findings"] + tool["suppressed"] + tool["merged"] + tool["unreadable"]
        assert tool["reported"] == accounted
    found = document["findings"]
    assert sum(found["by_severity"].values()) == sum(found["by_kind"].values()) == found["total"]
    rest = found["merged"] + found["suppressed"] + found["problems"]
    assert found["reported"] == found["total"] + rest
    assert found["total"] == len(scanned.items)


def test_sarif_is_valid(scanned: Scanned) -> None:
    log = json.loads((scanned.out / "findings.sarif").read_bytes())
    errors = Draft7Validator(schema()).iter_errors(log)
    assert [error.message for error in errors] == []
    identities = [run["automationDetails"]["id"] for run in log["runs"]]
    assert len(set(identities)) == len(identities)
    assert all(identity.endswith("/") for identity in identities)
    components = [c.path for c in find_components(scanned.home / "repo")]
    places = {"" if path == "." else f"{path}/" for path in components}
    assert len(places) > 3
    assert {i for i in identities if "/trivy/" in i} == {f"secagg/trivy/{p}" for p in places}


def test_sarif_loads_into_sarif_om(scanned: Scanned) -> None:
    log = json.loads((scanned.out / "findings.sarif").read_bytes())
    loaded = load(log)
    results = [result for run in loaded.runs for result in run.results]
    assert len(results) == summary(scanned.out)["findings"]["reported"]
    assert {run.tool.driver.name for run in loaded.runs} == {"Trivy", "Gitleaks"}


def test_no_planted_secret_gets_out(scanned: Scanned) -> None:
    written = {path.name: path.read_bytes() for path in scanned.out.rglob("*") if path.is_file()}
    assert set(written) == {"decision.json", "findings.sarif", "summary.json"}
    written["stdout"] = scanned.ran.stdout.encode()
    written["stderr"] = scanned.ran.stderr.encode()
    written["json"] = json.dumps(scanned.items).encode()
    leaks = [
        (name, where)
        for name, value in planted.load().items()
        for form in _forms(value)
        for where, text in written.items()
        if form in text
    ]
    assert leaks == []
    # The check itself can see: in the scanned repository the values do stand.
    repository = b"".join(p.read_bytes() for p in (scanned.home / "repo").rglob("*.py"))
    assert planted.load()["aws_access_key_id"].encode() in repository


def _forms(value: str) -> Iterator[bytes]:
    raw = value.encode()
    yield raw
    yield json.dumps(value)[1:-1].encode()
    yield urllib.parse.quote(value, safe="").encode()
    yield base64.b64encode(raw).rstrip(b"=")[:-1]
    yield base64.urlsafe_b64encode(raw).rstrip(b"=")[:-1]
    # A line of a key is as bad as the key.
    yield from (line.encode() for line in value.splitlines() if len(line) > 40)


def _expected(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Id and path of every problem that Trivy or Gitleaks should see, at each of its places."""
    for problem in document["problems"]:
        tools = {"trivy", "gitleaks"} & set(problem["seen_by"]) - set(problem.get("needs", {}))
        if tools:
            yield problem["id"], problem["path"]
            for other in problem.get("also_at", []):
                yield problem["id"], other["path"]
    for other in document["also_reported"]:
        yield f"{other['rule']}:{other['line']}", other["path"]


def _place_of(item: dict[str, Any], expected: Counter[tuple[str, str]]) -> tuple[str, str]:
    """The problem that a row is about; the row itself where there is none."""
    document = truth.load()
    for problem in document["problems"]:
        paths = {problem["path"], *(at["path"] for at in problem.get("also_at", []))}
        if item["kind"] == problem["kind"] and item["path"] in paths and _about(item, problem):
            return problem["id"], item["path"]
    for other in document["also_reported"]:
        if (item["rule"], item["path"], item["line"]) == (
            other["rule"],
            other["path"],
            other["line"],
        ):
            return f"{other['rule']}:{other['line']}", item["path"]
    return "no problem: " + item["rule"], f"{item['path']}:{item['line']}"


def _about(item: dict[str, Any], problem: dict[str, Any]) -> bool:
    rules = {rule for tool in item["tools"] for rule in problem["rules"].get(tool, [])}
    if not set(item["tools"]) <= set(problem["seen_by"]):
        return False
    if item["kind"] == "vulnerability":
        named = (item["package"].lower(), item["version"])
        wanted = (problem["package"].lower(), problem["version"])
        return named == wanted and bool(set(item["aliases"]) & set(problem["advisories"]))
    if item["kind"] == "secret":
        same_time = item["in_history_only"] == problem["in_history_only"]
        lines = {at["line"] for at in [problem, *problem.get("also_at", [])]}
        lines |= set(problem.get("lines", {}).values())
        return same_time and item["rule"] in rules and item["line"] in lines
    lines = {problem["line"], *problem.get("lines", {}).values()}
    return item["rule"] in rules and item["line"] in lines
