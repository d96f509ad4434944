"""What GitHub will not show of an upload: left out, over a limit, or outside of a change."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from secagg.change.base import default_base
from secagg.change.diff import read_diff
from secagg.change.model import Diff
from secagg.errors import UsageError
from secagg.github.checkout import read_checkout
from secagg.github.findings import ShownResult, worst
from secagg.github.preflight import Part, Plan
from secagg.github.target import Target
from secagg.output.summary import HiddenSummary

_EXAMPLES = 10


def hidden(plan: Plan, diff: Diff | None) -> list[HiddenSummary]:
    """List what GitHub will not show, with the reasons and the first few places of each.

    ``diff`` is the pull request's, None outside of one or where this clone does not hold it.
    """
    tally = plan.tally
    found = [
        HiddenSummary(
            why=f"withheld, because {run.reason}",
            count=run.results,
            examples=[f"{run.tool} {run.category}"],
        )
        for run in plan.withheld
    ]
    found += [
        HiddenSummary(why=f"left out, because {why}", count=c.count, examples=c.examples)
        for why, c in tally.left_out.items()
    ]
    found += [
        HiddenSummary(why=why, count=c.count, examples=c.examples)
        for why, c in (*tally.truncated.items(), *tally.cuts.items())
    ]
    outside = _outside(plan.parts, diff) if diff is not None else []
    if outside:
        found.append(
            HiddenSummary(
                why="outside of the lines that the pull request changes: GitHub shows it on the "
                "Security tab only, and no merge protection counts it",
                count=len(outside),
                examples=[f"{r.severity} {r.rule} in {r.path}:{r.line}" for r in outside][
                    :_EXAMPLES
                ],
            )
        )
    return found


def diff_of_pull_request(
    target: Target, root: Path | None, environ: Mapping[str, str] = os.environ
) -> Diff | None:
    """Read what a pull request changes, from the top of the repository; None if it is not here."""
    checkout = read_checkout(root) if root is not None and target.pull_number is not None else None
    if checkout is None or checkout.commit != target.commit:
        return None
    try:
        base = default_base(checkout.top, environ)
        return None if base is None else read_diff(checkout.top, f"{base}...HEAD")
    except UsageError:
        return None


def _outside(parts: Sequence[Part], diff: Diff) -> list[ShownResult]:
    """The results that are not in changed lines, most severe first."""
    found = []
    for result in worst(parts):
        change = diff.change_of(result.path)
        if change is None or not change.touches(result.line, result.line):
            found.append(result)
    return found
