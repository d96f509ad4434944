"""Repair rules for code scanning: a rule for every result, numeric severities, few tags."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from secagg.github.limits import Limits, Tally
from secagg.jsonio.members import mapping_at, value_at
from secagg.model.severity import parse_security_severity
from secagg.sarif.rules import RuleTable, RuleView

SEVERITY = "security-severity"
# The tags to keep where a rule has more than GitHub shows.
_KEPT_TAGS = ("security", "external/cwe/", "CWE", "owasp", "vulnerability")
_LONGEST_NAME = 120
# An absolute URI by its characters (RFC 3986, 2.2 and 2.3, and 3).
_ABSOLUTE_URI = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+"
    r"(?:#(?:[A-Za-z0-9\-._~:/?@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)?"
)


def mend_rules(run: dict[str, Any], tally: Tally, limits: Limits) -> RuleTable:
    """Repair the rules of ``run`` and the references of its results to them, in place.

    Afterwards every result has the ``ruleId`` of a rule in the run, and ``security-severity`` is a
    number from 0.0 to 10.0 as text, or absent.
    """
    tool = run["tool"]
    for component in (tool["driver"], *(tool.get("extensions") or ())):
        _drop_bad_links(component, tally)
    for rule in _all_rules(run):
        _mend_severity(rule, tally)
        _drop_bad_links(rule, tally)
    _add_missing(run, tally)
    table = RuleTable(run)
    _raise_severities(run, table, tally)
    for rule in _all_rules(run):
        _mend_tags(rule, tally, limits)
        _mend_texts(rule, tally, limits)
    return RuleTable(run)


def severity_of(result: Mapping[str, Any], view: RuleView | None) -> float:
    """Return the score by which GitHub ranks a result, from 10.0 (worst) to 0.0.

    It is the rule's ``security-severity``; without one an error ranks with high, a warning with
    medium, a note with low.
    """
    if view is not None:
        # Not the score of the view, which was read before the repair.
        score = _number(value_at(view.raw, "properties", SEVERITY))
        if score is not None:
            return score
    level = result.get("level") or (view.level if view is not None else None) or "warning"
    return {"error": 7.0, "warning": 4.0, "note": 0.1}.get(str(level), 0.0)


def _all_rules(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    tool = run["tool"]
    for component in (tool["driver"], *(tool.get("extensions") or ())):
        for rule in component.get("rules") or ():
            if isinstance(rule, dict):
                yield rule


def _drop_bad_links(described: dict[str, Any], tally: Tally) -> None:
    """Delete links that are no URI, for which GitHub would refuse the whole file."""
    for key in ("helpUri", "informationUri", "downloadUri"):
        link = described.get(key)
        if link is not None and not (isinstance(link, str) and _ABSOLUTE_URI.fullmatch(link)):
            del described[key]
            tally.mend("link that is no URI", str(described.get("id") or described.get("name")))


def _mend_severity(rule: dict[str, Any], tally: Tally) -> None:
    properties = rule.get("properties")
    if not isinstance(properties, dict) or SEVERITY not in properties:
        return
    value = properties[SEVERITY]
    mended = _severity_text(value)
    if mended == value and mended is not None:
        return
    if mended is None:
        del properties[SEVERITY]
    else:
        properties[SEVERITY] = mended
    tally.mend("security-severity that is no number from 0.0 to 10.0", str(rule.get("id")))


def _severity_text(value: Any) -> str | None:
    score = parse_security_severity(value)
    if score is None:
        return None
    # A text that is such a number already stays as it is.
    return value if isinstance(value, str) and _number(value) == score else f"{score:.1f}"


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        score = float(value)
    except ValueError:
        return None
    return score if math.isfinite(score) else None


def _add_missing(run: dict[str, Any], tally: Tally) -> None:
    """Add a rule for every id that only results have, and delete wrong indices."""
    table = RuleTable(run)
    rules: list[Any] = run["tool"]["driver"].setdefault("rules", [])
    added: set[str] = set()
    for result in run["results"]:
        view = table.find(result)
        if view is None:
            result["ruleId"] = _rule_name(result)
            tally.mend("result that names no rule", result["ruleId"])
        elif view.raw and "ruleId" not in result and not result.get("rule"):
            result["ruleId"] = view.rule.id
        rule_id = result.get("ruleId")
        if rule_id is None or (view is not None and view.raw):
            _drop_wrong_index(result, view, rules, tally)
            continue
        result.pop("ruleIndex", None)
        result.pop("rule", None)
        if rule_id not in added:
            added.add(rule_id)
            rules.append({"id": rule_id, "shortDescription": {"text": rule_id}})
            tally.mend("rule that results name and the file lacks", rule_id)


def _drop_wrong_index(
    result: dict[str, Any], view: RuleView | None, rules: list[Any], tally: Tally
) -> None:
    index = result.get("ruleIndex")
    if index is None or view is None or result.get("rule"):
        return
    if not (isinstance(index, int) and 0 <= index < len(rules) and rules[index] is view.raw):
        del result["ruleIndex"]
        result.setdefault("ruleId", view.rule.id)
        tally.mend("ruleIndex that means another rule", str(result["ruleId"]))


def _rule_name(result: Mapping[str, Any]) -> str:
    """Return a name for a rule without one: the message of its result without digits."""
    text = str(value_at(result, "message", "text") or "")
    words = [word for word in text.split() if not any(character.isdigit() for character in word)]
    return " ".join(words)[:_LONGEST_NAME] or "unnamed rule"


def _raise_severities(run: dict[str, Any], table: RuleTable, tally: Tally) -> None:
    """Set the severity of a rule to the highest of its results, as GitHub reads only the rule's."""
    highest: dict[int, tuple[dict[str, Any], float]] = {}
    for result in run["results"]:
        value = value_at(result, "properties", SEVERITY)
        if value is None:
            continue
        severity = _severity_text(value)
        view = table.find(result)
        if severity is None or view is None or not isinstance(view.raw, dict):
            continue
        rule = view.raw
        if SEVERITY in mapping_at(rule, "properties"):
            continue
        before = highest.get(id(rule), (rule, 0.0))[1]
        highest[id(rule)] = rule, max(before, float(severity))
    for rule, score in highest.values():
        rule.setdefault("properties", {})[SEVERITY] = f"{score:.1f}"
        tally.mend("security-severity that only results had", str(rule.get("id")))


def _mend_tags(rule: dict[str, Any], tally: Tally, limits: Limits) -> None:
    properties = rule.get("properties")
    if not isinstance(properties, dict):
        return
    tags = properties.get("tags")
    tags = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    name = str(rule.get("id"))
    if SEVERITY in properties and "security" not in tags:
        # Without this tag GitHub does not show the severity.
        tags.insert(0, "security")
        properties["tags"] = tags
        tally.mend("security tag that a rule with security-severity lacks", name)
    if len(tags) > limits.tags_shown:
        tags.sort(key=lambda tag: not tag.startswith(_KEPT_TAGS))
        properties["tags"] = tags
        tally.truncate("rule of which GitHub shows some tags only", name)
    if len(tags) > limits.tags:
        del tags[limits.tags :]
        tally.cut("rule with more tags than GitHub takes", name)


def _mend_texts(rule: dict[str, Any], tally: Tally, limits: Limits) -> None:
    """Shorten name and descriptions to GitHub's limits, and replace empty ones."""
    rule_id = str(rule.get("id"))
    name = rule.get("name")
    if isinstance(name, str) and len(name) > limits.rule_name:
        rule["name"] = _truncate(name, limits.rule_name)
        tally.cut("rule with a longer name than GitHub takes", rule_id)
    for key in ("shortDescription", "fullDescription"):
        description = rule.get(key)
        if description is None:
            continue
        text = description.get("text") if isinstance(description, dict) else None
        if not isinstance(text, str) or not text.strip():
            rule[key] = {
                **(description if isinstance(description, dict) else {}),
                "text": _short_text(rule),
            }
            tally.mend("rule with an empty description", rule_id)
        elif len(text) > limits.rule_text:
            rule[key] = {**description, "text": _truncate(text, limits.rule_text)}
            tally.cut("rule with a longer description than GitHub takes", rule_id)


def _short_text(rule: Mapping[str, Any]) -> str:
    """Return a description of a rule in one line, from another of its fields."""
    for value in (rule.get("fullDescription"), rule.get("shortDescription"), rule.get("name")):
        text = value.get("text") if isinstance(value, Mapping) else value
        if isinstance(text, str) and text.strip():
            return _truncate(text.strip().splitlines()[0], _LONGEST_NAME)
    return _truncate(str(rule.get("id")), _LONGEST_NAME)


def _truncate(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
