"""The category of a run: what GitHub replaces when the next one of its kind arrives.

An analysis is a tool, a category and a ref. GitHub reads ``automationDetails.id`` up to its
last ``/`` as the category; what follows is the id of one run. A file may hold one run only of
each tool and category (GitHub changelog, July 2025).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from secagg.github.tally import Tally

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def tool_of(run: Mapping[str, Any]) -> str:
    """The name of the run's tool."""
    return str(run["tool"]["driver"]["name"])


def category_of(run: Mapping[str, Any]) -> str:
    """The run's category as GitHub reads it; empty where it has none."""
    details = run.get("automationDetails")
    given = details.get("id") if isinstance(details, Mapping) else None
    return given[: given.rfind("/") + 1] if isinstance(given, str) else ""


def part_category(category: str, number: int) -> str:
    """The category of one part of a run that had to be split; the first keeps its own."""
    return category if number == 1 else f"{category}part-{number}/"


def is_part_of(category: str, of: str) -> bool:
    """Whether ``category`` is that of a further part of the run with the category ``of``."""
    return re.fullmatch(r"part-\d+/", category.removeprefix(of)) is not None and (
        category.startswith(of)
    )


def categorize(
    runs: Sequence[dict[str, Any]], sources: Sequence[str], asked: str | None, tally: Tally
) -> None:
    """Give every run a category that no other run of its tool has, in place.

    ``sources`` are the names of the files that the runs came from; ``asked`` is the category
    that the user wants. A run with a category of its own keeps it unless another was asked for.
    """
    tools = [tool_of(run) for run in runs]
    taken: set[tuple[str, str]] = set()
    for run, source, tool in zip(runs, sources, tools, strict=True):
        own = category_of(run)
        wanted = _slashed(asked) if asked is not None else own
        if not wanted:
            wanted = f"secagg/{_slug(tool)}/"
            tally.mend("run without a category", wanted)
        if (tool, wanted) in taken:
            for better in _apart(wanted, run, own, source, asked is not None):
                if (tool, better) not in taken:
                    wanted = better
                    break
            tally.mend("category that several runs of one tool had", wanted)
        taken.add((tool, wanted))
        if wanted != own:
            run["automationDetails"] = {**(run.get("automationDetails") or {}), "id": wanted}


def _apart(
    category: str, run: Mapping[str, Any], own: str, source: str, asked: bool
) -> Sequence[str]:
    """Names for a run whose category is taken: by what stays the same from scan to scan."""
    found = []
    if asked and own:
        found.append(f"{category}{own}")
    component = _component(run)
    if component:
        found.append(f"{category}{component}/")
    stem = _slug(PurePath(source).name.split(".")[0])
    found.append(f"{category}{stem}/")
    return [*found, *(f"{category}{stem}/{number}/" for number in range(2, 10_000))]


def _component(run: Mapping[str, Any]) -> str | None:
    properties = run.get("properties")
    ours = properties.get("secagg") if isinstance(properties, Mapping) else None
    component = ours.get("component") if isinstance(ours, Mapping) else None
    return component if isinstance(component, str) and component != "." else None


def _slashed(category: str) -> str:
    return category if category.endswith("/") else f"{category}/"


def _slug(text: str) -> str:
    return _UNSAFE.sub("-", text).strip("-").lower() or "run"
