"""``secagg config``: what is in force."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from secagg.cli.options import ConfigOption, FormatOption, OutputFormat, RootOption

config_app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)


@config_app.callback()
def _config() -> None:
    """Look at the configuration."""


@config_app.command()
def show(
    root: RootOption = Path(),
    config: ConfigOption = None,
    output_format: FormatOption = OutputFormat.TABLE,
) -> None:
    """Show every setting in force, and the file and line, or the default, that it comes from."""
    from secagg.pipeline import configcommand

    store = os.environ.get("SECAGG_STORE")
    raise typer.Exit(
        configcommand.show_config(
            root, config, as_json=output_format is OutputFormat.JSON, store=store
        )
    )
