"""SARIF 2.1.0 of the problems in the history: findings made again of what was kept of them."""

from __future__ import annotations

import io
from collections.abc import Iterator

from secagg import __version__, sarif
from secagg.finding import (
    Finding,
    Kind,
    Location,
    Misconfiguration,
    Package,
    Rule,
    SecretSighting,
    Suppression,
    Vulnerability,
)
from secagg.history import Problem, Source
from secagg.report.formats import Report
from secagg.report.standing import ACTIVE, Standing, standing
from secagg.sarif import GroupedResult, Invocation, SarifRun


def pieces(report: Report) -> Iterator[bytes]:
    """One run of secagg, a result a problem. What is fixed is no result any more."""
    run = report.overview.last_run
    results = [
        GroupedResult(finding=_finding(p, report), sources=[_source(s, p) for s in p.sources])
        for p in report.answer.rows
        if standing(p, report.today) is not Standing.FIXED
    ]
    out = io.BytesIO()
    written = SarifRun(
        tool="secagg",
        version=__version__,
        category="report/",
        findings=results,
        invocation=Invocation(successful=run is not None and run.verdict != "incomplete"),
    )
    sarif.write(out, [written])
    yield out.getvalue()


def _finding(problem: Problem, report: Report) -> Finding:
    state = standing(problem, report.today)
    suppressions: tuple[Suppression, ...] = ()
    if state not in ACTIVE:
        triage = problem.triage
        reason = triage.reason if triage is not None else problem.exception
        suppressions = (Suppression(source="secagg triage", justification=reason),)
    return Finding(
        tool=next(iter(problem.tools), "secagg"),
        kind=problem.kind,
        rule_id=problem.rule_id,
        severity=problem.severity,
        severity_known=problem.severity_known,
        score=problem.score,
        title=problem.title,
        message=problem.message or problem.title,
        location=Location(
            uri=problem.uri,
            start_line=problem.line,
            end_line=problem.end_line,
            commit=problem.commit,
            image=problem.image,
            logical=problem.logical,
        ),
        rule=Rule(id=problem.rule_id, name=problem.rule_name, help_uri=problem.help_uri),
        cwes=problem.cwes,
        package=_package(problem),
        vulnerability=_vulnerability(problem),
        secret=_secret(problem),
        misconfiguration=(
            Misconfiguration(resource=problem.resource)
            if problem.kind is Kind.MISCONFIGURATION
            else None
        ),
        license=problem.rule_id if problem.kind is Kind.LICENSE else None,
        fix=problem.fix,
        references=problem.references,
        suppressions=suppressions,
        component=problem.component,
        identity=problem.identity,
    )


def _source(source: Source, problem: Problem) -> Finding:
    return Finding(
        tool=source.tool,
        kind=problem.kind,
        rule_id=source.rule_id,
        severity=source.severity,
        score=source.score,
        title=source.rule_id,
        message=source.message,
        location=Location(uri=source.uri, start_line=source.line, commit=source.commit),
        component=problem.component,
    )


def _package(problem: Problem) -> Package | None:
    if problem.package is None:
        return None
    return Package(
        type=problem.package_type or "generic",
        name=problem.package,
        version=problem.version,
        purl=problem.purl,
    )


def _vulnerability(problem: Problem) -> Vulnerability | None:
    if problem.kind is not Kind.VULNERABILITY:
        return None
    return Vulnerability(
        aliases=problem.aliases,
        fixed_versions=problem.fixed_versions,
        dependency_paths=problem.dependency_paths,
        direct=problem.direct,
        scope=problem.scope,
        epss=problem.epss,
        kev=problem.kev,
    )


def _secret(problem: Problem) -> SecretSighting | None:
    if problem.kind is not Kind.SECRET:
        return None
    return SecretSighting(
        id=problem.secret,
        detector=problem.rule_id,
        verified=problem.verified,
        in_history=bool(problem.in_history_only),
    )
