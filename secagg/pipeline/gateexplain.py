"""``secagg gate --explain``: the chain from a finding to its action."""

from __future__ import annotations

from secagg.merge.identity import find_group
from secagg.output.escape import terminal
from secagg.output.grid import Style
from secagg.output.rows import row
from secagg.output.steps import step_line
from secagg.pipeline.gate import Gate
from secagg.pipeline.outcome import Outcome
from secagg.policy.explain import chain


def explained(outcome: Outcome, gate: Gate, identity: str, style: Style) -> str:
    """Which rule matched and which did not and why, then exception and baseline, a line each.

    ``identity`` is an id that the row goes by, or its first digits. Raises
    :class:`secagg.errors.UsageError` where it names no row, or several.
    """
    judgements = outcome.decision.judgements
    group = find_group([judgement.group for judgement in judgements], identity)
    judgement = next(one for one in judgements if one.group is group)
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
