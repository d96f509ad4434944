"""Severities of other tools' SARIF, as docs/severities.md has them."""

from __future__ import annotations

from typing import Any

import pytest

from secagg.merge import merge
from secagg.model.finding import Finding, Severity
from secagg.policy import load
from secagg.policy.subject import counted_severity, known_tools
from tests.parsers.reading import read as parsed

CRITICAL, HIGH, MEDIUM, LOW = list(Severity)[:4]


def read(tool: str, rule: dict[str, Any] | None = None, **result: Any) -> Finding:
    run = {
        "tool": {"driver": {"name": tool, "rules": [{"id": "R1", **(rule or {})}]}},
        "results": [
            {
                "ruleId": "R1",
                "message": {"text": "made up"},
                "locations": [
                    {
                        "physicalLocation": {
                            "artifactLocation": {"uri": "a"},
                            "region": {"startLine": 1},
                        }
                    }
                ],
                **result,
            }
        ],
    }
    (finding,) = parsed({"version": "2.1.0", "runs": [run]}).findings
    return finding


def counts(finding: Finding) -> Severity:
    policy = load("default")
    (group,) = merge([finding]).groups
    return counted_severity(policy, group, known_tools(policy))


@pytest.mark.parametrize("tool", ["Checkov", "Prisma Cloud", "Brakeman"])
def test_a_level_that_is_no_severity_is_unknown_and_counts_as_high(tool: str) -> None:
    finding = read(tool, {"defaultConfiguration": {"level": "error"}}, level="error")
    assert not finding.severity_known
    assert counts(finding) is HIGH


def test_checkovs_severity_is_its_score() -> None:
    finding = read("Checkov", {"properties": {"security-severity": "3.9"}}, level="note")
    assert (finding.severity, finding.severity_known) == (LOW, True)


@pytest.mark.parametrize(
    ("tool", "level", "wanted"),
    [
        ("ShellCheck", "note", LOW),
        ("ShellCheck", "warning", MEDIUM),
        ("Hadolint", "note", LOW),
        ("ESLint", "warning", MEDIUM),
        ("Semgrep OSS", "note", LOW),
        ("gosec", "error", HIGH),
        ("KICS", "warning", MEDIUM),
    ],
)
def test_levels_of_known_tools_are_taken_as_they_are(
    tool: str, level: str, wanted: Severity
) -> None:
    assert counts(read(tool, level=level)) is wanted


def test_what_a_linter_does_not_rate_counts_as_medium() -> None:
    finding = read("PMD")
    assert not finding.severity_known
    assert counts(finding) is MEDIUM
    assert counts(read("Some Scanner")) is HIGH


@pytest.mark.parametrize(
    ("tool", "properties", "level", "wanted"),
    [
        ("zizmor", {"zizmor/severity": "High", "zizmor/confidence": "Low"}, "error", HIGH),
        ("zizmor", {"zizmor/severity": "Medium"}, "note", MEDIUM),
        ("Bandit", {"issue_severity": "LOW", "issue_confidence": "HIGH"}, "error", LOW),
        ("Some Scanner", {"severity": "Important"}, "warning", HIGH),
        ("Some Scanner", {"severity": "negligible"}, "warning", LOW),
        ("Some Scanner", {"severity": "info"}, "note", LOW),
        ("cppcheck", {"security-severity": "9.9"}, "error", CRITICAL),
    ],
)
def test_a_word_or_a_score_comes_before_the_level(
    tool: str, properties: dict[str, Any], level: str, wanted: Severity
) -> None:
    assert read(tool, level=level, properties=properties).severity is wanted


def test_the_lock_files_name_tells_the_ecosystem() -> None:
    text = "Package: lodash\nInstalled Version: 4.17.4\nVulnerability CVE-2019-10744"
    place = {"physicalLocation": {"artifactLocation": {"uri": "web/package-lock.json"}}}
    finding = read(
        "Trivy",
        {"properties": {"tags": ["vulnerability"]}},
        message={"text": text},
        locations=[place],
    )
    assert finding.package is not None
    assert (finding.package.type, finding.package.version) == ("npm", "4.17.4")
