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
    """The results of one rule that GitHub shall show in one band, and the rule's place."""

    severity: Severity
    finding: Finding
    score: float | None = None
    place: tuple[str, int] = ("", 0)


class RuleIndex:
    """The rules of the findings of one run, each once, and where each stands.

    GitHub reads the severity from the rule, so a rule whose findings fall into two bands
    becomes two: the worst keeps the id, ``ID/low`` stands for the lower one.
    """

    def __init__(self, findings: Iterator[Finding], *, first: int = 0) -> None:
        # Nearly every rule has one band; the others of those that have more stand apart.
        self._bands: dict[str, _Band] = {}
        self._more: dict[str, list[_Band]] = {}
        for finding in findings:
            band = self._band(finding)
            if band is None:
                band = _Band(finding.severity, finding)
                if self._bands.setdefault(finding.rule_id, band) is not band:
                    self._more.setdefault(finding.rule_id, []).append(band)
            if finding.score is not None and (band.score is None or finding.score > band.score):
                band.score = finding.score
        for index, (rule_id, number, band) in enumerate(self._ordered(), first):
            written = rule_id if number == 0 else f"{rule_id}/{band.severity.value}"
            band.place = written, index

    def place(self, finding: Finding) -> tuple[str, int]:
        """The rule id and rule index for a finding."""
        band = self._band(finding)
        assert band is not None
        return band.place

    def descriptors(self) -> Iterator[Any]:
        """The rules as ``reportingDescriptor`` objects of sarif_om, made one by one."""
        for _, _, band in self._ordered():
            yield _descriptor(band.place[0], band)

    def _band(self, finding: Finding) -> _Band | None:
        band = self._bands.get(finding.rule_id)
        if band is None or band.severity is finding.severity:
            return band
        others = self._more.get(finding.rule_id, ())
        return next((b for b in others if b.severity is finding.severity), None)

    def _ordered(self) -> Iterator[tuple[str, int, _Band]]:
        """The bands of each rule, worst first, and the number of each."""
        for rule_id, band in self._bands.items():
            others = self._more.get(rule_id)
            if others is None:
                yield rule_id, 0, band
            else:
                worst_first = sorted([band, *others], key=lambda band: -band.severity.rank)
                for number, each in enumerate(worst_first):
                    yield rule_id, number, each


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
