"""Findings made SARIF results: plain dictionaries, since there may be very many."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from typing import Any

from secagg.finding import Finding, Location, SarifOrigin, Suppression
from secagg.fingerprint import PRIMARY_LOCATION_LINE_HASH
from secagg.sarif.bag import source_bag, to_bag
from secagg.sarif.conform import conform_result
from secagg.sarif.descriptors import RuleIndex
from secagg.sarif.model import GroupedResult
from secagg.sarif.severity import LEVEL
from secagg.sarif.uris import ROOT_BASE, UriResolver, encode_path, is_absolute

IDENTITY = "secagg/v1"

_NAMESPACE = uuid.UUID("6f0f0f6e-5a0b-5c0e-9d52-0d6f5e0f3c11").bytes


def correlation_guid(identity: str) -> str:
    """The GUID by which results of one group know each other, made from its identity."""
    # uuid.uuid5 written out: there is one for every result, and its objects take ten times as long.
    digest = bytearray(hashlib.sha1(_NAMESPACE + identity.encode(), usedforsecurity=False).digest())
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    digits = digest.hex()
    parts = digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]
    return "-".join(parts)


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
    _renew_suppressions(result, finding)
    if grouped is not None:
        _add_group(result, bag, grouped)
    return conform_result(result, finding.message or finding.title)


def native_result(item: Finding | GroupedResult, rules: RuleIndex) -> dict[str, Any]:
    """The result of a finding that came from a tool's native format."""
    finding, grouped = _parts(item)
    rule_id, index = rules.place(finding)
    bag = to_bag(finding)
    if rule_id != finding.rule_id:
        bag["ruleId"] = finding.rule_id
    result: dict[str, Any] = {
        "ruleId": rule_id,
        "ruleIndex": index,
        "level": LEVEL[finding.severity],
        "message": {"text": finding.message or finding.title or rule_id},
        "locations": [location(finding.location, bag)],
        "properties": {"secagg": bag},
    }
    fingerprints = _fingerprints(finding)
    given = finding.fingerprints
    if given:
        fingerprints = {**given, **fingerprints}
    if fingerprints:
        result["partialFingerprints"] = fingerprints
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, **location(place)} for number, place in enumerate(finding.related, 1)
        ]
    if finding.suppressions:
        result["suppressions"] = [_suppression(s) for s in finding.suppressions]
    if finding.sarif is not None:
        _carry(result, finding.sarif)
    if grouped is not None:
        _add_group(result, bag, grouped)
    return result


def _suppression(suppression: Suppression) -> dict[str, Any]:
    """A suppression, with where it was written unless that was a SARIF file too."""
    value: dict[str, Any] = {"kind": suppression.kind, "status": suppression.status}
    if suppression.justification:
        value["justification"] = suppression.justification
    if suppression.source != "SARIF":
        value["properties"] = {"secagg": {"source": suppression.source}}
    return value


def _renew_suppressions(result: dict[str, Any], finding: Finding) -> None:
    """The suppressions that stood in ``result``, and those that the finding has from elsewhere."""
    given = result.get("suppressions")
    added = [_suppression(s) for s in finding.suppressions if s.source != "SARIF"]
    if not isinstance(given, list):
        given = []
    kept = [value for value in given if not _has_source(value)]
    if added or len(kept) < len(given):
        result["suppressions"] = kept + added


def _has_source(suppression: Any) -> bool:
    """Whether we wrote it, for something other than a SARIF file."""
    for key in ("properties", "secagg", "source"):
        suppression = suppression.get(key) if isinstance(suppression, Mapping) else None
    return isinstance(suppression, str)


def _carry(result: dict[str, Any], origin: SarifOrigin) -> None:
    """What a SARIF result says of flows and fixes, taken over into a run of another tool.

    Indices into the tables of its own run mean nothing there and are resolved or left out.
    """
    uris = UriResolver(origin.run, None)
    given = origin.result
    for key in ("codeFlows", "stacks", "fixes", "graphs", "rank", "hostedViewerUri"):
        if key in given:
            result[key] = _portable(given[key], uris)
    related = given.get("relatedLocations")
    if related:
        result["relatedLocations"] = _portable(related, uris)
    said = given.get("message")
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
    if grouped.group is not None:
        result["correlationGuid"] = correlation_guid(grouped.group)
    if grouped.baseline is not None:
        result["baselineState"] = grouped.baseline
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
