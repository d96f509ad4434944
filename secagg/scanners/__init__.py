"""The scanners that secagg can run: one module a tool, imported on use."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import cast

from secagg.errors import UsageError
from secagg.scanners.base import RunContext, Scanner

SCANNERS = {
    "trivy": "secagg.scanners.trivy:TrivyScanner",
    "snyk": "secagg.scanners.snyk:SnykScanner",
    "codeql": "secagg.scanners.codeql:CodeqlScanner",
    "gitleaks": "secagg.scanners.gitleaks:GitleaksScanner",
    "trufflehog": "secagg.scanners.trufflehog:TrufflehogScanner",
}


def make_scanners(context: RunContext, names: Iterable[str] | None = None) -> list[Scanner]:
    """Make the scanners called ``names``, or all, in the order of ``SCANNERS``.

    Raises :class:`UsageError` for an unknown name.
    """
    chosen = set(SCANNERS if names is None else names)
    if unknown := sorted(chosen - set(SCANNERS)):
        raise UsageError(f"unknown tool {unknown[0]!r}", hint=f"known tools: {', '.join(SCANNERS)}")
    return [_load(SCANNERS[name], context) for name in SCANNERS if name in chosen]


def _load(class_path: str, context: RunContext) -> Scanner:
    module, _, name = class_path.partition(":")
    return cast(Scanner, getattr(import_module(module), name)(context))
