"""Judging: groups in, a decision out."""

from secagg.policy.decision import Action, Decision, Judgement, Verdict
from secagg.policy.judge import ToolOutcome, judge
from secagg.policy.model import Policy, built_in, load

__all__ = [
    "Action",
    "Decision",
    "Judgement",
    "Policy",
    "ToolOutcome",
    "Verdict",
    "built_in",
    "judge",
    "load",
]
