"""Findings and runs made SARIF: run frames and rules as sarif_om objects, results as dicts.

Results are by far the most, so they are built as plain dictionaries and serialized one by
one; the few objects around them go through sarif_om, which knows the standard's names.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import attr
import sarif_om as om

from secagg import __version__
from secagg.finding import Finding, Kind, Location, Rule, SarifOrigin, Severity
from secagg.fingerprint import PRIMARY_LOCATION_LINE_HASH
from secagg.redact import MASK
from secagg.sarif.bag import VERSION as BAG_VERSION
from secagg.sarif.bag import source_bag, to_bag
from secagg.sarif.conform import conform_result, conform_run
from secagg.sarif.model import GroupedResult, Invocation, SarifRun
from secagg.sarif.severity import LEVEL, PROBLEM_SEVERITY, security_severity
from secagg.sarif.uris import UriResolver, encode_path, is_absolute

IDENTITY = "secagg/v1"
ROOT_BASE = "%SRCROOT%"

_NAMESPACE = uuid.UUID("6f0f0f6e-5a0b-5c0e-9d52-0d6f5e0f3c11")
_MOST_TAGS = 20


def correlation_guid(identity: str) -> str:
    """The GUID by which results of one group know each other, made from its identity."""
    return str(uuid.uuid5(_NAMESPACE, identity))


def to_json(value: Any) -> Any:
    """A sarif_om object as JSON, without what has no value or the standard's default."""
    if attr.has(type(value)):
        return {
            name: to_json(item)
            for field_ in attr.fields(type(value))
            if (item := getattr(value, field_.name)) is not None
            and (name := field_.metadata["schema_property_name"])
            and (item != _default(field_) or name == "executionSuccessful")
        }
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    return value


def _default(field_: Any) -> Any:
    default = field_.default
    return default.factory() if isinstance(default, attr.Factory) else default  # type: ignore[arg-type]


@dataclass(slots=True)
class _Band:
    """The results of one rule that GitHub shall show in one band."""

    severity: Severity
    finding: Finding
    score: float | None = None
    tools: set[str] = field(default_factory=set)


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


def run_frame(run: SarifRun, rules: RuleIndex) -> dict[str, Any]:
    """The run object of findings from native formats, without results."""
    driver = om.ToolComponent(
        name=run.tool,
        version=run.version,
        information_uri=run.information_uri,
        rules=rules.rules,
    )
    converter = om.ToolComponent(name="secagg", version=__version__)
    base = om.ArtifactLocation(description=om.Message(text="The root of the checkout."))
    built = om.Run(
        tool=om.Tool(driver=driver),
        conversion=None if run.tool == "secagg" else om.Conversion(tool=om.Tool(driver=converter)),
        invocations=None if run.invocation is None else [_invocation(run.invocation)],
        automation_details=_automation(run),
        original_uri_base_ids={ROOT_BASE: base},
        version_control_provenance=_provenance(run),
        column_kind="unicodeCodePoints",
        redaction_tokens=[MASK],
        properties=_run_properties(run, {}),
    )
    frame: dict[str, Any] = to_json(built)
    return frame


def adopted_frame(run: SarifRun, frame: Mapping[str, Any]) -> dict[str, Any]:
    """A run frame read from SARIF, with what secagg adds and without machine paths."""
    kept = {key: value for key, value in frame.items() if key != "results"}
    bases = kept.get("originalUriBaseIds")
    if isinstance(bases, Mapping):
        kept["originalUriBaseIds"] = {name: _without_path(base) for name, base in bases.items()}
    details = kept.get("automationDetails")
    details = dict(details) if isinstance(details, Mapping) else {}
    former = details.get("id")
    if run.category is not None:
        kept["automationDetails"] = {**details, "id": run.category}
    invocation = run.invocation
    if invocation is not None and (not kept.get("invocations") or not invocation.successful):
        ours = to_json(_invocation(invocation))
        kept["invocations"] = [*(kept.get("invocations") or ()), ours]
    if run.revision is not None and not kept.get("versionControlProvenance"):
        kept["versionControlProvenance"] = to_json(_provenance(run))
    tokens = kept.get("redactionTokens")
    tokens = tokens if isinstance(tokens, list) else []
    kept["redactionTokens"] = tokens if MASK in tokens else [*tokens, MASK]
    properties = kept.get("properties")
    properties = dict(properties) if isinstance(properties, Mapping) else {}
    properties = _run_properties(run, properties)
    if isinstance(former, str) and former != run.category and run.category is not None:
        properties["secagg"] = {**properties["secagg"], "automationId": former}
    kept["properties"] = properties
    return conform_run(kept, run.tool)


def adopted_result(item: Finding | GroupedResult) -> dict[str, Any]:
    """The original result of a finding with our fingerprints and properties added."""
    finding, grouped = _parts(item)
    assert finding.sarif is not None
    result = dict(finding.sarif.result)
    added = _fingerprints(finding)
    if added:
        given = result.get("partialFingerprints")
        result["partialFingerprints"] = {**added, **given, **_own(added)} if given else added
    properties = result.get("properties")
    bag = to_bag(finding)
    result["properties"] = {**properties, "secagg": bag} if properties else {"secagg": bag}
    if grouped is not None:
        _add_group(result, bag, grouped)
    return conform_result(result, finding.message or finding.title)


def native_result(item: Finding | GroupedResult, rules: RuleIndex) -> dict[str, Any]:
    """The result of a finding that came from a tool's native format."""
    finding, grouped = _parts(item)
    rule_id, index = rules.place(finding)
    bag = to_bag(finding)
    result: dict[str, Any] = {
        "ruleId": rule_id,
        "ruleIndex": index,
        "level": LEVEL[finding.severity],
        "message": {"text": finding.message or finding.title or rule_id},
        "locations": [location(finding.location, bag)],
        "properties": {"secagg": bag},
    }
    fingerprints = _fingerprints(finding)
    if finding.fingerprints:
        fingerprints = {**finding.fingerprints, **fingerprints}
    if fingerprints:
        result["partialFingerprints"] = fingerprints
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, **location(place)} for number, place in enumerate(finding.related, 1)
        ]
    if finding.suppressions:
        result["suppressions"] = [
            {"kind": s.kind, "status": s.status, "justification": s.justification}
            if s.justification
            else {"kind": s.kind, "status": s.status}
            for s in finding.suppressions
        ]
    if finding.sarif is not None:
        _carry(result, finding.sarif)
    if grouped is not None:
        _add_group(result, bag, grouped)
    return result


def _carry(result: dict[str, Any], origin: SarifOrigin) -> None:
    """What a SARIF result says of flows and fixes, taken over into a run of another tool.

    Indices into the tables of its own run mean nothing there and are resolved or left out.
    """
    uris = UriResolver(origin.run, None)
    for key in ("codeFlows", "stacks", "fixes", "graphs", "rank", "hostedViewerUri"):
        if key in origin.result:
            result[key] = _portable(origin.result[key], uris)
    related = origin.result.get("relatedLocations")
    if related:
        result["relatedLocations"] = _portable(related, uris)
    said = origin.result.get("message")
    if isinstance(said, Mapping) and isinstance(said.get("markdown"), str):
        result["message"] = {**result["message"], "markdown": said["markdown"]}
        if isinstance(said.get("arguments"), list):
            result["message"]["arguments"] = said["arguments"]


def _portable(value: Any, uris: UriResolver) -> Any:
    if isinstance(value, Mapping):
        made: dict[str, Any] = {}
        for key, item in value.items():
            if key in ("index", "parentIndex", "taxa"):
                continue
            if key == "artifactLocation" and isinstance(item, Mapping):
                path = uris.path(item)
                made[key] = {"uri": encode_path(path), "uriBaseId": ROOT_BASE} if path else {}
                continue
            made[key] = _portable(item, uris)
        return made
    if isinstance(value, list):
        return [_portable(item, uris) for item in value]
    return value


def location(place: Location, bag: dict[str, Any] | None = None) -> dict[str, Any]:
    """A ``location`` object; GitHub needs a relative URI and a line even where none is known."""
    uri = place.uri
    if uri is None:
        uri = _made_up(place)
    region: dict[str, int] = {"startLine": place.start_line or 1}
    if place.start_line is None:
        if bag is not None:
            bag["location"] = {**bag.get("location", {}), "wholeFile": True}
    else:
        if place.start_column is not None and place.start_column > 1:
            region["startColumn"] = place.start_column
        if place.end_line is not None and place.end_line > place.start_line:
            region["endLine"] = place.end_line
        if place.end_column is not None and place.end_column >= 1:
            region["endColumn"] = place.end_column
    artifact: dict[str, Any] = {"uri": encode_path(uri)}
    if not is_absolute(uri):
        artifact["uriBaseId"] = ROOT_BASE
    written: dict[str, Any] = {"physicalLocation": {"artifactLocation": artifact, "region": region}}
    if place.logical:
        written["logicalLocations"] = [{"fullyQualifiedName": place.logical}]
    return written


def _made_up(place: Location) -> str:
    name = place.image or place.logical or "."
    return re.sub(r"[^\w./@-]+", "_", name).strip("/") or "."


def _parts(item: Finding | GroupedResult) -> tuple[Finding, GroupedResult | None]:
    return (item.finding, item) if isinstance(item, GroupedResult) else (item, None)


def _fingerprints(finding: Finding) -> dict[str, str]:
    added: dict[str, str] = {}
    if finding.line_hash:
        added[PRIMARY_LOCATION_LINE_HASH] = finding.line_hash
    if finding.identity:
        added[IDENTITY] = finding.identity
    return added


def _own(added: dict[str, str]) -> dict[str, str]:
    """Ours wins over what a file says is ours; a producer's line hash wins over ours."""
    return {key: value for key, value in added.items() if key == IDENTITY}


def _add_group(result: dict[str, Any], bag: dict[str, Any], grouped: GroupedResult) -> None:
    if grouped.guid is not None:
        result["correlationGuid"] = grouped.guid
    if not grouped.sources:
        return
    bag["sources"] = [source_bag(source) for source in grouped.sources]
    related = list(result.get("relatedLocations") or ())
    own = _key(grouped.finding.location)
    seen = {own}
    number = max((r.get("id", 0) for r in related if isinstance(r.get("id"), int)), default=0)
    for source in grouped.sources:
        key = _key(source.location)
        if key in seen or source.location.uri is None:
            continue
        seen.add(key)
        number += 1
        text = f"{source.tool}: {source.rule_id}"
        related.append({"id": number, **location(source.location), "message": {"text": text}})
    if related:
        result["relatedLocations"] = related


def _key(place: Location) -> tuple[Any, ...]:
    return place.uri, place.start_line, place.start_column, place.commit


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


def _invocation(invocation: Invocation) -> Any:
    notifications = [
        om.Notification(
            message=om.Message(text=gap.message), level="error" if gap.fatal else "warning"
        )
        for gap in invocation.gaps
    ]
    return om.Invocation(
        execution_successful=invocation.successful,
        start_time_utc=invocation.start,
        end_time_utc=invocation.end,
        exit_code=invocation.exit_code,
        tool_execution_notifications=notifications or None,
    )


def _automation(run: SarifRun) -> Any:
    return None if run.category is None else om.RunAutomationDetails(id=run.category)


def _provenance(run: SarifRun) -> list[Any] | None:
    revision = run.revision
    if revision is None:
        return None
    details = om.VersionControlDetails(
        repository_uri=revision.repository_uri,
        revision_id=revision.revision,
        branch=revision.branch,
        mapped_to=om.ArtifactLocation(uri_base_id=ROOT_BASE),
    )
    return [details]


def _run_properties(run: SarifRun, given: Mapping[str, Any]) -> dict[str, Any]:
    ours: dict[str, Any] = {"version": BAG_VERSION}
    if run.component is not None:
        ours["component"] = run.component
    return {**given, **run.properties, "secagg": ours}


def _without_path(base: Any) -> Any:
    """A base id without the place on this machine that it stood for."""
    if isinstance(base, Mapping) and is_absolute(str(base.get("uri") or "")):
        return {key: value for key, value in base.items() if key != "uri"}
    return base
