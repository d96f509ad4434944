"""Values of options, which are taken without Typer's adapters where they need no check."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from secagg.cli.plainvalues import take_plain_values


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def _number(text: str) -> int:
    return int(text, 16)


def _command(taken: dict[str, Any], *, plainly: bool) -> Any:
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    def show(
        files: list[str],
        name: Annotated[str | None, typer.Option()] = None,
        place: Annotated[Path, typer.Option()] = Path(),
        new: Annotated[Path | None, typer.Option(exists=True)] = None,
        colour: Annotated[Colour, typer.Option()] = Colour.RED,
        word: Annotated[list[str] | None, typer.Option()] = None,
        number: Annotated[int | None, typer.Option(parser=_number)] = None,
        jobs: Annotated[int | None, typer.Option(min=1)] = None,
        loud: Annotated[bool, typer.Option("--loud")] = False,
    ) -> None:
        taken.update(locals())

    command: Any = typer.main.get_command(app)
    if plainly:
        take_plain_values(command.params)
    return command


def _outcome(arguments: list[str], *, plainly: bool) -> tuple[dict[str, Any], str]:
    """What the function got, and what Typer said."""
    taken: dict[str, Any] = {}
    try:
        _command(taken, plainly=plainly).main(arguments, standalone_mode=False)
    except Exception as error:
        return {}, f"{type(error).__name__}: {getattr(error, 'message', error)}"
    taken.pop("taken", None)
    return taken, ""


ARGUMENTS = st.lists(
    st.one_of(
        st.sampled_from(["a.json", "", "-"]),
        st.tuples(st.sampled_from(["--name", "--word", "--place"]), st.text(max_size=5)),
        st.tuples(st.just("--colour"), st.sampled_from(["red", "blue", "green", "RED", ""])),
        st.tuples(st.just("--new"), st.sampled_from([os.sep, "no-such-file"])),
        st.tuples(st.just("--number"), st.sampled_from(["ff", "x", ""])),
        st.tuples(st.just("--jobs"), st.sampled_from(["2", "0", "two"])),
        st.just("--loud"),
    ),
    max_size=6,
)


@given(parts=ARGUMENTS)
def test_a_command_gets_and_refuses_the_same_as_by_typer(parts: list[Any]) -> None:
    arguments = [word for part in parts for word in ([part] if isinstance(part, str) else part)]
    assert _outcome(arguments, plainly=True) == _outcome(arguments, plainly=False)


def test_a_path_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["a", "--place", str(tmp_path)]
    assert _outcome(arguments, plainly=True)[0]["place"] == tmp_path
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "is not readable" in _outcome(arguments, plainly=True)[1]
