"""Findings for the tests of merging, with only what a test is about said."""

from __future__ import annotations

from typing import Any

from secagg.model.finding import (
    Finding,
    Kind,
    Location,
    Misconfiguration,
    Package,
    SecretSighting,
    Severity,
    Vulnerability,
)


def vulnerability(
    tool: str = "trivy",
    *aliases: str,
    package: str = "lodash",
    version: str | None = "4.17.4",
    kind: str = "npm",
    uri: str | None = "web/package-lock.json",
    severity: Severity = Severity.HIGH,
    location: Location | None = None,
    known: dict[str, Any] | None = None,
    **fields: Any,
) -> Finding:
    return Finding(
        tool=tool,
        kind=Kind.VULNERABILITY,
        rule_id=aliases[0],
        severity=severity,
        title=fields.pop("title", f"{aliases[0]} in {package}"),
        location=location or Location(uri=uri),
        package=Package(type=kind, name=package, version=version),
        vulnerability=Vulnerability(aliases=aliases, **(known or {})),
        **fields,
    )


def secret(
    tool: str = "gitleaks",
    value: str | None = "hmac-sha256:aa",
    *,
    detector: str = "aws-access-token",
    uri: str = "app/config.py",
    line: int | None = 3,
    end: int | None = None,
    commit: str | None = None,
    verified: bool | None = None,
    decoder: str | None = None,
    **fields: Any,
) -> Finding:
    return Finding(
        tool=tool,
        kind=Kind.SECRET,
        rule_id=detector,
        severity=Severity.HIGH,
        title=f"{detector} found",
        location=Location(uri=uri, start_line=line, end_line=end or line, commit=commit),
        secret=SecretSighting(
            id=value,
            detector=detector,
            decoder=decoder,
            verified=verified,
            in_history=commit is not None,
        ),
        **fields,
    )


def code(
    tool: str = "codeql",
    rule: str = "py/sql-injection",
    *cwes: str,
    uri: str = "app/db.py",
    line: int | None = 10,
    end: int | None = None,
    columns: tuple[int, int] | None = None,
    **fields: Any,
) -> Finding:
    return Finding(
        tool=tool,
        kind=Kind.CODE,
        rule_id=rule,
        severity=fields.pop("severity", Severity.HIGH),
        title=rule,
        message=fields.pop("message", f"{rule} here"),
        cwes=cwes,
        location=Location(
            uri=uri,
            start_line=line,
            end_line=end or line,
            start_column=columns[0] if columns else None,
            end_column=columns[1] if columns else None,
        ),
        **fields,
    )


def misconfiguration(
    tool: str = "trivy",
    check: str = "DS-0002",
    *,
    resource: str | None = None,
    uri: str = "Dockerfile",
    line: int | None = None,
    end: int | None = None,
    **fields: Any,
) -> Finding:
    return Finding(
        tool=tool,
        kind=Kind.MISCONFIGURATION,
        rule_id=check,
        severity=Severity.MEDIUM,
        title=f"{check} failed",
        location=Location(uri=uri, start_line=line, end_line=end or line),
        misconfiguration=Misconfiguration(checks=(check,), resource=resource),
        **fields,
    )


def license_finding(
    tool: str = "trivy",
    name: str = "GPL-3.0",
    *,
    package: str = "readline",
    uri: str = "web/package-lock.json",
) -> Finding:
    return Finding(
        tool=tool,
        kind=Kind.LICENSE,
        rule_id=name,
        severity=Severity.LOW,
        title=f"{package} is under {name}",
        license=name,
        location=Location(uri=uri),
        package=Package(type="npm", name=package, version="1.0.0"),
    )


def names(groups: Any) -> list[list[str]]:
    """Each group as its members' tools and rules, for comparing."""
    return sorted(sorted(f"{f.tool}:{f.rule_id}" for f in group.members) for group in groups)
