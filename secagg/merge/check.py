"""Checks of configuration files: one name for a check that several tools make."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from importlib import resources

from secagg.finding import Finding

# Trivy's ids over time: DS002, AVD-DS-0002, DS-0002.
_AVD = re.compile(r"(?:AVD-)?([A-Z]{2,8})-?0*(\d{1,5})")


@cache
def _maps() -> dict[str, str]:
    """Each tool's id of a check to the name that all of them share."""
    text = resources.files("secagg.merge.data").joinpath("checks.json").read_text("utf-8")
    return {
        plain_check(check): name
        for name, checks in json.loads(text)["checks"].items()
        for check in checks
    }


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
    maps = _maps()
    return frozenset(maps.get(check, check) for check in _own(written))


@lru_cache(maxsize=8192)
def _own(written: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(plain_check, written))


@lru_cache(maxsize=8192)
def main_check(checks: frozenset[str]) -> str:
    """The one name that stands for a check: a shared one, then one of Trivy's form."""
    return min(checks, key=lambda c: (not c.islower(), not _AVD.fullmatch(c), c), default="")
