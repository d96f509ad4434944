"""``secagg gate --explain``: the chain from a finding to its action."""

from __future__ import annotations

from secagg.errors import UsageError
from secagg.pipeline.gate import Gate
from secagg.pipeline.outcome import Outcome
from secagg.policy.explain import chain
from secagg.render.escape import terminal
from secagg.render.grid import Style
from secagg.render.rows import row
from secagg.render.steps import step_line

_FEWEST = 6


def explained(outcome: Outcome, gate: Gate, identity: str, style: Style) -> str:
    """Which rule matched and which did not and why, then exception and baseline, a line each.

    ``identity`` is the finding's id or its beginning. Raises :class:`UsageError` where it names
    no finding, or several.
    """
    judgements = [
        judgement
        for judgement in outcome.decision.judgements
        if judgement.group.identity.startswith(identity) and len(identity) >= _FEWEST
    ]
    if len(judgements) != 1:
        raise UsageError(
            f"{len(judgements)} findings have an id that begins with {identity!r}",
            hint="give at least 6 digits, as secagg gate --format json shows them",
        )
    judgement = judgements[0]
    shown = row(judgement.group)
    lines = [
        f"{terminal(shown.what)} ({terminal(shown.where)})",
        f"  id        {judgement.group.identity}",
        f"  counts as {judgement.severity}, action {style.paint(judgement.action.value, '1')}",
        f"  policy    {terminal(outcome.decision.policy)}",
    ]
    if judgement.facts.baseline is not None:
        lines.append(f"  baseline  {judgement.facts.baseline.value}")
        match = None
        if outcome.comparison is not None:
            match = outcome.comparison.matches.get(judgement.group.identity)
        if match is not None:
            lines.append(f"            {terminal(match.why)}")
    for step in chain(gate.policy, judgement, outcome.decision.today or gate.today):
        lines.append(f"  {step_line(step)}")
    return "\n".join(lines)
