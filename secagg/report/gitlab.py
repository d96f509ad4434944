"""Write GitLab's security reports: each kind of problem goes into its report type."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any

from secagg import __version__
from secagg.model.finding import Kind
from secagg.model.problem import Problem
from secagg.report import words
from secagg.report.formats import Report
from secagg.report.jsonformat import dumps
from secagg.report.standing import severity_label

VERSION = "15.0.4"
_NAMESPACE = uuid.UUID("a0b5b4f2-7d43-5d2e-9b8c-0a3f6c1d2e55")
_LONGEST_NAME, _LONGEST_SOLUTION, _LONGEST_DESCRIPTION = 255, 7000, 1_048_576
_SEVERITIES = {
    "critical": "Critical",
    "high": "High",
    "medium": "Medium",
    "low": "Low",
    "none": "Info",
    "unknown": "Unknown",
}
SAST_KINDS = frozenset({Kind.CODE, Kind.MISCONFIGURATION})
# The schema requires a commit; GitLab's own analyzer writes this one for a file of the work tree.
_NO_COMMIT = "0000000"


def document(
    report: Report,
    scan_type: str,
    kinds: Collection[Kind],
    location: Callable[[Problem], dict[str, Any]],
    **extra: Any,
) -> Iterator[bytes]:
    """Write the report of ``scan_type`` with the problems of ``kinds``."""
    vulnerabilities = [
        vulnerability(problem) | {"location": location(problem)}
        for problem in report.answer.rows
        if problem.kind in kinds
    ]
    document_fields = {
        "version": VERSION,
        "vulnerabilities": vulnerabilities,
        "scan": scan(report, scan_type),
        **extra,
    }
    yield dumps(document_fields) + b"\n"


def vulnerability(problem: Problem) -> dict[str, Any]:
    """Return a vulnerability of GitLab without its location."""
    fields: dict[str, Any] = {
        "id": str(uuid.uuid5(_NAMESPACE, problem.identity)),
        "name": words.detail(problem)[:_LONGEST_NAME],
        "description": (problem.message or words.detail(problem))[:_LONGEST_DESCRIPTION],
        "severity": _SEVERITIES[severity_label(problem)],
        "identifiers": identifiers(problem),
    }
    if remedy := words.remedy(problem):
        fields["solution"] = remedy[:_LONGEST_SOLUTION]
    links = [
        {"url": url}
        for url in dict.fromkeys((problem.help_uri, *problem.references))
        if url and _is_web(url)
    ]
    if links:
        fields["links"] = links
    return fields


def identifiers(problem: Problem) -> list[dict[str, str]]:
    """Return the identifiers of a problem, first the rule or advisory by which GitLab matches."""
    fields = [_identifier(name) for name in dict.fromkeys((problem.rule_id, *problem.aliases))]
    for cwe in problem.cwes:
        number = cwe.upper().removeprefix("CWE-")
        if number.isdecimal():
            fields.append({"type": "cwe", "name": f"CWE-{number}", "value": number})
    fields.append(
        {"type": "secagg", "name": f"secagg {problem.identity}", "value": problem.identity}
    )
    return fields


def scan(report: Report, scan_type: str) -> dict[str, Any]:
    """Return tool, time and status; after a failed scan GitLab closes no vulnerability."""
    tool = {
        "id": "secagg",
        "name": "secagg",
        "version": __version__,
        "vendor": {"name": "secagg"},
    }
    run = report.overview.last_run
    fields: dict[str, Any] = {
        "analyzer": tool,
        "scanner": dict(tool),
        "type": scan_type,
        "start_time": _time(report.now if run is None else run.started_at),
        "end_time": _time(report.now),
        "status": "failure" if run is None or run.verdict == "incomplete" else "success",
    }
    if fields["status"] == "failure":
        reason = "no scan is recorded" if run is None else "the last scan was incomplete"
        fields["messages"] = [{"level": "fatal", "value": reason}]
    return fields


def file_of(problem: Problem) -> str:
    """Return the path of a problem, or what stands in for it: every report needs one."""
    return problem.uri or problem.image or problem.logical or problem.component or "."


def lines_of(problem: Problem) -> dict[str, int]:
    """Return the lines of a problem, where they are known."""
    if problem.line is None:
        return {}
    return {"start_line": problem.line, "end_line": max(problem.line, problem.end_line or 0)}


def dependency_pieces(report: Report) -> Iterator[bytes]:
    """Write ``gl-dependency-scanning-report.json``."""
    kinds = frozenset({Kind.VULNERABILITY})
    files = _files([p for p in report.answer.rows if p.kind in kinds])
    return document(report, "dependency_scanning", kinds, _location, dependency_files=files)


def sast_pieces(report: Report) -> Iterator[bytes]:
    """Write ``gl-sast-report.json``."""
    return document(report, "sast", SAST_KINDS, lambda p: {"file": file_of(p), **lines_of(p)})


def secret_pieces(report: Report) -> Iterator[bytes]:
    """Write ``gl-secret-detection-report.json``."""
    return document(report, "secret_detection", frozenset({Kind.SECRET}), _secret_location)


def _identifier(name: str) -> dict[str, str]:
    kind = name.partition("-")[0].lower() if name[:4] in ("CVE-", "GHSA") else "secagg_rule"
    return {"type": kind, "name": name or "unnamed", "value": name or "unnamed"}


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://")) and len(url) > len("https://")


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def _location(problem: Problem) -> dict[str, Any]:
    dependency = _dependency(problem)
    if problem.direct is not None:
        dependency["direct"] = problem.direct
    return {"file": file_of(problem), "dependency": dependency}


def _dependency(problem: Problem) -> dict[str, Any]:
    name = problem.package or problem.rule_id
    return {"package": {"name": name}, "version": problem.version or "unknown"}


def _files(problems: list[Problem]) -> list[dict[str, Any]]:
    """Return each manifest with its vulnerable packages: the history has no others."""
    by_file: dict[tuple[str, str], dict[tuple[str, str | None], dict[str, Any]]] = {}
    for problem in problems:
        key = (file_of(problem), problem.package_type or "generic")
        dependencies = by_file.setdefault(key, {})
        dependencies[problem.package or problem.rule_id, problem.version] = _dependency(problem)
    return [
        {"path": path, "package_manager": manager, "dependencies": list(dependencies.values())}
        for (path, manager), dependencies in sorted(by_file.items())
    ]


def _secret_location(problem: Problem) -> dict[str, Any]:
    commit = {"sha": problem.commit or _NO_COMMIT}
    return {"file": file_of(problem), "commit": commit, **lines_of(problem)}
