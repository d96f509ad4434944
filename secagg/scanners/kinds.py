"""Which kinds of problems the runs of a scanner look for, by its mode and settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secagg.model.finding import Kind

_NONE: frozenset[Kind] = frozenset()
_TRIVY = {
    "vuln": Kind.VULNERABILITY,
    "misconfig": Kind.MISCONFIGURATION,
    "secret": Kind.SECRET,
    "license": Kind.LICENSE,
}
_SNYK = {"test": Kind.VULNERABILITY, "code": Kind.CODE, "iac": Kind.MISCONFIGURATION}
_ONE = {"codeql": Kind.CODE, "gitleaks": Kind.SECRET, "trufflehog": Kind.SECRET}


def kinds_of_tool(tool: str, options: Mapping[str, Any]) -> frozenset[Kind]:
    """What ``tool`` looks for in a source tree with these settings, if all of its runs complete."""
    if tool == "trivy":
        return frozenset(_TRIVY[name] for name in options.get("scanners", ()) if name in _TRIVY)
    if tool == "snyk":
        return frozenset(_SNYK[mode] for mode in options.get("modes", ()) if mode in _SNYK)
    return frozenset({_ONE[tool]}) if tool in _ONE else _NONE


def kinds_of_run(tool: str, mode: str | None, options: Mapping[str, Any]) -> frozenset[Kind]:
    """What one run looks for in the source tree: an image or an SBOM is none."""
    if tool == "trivy":
        return kinds_of_tool(tool, options) if mode == "fs" else _NONE
    if tool == "snyk":
        return frozenset({_SNYK[mode]}) if mode in _SNYK else _NONE
    return kinds_of_tool(tool, options)
