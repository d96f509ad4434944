"""The options of what a gate compares with and where it is read from."""

from __future__ import annotations

from datetime import UTC, date, datetime
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
        metavar="WHAT",
        help="Compare with a report, run:KEY of the store, a recorded commit, a scan of the base "
        "(scan), the store's run or else such a scan (auto: the default of pr-gate in a change), "
        "or none.",
    ),
]
DiffOption = Annotated[
    str | None,
    typer.Option(metavar="BASE...HEAD", help="Mark what lies on the lines of this change."),
]
VexOption = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="A VEX document: OpenVEX, CycloneDX or CSAF. Repeatable."),
]
StoreOption = Annotated[
    str | None,
    typer.Option(metavar="WHERE", help="The history: a path or URL, instead of .secagg/secagg.db."),
]
NoStoreOption = Annotated[
    bool, typer.Option("--no-store", help="Ask no history, and keep none of this.")
]
OriginOption = Annotated[
    str | None,
    typer.Option("--repo", help="In the history: the repository as OWNER/NAME, if git is wrong."),
]
OriginBranchOption = Annotated[
    str | None, typer.Option(help="In the history: the branch, instead of the one checked out.")
]
OriginCommitOption = Annotated[
    str | None, typer.Option(help="In the history: the commit, instead of the one checked out.")
]


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a time such as 2026-12-31T04:00:00Z is expected") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


TimeOption = Annotated[
    datetime | None,
    typer.Option(
        "--at",
        parser=_moment,
        metavar="TIME",
        help="In the history: when the scanners ran (UTC), by default now.",
    ),
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
    repository: str | None = None,
    branch: str | None = None,
    commit: str | None = None,
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
        repository=repository,
        branch=branch,
        commit=commit,
    )
