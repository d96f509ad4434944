"""The SARIF objects that secagg writes, and the table of a run's rules.

Class names are those of ``sarif_om``, into which the tests load every output. Importing it here
would take as long as a small scan's whole start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct, field

from secagg.model.finding import Finding, Kind, Rule, Severity
from secagg.model.severity import LEVEL, PROBLEM_SEVERITY, security_severity
from secagg.sarif.bag import Bag


class _Object(Struct, omit_defaults=True, rename="camel", gc=False):
    """An object whose members are left out where they have no value."""


class Message(_Object):
    text: str
    markdown: str | None = None
    arguments: Any = None


class ArtifactLocation(_Object):
    uri: str
    uri_base_id: str | None = None


class Region(_Object):
    start_line: int
    start_column: int | None = None
    end_line: int | None = None
    end_column: int | None = None


class PhysicalLocation(_Object):
    artifact_location: ArtifactLocation
    region: Region


class LogicalLocation(_Object):
    fully_qualified_name: str


class SarifLocation(_Object):
    physical_location: PhysicalLocation
    logical_locations: tuple[LogicalLocation, ...] = ()
    id: int | None = None
    message: Message | None = None


class ResultProperties(_Object):
    secagg: Bag


class Result(_Object, kw_only=True):
    rule_id: str
    rule_index: int
    level: str
    message: Message
    locations: tuple[SarifLocation, ...]
    properties: ResultProperties
    partial_fingerprints: Mapping[str, str] | None = None
    related_locations: Sequence[Any] = ()
    suppressions: Sequence[Mapping[str, Any]] = ()
    correlation_guid: str | None = None
    baseline_state: str | None = None
    code_flows: Any = None
    stacks: Any = None
    fixes: Any = None
    graphs: Any = None
    rank: Any = None
    hosted_viewer_uri: Any = None


class RuleProperties(_Object, kw_only=True):
    tags: tuple[str, ...]
    problem_severity: str = field(name="problem.severity")
    precision: str | None = None
    security_severity: str | None = field(default=None, name="security-severity")


class ReportingConfiguration(_Object):
    level: str = "warning"


class ReportingDescriptor(_Object, kw_only=True):
    id: str
    name: str | None = None
    short_description: Message
    full_description: Message
    help: Message
    help_uri: str | None = None
    default_configuration: ReportingConfiguration
    properties: RuleProperties


_MOST_TAGS = 20


class _Band(Struct, gc=False):
    """The findings of one rule with one severity; ``rule_id`` and ``index`` as they are written."""

    finding: Finding
    score: float | None = None
    rule_id: str = ""
    index: int = 0


class RuleIndex:
    """The rules of the findings of one run, and the index of each.

    GitHub reads the severity from the rule, so a rule whose findings fall into two bands
    becomes two: the worst keeps the id, ``ID/low`` stands for the lower one.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._rules: dict[str, dict[Severity, _Band]] = {}
        for finding in findings:
            rule = self._rules.get(finding.rule_id)
            if rule is None:
                rule = self._rules[finding.rule_id] = {}
            band = rule.get(finding.severity)
            if band is None:
                band = rule[finding.severity] = _Band(finding)
            score = finding.score
            if score is not None and (band.score is None or score > band.score):
                band.score = score
        index = 0
        for rule_id, rule in self._rules.items():
            for number, (severity, band) in enumerate(_worst_first(rule)):
                band.rule_id = rule_id if number == 0 else f"{rule_id}/{severity.value}"
                band.index = index
                index += 1

    def place(self, finding: Finding) -> tuple[str, int]:
        """Return the rule id and rule index for a finding."""
        band = self._rules[finding.rule_id][finding.severity]
        return band.rule_id, band.index

    def descriptors(self) -> Iterator[ReportingDescriptor]:
        """Yield the rules, made one by one."""
        for rule in self._rules.values():
            for severity, band in _worst_first(rule):
                yield _descriptor(severity, band)


def _worst_first(rule: dict[Severity, _Band]) -> list[tuple[Severity, _Band]]:
    bands = list(rule.items())
    if len(bands) > 1:
        bands.sort(key=lambda band: -band[0].rank)
    return bands


def _descriptor(severity: Severity, band: _Band) -> ReportingDescriptor:
    finding = band.finding
    rule = finding.rule or Rule(id=finding.rule_id)
    short = rule.short_description or finding.title or rule.name or band.rule_id
    full = rule.full_description or short
    level = LEVEL[severity]
    return ReportingDescriptor(
        id=band.rule_id,
        name=rule.name,
        short_description=Message(short),
        full_description=Message(full),
        help=Message(rule.help_text or full, rule.help_markdown),
        help_uri=rule.help_uri,
        default_configuration=_CONFIGURATION[level],
        properties=RuleProperties(
            tags=_tags(finding.kind, finding.cwes, rule.tags),
            problem_severity=PROBLEM_SEVERITY[level],
            precision=rule.precision or None,
            security_severity=security_severity(severity, band.score),
        ),
    )


_CONFIGURATION = {level: ReportingConfiguration(level) for level in PROBLEM_SEVERITY}


@lru_cache(maxsize=4096)
def _tags(kind: Kind, cwes: tuple[str, ...], tags: tuple[str, ...]) -> tuple[str, ...]:
    """Put ``security`` first, so that GitHub shows the severity, then the CWEs it filters by."""
    ours = [kind.value] if kind is Kind.LICENSE else ["security", kind.value]
    ours += [f"external/cwe/cwe-{cwe[4:].zfill(3)}" for cwe in cwes if cwe[4:].isdigit()]
    return tuple(dict.fromkeys([*ours, *tags]))[:_MOST_TAGS]
