"""``secagg staged``: a gate before a commit."""

from __future__ import annotations

from pathlib import Path

import typer

from secagg.cli.options import ColourOption, PathArgument, PolicyOption, QuietOption


def register(app: typer.Typer) -> None:
    """Add ``secagg staged``."""
    app.command()(staged)


def staged(
    path: PathArgument = Path(),
    policy: PolicyOption = None,
    quiet: QuietOption = False,
    no_color: ColourOption = False,
) -> None:
    """Look for secrets in the staged files, with Gitleaks; the policy is secrets-only."""
    from secagg.pipeline.commands import Screen
    from secagg.pipeline.stagedcommand import staged as judge

    raise typer.Exit(judge(path, policy=policy, screen=Screen(quiet=quiet, no_colour=no_color)))
