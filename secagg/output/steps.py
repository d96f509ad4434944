"""The way from a finding to its action, a line a step."""

from __future__ import annotations

from secagg.output.escape import terminal
from secagg.policy.explain import RuleStep


def step_line(step: RuleStep) -> str:
    """One step of the way to an action, with the one that decided marked."""
    mark = "\u2192" if step.taken else "\u00b7"
    verdict = "matches" if step.matched else "does not match" if step.matched is False else "?"
    why = f": {step.why}" if step.why else ""
    return terminal(f"{mark} {step.what} {verdict}{why}")
