"""Suppressed results: dismissed at GitHub, which reads no ``suppressions``, and opened again.

A dismissal holds for the whole repository. So only what is suppressed in a commit of the default
branch is dismissed; a pull request cannot dismiss anything by suppressing it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote

from secagg.github.alerts import MARK, Alerts
from secagg.github.client import Client
from secagg.github.event import mapping, text_at
from secagg.github.failures import GitHubError
from secagg.github.places import line_of, path_of
from secagg.github.preflight import Part
from secagg.github.results import is_suppressed
from secagg.github.target import Target

_Place = tuple[str, str, str, int]
_REASONS = (
    (re.compile(r"(?i)false[ _-]?positive|not[ _-]affected|inaccurate|not exploitable"), 0),
    (re.compile(r"(?i)\btests?\b|\bfixture"), 2),
)
_NAMES = ("false positive", "won't fix", "used in tests")


@dataclass(slots=True)
class Dismissals:
    """What was changed; ``warnings`` say what could not be.

    ``requested`` dismissals wait for somebody's consent, where the repository delegates them.
    """

    dismissed: int = 0
    requested: int = 0
    reopened: int = 0
    warnings: list[str] = field(default_factory=list)


def dismiss_suppressed(client: Client, target: Target, parts: Sequence[Part]) -> Dismissals:
    """Make alerts agree with the suppressions in ``parts``, which GitHub has processed.

    A suppressed result's open alert is dismissed with its justification. An alert that was
    dismissed so before and whose result is not suppressed any more is opened again. Alerts
    that people dismissed are not touched. Nothing is raised: a refusal becomes a warning.
    """
    done = Dismissals()
    for tool in sorted({part.tool for part in parts}):
        hushed, loud = _places([part for part in parts if part.tool == tool])
        try:
            _agree(Alerts(client, target.repository), target, tool, hushed, loud, done)
        except GitHubError as error:
            done.warnings.append(
                f"suppressed results of {tool} could not be dismissed, and their alerts stay "
                f"open: {error.message} (where dismissals are delegated the token must be "
                "allowed to ask for them)"
            )
    return done


def with_default_branch(client: Client, target: Target) -> Target:
    """Ask GitHub for the default branch where neither event nor flags tell; it may not say."""
    if target.on_default_branch is not None:
        return target
    try:
        answer = mapping(client.get(f"/repos/{target.repository}"))
    except GitHubError:
        return target
    return replace(target, default_branch=text_at(answer, "default_branch"))


def is_on_ref(client: Client, target: Target) -> bool:
    """Tell whether the target's commit is the tip of its branch or an ancestor of that.

    Asks GitHub where this checkout and the event do not know; False where GitHub does not say.
    """
    if target.on_ref is not None:
        return target.on_ref
    branch = quote(target.ref.removeprefix("refs/heads/"), safe="")
    path = f"/repos/{target.repository}/compare/{branch}...{target.commit}"
    try:
        answer = mapping(client.get(path, per_page=1))
    except GitHubError:
        return False
    return answer.get("status") in ("identical", "behind")


def reason_of(justification: str) -> str:
    """GitHub's reason that comes nearest to what was written."""
    for pattern, index in _REASONS:
        if pattern.search(justification):
            return _NAMES[index]
    return "won't fix"


def _agree(
    alerts: Alerts,
    target: Target,
    tool: str,
    hushed: Mapping[_Place, str],
    loud: set[_Place],
    done: Dismissals,
) -> None:
    if hushed:
        for alert in list(alerts.list(tool_name=tool, ref=target.ref, state="open")):
            why = hushed.get(alert.place)
            # Where one alert stands for results of both kinds, it stays.
            if why is not None and alert.place not in loud:
                if alerts.dismiss(alert.number, reason_of(why), MARK + why):
                    done.dismissed += 1
                else:
                    done.requested += 1
    for alert in list(alerts.list(tool_name=tool, ref=target.ref, state="dismissed")):
        if alert.by_secagg and alert.place in loud and alert.place not in hushed:
            alerts.reopen(alert.number)
            done.reopened += 1


def _places(parts: Sequence[Part]) -> tuple[dict[_Place, str], set[_Place]]:
    """Where suppressed results are, with why, and where others are."""
    hushed: dict[_Place, str] = {}
    loud: set[_Place] = set()
    for part in parts:
        for result in part.run["results"]:
            place = (part.tool, str(result["ruleId"]), unquote(path_of(result)), line_of(result))
            if is_suppressed(result):
                hushed[place] = _justification(result)
            else:
                loud.add(place)
    return hushed, loud


def _justification(result: Mapping[str, Any]) -> str:
    reasons = [
        " ".join(s["justification"].split())
        for s in result["suppressions"]
        if isinstance(s.get("justification"), str) and s["justification"].strip()
    ]
    return "; ".join(reasons) or "suppressed without a reason"
