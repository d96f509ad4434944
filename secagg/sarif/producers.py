"""Facts about the tools that write SARIF: their names, and the kind of problem they look for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from secagg.jsonio.members import mapping_at
from secagg.model.finding import Kind
from secagg.sarif import secrets
from secagg.sarif.packages import ADVISORY
from secagg.sarif.rules import RuleView
from secagg.sarif.text import LONGEST_NAME, shortened

# One tool under several driver names (after lower-casing, spaces made dashes).
_SAME_TOOL = {
    "snykcode": "snyk",
    "snyk-code": "snyk",
    "snyk-open-source": "snyk",
    "snyk-container": "snyk",
    "snyk-iac": "snyk",
    "codeql-command-line-toolchain": "codeql",
    "semgrep-oss": "semgrep",
    "semgrep-pro": "semgrep",
    # The plug-in that has SpotBugs' security rules, as GitLab names it.
    "find-sec-bugs": "spotbugs",
    "findsecbugs": "spotbugs",
    # The library of tfsec names itself as the driver.
    "defsec": "tfsec",
}

# Tools that look for one kind of problem only, by the start of their driver's name.
_ONE_KIND = (
    ("snykcode", Kind.CODE),
    ("snyk-code", Kind.CODE),
    ("snyk-iac", Kind.MISCONFIGURATION),
    ("snyk", Kind.VULNERABILITY),
    ("gitleaks", Kind.SECRET),
    ("trufflehog", Kind.SECRET),
    ("detect-secrets", Kind.SECRET),
    ("ggshield", Kind.SECRET),
    ("gitguardian", Kind.SECRET),
    ("kingfisher", Kind.SECRET),
    ("noseyparker", Kind.SECRET),
    ("secretlint", Kind.SECRET),
    ("whispers", Kind.SECRET),
    ("checkov", Kind.MISCONFIGURATION),
    ("tfsec", Kind.MISCONFIGURATION),
    ("defsec", Kind.MISCONFIGURATION),
    ("terrascan", Kind.MISCONFIGURATION),
    ("kics", Kind.MISCONFIGURATION),
    ("kubelinter", Kind.MISCONFIGURATION),
    ("kube-linter", Kind.MISCONFIGURATION),
    ("kubescape", Kind.MISCONFIGURATION),
    ("hadolint", Kind.MISCONFIGURATION),
    ("dockle", Kind.MISCONFIGURATION),
    ("zizmor", Kind.MISCONFIGURATION),
    ("dependency-check", Kind.VULNERABILITY),
    ("grype", Kind.VULNERABILITY),
    ("osv-scanner", Kind.VULNERABILITY),
    ("govulncheck", Kind.VULNERABILITY),
    ("pip-audit", Kind.VULNERABILITY),
    ("cargo-audit", Kind.VULNERABILITY),
    ("npm-audit", Kind.VULNERABILITY),
    ("docker-scout", Kind.VULNERABILITY),
    ("codeql", Kind.CODE),
    ("semgrep", Kind.CODE),
    ("bandit", Kind.CODE),
    ("gosec", Kind.CODE),
    ("spotbugs", Kind.CODE),
    ("eslint", Kind.CODE),
    ("brakeman", Kind.CODE),
)

_KIND_TAGS = {
    "vulnerability": Kind.VULNERABILITY,
    "misconfiguration": Kind.MISCONFIGURATION,
    "secret": Kind.SECRET,
    "secrets": Kind.SECRET,
    "license": Kind.LICENSE,
    "licence": Kind.LICENSE,
}
# Folders of Semgrep's registry whose rules are for configuration files.
_CONFIGURATION = frozenset(
    {"dockerfile", "terraform", "kubernetes", "docker-compose", "github-actions", "cloudformation"}
)


def tool_name(driver: str) -> str:
    """Return a driver's name as secagg writes it: lower case, dashes, one name per tool."""
    name = _slug(driver)
    return _SAME_TOOL.get(name, name) or "sarif"


def driver_tool(run: Mapping[str, Any]) -> str:
    """Return a run's tool by the name of its driver, as secagg writes it."""
    driver = mapping_at(run, "tool", "driver")
    return tool_name(shortened(str(driver.get("name") or ""), LONGEST_NAME, None))


def only_kind(tool: str) -> Kind | None:
    """Return the kind of problem that a tool looks for, None if it looks for several."""
    return next((kind for prefix, kind in _ONE_KIND if tool.startswith(prefix)), None)


def kind_of(driver: str, view: RuleView, rule_id: str) -> Kind:
    """Return the kind of problem a rule is about: by its tags, by what it looks at, by its tool."""
    name = _slug(driver)
    if name.startswith("snyk") and rule_id.startswith("snyk:lic:"):
        return Kind.LICENSE
    for tag in view.rule.tags:
        kind = _KIND_TAGS.get(tag.lower())
        if kind is not None and not name.startswith(("snyk-iac", "codeql", "semgrep")):
            return kind
    if name.startswith("checkov"):
        return _kind_of_checkov_rule(view, rule_id)
    if name.startswith("semgrep") and (kind := _kind_by_folder(rule_id)) is not None:
        return kind
    if name.startswith("codeql") and rule_id.startswith("actions/"):
        return Kind.MISCONFIGURATION
    only = only_kind(name)
    if only is not None:
        return Kind.SECRET if only is Kind.CODE and secrets.is_hard_coded(view, rule_id) else only
    if ADVISORY.search(rule_id):
        return Kind.VULNERABILITY
    if name.startswith("trivy"):
        return Kind.MISCONFIGURATION
    return Kind.SECRET if secrets.is_hard_coded(view, rule_id) else Kind.CODE


def _kind_of_checkov_rule(view: RuleView, rule_id: str) -> Kind:
    """Tell Checkov's secrets, licences and packages from its checks."""
    if rule_id.startswith("CKV_SECRET_"):
        return Kind.SECRET
    if rule_id.startswith(("CKV", "BC_")) or "@" not in rule_id:
        return Kind.MISCONFIGURATION
    text = f"{view.rule.name} {view.rule.full_description}".lower()
    return Kind.LICENSE if "license" in text and not ADVISORY.match(rule_id) else Kind.VULNERABILITY


def _kind_by_folder(rule_id: str) -> Kind | None:
    """Return the kind of a rule of Semgrep's registry by its folders, None where they say none."""
    folders = rule_id.lower().split(".")[:-1]
    if "generic" in folders and "secrets" in folders:
        return Kind.SECRET
    return Kind.MISCONFIGURATION if not _CONFIGURATION.isdisjoint(folders) else None


def _slug(driver: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", driver.strip().lower()).strip("-")
