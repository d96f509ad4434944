"""A policy for people: its rules in their order, and what holds beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secagg.output.escape import terminal
from secagg.output.grid import Style, draw
from secagg.policy.decision import Action
from secagg.policy.exception import DecisionSource
from secagg.policy.model import CompareWith, Policy, PolicyRule
from secagg.policy.sentences import counted
from secagg.policy.written import written_match

_COMPARED = {
    CompareWith.AUTO: "the stored run of its base, or else a scan of it",
    CompareWith.SCAN: "a scan of its base",
    CompareWith.NONE: "nothing, unless --baseline says with what",
}
_COLOURS = {Action.FAIL: "1;31", Action.WARN: "33", Action.IGNORE: "2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A policy in the list: ``source`` is ``built in``, or the package that brings it."""

    name: str
    source: str
    description: str


def policies_table(policies: Sequence[Named], style: Style) -> str:
    """A line a policy; where each comes from only if one is not built in."""
    foreign = any(policy.source != "built in" for policy in policies)
    headers = ["NAME", *(["SOURCE"] if foreign else []), "DESCRIPTION"]
    cells = [
        [
            style.paint(terminal(policy.name), "1"),
            *([terminal(policy.source)] if foreign else []),
            terminal(policy.description),
        ]
        for policy in policies
    ]
    return draw(headers, cells, style, stretch=(len(headers) - 1,), shares=(1,))


def policies_json(policies: Sequence[Named]) -> str:
    """The same for machines."""
    rows = [
        {"name": policy.name, "source": policy.source, "description": policy.description}
        for policy in policies
    ]
    return json.dumps({"schema_version": 1, "policies": rows}, indent=2)


def policy_table(policy: Policy, chain: Sequence[str], origins: Sequence[str], style: Style) -> str:
    """What a gate by ``policy`` does.

    ``chain`` are the policies that it is made of, own one first, and ``origins`` says for each
    rule which of them it comes from.
    """
    head = style.paint(terminal(policy.name), "1")
    if policy.description:
        head += f": {terminal(policy.description)}"
    lines = [head]
    if len(chain) > 1:
        lines.append(" extends ".join(terminal(name) for name in chain))
    headers = ["", "WHEN", "THEN", "WHY", "RULE", *(["FROM"] if len(chain) > 1 else [])]
    cells = []
    for number, (rule, origin) in enumerate(zip(policy.rules, origins, strict=True), 1):
        line = [
            str(number),
            terminal(match_words(written_match(rule.match))),
            style.paint(action_words(rule), _COLOURS[rule.action]),
            terminal(rule.why or ""),
            terminal(rule.name),
        ]
        cells.append([*line, terminal(origin)] if len(chain) > 1 else line)
    lines += ["", draw(headers, cells, style, stretch=(1, 3), shares=(1, 1)), ""]
    lines += [terminal(sentence) for sentence in _settings(policy)]
    return "\n".join(lines)


def action_words(rule: PolicyRule) -> str:
    """``fail``, or with a limit ``warn up to 10, then fail``."""
    if rule.limit is None:
        return rule.action.value
    below = Action.WARN if rule.action is Action.FAIL else rule.action
    return f"{below} up to {rule.limit:,}, then fail" if rule.limit else "fail (a limit of 0)"


def match_words(match: Mapping[str, Any]) -> str:
    """``kind secret, severity high.., not (path tests/)``; nothing asked is ``everything``."""
    parts = []
    for key, value in match.items():
        if key == "any":
            parts.append("any of (" + " | ".join(match_words(inner) for inner in value) + ")")
        elif key == "not":
            parts.append(f"not ({match_words(value)})")
        elif isinstance(value, list):
            parts.append(f"{key} {' or '.join(value)}")
        else:
            word = str(value).lower() if isinstance(value, bool) else str(value)
            parts.append(f"{key} {word}")
    return ", ".join(parts) or "everything"


def _settings(policy: Policy) -> list[str]:
    sentences = ["The first rule that matches decides; what no rule takes is ignored."]
    if policy.max_age:
        ages = ", ".join(
            f"{severity} {counted(days, 'day')}" for severity, days in policy.max_age.items()
        )
        soon = counted(policy.due_soon, "day")
        sentences.append(
            f"From first seen to fixed: {ages}; what is late fails. A note says so {soon} before."
        )
    severity, tool = policy.unknown_severity, policy.unknown_tool
    if severity is None:
        sentences.append(
            "Of unknown severity: counts as high or worse, and as medium where only linters "
            f"report it; of unknown tools: as {tool} or worse."
        )
    elif severity is tool:
        sentences.append(
            f"Of unknown severity, or of unknown tools: counts as {severity} or worse."
        )
    else:
        sentences.append(
            f"Of unknown severity: counts as {severity} or worse; "
            f"of unknown tools: as {tool} or worse."
        )
    if policy.baseline is not None:
        sentences.append(f"A change is compared with: {_COMPARED[policy.baseline]}.")
    if policy.max_database_age is not None:
        most = counted(policy.max_database_age, "day")
        sentences.append(f"A scanner's database of advisories may be {most} old.")
    if policy.known_tools:
        sentences.append(f"Tools known besides secagg's own: {', '.join(policy.known_tools)}.")
    if policy.require:
        kinds = ", ".join(policy.require)
        sentences.append(f"A scan in which no tool looked for one of these is incomplete: {kinds}.")
    if policy.optional_tools:
        sentences.append(f"Tools that may fail: {', '.join(policy.optional_tools)}.")
    for gap in policy.gaps:
        words = " or ".join(gap.gap)
        sentences.append(
            f"Accepted until {gap.expires} by {gap.owner}, though no tool looks at it: {words} "
            f"({gap.reason})."
        )
    sentences.append(
        f"An exception holds for {counted(policy.exceptions.max_days, 'day')} at the most."
    )
    trusted = policy.decisions.trust
    if set(trusted) != set(DecisionSource):
        sentences.append(
            f"Decisions count that are made in: {', '.join(trusted) or 'nothing'}; "
            "others are shown as not trusted."
        )
    return sentences
