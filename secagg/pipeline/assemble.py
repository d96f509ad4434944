"""Turn parsed reports into an outcome: component, identity, merge, judge, mask paths.

Until here every path is the real one, on which rules, owners, identities, baselines and merging
depend. What comes after writes, prints or sends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

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

_log = logging.getLogger(__name__)


class DisplayPaths:
    """Masks secrets in paths: each real path, and the form in which people may see it."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._display: dict[str, str] = {}
        # The paths that hold a secret.
        self._masked: dict[str, str] = {}

    def mask_findings(self, findings: Sequence[Finding]) -> None:
        """Mask the paths of ``findings`` in place."""
        for finding in findings:
            if finding.location.uri is not None:
                self.path(finding.location.uri)
            for location in finding.related:
                if location.uri is not None:
                    self.path(location.uri)
            if finding.component is not None:
                self.path(finding.component)
        if not self._masked:
            return
        for finding in findings:
            changed = False
            for location in (finding.location, *finding.related):
                uri = location.uri
                if uri is not None and (display := self.path(uri)) != uri:
                    location.uri = display
                    changed = True
            if finding.component is not None:
                finding.component = self.path(finding.component)
            if changed:
                finding.fingerprints = {
                    name: self.text(value) for name, value in finding.fingerprints.items()
                }
                finding.references = tuple(map(self.text, finding.references))

    def mask_groups(self, groups: Iterable[Group]) -> None:
        """Mask the paths of the findings in ``groups`` in place."""
        findings: list[Finding] = []
        for group in groups:
            if not group.members or group.representative is not group.members[0]:
                findings.append(group.representative)
            findings += group.members
        self.mask_findings(findings)

    def public_names(self) -> Iterator[str]:
        """Yield the names that may leave: masked paths, and words that are no secrets."""
        yield from self._display.values()
        yield from self._redactor.public_words()

    def path(self, path: str) -> str:
        """Return ``path`` with its secrets masked."""
        display = self._display.get(path)
        if display is None:
            display = self._display[path] = self._redactor.shown_path(path)
            if display != path:
                self._masked[path] = display
        return display

    def text(self, text: str) -> str:
        """Return ``text`` with the paths in it masked."""
        for path, display in self._masked.items():
            text = text.replace(path, display)
        return text

    def texts(self, texts: Sequence[str]) -> list[str]:
        """Return ``texts`` with the paths in them masked."""
        return [self.text(text) for text in texts] if self._masked else list(texts)

    def mask_decision(self, decision: Decision) -> None:
        """Mask the paths in the sentences and exceptions of ``decision`` in place."""
        if not self._masked:
            return
        for name in ("reasons", "gaps", "failures", "notes", "not_analysed"):
            setattr(decision, name, self.texts(getattr(decision, name)))
        decision.lapsed = [self._masked_exception(exception) for exception in decision.lapsed]
        decision.unused = [self._masked_exception(exception) for exception in decision.unused]
        decision.judgements = [
            self._masked_judgement(judgement) for judgement in decision.judgements
        ]

    def _masked_judgement(self, judgement: Judgement) -> Judgement:
        exception = judgement.exception
        return replace(
            judgement,
            exception=None if exception is None else self._masked_exception(exception),
            lapsed=[self._masked_exception(exception) for exception in judgement.lapsed]
            if judgement.lapsed
            else (),
        )

    def _masked_exception(self, exception: PolicyException) -> PolicyException:
        return replace(exception, target=self.text(exception.target))


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
    covers: Callable[[Group], bool] = lambda group: True,
    narrowed: bool = False,
) -> Outcome:
    """Merge and judge the findings in ``results``.

    ``root`` is the checkout, None where reports were read without one. ``sources`` says whether its
    files are those that were scanned: without them no line hashes can be computed.
    ``covers`` and ``narrowed`` are as in :func:`secagg.pipeline.judging.decide`.
    """
    findings = [
        finding for result in results for report in result.parsed for finding in report.findings
    ]
    component_for = innermost_component(components)
    for finding in findings:
        finding.component = component_for(finding.location.uri)
    set_identities(findings, root if sources else None, redactor)
    # The reason of an overrule may quote a secret.
    overrules = [
        replace(overrule, reason=redactor.mask(overrule.reason)) for overrule in gate.overrules
    ]
    merged = merge(findings, overrules=overrules)
    _log.debug("%d findings are %d groups", len(findings), len(merged.groups))
    notes = recognize(merged, gate, gate.origin, before=started_at)
    outcomes = [tool_outcome(result) for result in results]
    judged = decide(
        gate,
        merged,
        outcomes,
        redactor=redactor,
        covers=covers,
        # An interrupted scan has seen only a part too.
        narrowed=narrowed or interrupted,
    )
    _accept(results, outcomes, judged.decision.accepted_gaps)
    suppress(judged.decision.judgements)
    paths = DisplayPaths(redactor)
    paths.mask_groups(merged.groups)
    if judged.comparison is not None:
        paths.mask_groups(judged.comparison.absent)
    paths.mask_decision(judged.decision)
    _log_decision(judged.decision)
    keep_paths(paths.public_names())
    return Outcome(
        results=results,
        merged=merged,
        decision=judged.decision,
        components=[paths.path(component.path) for component in components],
        root_name=root.name if root is not None else None,
        started_at=started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        started=started_at,
        interrupted=interrupted,
        narrowed=narrowed,
        warnings=paths.texts([*warnings, *notes, *merged.warnings, *merged.unused_overrules]),
        change=judged.change,
        comparison=judged.comparison,
    )


def tool_outcome(result: ToolResult) -> ToolOutcome:
    """Return the part of a tool run that a policy judges."""
    run = result.run
    return ToolOutcome(
        tool=run.tool if run.mode is None else f"{run.tool} ({run.mode})",
        component=run.component,
        status=str(run.status),
        optional=result.optional,
        reason=run.reason,
        hint=run.hint,
        gaps=[RunGap(message=gap.message, whole=gap.whole) for gap in gaps_of(result) if gap.fatal],
        remarks=frozenset(gap_key(gap.message) for gap in gaps_of(result) if not gap.fatal),
        broken=result.broken,
        version=run.version,
        kinds=kinds_seen(result),
        needed=result.needed,
        missing=run.missing,
    )


def _log_decision(decision: Decision) -> None:
    """Log the rule and the reason of each judgement, then the verdict and its reasons."""
    if not _log.isEnabledFor(logging.DEBUG):
        return
    for judgement in decision.judgements:
        reason = "an exception is in force" if judgement.exception is not None else judgement.why
        _log.debug(
            "%s (%s): %s by rule %s: %s",
            judgement.group.identity[:12],
            judgement.group.severity,
            judgement.action,
            judgement.rule,
            reason or "no rule says more",
        )
    _log.debug("verdict of policy %s: %s", decision.policy, decision.verdict)
    for reason in (*decision.reasons, *decision.notes):
        _log.debug("because: %s", reason)


def _accept(
    results: Sequence[ToolResult], outcomes: Sequence[ToolOutcome], accepted_gaps: frozenset[str]
) -> None:
    """Mark the accepted gaps; a run whose gaps are all accepted becomes complete."""
    for result, outcome in zip(results, outcomes, strict=True):
        for gap in gaps_of(result):
            gap.accepted = gap.fatal and gap_key(gap.message) in accepted_gaps
        if (
            outcome.gaps
            and not outcome.broken
            and accepted_gaps.issuperset(gap.key for gap in outcome.gaps)
        ):
            result.run.status, result.run.reason = Status.COMPLETE, None
