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
from secagg.mcp.answers import AnswerSources, ProblemAnswers
from secagg.pipeline.storesource import HistoryScope, read_store
from secagg.report.filters import FilterWords
from secagg.secrets.redactor import Redactor

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


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with seven problems of three kinds and two owners, of which one is accepted."""
    root = tmp_path_factory.mktemp("asked")
    rated = [("a", "CRITICAL"), ("b", "HIGH"), ("lodash", "HIGH"), ("d", "LOW"), ("e", "UNKNOWN")]
    found = [_vulnerability(n, name, severity) for n, (name, severity) in enumerate(rated, 1)]
    check = {
        "Type": "Dockerfile Security Check",
        "ID": "DS002",
        "AVDID": "AVD-DS-0002",
        "Title": "root user",
        "Message": "Specify USER",
        "Severity": "HIGH",
        "Status": "FAIL",
        "CauseMetadata": {"StartLine": 3, "EndLine": 3},
    }
    results = [
        {
            "Target": "web/package-lock.json",
            "Class": "lang-pkgs",
            "Type": "npm",
            "Vulnerabilities": found,
        },
        {
            "Target": "app/Dockerfile",
            "Class": "config",
            "Type": "dockerfile",
            "Misconfigurations": [check],
        },
    ]
    report = {"SchemaVersion": 2, "ArtifactName": ".", "ArtifactType": "filesystem"}
    (root / "trivy.json").write_text(json.dumps(report | {"Results": results}))
    leak = {
        "RuleID": "generic-api-key",
        "Description": "key",
        "StartLine": 4,
        "EndLine": 4,
        "Match": "REDACTED",
        "Secret": "REDACTED",
        "File": "app/x.py",
    }
    (root / "gitleaks.json").write_text(json.dumps([leak]))
    (root / "CODEOWNERS").write_text("web/ @front\napp/ @back\n")
    _run(root, "parse", str(root / "trivy.json"), str(root / "gitleaks.json"))
    (accepted,) = _reported(root, "--id", "CVE-2026-0002")
    said = ("--state", "accepted", "--reason", "behind a proxy", "--by", "ana")
    assert _run(root, "triage", accepted, *said).exit_code == 0
    return root


def _reported(root: Path, *arguments: str) -> list[str]:
    """The ids in the report's JSON."""
    done = _run(root, "report", "--format", "json", *arguments)
    assert done.exit_code == 0, done.exception
    return sorted(problem["identity"] for problem in json.loads(done.stdout)["problems"])


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("path", "web/", 4),
        ("path", "/app/*", 2),
        ("package", "pkg:npm/lodash@1.0", 1),
        ("package", "pkg:npm/lodash@2.0", 0),
        ("package", "LODASH", 1),
        ("severity", "high", 3),
        ("severity", "unknown", 1),
        ("kind", "misconfiguration", 1),
        ("owner", "front", 4),
        ("owner", "none", 0),
        ("id", "avd-ds-0002", 1),
        ("id", "generic-*", 1),
        ("id", "CVE-2026-0003", 1),
        ("id", "CVE-2026-0002", 0),
        ("state", "accepted", 1),
        ("state", "all", 7),
        ("new_since", "last", 6),
        ("new_since", "2099-01-01", 0),
        ("search", "flaw lodash", 1),
        ("tool", "Trivy", 5),
    ],
)
def test_the_same_filter_selects_the_same_problems(
    asked: Path, name: str, value: str, count: int
) -> None:
    option = f"--{name.replace('_', '-')}"
    reported = _reported(asked, option, value)
    assert len(reported) == count
    assert _reported(asked, "--all-repos", option, value) == reported
    # An option of its own says what triage decides, and who takes care of it.
    of_triage = {"state": "--in-state", "owner": "--owned-by"}.get(name, option)
    would = ("--dry-run", "--state", "confirmed", "--reason", "x")
    listed = _run(asked, "triage", *would, of_triage, value).output
    short = [identity[:10] for identity in reported]
    assert sorted(re.findall(r"^([0-9a-f]{10})  ", listed, re.MULTILINE)) == short
    one = {"new_since", "search"}
    words = FilterWords(**{name: value if name in one else [value]})  # type: ignore[arg-type]
    rows = _assistant(asked).problems(words, sort=(), limit=100, offset=0)["problems"]
    assert sorted(row["id"] for row in rows) == short


def _assistant(root: Path) -> ProblemAnswers:
    scope = HistoryScope(store=str(root / "history.db"), root=root)

    def nothing(*_: object) -> Any:
        raise AssertionError

    sources = AnswerSources(
        problems=lambda: read_store(scope), show=nothing, decide=nothing, policy=nothing
    )
    return ProblemAnswers(sources, Redactor(b"k" * 16))


@pytest.mark.parametrize("spell", [str, str.upper, lambda whole: whole[:6]])
def test_an_id_is_one_problem_however_it_is_written(asked: Path, spell: Any) -> None:
    files = [str(asked / "trivy.json"), str(asked / "gitleaks.json")]
    for identity in _reported(asked, "--state", "all"):
        written = spell(identity)
        shown = json.loads(_run(asked, "show", written, "--format", "json").stdout)
        assert shown["problem"]["identity"] == identity
        assert _reported(asked, "--state", "all", "--id", written) == [identity]
        explained = CliRunner().invoke(app, ["explain", written, *files, "--root", str(asked)])
        assert identity in explained.stdout
