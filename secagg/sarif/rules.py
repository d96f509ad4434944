"""The rules of a SARIF run, the rule that a result means, and the severity of a result."""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from secagg.model.finding import Kind, Rule, Severity
from secagg.model.severity import parse_security_severity, rates_by_level
from secagg.sarif.text import LONGEST_ID, LONGEST_NAME, first_sentence, multiformat, shortened

LEVELS = frozenset({"none", "note", "warning", "error"})


_EMPTY: Mapping[str, Any] = {}


# Tags, and weaknesses, of one rule: each of its findings has them.
_MOST_TAGS = 100


# A longer address opens in few browsers, and each finding of the rule has it.
_LONGEST_ADDRESS = 2_000


_CWE = re.compile(r"\bCWE[-_/: ]?0*(\d{1,5})\b", re.IGNORECASE)


_CWE_PAGE = re.compile(r"cwe\.mitre\.org/data/definitions/(\d+)")


_KEY_OF_THE_PROCESS = os.urandom(32)


def _keyed_here(text: str) -> str:
    """A keyed hash that holds within this process."""
    data = text.encode("utf-8", "surrogatepass")
    return hmac.digest(_KEY_OF_THE_PROCESS, data, "sha256").hex()


@dataclass(slots=True, kw_only=True)
class RuleView:
    """What results need of their rule, worked out once for all of them.

    ``level`` is that of ``defaultConfiguration`` (``None`` if it has none); ``score`` is
    ``security-severity``; ``strings`` and ``shared`` are where message ids are looked up.
    """

    rule: Rule
    title: str
    level: str | None = None
    score: float | None = None
    cwes: tuple[str, ...] = ()
    strings: Mapping[str, Any] = field(default_factory=dict)
    shared: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)
    memo: dict[Any, Any] = field(default_factory=dict)


class RuleTable:
    """All rules of a run: those of the driver and of every extension.

    An id that is too long is cut, with a checksum by ``keyed``, a keyed hash in hexadecimal digits.
    """

    def __init__(self, run: Mapping[str, Any], keyed: Callable[[str], str] = _keyed_here) -> None:
        self._keyed = keyed
        tool = _mapping(run.get("tool"))
        self._driver = _mapping(tool.get("driver"))
        self._extensions = [_mapping(e) for e in _sequence(tool.get("extensions"))]
        self._components = [self._driver, *self._extensions]
        self._by_id: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
        self._by_guid: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
        for component in self._components:
            for descriptor in _descriptors(component):
                self._enter(component, descriptor)
        self._views: dict[tuple[int, str], RuleView] = {}
        self._unknown: dict[str, RuleView] = {}
        self._taxa = {
            str(c.get("guid")): str(c.get("name"))
            for c in _sequence(run.get("taxonomies"))
            if isinstance(c, Mapping)
        }

    def __contains__(self, rule_id: str) -> bool:
        return rule_id in self._by_id

    def find(self, result: Mapping[str, Any]) -> RuleView | None:
        """Return the rule that ``result`` refers to; ``None`` where it names none at all.

        An id that no rule has gets a view with nothing but the id. An index is believed
        unless the id that stands beside it belongs to another rule.
        """
        reference = result.get("rule")
        reference = reference if isinstance(reference, Mapping) else _EMPTY
        rule_id = result.get("ruleId")
        if not isinstance(rule_id, str) or not rule_id:
            rule_id = reference.get("id")
            rule_id = rule_id if isinstance(rule_id, str) and rule_id else None
        if rule_id is not None:
            rule_id = shortened(rule_id, LONGEST_ID, self._keyed)
        rule = self._indexed(result, reference)
        if rule_id is not None and (rule is None or not _names(rule_id, rule[1])):
            rule = self._named(rule_id) or rule
        elif rule is None:
            rule = self._by_guid.get(str(reference.get("guid")))
        if rule is None:
            return None if rule_id is None else self._view_of_unknown(rule_id)
        own = rule[1].get("id")
        if rule_id is None and isinstance(own, str):
            rule_id = shortened(own, LONGEST_ID, self._keyed)
        return self._view(rule, rule_id) if rule_id else None

    def cwes_of(self, references: Any) -> Iterator[str]:
        """Yield the CWE ids among ``taxa`` or relationship targets."""
        for reference in _sequence(references):
            if not isinstance(reference, Mapping):
                continue
            component = _mapping(reference.get("toolComponent"))
            name = component.get("name") or self._taxa.get(str(component.get("guid")), "")
            taxon = str(reference.get("id") or "")
            if "CWE" in str(name).upper() and taxon.isdecimal():
                yield f"CWE-{int(taxon)}"
            else:
                yield from _cwes(taxon)

    def _enter(self, component: Mapping[str, Any], descriptor: Mapping[str, Any]) -> None:
        entry = (component, descriptor)
        if isinstance(descriptor.get("id"), str):
            rule_id = shortened(descriptor["id"], LONGEST_ID, self._keyed)
            self._by_id.setdefault(rule_id, entry)
        if isinstance(descriptor.get("guid"), str):
            self._by_guid.setdefault(descriptor["guid"], entry)
        for old in _sequence(descriptor.get("deprecatedIds")):
            if isinstance(old, str):
                self._by_id.setdefault(shortened(old, LONGEST_ID, self._keyed), entry)

    def _indexed(
        self, result: Mapping[str, Any], reference: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        index = reference.get("index")
        if not isinstance(index, int) or index < 0:
            index = result.get("ruleIndex")
        if not isinstance(index, int) or index < 0:
            return None
        component = self._component(reference.get("toolComponent"))
        rules = _sequence(component.get("rules"))
        if index < len(rules) and isinstance(rules[index], Mapping):
            return component, rules[index]
        return None

    def _component(self, reference: Any) -> Mapping[str, Any]:
        if not isinstance(reference, Mapping):
            return self._driver
        index = reference.get("index")
        if isinstance(index, int) and 0 <= index < len(self._extensions):
            return self._extensions[index]
        for key in ("guid", "name"):
            if isinstance(reference.get(key), str):
                for component in self._components:
                    if component.get(key) == reference[key]:
                        return component
        return self._driver

    def _named(self, rule_id: str) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        """The rule of ``rule_id``, or of the nearest id above it in the hierarchy (3.5.4)."""
        name = rule_id
        while name not in self._by_id:
            name, slash, _ = name.rpartition("/")
            if not slash:
                return None
        return self._by_id[name]

    def _view(self, found: tuple[Mapping[str, Any], Mapping[str, Any]], rule_id: str) -> RuleView:
        component, raw = found
        key = (id(raw), rule_id)
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = self._build(component, raw, rule_id)
        return view

    def _view_of_unknown(self, rule_id: str) -> RuleView:
        view = self._unknown.get(rule_id)
        if view is None:
            shared = _mapping(self._driver.get("globalMessageStrings"))
            view = RuleView(rule=Rule(id=rule_id), title="", shared=shared)
            view.cwes = tuple(dict.fromkeys(_cwes(rule_id)))
            self._unknown[rule_id] = view
        return view

    def _build(
        self, component: Mapping[str, Any], raw: Mapping[str, Any], rule_id: str
    ) -> RuleView:
        properties = _mapping(raw.get("properties"))
        tags = tuple(
            shortened(tag, LONGEST_NAME, self._keyed)
            for tag in _sequence(properties.get("tags"))[:_MOST_TAGS]
            if isinstance(tag, str)
        )
        short, _ = multiformat(raw.get("shortDescription"))
        full, _ = multiformat(raw.get("fullDescription"))
        help_text, help_markdown = multiformat(raw.get("help"))
        name = raw.get("name")
        name = shortened(name, LONGEST_ID, self._keyed) if isinstance(name, str) and name else None
        help_uri = raw.get("helpUri")
        precision = properties.get("precision")
        level = _mapping(raw.get("defaultConfiguration")).get("level")
        rule = Rule(
            id=rule_id,
            name=name,
            short_description=short,
            full_description=full,
            help_text=help_text,
            help_markdown=help_markdown,
            help_uri=help_uri if _is_address(help_uri) else None,
            tags=tags,
            precision=precision if isinstance(precision, str) else None,
        )
        return RuleView(
            rule=rule,
            # Semgrep's short description is the rule's id once more.
            title=first_sentence((not _says_id(short) and short) or full or ""),
            level=level if level in LEVELS else None,
            score=security_severity(properties),
            cwes=tuple(dict.fromkeys(islice(self._cwes(raw, properties, tags, rule), _MOST_TAGS))),
            strings=_mapping(raw.get("messageStrings")),
            shared=_mapping(component.get("globalMessageStrings")),
            raw=raw,
        )

    def _cwes(
        self,
        raw: Mapping[str, Any],
        properties: Mapping[str, Any],
        tags: Sequence[str],
        rule: Rule,
    ) -> Iterator[str]:
        for tag in tags:
            yield from _cwes(tag)
        yield from cwes_in(properties)
        targets = [
            r.get("target") for r in _sequence(raw.get("relationships")) if isinstance(r, Mapping)
        ]
        yield from self.cwes_of(targets)
        if rule.help_uri:
            yield from (f"CWE-{int(n)}" for n in _CWE_PAGE.findall(rule.help_uri))


def cwes_in(properties: Mapping[str, Any]) -> Iterator[str]:
    """Yield the CWE entries that a bag of properties names, as texts or numbers."""
    for key in ("cwe", "cwes", "cwe_ids", "CWE"):
        value = properties.get(key)
        for item in value if isinstance(value, list) else [value]:
            text = str(item)
            yield from [f"CWE-{int(text)}"] if text.isdecimal() else _cwes(text)


def security_severity(properties: Mapping[str, Any]) -> float | None:
    """``security-severity``, a number from 0.0 to 10.0 often written as text."""
    return parse_security_severity(properties.get("security-severity"))


def _names(rule_id: str, descriptor: Mapping[str, Any]) -> bool:
    """True if ``rule_id`` is the descriptor's id, an old one of it, or one below it."""
    own = descriptor.get("id")
    if not isinstance(own, str):
        return True
    if rule_id == own or rule_id.startswith(f"{own}/"):
        return True
    return rule_id in _sequence(descriptor.get("deprecatedIds"))


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_ADDRESS


def _says_id(short: str | None) -> bool:
    return short is not None and short.startswith("Semgrep Finding: ")


def _cwes(text: str) -> Iterator[str]:
    return (f"CWE-{int(number)}" for number in _CWE.findall(text))


def _descriptors(component: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (r for r in _sequence(component.get("rules")) if isinstance(r, Mapping))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else _EMPTY


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


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
        """Return the level set for the rule of ``result`` in its invocation, if any."""
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
    """Return the severity of a result, whether its tool chose it, and the score if there is one.

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
    level, is_known = _level(result, view, overrides)
    if kind is Kind.SECRET and not is_known:
        return Severity.HIGH, True, None
    if is_known and result.get("kind", "fail") == "fail" and not rates_by_level(tool, level):
        return _SEVERITY_OF_LEVEL["warning"], False, None
    return _SEVERITY_OF_LEVEL[level], is_known, None


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
