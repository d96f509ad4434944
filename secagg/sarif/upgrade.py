"""SARIF 1.0.0 and 2.0.0 as 2.1.0: what compilers and older tools still write.

Only what findings are made of is carried over: rules, results with their places and messages,
suppressions, and what an invocation says of its success. Sections named are those of the older
drafts: SARIF 1.0.0 (2016), SARIF 2.0.0 (committee specification drafts of 2018).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_EMPTY: Mapping[str, Any] = {}


def upgraded(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Make a 2.1.0 log of a decoded older one; None for a version that is not known.

    Members that are not built as their version says are left out, as a reader would find none.
    """
    version = document.get("version")
    if not isinstance(version, str) or not isinstance(document.get("runs"), list):
        return None
    if version.startswith("1.0"):
        one = _run_of_1
    elif version.startswith("2.0"):
        one = _run_of_2
    else:
        return None
    runs = [one(run) if isinstance(run, Mapping) else run for run in document["runs"]]
    return {"version": "2.1.0", "runs": runs}


def _run_of_1(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run of 1.0.0: rules by key, messages as text, files named by ``uri`` beside the region."""
    made = _frame(run, run.get("rules"))
    results = run.get("results")
    made["results"] = [_result_of_1(r) if isinstance(r, Mapping) else r for r in _list(results)]
    if results is None:
        del made["results"]
    return made


def _run_of_2(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run of 2.0.0: rules among its resources, files as ``fileLocation``."""
    resources = _mapping(run.get("resources"))
    made = _frame(run, resources.get("rules"))
    for name in ("originalUriBaseIds", "columnKind", "versionControlProvenance", "properties"):
        if name in run:
            made[name] = run[name]
    bases = made.get("originalUriBaseIds")
    if isinstance(bases, Mapping):
        # The first drafts had the URI itself where an artifactLocation stands now.
        made["originalUriBaseIds"] = {
            name: {"uri": base} if isinstance(base, str) else base for name, base in bases.items()
        }
    results = run.get("results")
    if results is not None:
        made["results"] = [_result_of_2(r) if isinstance(r, Mapping) else r for r in _list(results)]
    return made


def _frame(run: Mapping[str, Any], rules: Any) -> dict[str, Any]:
    tool = _mapping(run.get("tool"))
    driver = {
        key: tool[key]
        for key in ("name", "fullName", "version", "semanticVersion", "language", "properties")
        if key in tool
    }
    listed = rules.items() if isinstance(rules, Mapping) else ((None, r) for r in _list(rules))
    driver["rules"] = [_rule(key, rule) for key, rule in listed if isinstance(rule, Mapping)]
    made: dict[str, Any] = {"tool": {"driver": driver}}
    given = run.get("invocations") or ([run["invocation"]] if "invocation" in run else [])
    invocations = [_invocation(one, run) for one in _list(given) if isinstance(one, Mapping)]
    if invocations:
        made["invocations"] = invocations
    return made


def _invocation(one: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"executionSuccessful": True}
    for name, old in (
        ("executionSuccessful", "toolExecutionSuccessful"),
        ("exitCode", "exitCode"),
        ("exitCodeDescription", "exitCodeDescription"),
        ("toolExecutionNotifications", "toolNotifications"),
        ("toolConfigurationNotifications", "configurationNotifications"),
    ):
        value = one.get(old, run.get(old) if "otifications" in old else None)
        if value is not None:
            made[name] = value
    for name in ("toolExecutionNotifications", "toolConfigurationNotifications"):
        if name in made:
            made[name] = [
                {**note, "message": _message(note.get("message"))}
                for note in _list(made[name])
                if isinstance(note, Mapping)
            ]
    return made


def _rule(key: str | None, rule: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"id": rule.get("id") or key}
    for name in ("name", "helpUri", "properties"):
        if name in rule:
            made[name] = rule[name]
    if isinstance(made.get("name"), Mapping):
        made["name"] = _message(made["name"])["text"]
    for name in ("shortDescription", "fullDescription", "help"):
        if name in rule:
            made[name] = _message(rule[name])
    level = rule.get("defaultLevel") or _mapping(rule.get("configuration")).get("defaultLevel")
    if level in ("error", "warning", "note"):
        made["defaultConfiguration"] = {"level": level}
    formats = rule.get("messageFormats") or rule.get("messageStrings")
    if isinstance(formats, Mapping):
        made["messageStrings"] = {name: _message(text) for name, text in formats.items()}
    return made


def _result_of_1(result: Mapping[str, Any]) -> dict[str, Any]:
    made = _common(result)
    # A rule's key tells two rules of one id apart.
    rule_id = result.get("ruleId") or result.get("ruleKey")
    if rule_id is not None:
        made["ruleId"] = rule_id
    formatted = _mapping(result.get("formattedRuleMessage"))
    if formatted:
        made["message"] = {"id": formatted.get("formatId"), "arguments": formatted.get("arguments")}
    else:
        made["message"] = _message(result.get("message"))
    made["locations"] = list(_places(result.get("locations"), _place_of_1))
    return made


def _place_of_1(location: Mapping[str, Any]) -> dict[str, Any]:
    physical = _mapping(location.get("resultFile") or location.get("analysisTarget"))
    if not physical:
        # 1.0.0-beta.4 and older: a list of physical locations, outermost first.
        listed = location.get("resultFile") or location.get("analysisTarget")
        physical = _mapping(_list(listed)[-1]) if _list(listed) else _EMPTY
    artifact = {k: physical[k] for k in ("uri", "uriBaseId") if k in physical}
    made: dict[str, Any] = {"physicalLocation": {"artifactLocation": artifact}}
    if isinstance(physical.get("region"), Mapping):
        made["physicalLocation"]["region"] = physical["region"]
    name = location.get("fullyQualifiedLogicalName")
    if isinstance(name, str):
        made["logicalLocations"] = [{"fullyQualifiedName": name}]
    return made


def _result_of_2(result: Mapping[str, Any]) -> dict[str, Any]:
    made = _common(result)
    for name in ("ruleId", "ruleIndex", "rank", "kind", "partialFingerprints", "fingerprints"):
        if name in result:
            made[name] = result[name]
    message = _mapping(result.get("message"))
    given = {key: message[key] for key in ("text", "markdown", "arguments", "id") if key in message}
    for key, old in (("id", "messageId"), ("id", "ruleMessageId"), ("markdown", "richText")):
        if old in message:
            given[key] = message[old]
    if result.get("ruleMessageId") is not None:
        given["id"] = result["ruleMessageId"]
    made["message"] = given or _message(result.get("message"))
    for name in ("locations", "relatedLocations"):
        if name in result:
            made[name] = list(_places(result[name], _place_of_2))
    return made


def _place_of_2(location: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(location)
    physical = location.get("physicalLocation")
    if isinstance(physical, Mapping):
        new = {k: v for k, v in physical.items() if k not in ("fileLocation", "id")}
        if isinstance(physical.get("fileLocation"), Mapping):
            new["artifactLocation"] = {
                k: v for k, v in physical["fileLocation"].items() if k != "fileIndex"
            }
        made["physicalLocation"] = new
    name = made.pop("fullyQualifiedLogicalName", None)
    if isinstance(name, str):
        made["logicalLocations"] = [{"fullyQualifiedName": name}]
    return made


def _common(result: Mapping[str, Any]) -> dict[str, Any]:
    made = {key: result[key] for key in ("baselineState", "properties") if key in result}
    level = result.get("level")
    if level in ("error", "warning", "note"):
        made["level"] = level
    elif level in ("pass", "notApplicable", "open"):
        # They were levels before they became kinds.
        made["kind"] = level
    states = result.get("suppressionStates")
    if states:
        kinds = {"suppressedInSource": "inSource", "suppressedExternally": "external"}
        made["suppressions"] = [{"kind": kinds.get(state, "external")} for state in _list(states)]
    return made


def _places(locations: Any, one: Any) -> Iterable[dict[str, Any]]:
    return (one(place) for place in _list(locations) if isinstance(place, Mapping))


def _message(value: Any) -> dict[str, Any]:
    """A text, or the older message objects, as a message of 2.1.0."""
    if isinstance(value, Mapping):
        text = value.get("text") or value.get("richText")
        return {**value, "text": text if isinstance(text, str) else ""}
    return {"text": value if isinstance(value, str) else ""}


def _list(value: Any) -> list[Any]:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        return []
    return list(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else _EMPTY
