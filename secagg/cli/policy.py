"""``secagg policy``: what a gate will do, and whether it does what was meant."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from secagg.cli.options import ColourOption, FormatOption, OutputFormat

policy_app = typer.Typer(
    help="Look at policies, test them, and check them for mistakes.",
    no_args_is_help=True,
)


class PolicyFormat(StrEnum):
    """How a policy is shown."""

    TABLE = "table"
    YAML = "yaml"


@policy_app.command("list")
def list_all(
    output_format: FormatOption = OutputFormat.TABLE, no_color: ColourOption = False
) -> None:
    """List the policies that have a name, built in or of a package."""
    from secagg.pipeline import commands, policycommands

    screen = commands.Screen(json=output_format is OutputFormat.JSON, no_colour=no_color)
    raise typer.Exit(policycommands.list_all(screen))


@policy_app.command()
def show(
    policy: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|FILE]",
            help="A policy's name or file; by default the one that secagg.yaml names.",
        ),
    ] = None,
    output_format: Annotated[
        PolicyFormat,
        typer.Option(
            "--format", "-f", help="A table for people, or YAML that can be used as a policy."
        ),
    ] = PolicyFormat.TABLE,
    no_color: ColourOption = False,
) -> None:
    """Show what a gate by this policy does, with all that it extends."""
    from secagg.pipeline import commands, policycommands

    screen = commands.Screen(no_colour=no_color)
    as_yaml = output_format is PolicyFormat.YAML
    raise typer.Exit(policycommands.show(policy, as_yaml=as_yaml, screen=screen))
