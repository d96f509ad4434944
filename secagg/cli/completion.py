"""What the shell offers on Tab: ids, tools, policies, components, and words that options take.

It is asked while somebody types: it reads one file at most, is silent where that cannot be read,
and never ends in an error. Shells evaluate what a completion prints, so texts of scanners pass
only where they hold nothing that a shell knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import typer

# As secagg.pipeline.write has it, which takes longer to load than somebody waits for Tab.
DECISION_NAME = "decision.json"
_LARGEST = 32_000_000
_MOST = 200
# Letters, digits and what stands in paths and package names.
_HARMLESS = re.compile(r"[\w@.,+/-]{1,200}")
_STRANGE = re.compile(r"[^\w@.,+/ -]")

Offer = tuple[str, str]
Answer = Callable[[typer.Context, str], list[Offer]]


def _silent(find: Callable[[typer.Context], Iterable[Offer]]) -> Answer:
    """What ``find`` offers that begins as was typed; nothing where it fails."""

    @wraps(find)
    def offered(ctx: typer.Context, incomplete: str) -> list[Offer]:
        try:
            typed = incomplete.lower()
            offers = {
                value: _STRANGE.sub(" ", told)[:60]
                for value, told in find(ctx)
                if value.lower().startswith(typed) and _HARMLESS.fullmatch(value)
            }
            return list(offers.items())[:_MOST]
        except Exception:
            return []

    # Typer looks at the signature, which must be this function's own.
    del offered.__wrapped__
    offered.__annotations__ = {"ctx": typer.Context, "incomplete": str, "return": list[Offer]}
    return offered


def _last(ctx: typer.Context) -> dict[str, Any]:
    """The last scan's ``decision.json``, as the options so far say where it is."""
    import orjson

    from secagg.system.files import OUTPUT_DIRECTORY
    from secagg.system.root import find_root

    given = ctx.params.get("last") or ctx.params.get("output")
    root = ctx.params.get("root")
    home = root if isinstance(root, Path) and root != Path() else find_root(Path())
    directory = given if isinstance(given, Path) else home / OUTPUT_DIRECTORY
    path = directory / DECISION_NAME
    if path.stat().st_size > _LARGEST:
        return {}
    read: dict[str, Any] = orjson.loads(path.read_bytes())
    return read


def _findings(ctx: typer.Context) -> Iterator[dict[str, Any]]:
    yield from _last(ctx)["findings"]


@_silent
def identities(ctx: typer.Context) -> Iterator[Offer]:
    """Offer ids of the last scan's rows, those that fail first."""
    from secagg import ids

    order = {"fail": 0, "warn": 1}
    for row in sorted(_findings(ctx), key=lambda row: order.get(row["action"], 2)):
        yield ids.short(row["id"]), f"{row['severity']} {row['rule']} {row['path'] or ''}"


@_silent
def tools(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the tools that secagg runs, and those whose reports it reads."""
    from importlib.metadata import entry_points

    from secagg.scanners import SCANNERS

    yield from ((name, "runs and reads") for name in SCANNERS)
    read = sorted(entry_points(group="secagg.parsers").names - SCANNERS.keys())
    yield from ((name, "reads") for name in read)


@_silent
def policies(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the policies by name, and policy files of this directory."""
    from secagg.policy.load import policy_names

    yield from ((name, "built in") for name in policy_names())
    for pattern in ("*.yaml", "*.yml", "policies/*.yaml", "policies/*.yml", ".secagg/*.yaml"):
        for path in sorted(Path().glob(pattern)):
            yield path.as_posix(), "a file"


@_silent
def components(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the components in which the last scan found something."""
    counts: dict[str, int] = {}
    for row in _findings(ctx):
        name = row["component"] or "."
        counts[name] = counts.get(name, 0) + 1
    yield from ((name, f"{count} rows") for name, count in sorted(counts.items()))


@_silent
def packages(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the packages in which the last scan found something."""
    yield from sorted({(row["package"], "") for row in _findings(ctx) if row["package"]})


@_silent
def owners(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the owners of the last scan's rows, and ``none``."""
    yield from sorted({(owner, "") for row in _findings(ctx) for owner in row["owners"]})
    yield "none", "nobody owns it"


@_silent
def severities(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the severities."""
    from secagg.report.standing import SEVERITY_LABELS

    yield from ((label, "") for label in SEVERITY_LABELS)


@_silent
def kinds(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the kinds of finding."""
    from secagg.model.finding import Kind

    yield from ((str(kind), "") for kind in Kind)


@_silent
def states(ctx: typer.Context) -> Iterator[Offer]:
    """Offer the states in which a problem can be, and ``all``."""
    from secagg.report.standing import ShownState

    yield from ((str(state), "") for state in ShownState)
    yield "all", ""
