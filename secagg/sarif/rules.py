"""The rules of a SARIF run: which rule a result refers to, and how severe the result is."""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from msgspec import Struct, field

from secagg.jsonio.members import as_list, as_mapping, as_text, mapping_at, objects_in, value_at
from secagg.model.finding import Kind, Rule, Severity
from secagg.model.severity import of_word, parse_security_severity, rates_by_level
from secagg.sarif.text import LONGEST_ID, LONGEST_NAME, first_sentence, multiformat, shortened
from secagg.system.patterns import lazy

LEVELS = frozenset({"none", "note", "warning", "error"})

# Tags and CWEs of one rule. Limited, because each of its findings repeats them.
_MOST_TAGS = 100
# A longer address opens in few browsers, and each finding of the rule repeats it.
_LONGEST_ADDRESS = 2_000
_CWE = lazy(r"\bCWE[-_/: ]?0*(\d{1,5})\b", re.IGNORECASE)
_CWE_PAGE = lazy(r"cwe\.mitre\.org/data/definitions/(\d+)")
_PROCESS_KEY = os.urandom(32)
_SEVERITY_OF_LEVEL = {
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "note": Severity.LOW,
    "none": Severity.NONE,
}
# Properties of results in which tools write the word of a severity.
_SEVERITY_PROPERTIES = (
    "issue_severity",
    "severity",
    "zizmor/severity",
    "cvssv3_baseSeverity",
    "cvssv2_severity",
)

# A component of the tool (its driver or an extension), and one of its rules.
_Entry = tuple[Mapping[str, Any], Mapping[str, Any]]


def _process_hash(text: str) -> str:
    """Hash ``text`` with a key that lasts as long as this process."""
    data = text.encode("utf-8", "surrogatepass")
    return hmac.digest(_PROCESS_KEY, data, "sha256").hex()


class RuleView(Struct, kw_only=True):
    """The facts about a rule that its results need, worked out once for all of them.

    ``level`` is that of ``defaultConfiguration`` (``None`` if it has none); ``score`` is
    ``security-severity``; message ids are looked up in ``strings``, then in ``shared``. ``raw``
    is the rule's descriptor, and ``memo`` caches what depends on the rule only.
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

    An id that is too long is cut and gets a checksum by ``keyed``, a keyed hash as hexadecimal
    digits.
    """

    def __init__(self, run: Mapping[str, Any], keyed: Callable[[str], str] = _process_hash) -> None:
        self._keyed = keyed
        tool = as_mapping(run.get("tool"))
        self._driver = as_mapping(tool.get("driver"))
        self._extensions = [as_mapping(e) for e in as_list(tool.get("extensions"))]
        self._components = [self._driver, *self._extensions]
        self._by_id: dict[str, _Entry] = {}
        self._by_guid: dict[str, _Entry] = {}
        for component in self._components:
            for descriptor in objects_in(component.get("rules")):
                self._add(component, descriptor)
        self._views: dict[tuple[int, str], RuleView] = {}
        self._undefined: dict[str, RuleView] = {}
        self._taxonomies = {
            str(taxonomy.get("guid")): str(taxonomy.get("name"))
            for taxonomy in objects_in(run.get("taxonomies"))
        }

    def __contains__(self, rule_id: str) -> bool:
        return rule_id in self._by_id

    def find(self, result: Mapping[str, Any]) -> RuleView | None:
        """Return the rule that ``result`` refers to; ``None`` where it names none (3.27.5-7).

        An id without a descriptor gives a view with the id only. The index counts, unless the
        id beside it belongs to another rule.
        """
        reference = mapping_at(result, "rule")
        rule_id = as_text(result.get("ruleId")) or as_text(reference.get("id"))
        if rule_id is not None:
            rule_id = shortened(rule_id, LONGEST_ID, self._keyed)
        entry = self._entry_by_index(result, reference)
        if rule_id is not None and (entry is None or not _is_id_of(rule_id, entry[1])):
            entry = self._entry_by_id(rule_id) or entry
        elif entry is None:
            entry = self._by_guid.get(str(reference.get("guid")))
        if entry is None:
            return None if rule_id is None else self._undefined_view(rule_id)
        descriptor_id = entry[1].get("id")
        if rule_id is None and isinstance(descriptor_id, str):
            rule_id = shortened(descriptor_id, LONGEST_ID, self._keyed)
        return self._view(entry, rule_id) if rule_id else None

    def cwes_of(self, references: Any) -> Iterator[str]:
        """Yield the CWE ids among ``taxa`` or relationship targets."""
        for reference in objects_in(references):
            component = as_mapping(reference.get("toolComponent"))
            name = component.get("name") or self._taxonomies.get(str(component.get("guid")), "")
            taxon = str(reference.get("id") or "")
            if "CWE" in str(name).upper() and taxon.isdecimal():
                yield f"CWE-{int(taxon)}"
            else:
                yield from _cwes(taxon)

    def _add(self, component: Mapping[str, Any], descriptor: Mapping[str, Any]) -> None:
        entry = (component, descriptor)
        if isinstance(descriptor.get("id"), str):
            rule_id = shortened(descriptor["id"], LONGEST_ID, self._keyed)
            self._by_id.setdefault(rule_id, entry)
        if isinstance(descriptor.get("guid"), str):
            self._by_guid.setdefault(descriptor["guid"], entry)
        for deprecated in as_list(descriptor.get("deprecatedIds")):
            if isinstance(deprecated, str):
                self._by_id.setdefault(shortened(deprecated, LONGEST_ID, self._keyed), entry)

    def _entry_by_index(
        self, result: Mapping[str, Any], reference: Mapping[str, Any]
    ) -> _Entry | None:
        index = reference.get("index")
        if not isinstance(index, int) or index < 0:
            index = result.get("ruleIndex")
        if not isinstance(index, int) or index < 0:
            return None
        component = self._component(reference.get("toolComponent"))
        rules = as_list(component.get("rules"))
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

    def _entry_by_id(self, rule_id: str) -> _Entry | None:
        """Return the rule of ``rule_id``, or of the nearest id above it (3.5.4)."""
        name = rule_id
        while name not in self._by_id:
            name, slash, _ = name.rpartition("/")
            if not slash:
                return None
        return self._by_id[name]

    def _view(self, entry: _Entry, rule_id: str) -> RuleView:
        component, raw = entry
        key = (id(raw), rule_id)
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = self._build(component, raw, rule_id)
        return view

    def _undefined_view(self, rule_id: str) -> RuleView:
        """Make the view of a rule that the run does not define."""
        view = self._undefined.get(rule_id)
        if view is None:
            shared = as_mapping(self._driver.get("globalMessageStrings"))
            view = RuleView(rule=Rule(id=rule_id), title="", shared=shared)
            view.cwes = tuple(dict.fromkeys(_cwes(rule_id)))
            self._undefined[rule_id] = view
        return view

    def _build(
        self, component: Mapping[str, Any], raw: Mapping[str, Any], rule_id: str
    ) -> RuleView:
        properties = as_mapping(raw.get("properties"))
        tags = tuple(
            shortened(tag, LONGEST_NAME, self._keyed)
            for tag in as_list(properties.get("tags"))[:_MOST_TAGS]
            if isinstance(tag, str)
        )
        short, _ = multiformat(raw.get("shortDescription"))
        full, _ = multiformat(raw.get("fullDescription"))
        help_text, help_markdown = multiformat(raw.get("help"))
        name = as_text(raw.get("name"))
        help_uri = raw.get("helpUri")
        precision = properties.get("precision")
        level = value_at(raw, "defaultConfiguration", "level")
        rule = Rule(
            id=rule_id,
            name=name and shortened(name, LONGEST_ID, self._keyed),
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
            # Semgrep's short description repeats the rule's id.
            title=first_sentence((not _repeats_id(short) and short) or full or ""),
            level=level if level in LEVELS else None,
            score=security_severity(properties),
            cwes=tuple(dict.fromkeys(islice(self._cwes(raw, properties, tags, rule), _MOST_TAGS))),
            strings=as_mapping(raw.get("messageStrings")),
            shared=as_mapping(component.get("globalMessageStrings")),
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
        targets = [relation.get("target") for relation in objects_in(raw.get("relationships"))]
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
    """Read ``security-severity``, a number from 0.0 to 10.0 that is often written as text."""
    return parse_security_severity(properties.get("security-severity"))


def _is_id_of(rule_id: str, descriptor: Mapping[str, Any]) -> bool:
    """Tell whether ``rule_id`` is an id of the descriptor, or one below its id (3.5.4)."""
    descriptor_id = descriptor.get("id")
    if not isinstance(descriptor_id, str):
        return True
    if rule_id == descriptor_id or rule_id.startswith(f"{descriptor_id}/"):
        return True
    return rule_id in as_list(descriptor.get("deprecatedIds"))


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_ADDRESS


def _repeats_id(short: str | None) -> bool:
    return short is not None and short.startswith("Semgrep Finding: ")


def _cwes(text: str) -> Iterator[str]:
    return (f"CWE-{int(number)}" for number in _CWE.findall(text))


class Overrides:
    """Levels that invocations of a run set for rules (3.20.5).

    If a run has one invocation, it applies to results that name none as well.
    """

    def __init__(self, run: Mapping[str, Any], rules: RuleTable) -> None:
        self._levels: dict[tuple[int, str], str] = {}
        invocations = as_list(run.get("invocations"))
        for index, invocation in enumerate(invocations):
            for override in as_list(value_at(invocation, "ruleConfigurationOverrides")):
                level = value_at(override, "configuration", "level")
                view = rules.find({"rule": mapping_at(override, "descriptor")})
                if level in LEVELS and view is not None:
                    self._levels[index, view.rule.id] = level
                    if len(invocations) == 1:
                        self._levels[-1, view.rule.id] = level

    def level(self, result: Mapping[str, Any], view: RuleView) -> str | None:
        """Return the level set for the rule of ``result`` in its invocation, if any."""
        if not self._levels:
            return None
        invocation = mapping_at(result, "provenance").get("invocationIndex", -1)
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

    The first of these counts: ``security-severity`` of the result, that of the rule, a word in
    the result's properties, the level if ``tool`` rates by it. A secret that its scanner does
    not rate is high.
    """
    score = security_severity(properties) if properties else None
    if score is None:
        score = view.score
    if score is not None:
        return Severity.of_score(score), True, score
    for key in _SEVERITY_PROPERTIES:
        word = properties.get(key)
        severity, is_known = of_word(word) if isinstance(word, str) else (Severity.NONE, False)
        # "info" says less than the level, which has a place for what is only a note.
        if is_known and severity is not Severity.NONE:
            return severity, True, _cvss(properties)
    level, is_known = _level(result, view, overrides)
    if kind is Kind.SECRET and not is_known:
        return Severity.HIGH, True, None
    if is_known and result.get("kind", "fail") == "fail" and not rates_by_level(tool, level):
        return _SEVERITY_OF_LEVEL["warning"], False, None
    return _SEVERITY_OF_LEVEL[level], is_known, None


def _level(result: Mapping[str, Any], view: RuleView, overrides: Overrides) -> tuple[str, bool]:
    """Return the level of a result, and whether its tool or an invocation chose it (3.27.10)."""
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
