"""Judging: groups in, a decision out."""

from secagg.policy.decision import (
    NO_FACTS,
    Action,
    BaselineState,
    Decision,
    Exceptions,
    ExceptionState,
    Facts,
    Judgement,
    NoExceptions,
    PolicyException,
    Verdict,
)
from secagg.policy.gaps import ToolOutcome
from secagg.policy.judge import judge
from secagg.policy.load import built_in, load
from secagg.policy.model import Policy

__all__ = [
    "NO_FACTS",
    "Action",
    "BaselineState",
    "Decision",
    "ExceptionState",
    "Exceptions",
    "Facts",
    "Judgement",
    "NoExceptions",
    "Policy",
    "PolicyException",
    "ToolOutcome",
    "Verdict",
    "built_in",
    "judge",
    "load",
]
