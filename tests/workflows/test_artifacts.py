"""An artifact is there if a report of its tool is; any file in its directory is not enough."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secagg.action.artifacts import reports
from secagg.action.inputs import Inputs
from secagg.errors import SecaggError

SNYK, TRIVY = (
    json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": name}}, "results": []}]})
    for name in ("Snyk Open Source", "Trivy")
)
NONE = "its job left no report"
OTHER = "the artifact of its job has no report of it"


def gaps(directory: Path, expect: str, files: dict[str, str]) -> dict[str, str]:
    """The artifacts that are missing, and why, as the reports that are read say it."""
    for name, text in files.items():
        (directory / "reports" / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / "reports" / name).write_text(text)
    inputs = Inputs(directory=str(directory), reports=str(directory / "reports"), expect=expect)
    found = {}
    for path in map(Path, reports(inputs)):
        if path.is_relative_to(directory / "reports"):
            continue
        (run,) = json.loads(path.read_bytes())["runs"]
        (invocation,) = run["invocations"]
        assert invocation["executionSuccessful"] is False
        text = invocation["toolExecutionNotifications"][0]["message"]["text"]
        why, _, rest = text.partition(" (artifact ")
        found[rest.removesuffix(")")] = f"{run['tool']['driver']['name']}: {why}"
    return found


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("report-snyk/findings.sarif", SNYK, ""),
        ("report-snyk/deep/snyk.sarif", SNYK, ""),
        ("report-snyk/snyk.json", '{"vulnerabilities": [], "ok": true, "projectName": "a"}', ""),
        ("report-snyk/findings.sarif", TRIVY, OTHER),
        ("report-snyk/findings.sarif", '{"version": "2.1.0", "runs": []}', OTHER),
        ("report-snyk/findings.sarif", '{"version": "2.1.0", "runs": 3}', OTHER),
        ("report-snyk/findings.sarif", '{"version": "2.1.0", "runs": [{"tool": 1}, 2]}', OTHER),
        ("report-snyk/notes.json", '{"snyk": 1}', OTHER),
        ("report-snyk/findings.sarif", "not JSON", OTHER),
        ("report-snyk/summary.json", SNYK, NONE),
        ("report-snyk/decision.json", SNYK, NONE),
        ("report-snyk/readme.txt", SNYK, NONE),
        ("report-snyk-old/findings.sarif", SNYK, NONE),
    ],
)
def test_what_is_expected_is_a_report_of_its_tool(
    tmp_path: Path, file: str, text: str, why: str
) -> None:
    wanted = {"report-snyk": f"Snyk: {why}"} if why else {}
    assert gaps(tmp_path, "report-snyk", {file: text}) == wanted


@pytest.mark.parametrize(
    ("expect", "missing"),
    [
        ("report-snyk", set()),
        ("report-snyk report-trivy", {"report-trivy"}),
        # Whose of the two it is cannot be told.
        ("report-snyk-a report-snyk-b", {"report-snyk-a", "report-snyk-b"}),
        ("report-gitleaks", {"report-gitleaks"}),
    ],
)
def test_a_single_artifact_comes_without_a_directory(
    tmp_path: Path, expect: str, missing: set[str]
) -> None:
    """actions/download-artifact unpacks the one artifact that a pattern matches into its path."""
    assert set(gaps(tmp_path, expect, {"findings.sarif": SNYK})) == missing


def test_each_missing_artifact_is_named(tmp_path: Path) -> None:
    there = {"report-trivy/findings.sarif": TRIVY, "report-codeql-python/python.sarif": SNYK}
    expect = "report-trivy report-snyk-web, report-codeql-python"
    assert gaps(tmp_path, expect, there) == {
        "report-snyk-web": f"Snyk: {NONE}",
        "report-codeql-python": f"CodeQL: {OTHER}",
    }


def test_a_name_without_a_scanner_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SecaggError, match="names no scanner"):
        gaps(tmp_path, "report-everything", {})
