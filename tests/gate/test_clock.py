"""A database that is a day newer blames no change for what it learned over night."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secagg.pipeline.gate import GateOptions, prepare
from secagg.pipeline.parse import parse_files
from secagg.pipeline.write import decision_document
from tests.change.repos import Repo

LOCK = "package-lock.json"
LINES = "".join(f'  "line {number}": 0,\n' for number in range(1, 40))


def report(*advisories: str, version: str = "4.17.4") -> str:
    """What Trivy says of the lock file by a database that knows ``advisories``."""
    package = {"Name": "lodash", "Version": version, "ID": f"lodash@{version}"}
    lines = {"Locations": [{"StartLine": 20, "EndLine": 22}]}
    found: list[dict[str, Any]] = [
        {
            "VulnerabilityID": advisory,
            "PkgName": "lodash",
            "PkgID": f"lodash@{version}",
            "InstalledVersion": version,
            "Severity": "HIGH",
            "Title": "made up",
        }
        for advisory in advisories
    ]
    result = {"Target": LOCK, "Class": "lang-pkgs", "Type": "npm", "Packages": [package | lines]}
    frame = {"SchemaVersion": 2, "ArtifactName": ".", "ArtifactType": "filesystem"}
    return json.dumps(frame | {"Results": [result | {"Vulnerabilities": found}]})


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.write(LOCK, LINES)
    made.write("README.md", "# Shop\n")
    made.commit("Base")
    made.git("checkout", "-q", "-b", "change")
    return made


def causes(repo: Repo, tmp_path: Path, yesterday: str, today: str) -> dict[str, tuple[str, str]]:
    """Cause and action of each advisory in the report of today, by yesterday's as the baseline."""
    (tmp_path / "yesterday.json").write_text(yesterday)
    (tmp_path / "today.json").write_text(today)
    options = GateOptions(
        policy="pr-gate",
        baseline=str(tmp_path / "yesterday.json"),
        diff="main...HEAD",
        store="",
    )
    gate = prepare(repo.root, options, environ={})
    outcome = parse_files([str(tmp_path / "today.json")], tool=None, root=repo.root, gate=gate)
    document = decision_document(outcome)
    return {f.rule: (str(f.cause), f.action) for f in document.findings}


@pytest.mark.parametrize("touched", ["README.md", LOCK])
def test_an_advisory_of_over_night_is_the_worlds(repo: Repo, tmp_path: Path, touched: str) -> None:
    """Also where the change touches the lock file, but not the package in it."""
    text = (repo.root / touched).read_text()
    repo.write(touched, text.replace('"line 3"', '"line three"').replace("Shop", "The shop"))
    repo.commit()
    found = causes(repo, tmp_path, report("CVE-2020-1"), report("CVE-2020-1", "CVE-2026-2"))
    assert found == {"CVE-2020-1": ("before", "ignore"), "CVE-2026-2": ("the world", "warn")}


def test_without_any_finding_of_the_package_yesterday(repo: Repo, tmp_path: Path) -> None:
    repo.write("README.md", "# The shop\n")
    repo.commit()
    found = causes(repo, tmp_path, report(), report("CVE-2026-2"))
    assert found == {"CVE-2026-2": ("the world", "warn")}


def test_another_version_is_the_changes(repo: Repo, tmp_path: Path) -> None:
    repo.write(LOCK, LINES.replace('"line 20"', '"line twenty"'))
    repo.commit()
    found = causes(repo, tmp_path, report("CVE-2020-1", version="4.17.3"), report("CVE-2026-2"))
    assert found == {"CVE-2026-2": ("this change", "fail")}
