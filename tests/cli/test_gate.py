"""``secagg gate`` over reports: formats, files, exit codes, and what a workflow step is told."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from tests.cli.running import Ran, secagg

REPORTS = Path(__file__).parent.parent.parent / "fixtures" / "reports"
SCHEMA = Path(__file__).parent.parent.parent / "secagg" / "schemas" / "decision.schema.json"


@pytest.fixture
def report() -> Path:
    """A report with findings that fail."""
    return REPORTS / "trivy" / "fs.json"


def gate(tmp_path: Path, *arguments: str | Path, extra: dict[str, str] | None = None) -> Ran:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    return secagg("gate", *arguments, bin_dir=tmp_path / "bin", home=home, extra=extra)


def test_json_matches_its_schema_and_its_counts(tmp_path: Path, report: Path) -> None:
    ran = gate(tmp_path, report, "--format", "json")
    document = json.loads(ran.stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_bytes()))
    assert document["total"] == document["fail"] + document["warn"] + document["ignore"]
    assert document["total"] == len(document["findings"])
    assert document["exit_code"] == ran.code == 1
    assert [f["action"] for f in document["findings"]] == sorted(
        (f["action"] for f in document["findings"]), key=["fail", "warn", "ignore"].index
    )


def test_output_writes_all_three_files(tmp_path: Path, report: Path) -> None:
    ran = gate(tmp_path, report, "--output", "out", "--quiet")
    out = tmp_path / "home" / "out"
    assert ran.code == 1
    assert json.loads((out / "decision.json").read_bytes())["verdict"] == "fail"
    assert ElementTree.parse(out / "decision.xml").getroot().tag == "testsuites"
    assert (out / "decision.md").read_text().startswith("### \u274c The gate fails")


def test_a_step_of_a_workflow_is_told(tmp_path: Path, report: Path) -> None:
    summary, outputs = tmp_path / "summary", tmp_path / "outputs"
    extra = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(outputs),
    }
    ran = gate(tmp_path, report, "--format", "json", extra=extra)
    json.loads(ran.stdout)
    assert "The gate fails" in summary.read_text()
    assert "verdict<<" in outputs.read_text()
    assert ran.stderr.startswith("::error ")
    assert ran.stderr.count("::error ") <= 10


def test_without_a_scan_it_says_what_to_do(tmp_path: Path) -> None:
    ran = gate(tmp_path)
    assert ran.code == 2
    assert "run secagg scan first" in ran.stderr


def test_a_report_that_cannot_be_read_is_incomplete(tmp_path: Path, report: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_bytes(report.read_bytes()[:200])
    ran = gate(tmp_path, report, broken, "--format", "markdown")
    assert ran.code == 3
    assert "The scan is incomplete" in ran.stdout


def test_a_policy_that_cannot_be_read_is_a_usage_error(tmp_path: Path, report: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("name: mine\nrules:\n  - name: x\n    acton: fail\n")
    ran = gate(tmp_path, report, "--policy", policy)
    assert ran.code == 2
    assert "policy.yaml:4:5" in ran.stderr
    assert "did you mean action?" in ran.stderr
    assert ran.stdout == ""
