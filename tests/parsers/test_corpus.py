"""The script that compares a folder of reports with its manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import corpus
from tests.parsers import samples
from tests.parsers.samples import SAMPLES


def entries() -> list[dict[str, Any]]:
    """A manifest for a few samples, right in everything."""
    trivy = {
        "findings": 3,
        "by_kind": {"vulnerability": 1, "misconfiguration": 1, "secret": 1, "license": 1},
        "severity": {"HIGH": 2, "CRITICAL": 1},
        "distinct": 3,
        "sample": [
            ["CVE-2018-18074", "requests", "requirements.txt"],
            ["DS002", None, "Dockerfile"],
            ["github-pat", None, "settings.py"],
        ],
    }
    snyk = {
        "findings": 2,
        "raw_rows": 3,
        "projects": 1,
        "severity": {"critical": 1, "high": 1},
        "sample": [["SNYK-JS-LODASH-450202", "lodash", "4.17.4"]],
    }
    codeql = {
        "version": "2.1.0",
        "findings": 1,
        "runs": 1,
        "tools": ["CodeQL"],
        "level_as_written": {"(default)": 1},
        "without_location": 0,
        "suppressed": 0,
        "with_code_flows": 1,
        "sample": ["py/sql-injection"],
    }
    hog = {"findings": 2, "other_lines": 2, "verified": 1, "sample": [["AWS", "keys.txt"]]}
    leaks = {"findings": 2, "sample": [["github-pat", "settings.py", 3]]}
    return [
        {"file": "trivy/0", "tool": "trivy", "expected": trivy},
        {"file": "snyk/0", "tool": "snyk", "expected": snyk},
        {"file": "gitleaks/0", "tool": "gitleaks", "expected": leaks},
        {"file": "gitleaks/3", "tool": "gitleaks", "expected": {"findings": 0, "sample": []}},
        {"file": "trufflehog/0", "tool": "trufflehog", "expected": hog},
        {"file": "codeql/0", "tool": "codeql", "expected": codeql},
        {"file": "broken/0", "tool": "trivy", "expected": {"error": "not JSON"}},
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for tool, reports in {**SAMPLES, "broken": [b"{"]}.items():
        (tmp_path / tool).mkdir()
        for number, data in enumerate(reports):
            (tmp_path / tool / str(number)).write_bytes(data)
    (tmp_path / "MANIFEST.json").write_text(json.dumps(entries()))
    return tmp_path


def test_a_right_manifest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert corpus.main([str(folder)]) == 0
    assert "7 of 7 files as the manifest says" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "key", "value"),
    [
        (0, "findings", 4),
        (0, "by_kind", {}),
        (0, "severity", {"HIGH": 3}),
        (0, "distinct", 2),
        (0, "sample", [["CVE-1", "requests", "requirements.txt"]]),
        (1, "raw_rows", 4),
        (1, "projects", 2),
        (1, "sample", [["SNYK-JS-LODASH-450202", "lodash", "4"]]),
        (2, "sample", [["github-pat", "settings.py", 4]]),
        (4, "verified", 0),
        (4, "other_lines", 0),
        (5, "level_as_written", {"error": 1}),
        (5, "with_code_flows", 0),
        (5, "sample", ["py/xss"]),
        (5, "error", "must be refused"),
        (6, "error", None),
    ],
)
def test_every_difference_is_found(
    folder: Path, capsys: pytest.CaptureFixture[str], number: int, key: str, value: Any
) -> None:
    manifest = entries()
    if value is None:
        manifest[number]["expected"] = {"findings": 0}
    else:
        manifest[number]["expected"][key] = value
    (folder / "MANIFEST.json").write_text(json.dumps(manifest))
    assert corpus.main([str(folder)]) == 1
    assert "6 of 7 files" in capsys.readouterr().out


def test_a_report_filed_under_the_wrong_tool(folder: Path) -> None:
    assert corpus.differences(folder / "snyk/0", "trivy", {"findings": 0}) != []
    assert samples.TOKEN not in str(corpus.differences(folder / "gitleaks/0", "trivy", {}))


def test_no_manifest(tmp_path: Path) -> None:
    assert corpus.main([str(tmp_path)]) == corpus.main([]) == 2
