"""Recognize the tool of a report by its keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from secagg.errors import ReportError
from secagg.jsonio.reading import is_list, to_utf8
from secagg.parsing import RawReport

# The keys of a report of Checkov without any file to check.
_CHECKOV_EMPTY_KEYS = frozenset({"passed", "failed", "skipped", "checkov_version"})
_PIP_AUDIT_KEYS = frozenset({"dependencies", "fixes"})


def signature_of(document: Any) -> str | None:
    """Return the parser's name for ``document``, by its top-level keys; None if none fits."""
    if isinstance(document, dict):
        return _of_object(document)
    if is_list(document) and len(document):
        return _of_item(document[0])
    return None


def _of_object(document: dict[str, Any]) -> str | None:
    return _of_packages(document) or _of_places(document)


def _of_packages(document: dict[str, Any]) -> str | None:
    """Return the tool of a report on dependencies; None if none fits."""
    if document.get("bomFormat") == "CycloneDX":
        return "cyclonedx"
    if _is_npm_audit(document):
        return "npm-audit"
    if "dependencies" in document:
        if "reportSchema" in document:
            return "dependency-check"
        if document.keys() <= _PIP_AUDIT_KEYS:
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
    """Return the tool of a report on places in files; None if none fits."""
    if "version" in document and _is_gitlab(document):
        return "gitlab"
    if "check_type" in document or document.keys() >= _CHECKOV_EMPTY_KEYS:
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
    """Return the tool of a list, by its first entry; None if none fits."""
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
    """Tell whether it is GitLab's report; those of schemas before 14 have no ``scan``."""
    vulnerabilities = document.get("vulnerabilities")
    if not is_list(vulnerabilities):
        return False
    if isinstance(document.get("scan"), dict):
        return True
    return len(vulnerabilities) > 0 and _has(vulnerabilities[0], "identifiers", "location")


def _is_npm_audit(document: dict[str, Any]) -> bool:
    if "auditReportVersion" in document or ("advisories" in document and "metadata" in document):
        return True
    error = document.get("error")
    return (
        isinstance(error, dict)
        and "summary" in error
        and ("code" in error or "statusCode" in document)
    )


SURE = 95
LIKELY = 60
MAYBE = 10
_SNYK_LISTS = ("vulnerabilities", "infrastructureAsCodeIssues", "cloudConfigResults")
_SNYK_KEYS = ("ok", "dependencyCount", "packageManager", "displayTargetFile", "projectName")
_LINES_READ = 50
_LONGEST_LINE = 1 << 20


def shape_of(report: RawReport) -> str | None:
    """Return the format of ``report``: a tool's name, ``sarif``, or None where nothing fits.

    ``[]``, ``null`` and an empty file fit several tools and give None.
    """
    if report.error is not None:
        return "trufflehog" if is_trufflehog_lines(_as_utf8(report)) else None
    document = report.document
    signature = signature_of(document)
    if signature is not None:
        return signature
    if isinstance(document, dict):
        return _object_shape(document)
    if is_list(document):
        return next((shape for item in document[:5] if (shape := _item_shape(item))), None)
    return None


def check_shape(report: RawReport, tool: str, accepted: Iterable[str] = ()) -> None:
    """Raise :class:`ReportError` if ``report`` is recognized as another tool's."""
    shape = shape_of(report)
    if shape is None or shape == tool or shape in accepted:
        return
    raise ReportError(
        f"this is no report of {tool}: it looks like {shape}",
        report=report.name,
        hint=f"use --as {shape}, or leave --as away",
    )


def is_sarif(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and ("runs" in document or "sarif" in str(document.get("$schema")))
        and "Results" not in document
        and "vulnerabilities" not in document
    )


def sarif_drivers(document: Any) -> list[str]:
    """Return the names of the tools in a SARIF log, lower case, without spaces."""
    names = []
    runs = document.get("runs")
    for run in runs if isinstance(runs, list) else ():
        tool = run.get("tool") if isinstance(run, dict) else None
        driver = tool.get("driver") if isinstance(tool, dict) else None
        name = driver.get("name") if isinstance(driver, dict) else None
        if isinstance(name, str):
            names.append(name.lower().replace(" ", ""))
    return names


def is_trufflehog(entry: Any) -> bool:
    """Tell whether it is a finding of TruffleHog 3, or of TruffleHog 2 (and 3's --json-legacy)."""
    return isinstance(entry, dict) and (
        "DetectorName" in entry
        or "SourceMetadata" in entry
        or ("stringsFound" in entry and "reason" in entry)
    )


def is_log_line(entry: Any) -> bool:
    """Tell whether it is a log line of TruffleHog, rather than a finding."""
    return isinstance(entry, dict) and "msg" in entry and ("level" in entry or "ts" in entry)


def is_trufflehog_lines(data: bytes) -> bool:
    """Tell whether one of the first lines is a finding or log line of TruffleHog."""
    start = 0
    for _ in range(_LINES_READ):
        end = data.find(b"\n", start)
        line = data[start : end if end >= 0 else len(data)].strip()
        if line.startswith(b"{") and len(line) <= _LONGEST_LINE:
            try:
                entry = orjson.loads(line)
            except orjson.JSONDecodeError:
                entry = None
            if is_trufflehog(entry) or (
                is_log_line(entry) and "trufflehog" in str(entry.get("logger", entry["msg"]))
            ):
                return True
        if end < 0:
            break
        start = end + 1
    return False


def _as_utf8(report: RawReport) -> bytes:
    try:
        return to_utf8(report.data, report=report.name)
    except ReportError:
        return b""


def _object_shape(document: dict[str, Any]) -> str | None:
    if is_sarif(document):
        return "sarif"
    if "SchemaVersion" in document or "ArtifactName" in document or "ClusterName" in document:
        return "trivy"
    if is_trufflehog(document):
        return "trufflehog"
    if any(name in document for name in _SNYK_LISTS) or _is_snyk_error(document):
        return "snyk"
    if is_list(document.get("Results")):
        return "trivy"
    findings = document.get("findings")
    if isinstance(findings, list):
        return next((shape for item in findings[:5] if (shape := _item_shape(item))), None)
    return None


def _item_shape(item: Any) -> str | None:
    if not isinstance(item, dict):
        return None
    if is_trufflehog(item):
        return "trufflehog"
    if "Target" in item and ("Vulnerabilities" in item or "Type" in item or "Class" in item):
        return "trivy"
    if "RuleID" in item and ("Secret" in item or "Match" in item or "StartLine" in item):
        return "gitleaks"
    if "offender" in item and ("commit" in item or "rule" in item or "file" in item):
        return "gitleaks"
    if any(name in item for name in _SNYK_LISTS) or _is_snyk_error(item):
        return "snyk"
    return None


def _is_snyk_error(document: dict[str, Any]) -> bool:
    if document.get("ok") is False and ("error" in document or "errors" in document):
        return True
    return "ok" in document and any(name in document for name in _SNYK_KEYS[1:])
