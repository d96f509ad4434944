"""The weakness (CWE), misconfiguration check or sort of secret that a rule looks for.

A weakness is a CWE entry; a variant counts as the entry of which it is one (a SQL injection through
Hibernate is a SQL injection). For a rule in the curated map (``data/rules.json``) the weakness is
that of the map, because many rules also have CWE entries that are only related.
"""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from secagg.model.finding import Finding
from secagg.system.patterns import lazy

_DATA = Path(__file__).parent / "data"
_NUMBER = lazy(r"CWE[-_ ]?0*(\d+)", re.IGNORECASE)
# Trivy's ids over time: DS002, AVD-DS-0002, DS-0002.
_AVD = lazy(r"(?:AVD-)?([A-Z]{2,8})-?0*(\d{1,5})")
_BETWEEN = lazy(r"[^a-z0-9]+")
# The sort of secret by the issuer's name in a detector's id; the first match counts.
_FAMILIES = (
    ("private-key", ("private-key", "privatekey", "private_key", "rsa", "openssh", "asymmetric")),
    ("aws-secret", ("aws-secret", "aws_secret", "secret-access-key")),
    ("aws", ("aws", "amazon")),
    ("github", ("github",)),
    ("gitlab", ("gitlab",)),
    ("slack", ("slack",)),
    ("stripe", ("stripe",)),
    ("gcp", ("gcp", "google", "firebase")),
    ("azure", ("azure", "microsoft")),
    ("npm", ("npm",)),
    ("pypi", ("pypi",)),
    ("dockerhub", ("docker",)),
    ("twilio", ("twilio",)),
    ("sendgrid", ("sendgrid",)),
    ("mailgun", ("mailgun",)),
    ("mailchimp", ("mailchimp",)),
    ("openai", ("openai",)),
    ("anthropic", ("anthropic",)),
    ("huggingface", ("huggingface", "hugging-face")),
    ("digitalocean", ("digitalocean", "digital-ocean")),
    ("heroku", ("heroku",)),
    ("shopify", ("shopify",)),
    ("square", ("square",)),
    ("telegram", ("telegram",)),
    ("discord", ("discord",)),
    ("facebook", ("facebook",)),
    ("twitter", ("twitter",)),
    ("databricks", ("databricks",)),
    ("hashicorp", ("vault", "hashicorp", "terraform")),
    ("jwt", ("jwt", "json-web-token", "jsonwebtoken")),
    ("database", ("postgres", "mysql", "mongodb", "redis", "jdbc", "sqlserver")),
    ("url", ("uri", "basic-auth", "basicauth", "url")),
)


class _Taxonomy(Struct, frozen=True):
    """The research concepts of CWE: the parents of each entry, and the classes and variants."""

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
    """Return the CWE entries by (tool, rule); a rule may look for several."""
    weaknesses_of_rule: dict[tuple[str, str], frozenset[str]] = {}
    for entry in _load("rules.json")["weaknesses"]:
        for tool, rules in entry["rules"].items():
            for rule in rules:
                classes = weaknesses_of_rule.get((tool, rule.lower()), frozenset())
                weaknesses_of_rule[tool, rule.lower()] = classes | {f"CWE-{entry['cwe']}"}
    return weaknesses_of_rule


@cache
def _by_message() -> dict[str, list[tuple[str, str, frozenset[str]]]]:
    """Return, by tool, rules with a text of their messages and the CWE entry that it means."""
    by_tool: dict[str, list[tuple[str, str, frozenset[str]]]] = {}
    for entry in _load("rules.json")["messages"]:
        row = (entry["rule"], entry["says"], frozenset([f"CWE-{entry['cwe']}"]))
        by_tool.setdefault(entry["tool"], []).append(row)
    return by_tool


@cache
def _one_at_a_place() -> frozenset[str]:
    return frozenset(f"CWE-{number}" for number in _load("rules.json")["one_at_a_place"])


@lru_cache(maxsize=4096)
def one_at_a_place(labels: frozenset[str]) -> frozenset[str]:
    """Return the ``labels`` of which a place can have only one: a call is one injection.

    A cookie, however, can lack several settings, and each is a problem of its own.
    """
    return labels & _one_at_a_place()


def weaknesses(finding: Finding) -> frozenset[str]:
    """Return the weaknesses that ``finding`` can be about; empty if unknown."""
    for rule, says, labels in _by_message().get(finding.tool, ()):
        if finding.rule_id == rule and says in finding.message.lower():
            return labels
    return _weaknesses(finding.tool, finding.rule_id, finding.cwes)


@lru_cache(maxsize=65536)
def _weaknesses(tool: str, rule_id: str, cwes: tuple[str, ...]) -> frozenset[str]:
    from_map = curated(tool, rule_id)
    if from_map is not None:
        return frozenset(map(base, from_map))
    entries = {base(f"CWE-{int(match[1])}") for cwe in cwes if (match := _NUMBER.match(cwe))}
    specific = {cwe for cwe in entries if int(cwe[4:]) not in _taxonomy().classes}
    # Classes count only without any more specific entry.
    return frozenset(specific or entries)


@lru_cache(maxsize=4096)
def main_weakness(labels: frozenset[str]) -> str | None:
    """Return the weakness that names a problem: no class if possible, then the lowest number."""
    if not labels:
        return None
    classes = _taxonomy().classes
    return min(labels, key=lambda cwe: (int(cwe[4:]) in classes, int(cwe[4:])))


def curated(tool: str, rule_id: str) -> frozenset[str] | None:
    """Return the CWE entries of a tool's rule in the curated map, or None."""
    rules = _curated()
    name = rule_id.lower()
    if tool == "snyk":
        # Snyk Code: language/Rule, and /test for code of tests.
        name = name.removesuffix("/test").rpartition("/")[2]
    elif tool == "semgrep":
        # The registry's path may be cut, or begin with the file of the rules.
        name = name.rpartition(".")[2]
    return rules.get((tool, name))


@lru_cache(maxsize=4096)
def base(cwe: str) -> str:
    """Return the entry of which ``cwe`` is a variant (SQL injection for CWE-564), else ``cwe``."""
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
    """Return the direct parents of a CWE entry."""
    return tuple(f"CWE-{parent}" for parent in _taxonomy().parents.get(int(cwe[4:]), ()))


def _load(name: str) -> Any:
    return json.loads((_DATA / name).read_bytes())


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = _load("checks.json")
    return table


@cache
def _maps() -> dict[str, str]:
    """Return the shared name of a check by each tool's id of it."""
    table = _table()
    maps = {
        plain_check(check): name for name, checks in table["checks"].items() for check in checks
    }
    for alias, check in table["aliases"].items():
        maps.setdefault(plain_check(alias), maps[plain_check(check)])
    return maps


@cache
def whole_file_checks() -> frozenset[str]:
    """Return the checks that a file as a whole fails or passes, whatever line tools report."""
    return frozenset(_table()["whole_file"])


@lru_cache(maxsize=4096)
def one_setting(labels: frozenset[str]) -> frozenset[str]:
    """Return the ``labels`` that are one setting, so that a tool's rules for it are one problem.

    Two open ports are two settings, although other tools have one check for both.
    """
    return labels & frozenset(_table()["one_setting"])


def plain_check(check: str) -> str:
    """Normalize the id of a check: ``DS002`` and ``AVD-DS-0002`` are ``DS-0002``."""
    written = check.strip().upper()
    match = _AVD.fullmatch(written)
    return f"{match[1]}-{int(match[2]):04d}" if match else written


@cache
def _names_by_message() -> dict[str, list[tuple[str, str]]]:
    """Return, by check, texts of its messages with the shared name that each means."""
    by_check: dict[str, list[tuple[str, str]]] = {}
    for entry in _table()["messages"]:
        by_check.setdefault(entry["check"], []).append((entry["says"], entry["name"]))
    return by_check


def checks_of(finding: Finding) -> frozenset[str]:
    """Return the names of the failed check, those shared between tools if there are any."""
    reported = _reported_checks(finding)
    names_by_message = _names_by_message()
    for check in _plain_checks(reported) & names_by_message.keys():
        message = finding.message.lower()
        for text, name in names_by_message[check]:
            if text in message:
                return frozenset([name])
    return _checks(reported)


def own_checks(finding: Finding) -> frozenset[str]:
    """Return the tool's own ids of the check, normalized, which tell its rules apart."""
    return _plain_checks(_reported_checks(finding))


def _reported_checks(finding: Finding) -> tuple[str, ...]:
    check = finding.misconfiguration
    return (check.checks if check is not None else ()) or (finding.rule_id,)


@lru_cache(maxsize=8192)
def _checks(written: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(_shared_name, _plain_checks(written)))


def _shared_name(check: str) -> str:
    """Return the shared name of a check, or its own if no other tool has it.

    An id may begin with the folders of the rule (Semgrep) or with the tool (zizmor).
    """
    maps = _maps()
    for written in (check, check.rpartition(".")[2], check.rpartition("/")[2]):
        if written in maps:
            return maps[written]
    return check


@lru_cache(maxsize=8192)
def _plain_checks(written: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(plain_check, written))


@lru_cache(maxsize=8192)
def main_check(checks: frozenset[str]) -> str:
    """Return the main name of a check: a shared one, else one of Trivy's form."""
    return min(checks, key=lambda c: (not c.islower(), not _AVD.fullmatch(c), c), default="")


@lru_cache(maxsize=4096)
def family(detector: str) -> str | None:
    """Return the sort of secret that ``detector`` looks for; None for a generic one."""
    name = detector.lower().replace(" ", "-")
    parts = set(_BETWEEN.split(name))
    for label, words in _FAMILIES:
        # A short word must be a whole part: "uri" is in "security" too.
        if any(word in parts or (len(word) > 4 and word in name) for word in words):
            return label
    return None


def families_agree(one: str | None, other: str | None) -> bool:
    """Tell whether two families may be the same: None may be any."""
    if one is None or other is None or one == other:
        return True
    return {one, other} == {"database", "url"}
