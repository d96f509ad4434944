"""Record a scan in the store: its run, and its groups as problems."""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import urllib.parse
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from secagg.change.baseline import is_gone
from secagg.errors import StoreError
from secagg.jsonio.members import as_mapping, objects_in
from secagg.jsonio.value import decode
from secagg.merge import known_as
from secagg.merge.groups import Group
from secagg.model.finding import Finding
from secagg.model.place import more_places
from secagg.model.problem import (
    MemberKeys,
    Problem,
    ProblemPlace,
    RunRecord,
    Snippet,
    Source,
    TimelineStep,
    ToolRunRecord,
    Triage,
)
from secagg.model.severity import label_of
from secagg.packages.components import component_of
from secagg.pipeline.gate import Gate
from secagg.pipeline.origin import (
    ENVIRONMENT,
    Origin,
    default_branch_of,
    has_store,
    open_store_of,
)
from secagg.pipeline.outcome import Outcome, ToolResult, gaps_of
from secagg.pipeline.ownsarif import split_by_tool
from secagg.policy import Judgement
from secagg.policy.decision import PolicyException
from secagg.scanners.base import PART_OF_HISTORY, Status
from secagg.secrets.lastfilter import filtered
from secagg.system.dates import utc_now

if TYPE_CHECKING:
    from secagg.history import ImportedRun

_MOST_STEPS = 200
_MOST_PLACES = 200
# Tools that read the git history; with ``--since`` they read a part of it only.
_HISTORY_TOOLS = frozenset({"gitleaks", "trufflehog"})

_log = logging.getLogger(__name__)


def problem_of(judgement: Judgement | Group) -> Problem:
    """Return a group as a problem of the store, with the policy's judgement where there is one."""
    group = judgement.group if isinstance(judgement, Judgement) else judgement
    finding = group.representative
    place, package, vulnerability = finding.location, finding.package, finding.vulnerability
    sightings = [member.secret for member in group.members if member.secret is not None]
    steps, snippet = _details(group)
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
            ProblemPlace(uri=place.uri, line=place.start_line)
            for place in more_places(group.members)[:_MOST_PLACES]
        ),
        component=component_of(finding),
        package=package.name if package else None,
        package_type=package.type if package else None,
        version=package.version if package else None,
        purl=package.purl if package else None,
        cwes=finding.cwes,
        fix=finding.fix,
        references=finding.references,
        secret=next((sighting.id for sighting in sightings if sighting.id is not None), None),
        secret_key=next((sighting.key for sighting in sightings if sighting.key is not None), None),
        verified=any(sighting.verified for sighting in sightings) if sightings else None,
        in_history_only=all(sighting.in_history for sighting in sightings) if sightings else None,
        resource=finding.misconfiguration.resource if finding.misconfiguration else None,
        sources=tuple(_source(member) for member in group.members),
        member_keys=tuple(_member_keys(member) for member in group.members),
        steps=steps,
        snippet=snippet,
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
    if isinstance(judgement, Judgement):
        _apply_judgement(problem, judgement)
    return problem


def record_outcome(
    outcome: Outcome,
    *,
    url: str | None,
    root: Path,
    origin: Origin,
    since: str | None = None,
) -> ImportedRun:
    """Record ``outcome``; raises :class:`secagg.errors.StoreError`.

    ``url`` is as in :func:`open_store_of`. ``since`` is the commit from which the git history was
    read: secrets that were not seen do not count as fixed then.
    """
    origin = _filtered_origin(origin)
    judgements = outcome.decision.judgements
    problems = [problem_of(judged) for judged in judgements if not is_gone(judged.group)]
    _filter_texts(problems)
    with open_store_of(url, root) as store:
        run = run_record(outcome, origin)
        return store.record(run, problems, complete_tools(outcome, since=since))


def first_seen(
    url: str | None, root: Path, *, origin: Origin, identities: Iterable[str]
) -> Mapping[str, datetime]:
    """Return when each identity was first seen; empty where there is no store yet."""
    if not has_store(url, root):
        return {}
    origin = _filtered_origin(origin)
    with open_store_of(url, root) as store:
        return store.first_seen(origin.repository, origin.branch, identities)


def run_record(outcome: Outcome, origin: Origin) -> RunRecord:
    """Return the scan as a run of the store."""
    decision = outcome.decision
    rows = (judgement.group.representative for judgement in decision.judgements)
    counts = Counter(label_of(row.severity, known=row.severity_known) for row in rows)
    started = outcome.started or utc_now()
    return RunRecord(
        # The written files know seconds, and are the same run when they are imported.
        key=_run_key(outcome, origin, started.replace(microsecond=0)),
        repository=origin.repository,
        branch=origin.branch,
        commit=origin.commit,
        started_at=started,
        verdict=decision.verdict.value,
        policy=filtered(decision.policy),
        tools=tuple(_tool_run(result) for result in outcome.results),
        by_severity=dict(counts),
        default_branch=_filtered_default_branch(origin.repository),
    )


def complete_tools(outcome: Outcome, *, since: str | None = None) -> set[tuple[str, str]]:
    """Return each (tool, component) whose runs completed and whose reports were parsed completely.

    Only these can fix a problem by not reporting it. A SARIF file of secagg counts for the tools
    and components of its runs.
    """
    if outcome.interrupted:
        return set()
    by_tool_and_component: defaultdict[tuple[str, str], list[ToolResult]] = defaultdict(list)
    failed = set()
    for result in split_by_tool(outcome.results):
        by_tool_and_component[result.run.tool, result.run.component].append(result)
        if result.run.status is Status.FAILED:
            failed.add(result.run.tool)
    return {
        (tool, component)
        for (tool, component), results in by_tool_and_component.items()
        if tool not in failed
        and not (tool in _HISTORY_TOOLS and (since is not None or any(map(_is_partial, results))))
        and any(result.run.status is Status.COMPLETE for result in results)
        and all(_read_completely(result) for result in results)
    }


def record_scan(outcome: Outcome, gate: Gate, *, since: str | None) -> list[str]:
    """Record ``outcome`` unless the gate has no store; return warnings.

    Raises :class:`StoreError` where a store that the user named cannot be written: a history that
    ends silently looks like one without new problems. The default store, whose checkout may be
    read-only, gives a warning only, and so does a server that takes no runs of pull requests.
    """
    store = gate.options.store
    if store == "" or outcome.interrupted:
        return []
    try:
        record = record_outcome(outcome, url=store, root=gate.root, origin=gate.origin, since=since)
        _log.debug("recorded on branch %s: %r", gate.origin.branch, record)
    except StoreError as error:
        if (store is not None or os.environ.get(ENVIRONMENT)) and not error.reads_only:
            raise
        return [f"this scan is not in the history: {error.message}"]
    return []


def _apply_judgement(problem: Problem, judgement: Judgement) -> None:
    facts = judgement.facts
    problem.action, problem.rule, problem.why = judgement.action, judgement.rule, judgement.why
    problem.due, problem.owners = judgement.due, facts.owners
    problem.baseline = None if facts.baseline is None else facts.baseline.value
    problem.epss = facts.epss if facts.epss is not None else problem.epss
    problem.kev = facts.kev if facts.kev is not None else problem.kev
    exception = judgement.exception
    needed = judgement.approvals_needed
    problem.approvals_needed = needed if needed > 1 else None
    if exception is None:
        waiting = next((e for e in judgement.lapsed if e.unapproved and not e.on_one), None)
        if waiting is not None:
            problem.unapproved, problem.unapproved_in = _unapproved(waiting), waiting.source
    # A decision on one problem is read again wherever the problem is shown.
    if exception is not None and not exception.on_one:
        problem.exception, problem.exception_state = exception.source, exception.state
        problem.exception_reason, problem.exception_expires = exception.reason, exception.expires


def _unapproved(exception: PolicyException) -> Triage:
    """Return an exception that needs approval as a decision, to be shown."""
    return Triage(
        state=exception.state,
        reason=exception.reason or "",
        by=next(iter(exception.signers), exception.owner),
        owner=exception.owner,
        expires=exception.expires,
        approved_by=exception.signers[1:],
    )


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


def _member_keys(member: Finding) -> MemberKeys:
    check, vulnerability = member.misconfiguration, member.vulnerability
    return MemberKeys(
        identity=member.identity or None,
        line_hash=member.line_hash,
        resource=None if check is None else check.resource,
        checks=() if check is None else check.checks,
        aliases=() if vulnerability is None else vulnerability.aliases,
    )


def _details(group: Group) -> tuple[tuple[TimelineStep, ...], Snippet | None]:
    """Return the code flow and the snippet of a group, of its first SARIF results that have one."""
    steps: tuple[TimelineStep, ...] = ()
    snippet = None
    findings = (group.representative, *group.members)
    for encoded in dict.fromkeys(f.sarif.encoded for f in findings if f.sarif is not None):
        # Decoding takes longer than all else here.
        may_have_steps = not steps and b'"codeFlows"' in encoded
        may_have_snippet = snippet is None and b'"snippet"' in encoded
        if may_have_steps or may_have_snippet:
            result = decode(encoded)
            steps = steps or _steps(result)
            snippet = snippet or _snippet(result)
    return steps, snippet


def _steps(result: Mapping[str, Any]) -> tuple[TimelineStep, ...]:
    """Return the first code flow of a result (SARIF 2.1.0, 3.36); empty without one."""
    for flow in objects_in(result.get("codeFlows")):
        for thread in objects_in(flow.get("threadFlows")):
            locations = itertools.islice(objects_in(thread.get("locations")), _MOST_STEPS)
            if steps := tuple(map(_step, locations)):
                return steps
    return ()


def _step(flow_location: Mapping[str, Any]) -> TimelineStep:
    location = as_mapping(flow_location.get("location"))
    physical = as_mapping(location.get("physicalLocation"))
    uri = as_mapping(physical.get("artifactLocation")).get("uri")
    line = as_mapping(physical.get("region")).get("startLine")
    message = as_mapping(location.get("message")).get("text")
    return TimelineStep(
        uri=_relative_path(uri) if isinstance(uri, str) else None,
        line=line if isinstance(line, int) else None,
        message=message if isinstance(message, str) else "",
    )


@lru_cache(maxsize=4096)
def _relative_path(uri: str) -> str | None:
    """Return a URI reference as a path in the checkout; None for one outside of it."""
    if uri.startswith("/") or urllib.parse.urlsplit(uri).scheme:
        return None
    return urllib.parse.unquote(uri)


def _snippet(result: Mapping[str, Any]) -> Snippet | None:
    """Return the lines around the location, else those of it (SARIF 2.1.0, 3.29.5 and 3.30.13)."""
    for location in itertools.islice(objects_in(result.get("locations")), 1):
        physical = as_mapping(location.get("physicalLocation"))
        for name in ("contextRegion", "region"):
            region = as_mapping(physical.get(name))
            text, start = as_mapping(region.get("snippet")).get("text"), region.get("startLine")
            if isinstance(text, str) and isinstance(start, int) and text:
                return Snippet(start_line=start, lines=tuple(text.splitlines()))
    return None


def _filter_texts(problems: Iterable[Problem]) -> None:
    """Mask known secrets in the texts of ``problems`` that come from policy and configuration.

    Texts from reports were masked when they were read.
    """
    cache: dict[str, str] = {}

    def filter_text(text: str | None) -> str | None:
        if text is None:
            return None
        if text not in cache:
            cache[text] = filtered(text)
        return cache[text]

    for problem in problems:
        problem.rule, problem.why = filter_text(problem.rule), filter_text(problem.why)
        problem.exception = filter_text(problem.exception)
        if problem.owners:
            problem.owners = tuple(filter_text(owner) or owner for owner in problem.owners)


def _filtered_origin(origin: Origin) -> Origin:
    """Mask known secrets in ``origin``: a branch may be named after one."""
    return replace(origin, repository=filtered(origin.repository), branch=filtered(origin.branch))


def _filtered_default_branch(repository: str) -> str | None:
    name = default_branch_of(repository)
    return None if name is None else filtered(name)


def _is_partial(result: ToolResult) -> bool:
    """Return whether a report covers only a part of the git history."""
    return any(PART_OF_HISTORY in gap.message for gap in gaps_of(result))


def _read_completely(result: ToolResult) -> bool:
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


def _run_key(outcome: Outcome, origin: Origin, started: datetime) -> str:
    """Return a key that is the same for the same scan, and differs from others of that second."""
    parts = [origin.repository, origin.branch, origin.commit or "", started.isoformat()]
    parts += [
        f"{result.run.tool}/{result.run.component}/{result.run.mode}" for result in outcome.results
    ]
    parts += sorted(group.identity for group in outcome.merged.groups)
    text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:32]
