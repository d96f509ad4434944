"""Checks of configuration files: one name for a check that several tools make."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from secagg.model.finding import Finding

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


def checks_of(finding: Finding) -> frozenset[str]:
    """The names of the check that failed: those shared between tools where there are such."""
    return _checks(_written(finding))


def own_checks(finding: Finding) -> frozenset[str]:
    """The tool's own ids of the check in one spelling, which tell its rules apart."""
    return _own(_written(finding))


def _written(finding: Finding) -> tuple[str, ...]:
    known = finding.misconfiguration
    return (known.checks if known is not None else ()) or (finding.rule_id,)


@lru_cache(maxsize=8192)
def _checks(written: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(_named, _own(written)))


def _named(check: str) -> str:
    """The shared name of a check; its own where no other tool has it.

    Rules may be led by the folders that they are in (Semgrep) or by their tool (zizmor).
    """
    maps = _maps()
    for written in (check, check.rpartition(".")[2], check.rpartition("/")[2]):
        if written in maps:
            return maps[written]
    return check


@lru_cache(maxsize=8192)
def _own(written: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(plain_check, written))


@lru_cache(maxsize=8192)
def main_check(checks: frozenset[str]) -> str:
    """The one name that stands for a check: a shared one, then one of Trivy's form."""
    return min(checks, key=lambda c: (not c.islower(), not _AVD.fullmatch(c), c), default="")
