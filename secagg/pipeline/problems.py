"""From a group and what the policy made of it to a problem in plain values."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any

from secagg.merge import known_as
from secagg.merge.groups import Group
from secagg.model.finding import Finding
from secagg.model.place import image_key, more_places
from secagg.model.problem import MemberKeys, Problem, ProblemPlace, Snippet, Source, TimelineStep
from secagg.packages.components import ROOT
from secagg.pipeline.decisions import of_triage
from secagg.pipeline.provenance import IMAGE
from secagg.policy import Judgement

_MOST_STEPS = 200
_MOST_PLACES = 200


def problem_of(judged: Judgement | Group) -> Problem:
    """The problem that a group is; with the policy's word on it where a judgement is given."""
    group = judged.group if isinstance(judged, Judgement) else judged
    finding = group.representative
    place, package, known = finding.location, finding.package, finding.vulnerability
    sightings = [member.secret for member in group.members if member.secret is not None]
    problem = Problem(
        identity=group.identity,
        known_as=known_as(group),
        kind=finding.kind,
        severity=finding.severity,
        severity_known=finding.severity_known,
        score=finding.score,
        title=finding.title,
        message=finding.message,
        rule_id=finding.rule_id,
        rule_name=finding.rule.name if finding.rule else None,
        help_uri=finding.rule.help_uri if finding.rule else None,
        tools=group.tools,
        uri=place.uri,
        line=place.start_line,
        end_line=place.end_line,
        commit=place.commit,
        image=place.image,
        logical=place.logical,
        places=tuple(
            ProblemPlace(uri=other.uri, line=other.start_line)
            for other in more_places(group.members)[:_MOST_PLACES]
        ),
        component=_component(finding),
        package=package.name if package else None,
        package_type=package.type if package else None,
        version=package.version if package else None,
        purl=package.purl if package else None,
        cwes=finding.cwes,
        fix=finding.fix,
        references=finding.references,
        secret=next((s.id for s in sightings if s.id is not None), None),
        secret_key=next((s.key for s in sightings if s.key is not None), None),
        verified=any(s.verified for s in sightings) if sightings else None,
        in_history_only=all(s.in_history for s in sightings) if sightings else None,
        resource=finding.misconfiguration.resource if finding.misconfiguration else None,
        sources=tuple(_source(member) for member in group.members),
        member_keys=tuple(_keys(member) for member in group.members),
        steps=_steps(group),
        snippet=_snippet(group),
        related=tuple(group.related),
    )
    if known is not None:
        problem.fixed_versions, problem.aliases = known.fixed_versions, known.aliases
        problem.dependency_paths = known.dependency_paths
        problem.direct, problem.scope = known.direct, known.scope
        problem.epss, problem.kev = known.epss, known.kev
    if isinstance(judged, Judgement):
        _judged(problem, judged)
    return problem


def _judged(problem: Problem, judgement: Judgement) -> None:
    facts = judgement.facts
    problem.action, problem.rule, problem.why = judgement.action, judgement.rule, judgement.why
    problem.due, problem.owners = judgement.due, facts.owners
    problem.baseline = None if facts.baseline is None else facts.baseline.value
    problem.epss = facts.epss if facts.epss is not None else problem.epss
    problem.kev = facts.kev if facts.kev is not None else problem.kev
    exception = judgement.exception
    if exception is not None and not of_triage(exception):
        problem.exception, problem.exception_state = exception.source, exception.state
        problem.exception_reason, problem.exception_expires = exception.reason, exception.expires


def _source(member: Finding) -> Source:
    return Source(
        tool=member.tool,
        rule_id=member.rule_id,
        severity=member.severity,
        score=member.score,
        message=member.message,
        uri=member.location.uri,
        line=member.location.start_line,
        commit=member.location.commit,
    )


def _component(finding: Finding) -> str:
    """The part of the tree, or the image, that a scan has to look at to see it again."""
    if finding.location.image is not None:
        return IMAGE + image_key(finding.location.image)
    return finding.component or ROOT


def _keys(member: Finding) -> MemberKeys:
    check, known = member.misconfiguration, member.vulnerability
    return MemberKeys(
        identity=member.identity or None,
        line_hash=member.line_hash,
        resource=None if check is None else check.resource,
        checks=() if check is None else check.checks,
        aliases=() if known is None else known.aliases,
    )


def _results(group: Group) -> list[Mapping[str, Any]]:
    """The SARIF results behind a group, the representative's first."""
    findings = [group.representative, *group.members]
    return [finding.sarif.result for finding in findings if finding.sarif is not None]


def _steps(group: Group) -> tuple[TimelineStep, ...]:
    """The first code flow of the first result that has one (SARIF 2.1.0, 3.36)."""
    for result in _results(group):
        for flow in _items(result, "codeFlows"):
            for thread in _items(flow, "threadFlows"):
                places = _items(thread, "locations")
                if places:
                    return tuple(_step(place) for place in places[:_MOST_STEPS])
    return ()


def _step(place: Mapping[str, Any]) -> TimelineStep:
    location = _part(place, "location")
    physical = _part(location, "physicalLocation")
    uri = _part(physical, "artifactLocation").get("uri")
    line = _part(physical, "region").get("startLine")
    message = _part(location, "message").get("text")
    return TimelineStep(
        uri=_path(uri) if isinstance(uri, str) else None,
        line=line if isinstance(line, int) else None,
        message=message if isinstance(message, str) else "",
    )


def _path(uri: str) -> str | None:
    """A URI reference as a path in the checkout; None for what lies elsewhere."""
    if uri.startswith("/") or urllib.parse.urlsplit(uri).scheme:
        return None
    return urllib.parse.unquote(uri)


def _snippet(group: Group) -> Snippet | None:
    """The lines around the place, or those of it (3.29.5, 3.30.13); masked when they were read."""
    for result in _results(group):
        for location in _items(result, "locations")[:1]:
            physical = _part(location, "physicalLocation")
            for name in ("contextRegion", "region"):
                region = _part(physical, name)
                text, start = _part(region, "snippet").get("text"), region.get("startLine")
                if isinstance(text, str) and isinstance(start, int) and text:
                    return Snippet(start_line=start, lines=tuple(text.splitlines()))
    return None


def _items(value: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    items = value.get(name)
    return [i for i in items if isinstance(i, Mapping)] if isinstance(items, list) else []


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = value.get(name)
    return part if isinstance(part, Mapping) else {}
