"""The shell's completions on Tab: ids, tools, policies, components, and values of options.

Completion runs while somebody types: it reads at most one file, offers nothing if it cannot read
that, and never fails. Shells evaluate the output of a completion, so texts of scanners pass only
without characters that are special to a shell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import typer

from secagg.system.patterns import lazy

# The same as in secagg.pipeline.write, which is too slow to import while somebody waits.
DECISION_NAME = "decision.json"
_LARGEST = 32_000_000
_MOST_OFFERS = 200
# Letters, digits and the characters of paths and package names.
_SAFE = lazy(r"[\w@.,+/-]{1,200}")
_UNSAFE = lazy(r"[^\w@.,+/ -]")

Offer = tuple[str, str]
Answer = Callable[[typer.Context, str], list[Offer]]


def _completion(find: Callable[[typer.Context], Iterable[Offer]]) -> Answer:
    """Return a completion of the offers of ``find``; it offers nothing if ``find`` fails."""

    @wraps(find)
    def complete(ctx: typer.Context, incomplete: str) -> list[Offer]:
        try:
            typed = incomplete.lower()
            offers = {
                value: _UNSAFE.sub(" ", description)[:60]
                for value, description in find(ctx)
                if value.lower().startswith(typed) and _SAFE.fullmatch(value)
            }
            return list(offers.items())[:_MOST_OFFERS]
        except Exception:
            return []

    # Typer inspects the signature, which must be this function's and not that of ``find``.
    del complete.__wrapped__
    complete.__annotations__ = {"ctx": typer.Context, "incomplete": str, "return": list[Offer]}
    return complete


def _last_decision(ctx: typer.Context) -> dict[str, Any]:
    """Return the last scan's ``decision.json``, from the directory that the options so far name."""
    import orjson

    from secagg.system.files import OUTPUT_DIRECTORY
    from secagg.system.root import find_root

    option = ctx.params.get("last") or ctx.params.get("output")
    root = ctx.params.get("root")
    home = root if isinstance(root, Path) and root != Path() else find_root(Path())
    directory = option if isinstance(option, Path) else home / OUTPUT_DIRECTORY
    path = directory / DECISION_NAME
    if path.stat().st_size > _LARGEST:
        return {}
    decision: dict[str, Any] = orjson.loads(path.read_bytes())
    return decision


def _findings(ctx: typer.Context) -> Iterator[dict[str, Any]]:
    yield from _last_decision(ctx)["findings"]


@_completion
def identities(ctx: typer.Context) -> Iterator[Offer]:
    """Offer ids of the last scan's rows, those that fail first."""
    from secagg import ids

    order = {"fail": 0, "warn": 1}
    for row in sorted(_findings(ctx), key=lambda row: order.get(row["action"], 2)):
        yield ids.short(row["id"]), f"{row['severity']} {row['rule']} {row['path'] or ''}"


@_completion
def tools(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the tools that secagg runs, and those whose reports it reads."""
    from importlib.metadata import entry_points

    from secagg.scanners import SCANNERS

    yield from ((name, "runs and reads") for name in SCANNERS)
    others = sorted(entry_points(group="secagg.parsers").names - SCANNERS.keys())
    yield from ((name, "reads") for name in others)


@_completion
def policies(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the policies by name, and policy files of this directory."""
    from secagg.policy.load import policy_names

    yield from ((name, "built in") for name in policy_names())
    for pattern in ("*.yaml", "*.yml", "policies/*.yaml", "policies/*.yml", ".secagg/*.yaml"):
        for path in sorted(Path().glob(pattern)):
            yield path.as_posix(), "a file"


@_completion
def components(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the components with findings in the last scan."""
    counts: dict[str, int] = {}
    for row in _findings(ctx):
        name = row["component"] or "."
        counts[name] = counts.get(name, 0) + 1
    yield from ((name, f"{count} problems") for name, count in sorted(counts.items()))


@_completion
def packages(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the packages with findings in the last scan."""
    yield from sorted({(row["package"], "") for row in _findings(ctx) if row["package"]})


@_completion
def owners(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the owners of the last scan's rows, and ``none``."""
    yield from sorted({(owner, "") for row in _findings(ctx) for owner in row["owners"]})
    yield "none", "no owner"


@_completion
def severities(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the severities."""
    from secagg.report.standing import SEVERITY_LABELS

    yield from ((label, "") for label in SEVERITY_LABELS)


@_completion
def kinds(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the kinds of finding."""
    from secagg.model.finding import Kind

    yield from ((str(kind), "") for kind in Kind)


@_completion
def states(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the states in which a problem can be, and ``all``."""
    from secagg.report.standing import ShownState

    yield from ((str(state), "") for state in ShownState)
    yield "all", ""
