"""Help: every command stands in a group, nothing is cut, and the examples can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from secagg.cli.app import app
from secagg.cli.commands import COMMANDS, load
from secagg.cli.help import EXAMPLES, GROUPS

ROOT: Any = typer.main.get_command(app)
ROOT.commands.update({name: load(name) for name in COMMANDS})


def commands(group: Any = ROOT, *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *above, name)
        else:
            yield (*above, name), command


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_shows_each_command_once_and_whole(option: str) -> None:
    shown = CliRunner().invoke(app, [option], env={"COLUMNS": "80"}).output
    for name in ROOT.commands:
        assert shown.count(f"\n  {name} ") == 1, name
    assert "..." not in shown.partition("Options:")[2]
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    titles = [line.rstrip(":") for line in shown.splitlines() if line[:1].isalpha()]
    assert [title for title in titles if title in GROUPS] == list(GROUPS)


def test_every_command_has_help_by_h() -> None:
    for path, _ in commands():
        shown = CliRunner().invoke(app, [*path, "-h"])
        assert shown.exit_code == 0, path
        assert "Usage:" in shown.output
        # No words of a library for what a value is.
        assert re.search(r"<(list|str|int|float|path|file|dir)|x>=|<=x", shown.output) is None, path
        assert [line for line in shown.output.splitlines() if len(line) > 80] == [], path


@pytest.mark.parametrize("path", EXAMPLES)
def test_examples_can_be_typed(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "path" / "to" / "repo").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    words = path.split()
    command = ROOT
    for word in words:
        command = command.commands[word]
    for example in EXAMPLES[path]:
        mine = next(part for part in example.split("|") if "secagg" in part)
        given = shlex.split(mine)[1 + len(words) :]
        if "--help" in given:
            continue
        command.make_context(words[-1], given, resilient_parsing=False)
