"""Convert SARIF 1.0.0 and 2.0.0, which compilers and older tools still write, to 2.1.0.

Only what findings need is converted: rules, results with their locations and messages,
suppressions, and the success of invocations. Sources: SARIF 1.0.0 (2016), SARIF 2.0.0
(committee specification drafts of 2018).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from secagg.jsonio.members import as_mapping, value_at


def upgraded(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Convert a decoded log of 1.0.0 or 2.0.0 to 2.1.0; None for any other version.

    Malformed members are left out.
    """
    version = document.get("version")
    if not isinstance(version, str) or not isinstance(document.get("runs"), list):
        return None
    if version.startswith("1.0"):
        convert = _run_of_1
    elif version.startswith("2.0"):
        convert = _run_of_2
    else:
        return None
    runs = [convert(run) if isinstance(run, Mapping) else run for run in document["runs"]]
    return {"version": "2.1.0", "runs": runs}


def _run_of_1(run: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a run of 1.0.0: rules by key, messages as text, ``uri`` beside the region."""
    new = _frame(run, run.get("rules"))
    results = run.get("results")
    if results is not None:
        new["results"] = [_result_of_1(r) if isinstance(r, Mapping) else r for r in _list(results)]
    return new


def _run_of_2(run: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a run of 2.0.0: rules among its resources, files as ``fileLocation``."""
    new = _frame(run, value_at(run, "resources", "rules"))
    for name in ("originalUriBaseIds", "columnKind", "versionControlProvenance", "properties"):
        if name in run:
            new[name] = run[name]
    bases = new.get("originalUriBaseIds")
    if isinstance(bases, Mapping):
        # The first drafts have the URI itself in the place of an artifactLocation.
        new["originalUriBaseIds"] = {
            name: {"uri": base} if isinstance(base, str) else base for name, base in bases.items()
        }
    results = run.get("results")
    if results is not None:
        new["results"] = [_result_of_2(r) if isinstance(r, Mapping) else r for r in _list(results)]
    return new


def _frame(run: Mapping[str, Any], rules: Any) -> dict[str, Any]:
    tool = as_mapping(run.get("tool"))
    driver = {
        key: tool[key]
        for key in ("name", "fullName", "version", "semanticVersion", "language", "properties")
        if key in tool
    }
    pairs = rules.items() if isinstance(rules, Mapping) else ((None, r) for r in _list(rules))
    driver["rules"] = [_rule(key, rule) for key, rule in pairs if isinstance(rule, Mapping)]
    frame: dict[str, Any] = {"tool": {"driver": driver}}
    former = run.get("invocations") or ([run["invocation"]] if "invocation" in run else [])
    invocations = [_invocation(i, run) for i in _list(former) if isinstance(i, Mapping)]
    if invocations:
        frame["invocations"] = invocations
    return frame


def _invocation(invocation: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    new: dict[str, Any] = {"executionSuccessful": True}
    for name, old in (
        ("executionSuccessful", "toolExecutionSuccessful"),
        ("exitCode", "exitCode"),
        ("exitCodeDescription", "exitCodeDescription"),
        ("toolExecutionNotifications", "toolNotifications"),
        ("toolConfigurationNotifications", "configurationNotifications"),
    ):
        value = invocation.get(old, run.get(old) if "otifications" in old else None)
        if value is not None:
            new[name] = value
    for name in ("toolExecutionNotifications", "toolConfigurationNotifications"):
        if name in new:
            new[name] = [
                {**note, "message": _message(note.get("message"))}
                for note in _list(new[name])
                if isinstance(note, Mapping)
            ]
    return new


def _rule(key: str | None, rule: Mapping[str, Any]) -> dict[str, Any]:
    new: dict[str, Any] = {"id": rule.get("id") or key}
    for name in ("name", "helpUri", "properties"):
        if name in rule:
            new[name] = rule[name]
    if isinstance(new.get("name"), Mapping):
        new["name"] = _message(new["name"])["text"]
    for name in ("shortDescription", "fullDescription", "help"):
        if name in rule:
            new[name] = _message(rule[name])
    level = rule.get("defaultLevel") or as_mapping(rule.get("configuration")).get("defaultLevel")
    if level in ("error", "warning", "note"):
        new["defaultConfiguration"] = {"level": level}
    formats = rule.get("messageFormats") or rule.get("messageStrings")
    if isinstance(formats, Mapping):
        new["messageStrings"] = {name: _message(text) for name, text in formats.items()}
    return new


def _result_of_1(result: Mapping[str, Any]) -> dict[str, Any]:
    new = _common(result)
    # A rule's key tells two rules of one id apart.
    rule_id = result.get("ruleId") or result.get("ruleKey")
    if rule_id is not None:
        new["ruleId"] = rule_id
    formatted = as_mapping(result.get("formattedRuleMessage"))
    if formatted:
        new["message"] = {"id": formatted.get("formatId"), "arguments": formatted.get("arguments")}
    else:
        new["message"] = _message(result.get("message"))
    new["locations"] = list(_places(result.get("locations"), _place_of_1))
    return new


def _place_of_1(location: Mapping[str, Any]) -> dict[str, Any]:
    physical = as_mapping(location.get("resultFile") or location.get("analysisTarget"))
    if not physical:
        # 1.0.0-beta.4 and older: a list of physical locations, outermost first.
        listed = location.get("resultFile") or location.get("analysisTarget")
        physical = as_mapping(_list(listed)[-1]) if _list(listed) else {}
    artifact = {k: physical[k] for k in ("uri", "uriBaseId") if k in physical}
    new: dict[str, Any] = {"physicalLocation": {"artifactLocation": artifact}}
    if isinstance(physical.get("region"), Mapping):
        new["physicalLocation"]["region"] = physical["region"]
    name = location.get("fullyQualifiedLogicalName")
    if isinstance(name, str):
        new["logicalLocations"] = [{"fullyQualifiedName": name}]
    return new


def _result_of_2(result: Mapping[str, Any]) -> dict[str, Any]:
    new = _common(result)
    for name in ("ruleId", "ruleIndex", "rank", "kind", "partialFingerprints", "fingerprints"):
        if name in result:
            new[name] = result[name]
    message = as_mapping(result.get("message"))
    new_message = {
        key: message[key] for key in ("text", "markdown", "arguments", "id") if key in message
    }
    for key, old in (("id", "messageId"), ("id", "ruleMessageId"), ("markdown", "richText")):
        if old in message:
            new_message[key] = message[old]
    if result.get("ruleMessageId") is not None:
        new_message["id"] = result["ruleMessageId"]
    new["message"] = new_message or _message(result.get("message"))
    for name in ("locations", "relatedLocations"):
        if name in result:
            new[name] = list(_places(result[name], _place_of_2))
    return new


def _place_of_2(location: Mapping[str, Any]) -> dict[str, Any]:
    new = dict(location)
    physical = location.get("physicalLocation")
    if isinstance(physical, Mapping):
        new_physical = {k: v for k, v in physical.items() if k not in ("fileLocation", "id")}
        if isinstance(physical.get("fileLocation"), Mapping):
            new_physical["artifactLocation"] = {
                k: v for k, v in physical["fileLocation"].items() if k != "fileIndex"
            }
        new["physicalLocation"] = new_physical
    name = new.pop("fullyQualifiedLogicalName", None)
    if isinstance(name, str):
        new["logicalLocations"] = [{"fullyQualifiedName": name}]
    return new


def _common(result: Mapping[str, Any]) -> dict[str, Any]:
    new = {key: result[key] for key in ("baselineState", "properties") if key in result}
    level = result.get("level")
    if level in ("error", "warning", "note"):
        new["level"] = level
    elif level in ("pass", "notApplicable", "open"):
        # These kinds were levels.
        new["kind"] = level
    states = result.get("suppressionStates")
    if states:
        kinds = {"suppressedInSource": "inSource", "suppressedExternally": "external"}
        new["suppressions"] = [{"kind": kinds.get(state, "external")} for state in _list(states)]
    return new


def _places(locations: Any, convert: Any) -> Iterable[dict[str, Any]]:
    return (convert(place) for place in _list(locations) if isinstance(place, Mapping))


def _message(value: Any) -> dict[str, Any]:
    """Make a message of 2.1.0 of a text or an older message object."""
    if isinstance(value, Mapping):
        text = value.get("text") or value.get("richText")
        return {**value, "text": text if isinstance(text, str) else ""}
    return {"text": value if isinstance(value, str) else ""}


def _list(value: Any) -> list[Any]:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        return []
    return list(value)
