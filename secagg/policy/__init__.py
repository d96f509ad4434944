"""Judging: groups in, a decision out."""

from secagg.policy.decision import Action, Decision, Judgement, Verdict
from secagg.policy.exception import Exceptions, NoExceptions, PolicyException, Standing
from secagg.policy.facts import NO_FACTS, BaselineState, Facts
from secagg.policy.gaps import ToolOutcome
from secagg.policy.judge import judge
from secagg.policy.load import built_in, load
from secagg.policy.model import Policy

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
