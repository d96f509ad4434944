"""Weaknesses: when two rules of different tools look for the same thing.

A weakness is a CWE entry, and a variant is taken for the entry of which it is one (a SQL
injection through Hibernate is a SQL injection); where a rule is known to the curated map, the
weakness is the one that the map says, for many rules carry CWE entries that they only touch.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from secagg.model.finding import Finding

_NUMBER = re.compile(r"CWE[-_ ]?0*(\d+)", re.IGNORECASE)
_DATA = "secagg.merge.data"


@dataclass(frozen=True, slots=True)
class _Taxonomy:
    """The research concepts of CWE: parents of each entry, and what is a class or a variant."""

    parents: dict[int, tuple[int, ...]]
    classes: frozenset[int]
    variants: frozenset[int]


@cache
def _taxonomy() -> _Taxonomy:
    data = _load("cwe.json")
    parents = {int(child): tuple(of) for child, of in data["parents"].items()}
    return _Taxonomy(parents, frozenset(data["classes"]), frozenset(data["variants"]))


@cache
def _curated() -> dict[tuple[str, str], frozenset[str]]:
    """(tool, rule) to the CWE entries it looks for: several for a rule that covers them all."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for entry in _load("rules.json")["weaknesses"]:
        for tool, rules in entry["rules"].items():
            for rule in rules:
                known = found.get((tool, rule.lower()), frozenset())
                found[tool, rule.lower()] = known | {f"CWE-{entry['cwe']}"}
    return found


@cache
def _by_message() -> dict[str, list[tuple[str, str, frozenset[str]]]]:
    """By tool: rule, what its messages say, and the entry, where one rule looks for several."""
    found: dict[str, list[tuple[str, str, frozenset[str]]]] = {}
    for entry in _load("rules.json")["messages"]:
        said = (entry["rule"], entry["says"], frozenset([f"CWE-{entry['cwe']}"]))
        found.setdefault(entry["tool"], []).append(said)
    return found


@cache
def _one_at_a_place() -> frozenset[str]:
    return frozenset(f"CWE-{number}" for number in _load("rules.json")["one_at_a_place"])


@lru_cache(maxsize=4096)
def one_at_a_place(labels: frozenset[str]) -> frozenset[str]:
    """Those of ``labels`` of which a place can only have one: a call is one injection.

    A cookie can miss several settings, and each is a problem of its own.
    """
    return labels & _one_at_a_place()


def weaknesses(finding: Finding) -> frozenset[str]:
    """The weaknesses that ``finding`` can be about; empty where nothing says."""
    for rule, says, labels in _by_message().get(finding.tool, ()):
        if finding.rule_id == rule and says in finding.message.lower():
            return labels
    return _weaknesses(finding.tool, finding.rule_id, finding.cwes)


@lru_cache(maxsize=65536)
def _weaknesses(tool: str, rule_id: str, cwes: tuple[str, ...]) -> frozenset[str]:
    known = curated(tool, rule_id)
    if known is not None:
        return frozenset(map(base, known))
    found = {base(f"CWE-{int(match[1])}") for cwe in cwes if (match := _NUMBER.match(cwe))}
    telling = {cwe for cwe in found if int(cwe[4:]) not in _taxonomy().classes}
    # An entry that is a class says little beside one that is not.
    return frozenset(telling or found)


@lru_cache(maxsize=4096)
def main_weakness(labels: frozenset[str]) -> str | None:
    """The one of several weaknesses that names a problem: the most telling, then the oldest."""
    if not labels:
        return None
    classes = _taxonomy().classes
    return min(labels, key=lambda cwe: (int(cwe[4:]) in classes, int(cwe[4:])))


def curated(tool: str, rule_id: str) -> frozenset[str] | None:
    """The CWE entries that the curated map gives for a tool's rule, or None."""
    rules = _curated()
    name = rule_id.lower()
    if tool == "snyk":
        # Snyk Code: language/Rule, and /test for code of tests.
        name = name.removesuffix("/test").rpartition("/")[2]
    elif tool == "semgrep":
        # The registry's path may be cut or led by the file that rules were read from.
        name = name.rpartition(".")[2]
    return rules.get((tool, name))


@lru_cache(maxsize=4096)
def base(cwe: str) -> str:
    """The entry of which ``cwe`` is a variant (SQL injection for CWE-564), else ``cwe``."""
    taxonomy = _taxonomy()
    number = int(cwe[4:])
    while number in taxonomy.variants:
        above = [p for p in taxonomy.parents.get(number, ()) if p not in taxonomy.classes]
        if not above:
            break
        number = min(above)
    return f"CWE-{number}"


@lru_cache(maxsize=4096)
def parents(cwe: str) -> tuple[str, ...]:
    """The direct parents of a CWE entry."""
    return tuple(f"CWE-{parent}" for parent in _taxonomy().parents.get(int(cwe[4:]), ()))


def _load(name: str) -> Any:
    return json.loads(resources.files(_DATA).joinpath(name).read_text(encoding="utf-8"))
