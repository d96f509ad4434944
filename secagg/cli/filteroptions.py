"""The filter options, which ``report``, ``triage``, ``gate`` and ``notify`` share.

:mod:`secagg.report.filters` applies them.
"""

from __future__ import annotations

from typing import Annotated

import typer

from secagg.cli import completion

_Words = list[str] | None

SeverityFilter = Annotated[
    _Words,
    typer.Option(
        "--severity",
        "-s",
        help="Of this severity, or unknown. Repeatable.",
        autocompletion=completion.severities,
    ),
]
AtLeastFilter = Annotated[
    str | None,
    typer.Option(
        "--at-least",
        help="As bad as this or worse; unknown ones are shown too.",
        autocompletion=completion.severities,
    ),
]
KindFilter = Annotated[
    _Words,
    typer.Option("--kind", "-k", help="Of this kind. Repeatable.", autocompletion=completion.kinds),
]
ToolFilter = Annotated[
    _Words,
    typer.Option(
        "--tool",
        "-t",
        help="Reported by this tool. Repeatable.",
        autocompletion=completion.tools,
    ),
]
ComponentFilter = Annotated[
    _Words,
    typer.Option(
        "--component",
        "-c",
        help="In this component or below it. Repeatable.",
        autocompletion=completion.components,
    ),
]
PathFilter = Annotated[
    _Words,
    typer.Option("--path", help="In files that this pattern (.gitignore's) matches. Repeatable."),
]
PackageFilter = Annotated[
    _Words,
    typer.Option(
        "--package",
        help="In this package (its name or purl). Repeatable.",
        autocompletion=completion.packages,
    ),
]
IdFilter = Annotated[
    _Words,
    typer.Option(
        "--id",
        "--cve",
        "--rule",
        metavar="ID",
        help="This CVE, GHSA, CWE, rule or id of a problem. Repeatable.",
        autocompletion=completion.identities,
    ),
]
OWNER_HELP = "Owned by this team or person, or none. Repeatable."
OwnerFilter = Annotated[
    _Words,
    typer.Option(
        "--owner",
        "--owned-by",
        metavar="OWNER",
        help=OWNER_HELP,
        autocompletion=completion.owners,
    ),
]
StateFilter = Annotated[
    _Words,
    typer.Option(
        "--state",
        "--in-state",
        metavar="STATE",
        help="open, confirmed, false-positive, accepted, excepted, fixed or all; by default open "
        "and confirmed. Repeatable.",
        autocompletion=completion.states,
    ),
]
OlderThanFilter = Annotated[
    str | None,
    typer.Option("--older-than", "--age", help="First seen so long ago: 30d, 2w."),
]
NewSinceFilter = Annotated[
    str | None,
    typer.Option(
        "--new-since", help="New since a date, an age (7d), a run's commit or key, or last."
    ),
]
FixFilter = Annotated[
    bool | None, typer.Option("--fix-available/--no-fix-available", help="A fix is known.")
]
OverdueFilter = Annotated[bool, typer.Option("--overdue", help="Past its due day.")]
SearchFilter = Annotated[
    str, typer.Option("--search", "-S", help="Every one of these words occurs.")
]
