"""Every command gives the same answer about the problems of one scan."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from secagg.cli.app import app
from secagg.errors import UsageError

_SEVERITIES = {"critical": 1, "high": 2, "low": 1, "unknown": 1}


def _vulnerability(number: int, package: str, severity: str) -> dict[str, Any]:
    return {
        "VulnerabilityID": f"CVE-2026-000{number}",
        "PkgName": package,
        "InstalledVersion": "1.0",
        "FixedVersion": "1.1",
        "Severity": severity,
        "Title": "A flaw",
        "PkgIdentifier": {"PURL": f"pkg:npm/{package}@1.0"},
    }


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a scan whose five problems are recorded."""
    root = tmp_path_factory.mktemp("one-answer")
    rated = [("a", "CRITICAL"), ("b", "HIGH"), ("c", "HIGH"), ("d", "LOW"), ("e", "UNKNOWN")]
    report = {
        "SchemaVersion": 2,
        "ArtifactName": ".",
        "ArtifactType": "filesystem",
        "Results": [
            {
                "Target": "web/package-lock.json",
                "Class": "lang-pkgs",
                "Type": "npm",
                "Vulnerabilities": [
                    _vulnerability(number, package, severity)
                    for number, (package, severity) in enumerate(rated, 1)
                ],
            }
        ],
    }
    (root / "trivy.json").write_text(json.dumps(report))
    done = _run(root, "parse", str(root / "trivy.json"))
    assert done.exit_code == 1, done.output
    return root


def _run(root: Path, command: str, *arguments: str) -> Result:
    where = {"parse": "--output", "gate": "--from", "show": "--from"}.get(command)
    places = ["--root", str(root), "--store", str(root / "history.db")]
    out = [where, str(root / "out")] if where else []
    return CliRunner().invoke(app, [command, *arguments, *places, *out])


def _counts(text: str) -> dict[str, int]:
    """The counts by severity in a line for people: ``1 critical, 2 high``."""
    found = re.findall(rf"(\d+) ({'|'.join([*_SEVERITIES, 'medium', 'none'])})\b", text)
    return {severity: int(count) for count, severity in found}


def test_how_many_problems_there_are_of_each_severity(scanned: Path) -> None:
    summary = json.loads((scanned / "out" / "summary.json").read_bytes())["findings"]
    report = json.loads(_run(scanned, "report", "--format", "json").stdout)
    runs = json.loads(_run(scanned, "runs", "--format", "json").stdout)["runs"]
    key = runs[0]["key"]
    shown = CliRunner().invoke(
        app, ["runs", "show", key, "--store", str(scanned / "history.db"), "--format", "json"]
    )
    counts = [
        {word: count for word, count in summary["by_severity"].items() if count},
        {w: c["count"] for w, c in report["summary"]["by_severity"].items() if c["count"]},
        runs[0]["by_severity"],
        dict(Counter(problem["severity"] for problem in json.loads(shown.stdout)["problems"])),
        _counts(_run(scanned, "report").stdout.splitlines()[0]),
    ]
    assert counts == [_SEVERITIES] * len(counts)


@pytest.mark.parametrize(
    "command",
    [
        "report",
        "gate",
        "runs",
        "show abcdef12",
        "explain abcdef12",
        "parse trivy.json",
        "except list",
        "policy check default",
        "triage abcdef12 --state open --reason why",
        "merge split abcdef12 --reason why",
        "export parquet lake",
    ],
)
def test_a_repository_that_is_not_there_is_refused(command: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    done = CliRunner().invoke(app, [*command.split(), "--root", str(missing)])
    assert isinstance(done.exception, UsageError)
    assert "missing is not a directory" in str(done.exception)
    assert not missing.exists()


def test_explain_names_a_report_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_text('{"runs": [')
    arguments = ["explain", "abcdef12", str(tmp_path / "cut.json"), "--root", str(tmp_path)]
    assert "cut.json: the report ends in the middle" in CliRunner().invoke(app, arguments).stderr


def test_the_gate_tells_which_of_its_counts_are_of_unknown_severity(scanned: Path) -> None:
    decision = json.loads((scanned / "out" / "decision.json").read_bytes())
    assert decision["by_counted_as"]["high"] == 3
    # The older word, of which the counts are not those of by_severity elsewhere.
    assert decision["by_severity"] == decision["by_counted_as"]
    assert "1 critical, 3 high (1 of unknown severity), 1 low" in _run(scanned, "gate").stdout
    listed = _run(scanned, "gate", "--severity", "high", "--format", "table").stdout
    assert "3 high (1 of unknown severity)" in listed
