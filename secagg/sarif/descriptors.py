"""Rules of findings as SARIF rules, with the severity that GitHub reads from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sarif_om as om

from secagg.finding import Finding, Kind, Rule, Severity
from secagg.sarif.severity import LEVEL, PROBLEM_SEVERITY, security_severity

_MOST_TAGS = 20


@dataclass(slots=True)
class _Band:
    """The results of one rule that GitHub shall show in one band."""

    severity: Severity
    finding: Finding
    score: float | None = None


class RuleIndex:
    """The rules of the findings of one run, each once, and where each stands.

    GitHub reads the severity from the rule, so a rule whose findings fall into two bands
    becomes two: the worst keeps the id, ``ID/low`` stands for the lower one.
    """

    def __init__(self, findings: Iterator[Finding], *, first: int = 0) -> None:
        bands: dict[str, dict[Severity, _Band]] = {}
        for finding in findings:
            by_severity = bands.get(finding.rule_id)
            if by_severity is None:
                by_severity = bands[finding.rule_id] = {}
            band = by_severity.get(finding.severity)
            if band is None:
                band = by_severity[finding.severity] = _Band(finding.severity, finding)
            if finding.score is not None and (band.score is None or finding.score > band.score):
                band.score = finding.score
        self._places: dict[str, dict[Severity, tuple[str, int]]] = {}
        self.rules: list[Any] = []
        for rule_id, by_severity in bands.items():
            places = self._places[rule_id] = {}
            worst_first = sorted(by_severity.values(), key=lambda band: -band.severity.rank)
            for number, band in enumerate(worst_first):
                written = rule_id if number == 0 else f"{rule_id}/{band.severity.value}"
                places[band.severity] = written, first + len(self.rules)
                self.rules.append(_descriptor(written, band))

    def place(self, finding: Finding) -> tuple[str, int]:
        """The rule id and rule index for a finding."""
        return self._places[finding.rule_id][finding.severity]


def _descriptor(written: str, band: _Band) -> Any:
    finding = band.finding
    rule = finding.rule or Rule(id=finding.rule_id)
    short = rule.short_description or finding.title or rule.name or written
    full = rule.full_description or short
    level = LEVEL[finding.severity]
    properties: dict[str, Any] = {
        "tags": _tags(finding, rule),
        "problem.severity": PROBLEM_SEVERITY[level],
    }
    if rule.precision:
        properties["precision"] = rule.precision
    score = security_severity(band.severity, band.score)
    if score is not None:
        properties["security-severity"] = score
    return om.ReportingDescriptor(
        id=written,
        name=rule.name,
        short_description=om.MultiformatMessageString(text=short),
        full_description=om.MultiformatMessageString(text=full),
        help=om.MultiformatMessageString(text=rule.help_text or full, markdown=rule.help_markdown),
        help_uri=rule.help_uri,
        default_configuration=om.ReportingConfiguration(level=level),
        properties=properties,
    )


def _tags(finding: Finding, rule: Rule) -> list[str]:
    """``security`` first, so that GitHub shows the severity, then the CWEs it filters by."""
    tags = ["security", finding.kind.value]
    tags += [f"external/cwe/cwe-{cwe[4:].zfill(3)}" for cwe in finding.cwes if cwe[4:].isdigit()]
    if finding.kind is Kind.LICENSE:
        tags.remove("security")
    return list(dict.fromkeys([*tags, *rule.tags]))[:_MOST_TAGS]
