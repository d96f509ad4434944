"""Record a scan in the history: groups as problems, and what the store knows of them."""

from __future__ import annotations

import hashlib
import logging
import os
import urllib.parse
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secagg.change.baseline import is_gone
from secagg.errors import StoreError
from secagg.merge import known_as
from secagg.merge.groups import Group
from secagg.model.finding import Finding
from secagg.model.place import image_key, more_places
from secagg.model.problem import (
    MemberKeys,
    Problem,
    ProblemPlace,
    RunRecord,
    Snippet,
    Source,
    TimelineStep,
    ToolRunRecord,
)
from secagg.packages.components import ROOT
from secagg.pipeline.gate import Gate
from secagg.pipeline.origin import ENVIRONMENT, Origin, has_store, open_store_of
from secagg.pipeline.outcome import Outcome, ToolResult, gaps_of
from secagg.pipeline.ownsarif import by_tool
from secagg.pipeline.understand import IMAGE
from secagg.policy import Judgement
from secagg.scanners.base import PART_OF_HISTORY, Status
from secagg.secrets.lastfilter import filtered

if TYPE_CHECKING:
    from secagg.history import ImportedRun

_MOST_STEPS = 200


_MOST_PLACES = 200


def problem_of(judged: Judgement | Group) -> Problem:
    """Return the problem that a group is; with the policy's judgement where one is given."""
    group = judged.group if isinstance(judged, Judgement) else judged
    finding = group.representative
    place, package, vulnerability = finding.location, finding.package, finding.vulnerability
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
    if vulnerability is not None:
        problem.fixed_versions, problem.aliases = (
            vulnerability.fixed_versions,
            vulnerability.aliases,
        )
        problem.dependency_paths = vulnerability.dependency_paths
        problem.direct, problem.scope = vulnerability.direct, vulnerability.scope
        problem.epss, problem.kev = vulnerability.epss, vulnerability.kev
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
    # A decision on this problem alone is asked for anew wherever the problem is shown.
    if exception is not None and not exception.on_one:
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
    check, vulnerability = member.misconfiguration, member.vulnerability
    return MemberKeys(
        identity=member.identity or None,
        line_hash=member.line_hash,
        resource=None if check is None else check.resource,
        checks=() if check is None else check.checks,
        aliases=() if vulnerability is None else vulnerability.aliases,
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


# Tools that read the history of git, of which ``--since`` leaves a part unread.
_OF_HISTORY = frozenset({"gitleaks", "trufflehog"})


def record_outcome(
    outcome: Outcome,
    *,
    url: str | None,
    root: Path,
    origin: Origin,
    since: str | None = None,
) -> ImportedRun:
    """Record ``outcome``; raises :class:`secagg.errors.StoreError`.

    ``url`` is as in :func:`open_store_of`; ``since`` says that only the history from there on
    was read, so that secrets that were not seen are not taken for fixed.
    """
    origin = _filtered(origin)
    judgements = outcome.decision.judgements
    problems = [problem_of(judged) for judged in judgements if not is_gone(judged.group)]
    _filter_words(problems)
    with open_store_of(url, root) as store:
        run = run_record(outcome, origin)
        return store.record(run, problems, complete_tools(outcome, since=since))


def first_seen(
    url: str | None, root: Path, *, origin: Origin, identities: Iterable[str]
) -> Mapping[str, datetime]:
    """When each identity was first seen, by the store; nothing where there is no store yet."""
    if not has_store(url, root):
        return {}
    origin = _filtered(origin)
    with open_store_of(url, root) as store:
        return store.first_seen(origin.repository, origin.branch, identities)


def _filter_words(problems: Iterable[Problem]) -> None:
    """Mask known secrets in the words of policy and configuration that ``problems`` carry.

    What a report says of them was masked as it was read. Who reads the store knows no value.
    """
    known: dict[str, str] = {}

    def word(text: str | None) -> str | None:
        if text is None:
            return None
        if text not in known:
            known[text] = filtered(text)
        return known[text]

    for problem in problems:
        problem.rule, problem.why = word(problem.rule), word(problem.why)
        problem.exception = word(problem.exception)
        if problem.owners:
            problem.owners = tuple(word(owner) or owner for owner in problem.owners)


def _filtered(origin: Origin) -> Origin:
    """``origin`` without known secrets: a branch may be named after one."""
    return replace(origin, repository=filtered(origin.repository), branch=filtered(origin.branch))


def run_record(outcome: Outcome, origin: Origin) -> RunRecord:
    """Return what the store keeps of the scan itself."""
    decision = outcome.decision
    counts = Counter(str(judgement.group.severity) for judgement in decision.judgements)
    started = datetime.now(UTC)
    if outcome.started_at is not None:
        started = datetime.strptime(outcome.started_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return RunRecord(
        key=_key(outcome, origin, started),
        repository=origin.repository,
        branch=origin.branch,
        commit=origin.commit,
        started_at=started,
        verdict=decision.verdict.value,
        policy=filtered(decision.policy),
        tools=tuple(_tool_run(result) for result in outcome.results),
        by_severity=dict(counts),
    )


def complete_tools(outcome: Outcome, *, since: str | None = None) -> set[tuple[str, str]]:
    """Return the (tool, component) that looked at all there is to see.

    Not those of which any run failed or was stopped, or whose report was not understood whole. A
    SARIF file of secagg's speaks for the tools and components of its runs.
    """
    if outcome.interrupted:
        return set()
    by_place: defaultdict[tuple[str, str], list[ToolResult]] = defaultdict(list)
    results = list(by_tool(outcome.results))
    for result in results:
        by_place[result.run.tool, result.run.component].append(result)
    failed = {r.run.tool for r in results if r.run.status is Status.FAILED}
    return {
        (tool, component)
        for (tool, component), results in by_place.items()
        if tool not in failed
        and not (tool in _OF_HISTORY and (since is not None or any(map(_partial, results))))
        and any(result.run.status is Status.COMPLETE for result in results)
        and all(_understood(result) for result in results)
    }


def _partial(result: ToolResult) -> bool:
    """Whether a report says that a part of the history only was read."""
    return any(PART_OF_HISTORY in gap.message for gap in gaps_of(result))


def _understood(result: ToolResult) -> bool:
    if result.run.status is Status.SKIPPED:
        return True
    return not any(gap.fatal for gap in gaps_of(result)) and all(
        parsed.balances and not parsed.problems for parsed in result.parsed
    )


def _tool_run(result: ToolResult) -> ToolRunRecord:
    run = result.run
    gaps = dict.fromkeys(filtered(gap.message) for gap in gaps_of(result) if gap.fatal)
    return ToolRunRecord(
        tool=run.tool,
        component=run.component,
        status=run.status.value,
        version=None if run.version is None else filtered(run.version),
        mode=None if run.mode is None else filtered(run.mode),
        seconds=round(run.seconds, 3),
        reason=None if run.reason is None else filtered(run.reason),
        gaps=tuple(gaps),
    )


def _key(outcome: Outcome, origin: Origin, started: datetime) -> str:
    """The same for the same scan; others of the same second differ in what ran or was found."""
    parts = [origin.repository, origin.branch, origin.commit or "", started.isoformat()]
    parts += [f"{r.run.tool}/{r.run.component}/{r.run.mode}" for r in outcome.results]
    parts += sorted(group.identity for group in outcome.merged.groups)
    text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:32]


_log = logging.getLogger(__name__)


def remember(outcome: Outcome, gate: Gate, *, since: str | None) -> list[str]:
    """Record ``outcome``; what went wrong in sentences.

    A store that was named and cannot be written is an error (:class:`StoreError`): a history
    that quietly ends looks like one in which nothing happens. The default one in the checkout,
    which may be read-only, is a warning.
    """
    store = gate.options.store
    if store == "" or outcome.interrupted:
        return []
    try:
        run = record_outcome(outcome, url=store, root=gate.root, origin=gate.origin, since=since)
        _log.debug("recorded on branch %s: %r", gate.origin.branch, run)
    except StoreError as error:
        if store is not None or os.environ.get(ENVIRONMENT):
            raise
        return [f"this scan is not in the history: {error.message}"]
    return []
