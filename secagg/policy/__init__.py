"""Judging: groups in, a decision out."""

from secagg.policy.decision import Action, Decision, Judgement, Verdict
from secagg.policy.exception import Exceptions, NoExceptions, PolicyException, Standing
from secagg.policy.facts import NO_FACTS, BaselineState, Facts
from secagg.policy.judge import ToolOutcome, judge
from secagg.policy.model import Policy, built_in, load

__all__ = [
    "NO_FACTS",
    "Action",
    "BaselineState",
    "Decision",
    "Exceptions",
    "Facts",
    "Judgement",
    "NoExceptions",
    "Policy",
    "PolicyException",
    "Standing",
    "ToolOutcome",
    "Verdict",
    "built_in",
    "judge",
    "load",
]
