"""The table of commands says what the commands say, and loads them one by one."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import typer

from secagg.cli.app import app
from secagg.cli.commands import COMMANDS, load

GROUP: Any = typer.main.get_command(app)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_the_table_is_that_of_the_command(name: str) -> None:
    command = load(name)
    assert COMMANDS[name][2] == (command.help or "").split("\n")[0]
    assert command.name == name


def test_listing_the_commands_loads_none() -> None:
    code = (
        "import sys; sys.argv = ['secagg', '--help']\n"
        "from secagg.cli.app import app\n"
        "try:\n    app()\nexcept SystemExit:\n    pass\n"
        "print(*sorted(m for m in sys.modules if m.startswith('secagg')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    listed, loaded = done.stdout.rsplit("\n", 2)[:2]
    assert all(f"  {name} " in listed for name in COMMANDS)
    assert set(loaded.split()) == {
        "secagg",
        "secagg.cli",
        "secagg.cli.app",
        "secagg.cli.commands",
        "secagg.cli.help",
        "secagg.cli.plainvalues",
    }


def test_an_unknown_command_is_told_with_a_close_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        GROUP.main(["raport"], prog_name="secagg")
    assert ended.value.code == 2
    assert "Did you mean" in capsys.readouterr().err
