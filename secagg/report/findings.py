"""Groups and findings, rebuilt from the problems of the history."""

from __future__ import annotations

from secagg.merge import Group
from secagg.model.finding import (
    Finding,
    Kind,
    Location,
    Misconfiguration,
    Rule,
    SecretSighting,
    Suppression,
    Vulnerability,
)
from secagg.model.problem import MemberKeys, Problem, Source, package_of


def group_of(problem: Problem) -> Group:
    """Return ``problem`` as a group, to compare with those of a scan."""
    finding = finding_of(problem)
    sources = [source_of(source, problem) for source in problem.sources]
    if problem.member_keys:
        for member, keys in zip(sources, problem.member_keys, strict=False):
            _add_comparison_keys(member, keys, problem)
        group = Group(identity=problem.identity, representative=finding, members=sources)
    else:
        # Without member keys, as in older runs and in reports, the members have only their names.
        for member, identity in zip(sources, problem.known_as[1:], strict=False):
            member.identity = identity
        members = [finding, *sources]
        group = Group(identity=problem.identity, representative=finding, members=members)
    group.names = (
        problem.identity,
        *(name for name in problem.known_as if name != problem.identity),
    )
    return group


def finding_of(problem: Problem, suppressions: tuple[Suppression, ...] = ()) -> Finding:
    """Return the representative of ``problem``."""
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
        package=package_of(problem),
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


def source_of(source: Source, problem: Problem) -> Finding:
    """Return one tool's finding of ``problem``, with the fields that the store keeps."""
    return Finding(
        tool=source.tool,
        kind=problem.kind,
        rule_id=source.rule_id,
        severity=source.severity,
        score=source.score,
        title=source.rule_id,
        message=source.message,
        location=Location(uri=source.uri, start_line=source.line, commit=source.commit),
        # Only locations in the history have a commit.
        secret=(
            SecretSighting(id=None, detector=source.rule_id, in_history=source.commit is not None)
            if problem.kind is Kind.SECRET
            else None
        ),
        component=problem.component,
    )


def _add_comparison_keys(member: Finding, keys: MemberKeys, problem: Problem) -> None:
    """Set the fields of ``member`` that a comparison reads."""
    member.identity, member.line_hash = keys.identity or "", keys.line_hash
    member.package = package_of(problem)
    member.cwes = problem.cwes
    location = member.location
    location.image, location.logical = problem.image, problem.logical
    if problem.kind is Kind.VULNERABILITY:
        member.vulnerability = Vulnerability(aliases=keys.aliases)
    elif problem.kind is Kind.MISCONFIGURATION:
        member.misconfiguration = Misconfiguration(checks=keys.checks, resource=keys.resource)
    elif problem.kind is Kind.LICENSE:
        member.license = problem.rule_id
    elif problem.kind is Kind.SECRET:
        # The store keeps one value for the problem, not for each member.
        member.secret = SecretSighting(
            id=problem.secret,
            key=problem.secret_key,
            detector=member.rule_id,
            in_history=bool(problem.in_history_only)
            or (
                location.commit is not None
                and any(source.commit is None for source in problem.sources)
            ),
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
        key=problem.secret_key,
        detector=problem.rule_id,
        verified=problem.verified,
        in_history=bool(problem.in_history_only),
    )
