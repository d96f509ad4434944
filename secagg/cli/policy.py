"""``secagg policy``: what a gate will do, and whether it does what was meant."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
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


class ResultFormat(StrEnum):
    """How tests are reported."""

    TABLE = "table"
    JUNIT = "junit"


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


@policy_app.command("test")
def run_tests(
    paths: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Directories of test files, or files.")
    ],
    output_format: Annotated[
        ResultFormat, typer.Option("--format", "-f", help="What to print on standard output.")
    ] = ResultFormat.TABLE,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only what fails.")] = False,
    no_color: ColourOption = False,
) -> None:
    """Test policies: findings in, expected verdict out."""
    from secagg.pipeline import commands, policycommands

    screen = commands.Screen(quiet=quiet, no_colour=no_color)
    junit = output_format is ResultFormat.JUNIT
    raise typer.Exit(policycommands.run_test_files(paths, junit=junit, screen=screen))


@policy_app.command()
def check(
    policies: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Policy files, or names of policies.")
    ],
    root: Annotated[
        Path,
        typer.Option(metavar="DIR", help="The repository that they are for, with its exceptions."),
    ] = Path(),
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Check as on this day (UTC).", metavar="DATE"),
    ] = None,
    output_format: FormatOption = OutputFormat.TABLE,
    no_color: ColourOption = False,
) -> None:
    """Look for rules that do nothing, globs that match nothing, exceptions that are over."""
    from secagg.pipeline import commands, policycommands

    screen = commands.Screen(json=output_format is OutputFormat.JSON, no_colour=no_color)
    day = today.date() if today is not None else None
    raise typer.Exit(policycommands.check_files(policies, root=root, today=day, screen=screen))
