"""A scan's outcome into the store, and what the store knows for the next one."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from secagg.change.baseline import is_gone
from secagg.model.problem import Problem, RunRecord, ToolRunRecord
from secagg.pipeline.origin import Origin, has_store, open_store_of
from secagg.pipeline.outcome import Outcome, ToolResult, gaps_of
from secagg.pipeline.problems import problem_of
from secagg.scanners.base import Status
from secagg.secrets.lastfilter import filtered

if TYPE_CHECKING:
    from secagg.history import ImportedRun

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
    """What the store keeps of the scan itself."""
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
    """The (tool, component) that looked at all there is to see.

    Not those of which any run failed or was stopped, or whose report was not understood whole.
    """
    if outcome.interrupted:
        return set()
    by_place: defaultdict[tuple[str, str], list[ToolResult]] = defaultdict(list)
    for result in outcome.results:
        by_place[result.run.tool, result.run.component].append(result)
    failed = {r.run.tool for r in outcome.results if r.run.status is Status.FAILED}
    return {
        (tool, component)
        for (tool, component), results in by_place.items()
        if tool not in failed
        and not (since is not None and tool in _OF_HISTORY)
        and any(result.run.status is Status.COMPLETE for result in results)
        and all(_understood(result) for result in results)
    }


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
