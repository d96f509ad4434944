"""Which tool wrote a JSON report, told by the names at its top."""

from __future__ import annotations

from typing import Any

from secagg.jsonio.entries import is_list

# What a report of Checkov without any file that it reads consists of.
_CHECKOV_NOTHING = frozenset({"passed", "failed", "skipped", "checkov_version"})
_PIP_AUDIT = frozenset({"dependencies", "fixes"})


def signature_of(document: Any) -> str | None:
    """Name the parser whose tool wrote ``document``; None where no name at its top tells."""
    if isinstance(document, dict):
        return _of_object(document)
    if is_list(document) and len(document):
        return _of_item(document[0])
    return None


def _of_object(document: dict[str, Any]) -> str | None:
    return _of_packages(document) or _of_places(document)


def _of_packages(document: dict[str, Any]) -> str | None:
    """Name the tool of a report on dependencies."""
    if document.get("bomFormat") == "CycloneDX":
        return "cyclonedx"
    if _is_npm_audit(document):
        return "npm-audit"
    if "dependencies" in document:
        if "reportSchema" in document:
            return "dependency-check"
        if document.keys() <= _PIP_AUDIT:
            return "pip-audit"
    if "lockfile" in document and isinstance(document.get("vulnerabilities"), dict):
        return "cargo-audit"
    matches = document.get("matches")
    if "matches" in document and ("descriptor" in document or "source" in document):
        return "grype"
    if is_list(matches) and len(matches) and _has(matches[0], "vulnerability", "artifact"):
        return "grype"
    if "results" in document and ("experimental_config" in document or len(document) == 1):
        return "osv-scanner"
    return None


def _of_places(document: dict[str, Any]) -> str | None:
    """Name the tool of a report on places in files."""
    if "version" in document and _is_gitlab(document):
        return "gitlab"
    if "check_type" in document or document.keys() >= _CHECKOV_NOTHING:
        return "checkov"
    if "results" in document:
        if "plugins_used" in document:
            return "detect-secrets"
        if "metrics" in document and "generated_at" in document:
            return "bandit"
        if "errors" in document:
            return "semgrep"
    findings = document.get("findings")
    metadata = document.get("metadata")
    if isinstance(metadata, dict) and "kingfisher_version" in metadata and is_list(findings):
        return "kingfisher"
    if is_list(findings) and len(findings):
        return _of_item(findings[0])
    return None


def _of_item(item: Any) -> str | None:
    """Name the tool of a list by its first entry."""
    if not isinstance(item, dict):
        return None
    if "check_type" in item:
        return "checkov"
    if _has(item, "name", "vulns") or _has(item, "name", "skip_reason"):
        return "pip-audit"
    if "code" in item and "level" in item and "file" in item:
        return "hadolint"
    if "security_vulnerability" in item:
        return "dependabot"
    if "most_recent_instance" in item:
        return "code-scanning"
    if is_kingfisher_entry(item):
        return "kingfisher"
    return None


def is_kingfisher_entry(item: Any) -> bool:
    """Tell whether ``item`` is one finding of Kingfisher."""
    return isinstance(item, dict) and "rule" in item and isinstance(item.get("finding"), dict)


def _has(item: Any, *names: str) -> bool:
    return isinstance(item, dict) and all(name in item for name in names)


def _is_gitlab(document: dict[str, Any]) -> bool:
    """Tell GitLab's report; those of schemas before 14 say nothing of the scan."""
    found = document.get("vulnerabilities")
    if not is_list(found):
        return False
    if isinstance(document.get("scan"), dict):
        return True
    return len(found) > 0 and _has(found[0], "identifiers", "location")


def _is_npm_audit(document: dict[str, Any]) -> bool:
    if "auditReportVersion" in document or ("advisories" in document and "metadata" in document):
        return True
    error = document.get("error")
    return (
        isinstance(error, dict)
        and "summary" in error
        and ("code" in error or "statusCode" in document)
    )
