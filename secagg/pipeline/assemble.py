"""From parsed reports to an outcome: component, identity, merge, judge, mask names.

Until here every path is the real one, by which rules, owners, identities, baselines and merging go.
What comes after writes, prints or sends.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from secagg.merge import Group, merge
from secagg.model.finding import Finding
from secagg.model.identity import set_identities
from secagg.packages.components import Component, innermost_component
from secagg.pipeline.gate import Gate
from secagg.pipeline.judging import decide, suppress
from secagg.pipeline.lookedfor import kinds_seen
from secagg.pipeline.outcome import Outcome, ToolResult, gaps_of
from secagg.pipeline.recognize import recognize
from secagg.policy import Decision, Judgement, PolicyException, ToolOutcome
from secagg.policy.gaps import RunGap, gap_key
from secagg.scanners.base import Status
from secagg.secrets.lastfilter import keep_paths
from secagg.secrets.redactor import Redactor


class Shown:
    """Real paths and how they are shown, for what is about to leave."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._shown: dict[str, str] = {}
        # Those that are not shown as they are.
        self._hidden: dict[str, str] = {}

    def findings(self, findings: Iterable[Finding]) -> None:
        """Show the paths of ``findings``, in place."""
        for finding in findings:
            hidden = False
            for place in (finding.location, *finding.related):
                uri = place.uri
                if uri is not None and (shown := self.path(uri)) != uri:
                    place.uri = shown
                    hidden = True
            if finding.component is not None:
                finding.component = self.path(finding.component)
            if hidden:
                finding.fingerprints = {
                    name: self.text(value) for name, value in finding.fingerprints.items()
                }
                finding.references = tuple(map(self.text, finding.references))

    def groups(self, groups: Iterable[Group]) -> None:
        """Show the paths of the findings in ``groups``, in place."""
        for group in groups:
            self.findings((group.representative, *group.members))

    def names(self) -> Iterator[str]:
        """Yield what may leave as it is: paths as they are shown, and words that are no secrets."""
        yield from self._shown.values()
        yield from self._redactor.public_words()

    def path(self, path: str) -> str:
        """One path."""
        shown = self._shown.get(path)
        if shown is None:
            shown = self._shown[path] = self._redactor.shown_path(path)
            if shown != path:
                self._hidden[path] = shown
        return shown

    def text(self, text: str) -> str:
        """Return a text that may name a path that is not shown as it is."""
        for path, shown in self._hidden.items():
            text = text.replace(path, shown)
        return text

    def texts(self, texts: Sequence[str]) -> list[str]:
        """Several texts."""
        return [self.text(text) for text in texts] if self._hidden else list(texts)

    def decision(self, decision: Decision) -> None:
        """Show the paths in what a decision says, in place."""
        if not self._hidden:
            return
        for name in ("reasons", "gaps", "failures", "notes", "not_analysed"):
            setattr(decision, name, self.texts(getattr(decision, name)))
        decision.lapsed = [self._exception(one) for one in decision.lapsed]
        decision.unused = [self._exception(one) for one in decision.unused]
        decision.judgements = [self._judgement(one) for one in decision.judgements]

    def _judgement(self, judgement: Judgement) -> Judgement:
        given = judgement.exception
        return dataclasses.replace(
            judgement,
            exception=None if given is None else self._exception(given),
            lapsed=[self._exception(one) for one in judgement.lapsed] if judgement.lapsed else (),
        )

    def _exception(self, exception: PolicyException) -> PolicyException:
        return dataclasses.replace(exception, target=self.text(exception.target))


_log = logging.getLogger(__name__)


def assemble(
    results: Sequence[ToolResult],
    *,
    gate: Gate,
    redactor: Redactor,
    components: Sequence[Component],
    root: Path | None,
    started_at: datetime,
    interrupted: bool = False,
    warnings: Sequence[str] = (),
    sources: bool = True,
    looked_at: Callable[[Group], bool] = lambda group: True,
    narrowed: bool = False,
) -> Outcome:
    """Merge and judge what the tools found.

    ``root`` is the checkout (``None`` where reports were read without one); without it no
    line hashes can be computed. ``sources`` says whether its files are those that were scanned.
    ``looked_at`` and ``narrowed`` are as in :func:`secagg.pipeline.judging.decide`.
    """
    findings = [f for result in results for parsed in result.parsed for f in parsed.findings]
    innermost = innermost_component(components)
    for finding in findings:
        finding.component = innermost(finding.location.uri)
    set_identities(findings, root if sources else None, redactor)
    # People quote what they decide on.
    overrules = [replace(one, reason=redactor.mask(one.reason)) for one in gate.overrules]
    merged = merge(findings, overrules=overrules)
    _log.debug("%d findings are %d groups", len(findings), len(merged.groups))
    notes = recognize(merged, gate, gate.origin, before=started_at)
    outcomes = [tool_outcome(result) for result in results]
    judged = decide(
        gate,
        merged,
        outcomes,
        redactor=redactor,
        looked_at=looked_at,
        # Who stopped it has seen a part too.
        narrowed=narrowed or interrupted,
    )
    _accept(results, outcomes, judged.decision.accepted_gaps)
    suppress(judged.decision.judgements)
    shown = Shown(redactor)
    shown.groups(merged.groups)
    if judged.comparison is not None:
        shown.groups(judged.comparison.absent)
    shown.decision(judged.decision)
    _log_decision(judged.decision)
    keep_paths(shown.names())
    return Outcome(
        results=results,
        merged=merged,
        decision=judged.decision,
        components=[shown.path(component.path) for component in components],
        root_name=root.name if root is not None else None,
        started_at=started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        interrupted=interrupted,
        narrowed=narrowed,
        warnings=shown.texts([*warnings, *notes, *merged.warnings, *merged.unused_overrules]),
        change=judged.change,
        comparison=judged.comparison,
    )


def _log_decision(decision: Decision) -> None:
    """Say for each group which rule took it and why, then the verdict with its reasons."""
    if not _log.isEnabledFor(logging.DEBUG):
        return
    for judged in decision.judgements:
        why = "an exception is in force" if judged.exception is not None else judged.why
        _log.debug(
            "%s (%s): %s by rule %s: %s",
            judged.group.identity[:12],
            judged.group.severity,
            judged.action,
            judged.rule,
            why or "no rule says more",
        )
    _log.debug("verdict of policy %s: %s", decision.policy, decision.verdict)
    for reason in (*decision.reasons, *decision.notes):
        _log.debug("because: %s", reason)


def _accept(
    results: Sequence[ToolResult], outcomes: Sequence[ToolOutcome], accepted: frozenset[str]
) -> None:
    """Mark the gaps that are accepted; a run that has no others is complete."""
    for result, outcome in zip(results, outcomes, strict=True):
        for gap in gaps_of(result):
            gap.accepted = gap.fatal and gap_key(gap.message) in accepted
        if outcome.gaps and not outcome.broken and accepted.issuperset(g.key for g in outcome.gaps):
            result.run.status, result.run.reason = Status.COMPLETE, None


def tool_outcome(result: ToolResult) -> ToolOutcome:
    """Return what a policy is told about a tool run."""
    run = result.run
    return ToolOutcome(
        tool=run.tool if run.mode is None else f"{run.tool} ({run.mode})",
        component=run.component,
        status=str(run.status),
        optional=result.optional,
        reason=run.reason,
        hint=run.hint,
        gaps=[RunGap(message=g.message, whole=g.whole) for g in gaps_of(result) if g.fatal],
        remarks=frozenset(gap_key(g.message) for g in gaps_of(result) if not g.fatal),
        broken=result.broken,
        version=run.version,
        kinds=kinds_seen(result),
        needed=result.needed,
        missing=run.missing,
    )
