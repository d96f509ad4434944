"""The fixtures: each is accounted for, and the kept reports are those of today's sample."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripts import truth

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
REPORTS = FIXTURES / "reports"


def _report(name: str) -> Any:
    return json.loads((REPORTS / name).read_text(encoding="utf-8"))


def test_every_fixture_has_its_provenance() -> None:
    entries = tomllib.loads((FIXTURES / "PROVENANCE.toml").read_text())["fixture"]
    paths = [FIXTURES / entry["path"] for entry in entries]
    assert all(path.exists() for path in paths)
    for file in FIXTURES.rglob("*"):
        known = any(file == path or path in file.parents for path in paths)
        assert known or file.is_dir() or file.name == "PROVENANCE.toml", file


def test_every_report_has_the_command_that_wrote_it() -> None:
    entries = tomllib.loads((REPORTS / "PROVENANCE.toml").read_text())["fixture"]
    files = {str(path.relative_to(REPORTS)) for path in REPORTS.rglob("*.*") if path.is_file()}
    assert {entry["path"] for entry in entries} == files - {"PROVENANCE.toml"}


def test_the_kept_reports_tell_the_truth() -> None:
    known = truth.load()
    assert set(truth.reported_by_trivy(_report("trivy/fs.json"))) == truth.expected_of_trivy(known)
    for name, history in (("dir", False), ("git", True)):
        leaks = truth.reported_by_gitleaks(_report(f"gitleaks/{name}.json"))
        places = {replace(sighting, commit="") for sighting in leaks}
        assert places == truth.expected_of_gitleaks(known, history=history)
    assert set(truth.reported_by_snyk(_report("snyk/all-projects.json"))) == truth.expected_of_snyk(
        known
    )


def test_licenses_are_seen_where_the_truth_says() -> None:
    licenses = [
        (found["Name"], found["FilePath"])
        for result in _report("trivy/license.json")["Results"]
        for found in result.get("Licenses", [])
    ]
    for problem in truth.load()["problems"]:
        if problem["kind"] == "license" and "trivy" in problem["seen_by"]:
            assert (problem["rules"]["trivy"][0], problem["path"]) in licenses
