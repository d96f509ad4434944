"""The parts of a screen, one after the other; a CI log folds those that are details."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secagg.output import console
from secagg.output.escape import terminal, workflow_data
from secagg.output.grid import Log, Style


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of a screen. ``fold`` is its title where a log may fold it away."""

    text: str
    fold: str | None = None


def show(blocks: Sequence[Block], style: Style) -> None:
    """Print ``blocks``; those without text are left out.

    An empty line stands between them, but not in a CI log, where folds and colours tell them
    apart. Source: GitHub Docs, "Workflow commands for GitHub Actions", "Grouping log lines".
    """
    filled = [block for block in blocks if block.text]
    for number, block in enumerate(filled):
        if block.fold is not None and style.log is Log.GITHUB:
            title = workflow_data(terminal(block.fold))
            console.commands([f"::group::{title}"], on_stdout=True)
            console.out(block.text + "\n")
            console.commands(["::endgroup::"], on_stdout=True)
        elif block.fold is not None and style.log is Log.GITLAB:
            name = f"secagg_{number}"
            console.gitlab_section(name, block.fold)
            console.out(block.text + "\n")
            console.gitlab_section(name, None)
        else:
            last = number == len(filled) - 1
            console.out(block.text + ("\n" if last or style.log is not None else "\n\n"))
