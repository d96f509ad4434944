"""How bad a SARIF result is: by score, by the tool's word, by level (3.27.10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secagg.model.finding import Kind, Severity
from secagg.model.scales import rates_by_level
from secagg.sarif.rules import LEVELS, RuleTable, RuleView, security_severity

_SEVERITY_OF_LEVEL = {
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "note": Severity.LOW,
    "none": Severity.NONE,
}
_SEVERITY_OF_WORD = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "low": Severity.LOW,
}
# Properties of results in which tools write one of those words.
_WORDED = (
    "issue_severity",
    "severity",
    "zizmor/severity",
    "cvssv3_baseSeverity",
    "cvssv2_severity",
)
_EMPTY: Mapping[str, Any] = {}


class Overrides:
    """Levels that invocations of a run set for rules (3.20.5).

    A run's only invocation holds for results that do not say theirs as well.
    """

    def __init__(self, run: Mapping[str, Any], rules: RuleTable) -> None:
        self._levels: dict[tuple[int, str], str] = {}
        invocations = run.get("invocations")
        invocations = invocations if isinstance(invocations, list) else []
        for index, invocation in enumerate(invocations):
            overrides = _mapping(invocation).get("ruleConfigurationOverrides")
            for override in overrides if isinstance(overrides, list) else ():
                level = _mapping(_mapping(override).get("configuration")).get("level")
                view = rules.find({"rule": _mapping(_mapping(override).get("descriptor"))})
                if level in LEVELS and view is not None:
                    self._levels[index, view.rule.id] = level
                    if len(invocations) == 1:
                        self._levels[-1, view.rule.id] = level

    def level(self, result: Mapping[str, Any], view: RuleView) -> str | None:
        """The level set for the rule of ``result`` in its invocation, if any."""
        if not self._levels:
            return None
        invocation = _mapping(result.get("provenance")).get("invocationIndex", -1)
        for rule_id in (view.rule.id, str(view.raw.get("id"))):
            if (invocation, rule_id) in self._levels:
                return self._levels[invocation, rule_id]
        return None


def severity_of(
    result: Mapping[str, Any],
    properties: Mapping[str, Any],
    view: RuleView,
    kind: Kind,
    overrides: Overrides,
    tool: str,
) -> tuple[Severity, bool, float | None]:
    """The severity of a result, whether its tool chose it, and the score if there is one.

    ``security-severity`` of the result comes first, then that of the rule, a word in the
    result's properties, the level where ``tool`` puts its severity there. A secret whose scanner
    rates nothing is high.
    """
    score = security_severity(properties) if properties else None
    if score is None:
        score = view.score
    if score is not None:
        return Severity.of_score(score), True, score
    for key in _WORDED:
        word = properties.get(key)
        if isinstance(word, str) and word.lower() in _SEVERITY_OF_WORD:
            return _SEVERITY_OF_WORD[word.lower()], True, _cvss(properties)
    level, known = _level(result, view, overrides)
    if kind is Kind.SECRET and not known:
        return Severity.HIGH, True, None
    if known and result.get("kind", "fail") == "fail" and not rates_by_level(tool, level):
        return _SEVERITY_OF_LEVEL["warning"], False, None
    return _SEVERITY_OF_LEVEL[level], known, None


def _level(result: Mapping[str, Any], view: RuleView, overrides: Overrides) -> tuple[str, bool]:
    """The level of a result, and whether anyone chose it."""
    kind = result.get("kind")
    if kind is not None and kind != "fail":
        return "none", True
    level = result.get("level")
    if level in LEVELS:
        return str(level), True
    level = overrides.level(result, view) or view.level
    return ("warning", False) if level is None else (level, True)


def _cvss(properties: Mapping[str, Any]) -> float | None:
    for key in ("cvssv3_baseScore", "cvssv2_score"):
        value = properties.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 10:
            return float(value)
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else _EMPTY
