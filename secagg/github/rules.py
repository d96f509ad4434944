"""Rules as code scanning needs them: there, with a severity that is a number, and few tags."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from secagg.github.limits import Limits, Tally
from secagg.model.severity import parse_security_severity
from secagg.sarif.rules import RuleTable, RuleView

SEVERITY = "security-severity"
# Kept first where a rule has more tags than GitHub takes.
_FIRST = ("security", "external/cwe/", "CWE", "owasp", "vulnerability")
_LONGEST_NAME = 120
# An absolute URI by its characters (RFC 3986, 2.2 and 2.3, and 3).
_LINK = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+"
    r"(?:#(?:[A-Za-z0-9\-._~:/?@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)?"
)


def mend_rules(run: dict[str, Any], tally: Tally, limits: Limits) -> RuleTable:
    """Repair the rules of ``run`` in place, and the references of its results to them.

    Afterwards every result has a ``ruleId`` that a rule of the run has, and every rule's
    ``security-severity`` is a number from 0.0 to 10.0 written as text, or is not there.
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
    """By what GitHub ranks results: the rule's ``security-severity``, else the level's place.

    From 10.0 (worst) to 0.0; an error without a score ranks with high, a warning with
    medium, a note with low.
    """
    if view is not None:
        # The view's own score was read before mending.
        properties = view.raw.get("properties")
        score = _number(properties.get(SEVERITY)) if isinstance(properties, Mapping) else None
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
    """A link that is no URI would have the whole file refused, and shows nobody anything."""
    for key in ("helpUri", "informationUri", "downloadUri"):
        link = described.get(key)
        if link is not None and not (isinstance(link, str) and _LINK.fullmatch(link)):
            del described[key]
            tally.mend("link that is no URI", str(described.get("id") or described.get("name")))


def _mend_severity(rule: dict[str, Any], tally: Tally) -> None:
    properties = rule.get("properties")
    if not isinstance(properties, dict) or SEVERITY not in properties:
        return
    given = properties[SEVERITY]
    mended = _as_severity(given)
    if mended == given and mended is not None:
        return
    if mended is None:
        del properties[SEVERITY]
    else:
        properties[SEVERITY] = mended
    tally.mend("security-severity that is no number from 0.0 to 10.0", str(rule.get("id")))


def _as_severity(given: Any) -> str | None:
    score = parse_security_severity(given)
    if score is None:
        return None
    # What is a number from 0.0 to 10.0 already stays as it is written.
    return given if isinstance(given, str) and _number(given) == score else f"{score:.1f}"


def _number(given: Any) -> float | None:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return None
    try:
        score = float(given)
    except ValueError:
        return None
    return score if math.isfinite(score) else None


def _add_missing(run: dict[str, Any], tally: Tally) -> None:
    """A rule for every id that results name and no rule has; an index that is wrong goes."""
    table = RuleTable(run)
    rules: list[Any] = run["tool"]["driver"].setdefault("rules", [])
    added: set[str] = set()
    for result in run["results"]:
        view = table.find(result)
        if view is None:
            result["ruleId"] = _name_of(result)
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


def _name_of(result: Mapping[str, Any]) -> str:
    """A name for a rule that has none: what its result says, without what changes."""
    message = result.get("message")
    text = message.get("text") if isinstance(message, Mapping) else None
    words = [w for w in str(text or "").split() if not any(c.isdigit() for c in w)]
    return " ".join(words)[:_LONGEST_NAME] or "unnamed rule"


def _raise_severities(run: dict[str, Any], table: RuleTable, tally: Tally) -> None:
    """GitHub reads the severity from the rule only: it gets the highest of its results."""
    highest: dict[int, tuple[dict[str, Any], float]] = {}
    for result in run["results"]:
        properties = result.get("properties")
        given = properties.get(SEVERITY) if isinstance(properties, Mapping) else None
        if given is None:
            continue
        severity = _as_severity(given)
        view = table.find(result)
        if severity is None or view is None or not isinstance(view.raw, dict):
            continue
        rule = view.raw
        of_rule = rule.get("properties")
        if isinstance(of_rule, Mapping) and SEVERITY in of_rule:
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
        tags.sort(key=lambda tag: not tag.startswith(_FIRST))
        properties["tags"] = tags
        tally.truncate("rule of which GitHub shows some tags only", name)
    if len(tags) > limits.tags:
        del tags[limits.tags :]
        tally.cut("rule with more tags than GitHub takes", name)


def _mend_texts(rule: dict[str, Any], tally: Tally, limits: Limits) -> None:
    """Name and descriptions as long as GitHub takes them, and none that is empty."""
    rule_id = str(rule.get("id"))
    name = rule.get("name")
    if isinstance(name, str) and len(name) > limits.rule_name:
        rule["name"] = _shortened(name, limits.rule_name)
        tally.cut("rule with a longer name than GitHub takes", rule_id)
    for key in ("shortDescription", "fullDescription"):
        given = rule.get(key)
        if given is None:
            continue
        text = given.get("text") if isinstance(given, dict) else None
        if not isinstance(text, str) or not text.strip():
            rule[key] = {**(given if isinstance(given, dict) else {}), "text": _text_of(rule)}
            tally.mend("rule with an empty description", rule_id)
        elif len(text) > limits.rule_text:
            rule[key] = {**given, "text": _shortened(text, limits.rule_text)}
            tally.cut("rule with a longer description than GitHub takes", rule_id)


def _text_of(rule: Mapping[str, Any]) -> str:
    """What a rule says of itself elsewhere, in one line."""
    for value in (rule.get("fullDescription"), rule.get("shortDescription"), rule.get("name")):
        text = value.get("text") if isinstance(value, Mapping) else value
        if isinstance(text, str) and text.strip():
            return _shortened(text.strip().splitlines()[0], _LONGEST_NAME)
    return _shortened(str(rule.get("id")), _LONGEST_NAME)


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
