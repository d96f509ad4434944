"""The options of what a gate compares with and where it is read from."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from secagg.pipeline.gate import GateOptions

PolicyFromOption = Annotated[
    str | None,
    typer.Option(
        metavar="COMMIT",
        help="Read policy, exceptions and configuration from this commit; in a pull request by "
        "default from its base.",
    ),
]
BaselineOption = Annotated[
    str | None,
    typer.Option(
        metavar="WHAT", help="Compare with a report, run:KEY of the store, or a recorded commit."
    ),
]
DiffOption = Annotated[
    str | None,
    typer.Option(metavar="BASE...HEAD", help="Mark what lies on the lines of this change."),
]
VexOption = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="An OpenVEX or CycloneDX VEX document. Repeatable."),
]
StoreOption = Annotated[
    str | None,
    typer.Option(metavar="WHERE", help="The history: a path or URL, instead of .secagg/secagg.db."),
]


def gate_options(
    *,
    policy: str | None,
    policy_from: str | None,
    baseline: str | None,
    diff: str | None,
    vex: list[str] | None,
    store: str | None,
    today: date | None = None,
) -> GateOptions:
    """The options as the pipeline takes them."""
    from secagg.pipeline.gate import GateOptions

    return GateOptions(
        policy=policy,
        policy_from=policy_from,
        baseline=baseline,
        diff=diff,
        vex=tuple(vex or ()),
        store=store,
        today=today,
    )
