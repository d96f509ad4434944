"""Make SARIF results of findings."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from secagg.jsonio.members import as_list, value_at
from secagg.model.finding import Finding, Location, SarifOrigin, Suppression
from secagg.model.fingerprint import PRIMARY_LOCATION_LINE_HASH
from secagg.model.severity import LEVEL
from secagg.sarif.bag import Bag, SourceBag
from secagg.sarif.conform import conform_result, fits
from secagg.sarif.descriptors import (
    ArtifactLocation,
    LogicalLocation,
    Message,
    PhysicalLocation,
    Region,
    Result,
    ResultProperties,
    RuleIndex,
    SarifLocation,
)
from secagg.sarif.model import GroupedResult
from secagg.sarif.uris import ROOT_BASE, UriResolver, encode_path, is_absolute

IDENTITY = "secagg/v1"

_NAMESPACE = uuid.UUID("6f0f0f6e-5a0b-5c0e-9d52-0d6f5e0f3c11").bytes
# The digit whose two upper bits are those of RFC 9562's variant.
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
_ATTRIBUTES = dict(zip(Result.__struct_encode_fields__, Result.__struct_fields__, strict=True))
# Where a suppression that secagg wrote names the file that it comes from.
_SOURCE = ("properties", "secagg", "source")
# A relative path in which nothing has to be percent-encoded, as in most.
_is_plain = re.compile(r"[\w.@+-][\w./@+-]*", re.ASCII).fullmatch
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def correlation_guid(identity: str) -> str:
    """Return the ``correlationGuid`` of a group, a UUID of version 5 of its identity."""
    # Every result has one, and uuid.uuid5 takes ten times as long.
    h = hashlib.sha1(_NAMESPACE + identity.encode(), usedforsecurity=False).hexdigest()
    return f"{h[:8]}-{h[8:12]}-5{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:32]}"


def adopted_result(item: Finding | GroupedResult) -> dict[str, Any]:
    """Add our fingerprints and properties to the result that a finding was read from.

    Members that do not change stay encoded, if the result conforms to the schema.
    """
    finding, grouped = _unpack(item)
    assert finding.sarif is not None
    encoded = finding.sarif.encoded
    sources = grouped is not None and grouped.sources
    if sources or not fits(encoded):
        return _changed_result(finding, grouped)
    bag = Bag.of(finding)
    result: dict[str, Any] = _members(encoded)
    fingerprints, properties = result.get("partialFingerprints"), result.get("properties")
    _add_ours(
        result,
        finding,
        fingerprints=None if fingerprints is None else msgspec.json.decode(fingerprints),
        properties=None if properties is None else _members(properties),
        bag=bag,
    )
    if finding.suppressions or "suppressions" in result:
        if "suppressions" in result:
            result["suppressions"] = msgspec.json.decode(result["suppressions"])
        _renew_suppressions(result, finding)
    if grouped is not None:
        result |= _group_members(bag, grouped, None)
    return result


def _changed_result(finding: Finding, grouped: GroupedResult | None) -> dict[str, Any]:
    """Add the same to a result that may break the schema or names its group's other members."""
    assert finding.sarif is not None
    result = dict(finding.sarif.result)
    bag = Bag.of(finding)
    _add_ours(
        result,
        finding,
        fingerprints=result.get("partialFingerprints"),
        properties=result.get("properties"),
        bag=bag,
    )
    _renew_suppressions(result, finding)
    if grouped is not None:
        members = _group_members(bag, grouped, result.get("relatedLocations"))
        result |= msgspec.to_builtins(members)
    return conform_result(result, finding.message or finding.title)


def _add_ours(
    result: dict[str, Any], finding: Finding, *, fingerprints: Any, properties: Any, bag: Bag
) -> None:
    """Add our fingerprints and bag to ``fingerprints`` and ``properties`` of the producer.

    A producer's line hash wins over ours; an identity that a file says is ours does not.
    """
    ours = _fingerprints(finding)
    if fingerprints and ours:
        identity = {key: value for key, value in ours.items() if key == IDENTITY}
        result["partialFingerprints"] = {**ours, **fingerprints, **identity}
    elif ours:
        result["partialFingerprints"] = ours
    result["properties"] = {**properties, "secagg": bag} if properties else {"secagg": bag}


def native_result(item: Finding | GroupedResult, rules: RuleIndex) -> Result:
    """Make the result of a finding that came from a tool's native format."""
    finding, grouped = _unpack(item)
    rule_id, index = rules.place(finding)
    bag = Bag.of(finding, whole_file=finding.location.start_line is None)
    if rule_id != finding.rule_id:
        bag.rule_id = finding.rule_id
    fingerprints = _fingerprints(finding)
    if finding.fingerprints:
        fingerprints = {**finding.fingerprints, **fingerprints}
    result = Result(
        rule_id=rule_id,
        rule_index=index,
        level=LEVEL[finding.severity],
        message=Message(finding.message or finding.title or rule_id),
        locations=(location(finding.location),),
        properties=ResultProperties(bag),
        partial_fingerprints=fingerprints or None,
    )
    if finding.related:
        result.related_locations = [
            _numbered(place, number) for number, place in enumerate(finding.related, 1)
        ]
    if finding.suppressions:
        result.suppressions = [_suppression(s) for s in finding.suppressions]
    if finding.sarif is not None:
        _copy_details(result, finding.sarif)
    if grouped is not None:
        for name, value in _group_members(bag, grouped, result.related_locations).items():
            setattr(result, _ATTRIBUTES[name], value)
    return result


def _suppression(suppression: Suppression) -> dict[str, Any]:
    """Make a suppression, with the file that it comes from unless that is a SARIF file."""
    value: dict[str, Any] = {"kind": suppression.kind, "status": suppression.status}
    if suppression.justification:
        value["justification"] = suppression.justification
    if suppression.source != "SARIF":
        value["properties"] = {"secagg": {"source": suppression.source}}
    return value


def _renew_suppressions(result: dict[str, Any], finding: Finding) -> None:
    """Keep the producer's suppressions and replace those that secagg wrote earlier."""
    former = as_list(result.get("suppressions"))
    ours = [_suppression(s) for s in finding.suppressions if s.source != "SARIF"]
    theirs = [s for s in former if not isinstance(value_at(s, *_SOURCE), str)]
    if ours or len(theirs) < len(former):
        result["suppressions"] = theirs + ours


def _copy_details(result: Result, origin: SarifOrigin) -> None:
    """Copy flows, fixes and the like of a SARIF result into a result of another run.

    Indices into the tables of its own run mean nothing there: they are resolved or left out.
    """
    uris = UriResolver(origin.run, None)
    original = origin.result
    for key in ("codeFlows", "stacks", "fixes", "graphs", "rank", "hostedViewerUri"):
        if key in original:
            setattr(result, _ATTRIBUTES[key], _portable(original[key], uris))
    related = original.get("relatedLocations")
    if related:
        result.related_locations = _portable(related, uris)
    message = original.get("message")
    if isinstance(message, Mapping) and isinstance(message.get("markdown"), str):
        result.message.markdown = message["markdown"]
        if isinstance(message.get("arguments"), list):
            result.message.arguments = message["arguments"]


def _portable(value: Any, uris: UriResolver) -> Any:
    if isinstance(value, Mapping):
        copy: dict[str, Any] = {}
        for key, item in value.items():
            if key in ("index", "parentIndex", "taxa"):
                continue
            if key == "artifactLocation" and isinstance(item, Mapping):
                path = uris.path(item)
                copy[key] = {"uri": encode_path(path), "uriBaseId": ROOT_BASE} if path else {}
                continue
            copy[key] = _portable(item, uris)
        return copy
    if isinstance(value, list):
        return [_portable(item, uris) for item in value]
    return value


def location(place: Location) -> SarifLocation:
    """Make a ``location``; GitHub needs a relative URI and a line even where none is known."""
    uri = _stand_in_uri(place) if place.uri is None else place.uri
    if place.start_line is None:
        return _location(uri, Region(1), place.logical)
    region = Region(place.start_line)
    if place.start_column is not None and place.start_column > 1:
        region.start_column = place.start_column
    if place.end_line is not None and place.end_line > place.start_line:
        region.end_line = place.end_line
    if place.end_column is not None and place.end_column >= 1:
        region.end_column = place.end_column
    return _location(uri, region, place.logical)


def _location(uri: str, region: Region, logical: str | None) -> SarifLocation:
    logicals = (LogicalLocation(logical),) if logical else ()
    return SarifLocation(PhysicalLocation(_artifact(uri), region), logicals)


def _artifact(uri: str) -> ArtifactLocation:
    if _is_plain(uri):
        return ArtifactLocation(uri, ROOT_BASE)
    return ArtifactLocation(encode_path(uri), None if is_absolute(uri) else ROOT_BASE)


def _numbered(place: Location, number: int, message: Message | None = None) -> SarifLocation:
    return msgspec.structs.replace(location(place), id=number, message=message)


def _stand_in_uri(place: Location) -> str:
    """Name the image or logical location of a finding that is in no file."""
    name = place.image or place.logical or "."
    return re.sub(r"[^\w./@-]+", "_", name).strip("/") or "."


def _unpack(item: Finding | GroupedResult) -> tuple[Finding, GroupedResult | None]:
    return (item.finding, item) if isinstance(item, GroupedResult) else (item, None)


def _fingerprints(finding: Finding) -> dict[str, str]:
    fingerprints: dict[str, str] = {}
    if finding.line_hash:
        fingerprints[PRIMARY_LOCATION_LINE_HASH] = finding.line_hash
    if finding.identity:
        fingerprints[IDENTITY] = finding.identity
    return fingerprints


def _group_members(bag: Bag, grouped: GroupedResult, related: Any) -> dict[str, Any]:
    """Make the members that name a result's group; ``related`` are the locations it has."""
    members: dict[str, Any] = {}
    if grouped.group is not None:
        members["correlationGuid"] = correlation_guid(grouped.group)
    if grouped.baseline is not None:
        members["baselineState"] = grouped.baseline
    if not grouped.sources:
        return members
    bag.sources = [SourceBag.of(source) for source in grouped.sources]
    related = list(related or ())
    places = {_place_key(grouped.finding.location)}
    number = max(map(_location_id, related), default=0)
    for source in grouped.sources:
        key = _place_key(source.location)
        if key in places or source.location.uri is None:
            continue
        places.add(key)
        number += 1
        message = Message(f"{source.tool}: {source.rule_id}")
        related.append(_numbered(source.location, number, message))
    if related:
        members["relatedLocations"] = related
    return members


def _location_id(related: Any) -> int:
    number = related.get("id") if isinstance(related, Mapping) else getattr(related, "id", None)
    return number if isinstance(number, int) else 0


def _place_key(place: Location) -> tuple[Any, ...]:
    return place.uri, place.start_line, place.start_column, place.commit
