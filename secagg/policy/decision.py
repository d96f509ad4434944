"""What a policy decided: a verdict on the whole, and one on each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from secagg.merge.groups import Group


class Verdict(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    INCOMPLETE = "incomplete"


class Action(StrEnum):
    FAIL = "fail"
    WARN = "warn"
    IGNORE = "ignore"


@dataclass(slots=True, kw_only=True)
class Judgement:
    """The action for one group: which rule of the policy took it, and the sentence to show."""

    group: Group
    action: Action
    rule: str | None = None
    why: str | None = None
    exception: str | None = None


@dataclass(slots=True, kw_only=True)
class Decision:
    """The gate's answer. ``reasons`` are sentences, most important first.

    An incomplete scan is never a pass: ``incomplete`` outweighs ``fail``, whose reasons are
    still listed.
    """

    policy: str
    verdict: Verdict
    reasons: Sequence[str] = ()
    judgements: Sequence[Judgement] = field(default_factory=list)
