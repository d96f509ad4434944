"""The filter options, which ``report``, ``triage`` and ``gate`` share.

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
        help="This CVE, GHSA, CWE, rule or id of a row. Repeatable.",
        autocompletion=completion.identities,
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
