"""Dismiss the alerts of suppressed results, as GitHub ignores ``suppressions``, and reopen them.

A dismissal holds for the whole repository. So only suppressions in a commit of the default branch
dismiss alerts; those in a pull request do not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote

from secagg.github.alerts import MARK, Alerts, DismissalReason
from secagg.github.client import Client
from secagg.github.failures import GitHubError
from secagg.github.places import line_of, path_of
from secagg.github.preflight import Part
from secagg.github.results import is_suppressed
from secagg.github.target import Target
from secagg.jsonio.members import as_mapping, text_at

_Location = tuple[str, str, str, int]
_REASON_PATTERNS = (
    (
        re.compile(r"(?i)false[ _-]?positive|not[ _-]affected|inaccurate|not exploitable"),
        DismissalReason.FALSE_POSITIVE,
    ),
    (re.compile(r"(?i)\btests?\b|\bfixture"), DismissalReason.IN_TESTS),
)


@dataclass(slots=True)
class Dismissals:
    """How many alerts were changed; ``warnings`` say which could not be.

    ``requested`` dismissals wait for approval, where the repository delegates dismissals.
    """

    dismissed: int = 0
    requested: int = 0
    reopened: int = 0
    warnings: list[str] = field(default_factory=list)


def dismiss_suppressed(client: Client, target: Target, parts: Sequence[Part]) -> Dismissals:
    """Dismiss and reopen alerts by the suppressions in ``parts``, which GitHub has processed.

    Dismisses the open alert of a suppressed result with its justification, and reopens an alert
    that secagg dismissed and whose result is no longer suppressed. Alerts that people dismissed
    stay. A refusal by GitHub becomes a warning.
    """
    dismissals = Dismissals()
    for tool in sorted({part.tool for part in parts}):
        suppressed, unsuppressed = _split_by_suppression(
            [part for part in parts if part.tool == tool]
        )
        try:
            _update_alerts(
                Alerts(client, target.repository),
                target,
                tool,
                suppressed,
                unsuppressed,
                dismissals,
            )
        except GitHubError as error:
            dismissals.warnings.append(
                f"suppressed results of {tool} could not be dismissed, and their alerts stay "
                f"open: {error.message} (where dismissals are delegated the token must be "
                "allowed to ask for them)"
            )
    return dismissals


def with_default_branch(client: Client, target: Target) -> Target:
    """Ask GitHub for the default branch where neither event nor options name it; it may refuse."""
    if target.on_default_branch is not None:
        return target
    try:
        answer = as_mapping(client.get(f"/repos/{target.repository}"))
    except GitHubError:
        return target
    return replace(target, default_branch=text_at(answer, "default_branch"))


def is_on_ref(client: Client, target: Target) -> bool:
    """Return whether the target's commit is the tip of its branch or an ancestor of it.

    Asks GitHub where checkout and event do not tell; False where GitHub does not either.
    """
    if target.on_ref is not None:
        return target.on_ref
    branch = quote(target.ref.removeprefix("refs/heads/"), safe="")
    path = f"/repos/{target.repository}/compare/{branch}...{target.commit}"
    try:
        answer = as_mapping(client.get(path, per_page=1))
    except GitHubError:
        return False
    return answer.get("status") in ("identical", "behind")


def reason_of(justification: str) -> DismissalReason:
    """Return the reason of GitHub that comes nearest to ``justification``."""
    for pattern, reason in _REASON_PATTERNS:
        if pattern.search(justification):
            return reason
    return DismissalReason.WONT_FIX


def _update_alerts(
    alerts: Alerts,
    target: Target,
    tool: str,
    suppressed: Mapping[_Location, str],
    unsuppressed: set[_Location],
    dismissals: Dismissals,
) -> None:
    if suppressed:
        for alert in list(alerts.list(tool_name=tool, ref=target.ref, state="open")):
            justification = suppressed.get(alert.location)
            # An alert for both suppressed and other results stays open.
            if justification is not None and alert.location not in unsuppressed:
                if alerts.dismiss(alert.number, reason_of(justification), MARK + justification):
                    dismissals.dismissed += 1
                else:
                    dismissals.requested += 1
    for alert in list(alerts.list(tool_name=tool, ref=target.ref, state="dismissed")):
        if alert.by_secagg and alert.location in unsuppressed and alert.location not in suppressed:
            alerts.reopen(alert.number)
            dismissals.reopened += 1


def _split_by_suppression(parts: Sequence[Part]) -> tuple[dict[_Location, str], set[_Location]]:
    """Return the locations of suppressed results with their justification, and those of others."""
    suppressed: dict[_Location, str] = {}
    unsuppressed: set[_Location] = set()
    for part in parts:
        for result in part.run["results"]:
            location = (part.tool, str(result["ruleId"]), unquote(path_of(result)), line_of(result))
            if is_suppressed(result):
                suppressed[location] = _justification(result)
            else:
                unsuppressed.add(location)
    return suppressed, unsuppressed


def _justification(result: Mapping[str, Any]) -> str:
    reasons = [
        " ".join(suppression["justification"].split())
        for suppression in result["suppressions"]
        if isinstance(suppression.get("justification"), str)
        and suppression["justification"].strip()
    ]
    return "; ".join(reasons) or "suppressed without a reason"
