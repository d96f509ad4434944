"""What a rule looks for: its weakness (CWE), its misconfiguration check, its secret detector.

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
    weaknesses_of_rule: dict[tuple[str, str], frozenset[str]] = {}
    for entry in _load("rules.json")["weaknesses"]:
        for tool, rules in entry["rules"].items():
            for rule in rules:
                classes = weaknesses_of_rule.get((tool, rule.lower()), frozenset())
                weaknesses_of_rule[tool, rule.lower()] = classes | {f"CWE-{entry['cwe']}"}
    return weaknesses_of_rule


@cache
def _by_message() -> dict[str, list[tuple[str, str, frozenset[str]]]]:
    """By tool: rule, what its messages say, and the entry, where one rule looks for several."""
    by_rule: dict[str, list[tuple[str, str, frozenset[str]]]] = {}
    for entry in _load("rules.json")["messages"]:
        said = (entry["rule"], entry["says"], frozenset([f"CWE-{entry['cwe']}"]))
        by_rule.setdefault(entry["tool"], []).append(said)
    return by_rule


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
    from_map = curated(tool, rule_id)
    if from_map is not None:
        return frozenset(map(base, from_map))
    classes = {base(f"CWE-{int(match[1])}") for cwe in cwes if (match := _NUMBER.match(cwe))}
    telling = {cwe for cwe in classes if int(cwe[4:]) not in _taxonomy().classes}
    # An entry that is a class says little beside one that is not.
    return frozenset(telling or classes)


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


# Trivy's ids over time: DS002, AVD-DS-0002, DS-0002.
_AVD = re.compile(r"(?:AVD-)?([A-Z]{2,8})-?0*(\d{1,5})")


@cache
def _table() -> dict[str, Any]:
    text = resources.files("secagg.merge.data").joinpath("checks.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


@cache
def _maps() -> dict[str, str]:
    """Each tool's id of a check to the name that all of them share."""
    table = _table()
    maps = {
        plain_check(check): name for name, checks in table["checks"].items() for check in checks
    }
    for alias, check in table["aliases"].items():
        maps.setdefault(plain_check(alias), maps[plain_check(check)])
    return maps


@cache
def whole_file_checks() -> frozenset[str]:
    """The checks of which a file fails or passes each once, wherever tools say that it fails."""
    return frozenset(_table()["whole_file"])


@lru_cache(maxsize=4096)
def one_setting(labels: frozenset[str]) -> frozenset[str]:
    """Those of the checks ``labels`` that are one setting to all rules that a tool has for it.

    Two ports that are open are two settings, although other tools have one check for both.
    """
    return labels & frozenset(_table()["one_setting"])


def plain_check(check: str) -> str:
    """A check's id in one spelling: ``DS002`` and ``AVD-DS-0002`` are ``DS-0002``."""
    written = check.strip().upper()
    match = _AVD.fullmatch(written)
    return f"{match[1]}-{int(match[2]):04d}" if match else written


@cache
def _named_by_message() -> dict[str, list[tuple[str, str]]]:
    """By check: what its messages say, and the shared name, where one check looks for several."""
    by_check: dict[str, list[tuple[str, str]]] = {}
    for entry in _table()["messages"]:
        by_check.setdefault(entry["check"], []).append((entry["says"], entry["name"]))
    return by_check


def checks_of(finding: Finding) -> frozenset[str]:
    """The names of the check that failed: those shared between tools where there are such."""
    written = _written(finding)
    by_message = _named_by_message()
    for check in _plain_checks(written) & by_message.keys():
        message = finding.message.lower()
        for says, name in by_message[check]:
            if says in message:
                return frozenset([name])
    return _checks(written)


def own_checks(finding: Finding) -> frozenset[str]:
    """The tool's own ids of the check in one spelling, which tell its rules apart."""
    return _plain_checks(_written(finding))


def _written(finding: Finding) -> tuple[str, ...]:
    check = finding.misconfiguration
    return (check.checks if check is not None else ()) or (finding.rule_id,)


@lru_cache(maxsize=8192)
def _checks(written: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(_shared_name, _plain_checks(written)))


def _shared_name(check: str) -> str:
    """The shared name of a check; its own where no other tool has it.

    Rules may be led by the folders that they are in (Semgrep) or by their tool (zizmor).
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
    """The one name that stands for a check: a shared one, then one of Trivy's form."""
    return min(checks, key=lambda c: (not c.islower(), not _AVD.fullmatch(c), c), default="")


_BETWEEN = re.compile(r"[^a-z0-9]+")


# The issuer's name in a detector's id tells the sort; order matters where two would fit.
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


@lru_cache(maxsize=4096)
def family(detector: str) -> str | None:
    """The sort of secret that ``detector`` looks for; None for one that takes anything."""
    name = detector.lower().replace(" ", "-")
    parts = set(_BETWEEN.split(name))
    for label, words in _FAMILIES:
        # A short word must stand alone: "uri" is in "security" too.
        if any(word in parts or (len(word) > 4 and word in name) for word in words):
            return label
    return None


def families_agree(one: str | None, other: str | None) -> bool:
    """True unless two families are known and are different."""
    if one is None or other is None or one == other:
        return True
    return {one, other} == {"database", "url"}
