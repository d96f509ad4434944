"""``secagg show ID``: everything about one problem, for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import Ran, secagg
from tests.history.test_reports_from_elsewhere import git, trivy, vulnerable

NOT_MEANT = "not reachable: ours has no merge"


@pytest.fixture
def shop(tmp_path: Path, url: str) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "package-lock.json").write_text("{}\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "x")
    (root / ".url").write_text(url)
    (tmp_path / "trivy.json").write_text(trivy(vulnerable("4.17.4"), vulnerable("4.17.5")))
    assert call(root, "parse", tmp_path / "trivy.json", "--at", "2026-11-01T09:00:00Z").code == 1
    return root


def call(root: Path, *arguments: str | Path) -> Ran:
    extra = {"SECAGG_STORE": (root / ".url").read_text()}
    return secagg(*arguments, bin_dir=root.parent / "bin", home=root.parent, cwd=root, extra=extra)


def ids(root: Path) -> list[str]:
    found = json.loads((root / "secagg-out" / "decision.json").read_bytes())["findings"]
    return [finding["id"] for finding in sorted(found, key=lambda finding: finding["version"])]


def test_all_of_a_problem_is_on_one_screen(shop: Path) -> None:
    first, second = ids(shop)
    said = ("--state", "accepted", "--reason", NOT_MEANT, "--by", "ana", "--expires", "2099-01-01")
    assert call(shop, "triage", first, *said).code == 0
    shown = call(shop, "show", first[:6])
    assert (shown.code, shown.stderr) == (0, "")
    for expected in (
        "CVE-2019-10744 lodash 4.17.4",
        f"  id          {first}",
        "  state       accepted",
        "  where       package-lock.json",
        "  package     pkg:npm/lodash@4.17.4",
        "  seen        first 2026-11-01, last 2026-11-01",
        f"  decision    accepted: {NOT_MEANT}, by ana, until 2099-01-01",
        "why it counts, or does not:",
        "  → decision accepted matches: accepted by triage (store), until 2099-01-01",
        "why it is one problem:",
        "decisions, newest first:",
    ):
        assert expected in shown.stdout
    # The other version is named where it is said why the two are not one.
    assert "another version: 4.17.5" in shown.stdout
    assert f"  id          {second}" not in shown.stdout
    assert call(shop, "triage", first, "--undo").code == 0
    again = call(shop, "show", first).stdout
    assert "  state       open" in again and "  decision " not in again
    assert [line.split()[4] for line in again.splitlines()[-2:]] == ["undo", "triage"]


def test_the_same_as_json(shop: Path) -> None:
    first, _ = ids(shop)
    call(shop, "triage", first, "--state", "false-positive", "--reason", NOT_MEANT, "--by", "ana")
    shown = call(shop, "show", first[:10], "--format", "json")
    document = json.loads(shown.stdout)
    assert set(document) == {"schema_version", "problem", "policy", "merge", "decisions"}
    assert document["problem"]["identity"] == first
    assert document["problem"]["state"] == "false-positive"
    assert document["problem"]["triage"]["reason"] == NOT_MEANT
    (entry,) = document["decisions"]
    assert (entry["who"], entry["what"]) == ("ana", "triage")
    assert entry["after"]["state"] == "false-positive"
    assert any("false positive by triage (store)" in line for line in document["policy"])
    assert f"  id {first}" in document["merge"]


def test_what_names_no_problem_or_several_is_refused(shop: Path) -> None:
    for given in ("0123456789", "xyz", ids(shop)[0][:3]):
        refused = call(shop, "show", given)
        assert refused.code == 2 and refused.stdout == ""
        assert refused.stderr.startswith("secagg: error: ")


def test_without_a_history_the_last_scan_is_shown(shop: Path) -> None:
    first, _ = ids(shop)
    (shop / ".url").write_text("")
    shown = call(shop, "show", first)
    assert shown.code == 0 and "why it counts, or does not:" in shown.stdout
    assert "  state " not in shown.stdout
    document = json.loads(call(shop, "show", first, "--format", "json").stdout)
    assert document["problem"] is None and document["policy"] != []
