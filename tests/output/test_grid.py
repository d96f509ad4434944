"""Tables: one line a row in a pipe, whatever is in their cells."""

from __future__ import annotations

from secagg.output.grid import Style, draw

HEADERS = ["SEVERITY", "PROBLEM", "WHERE"]


def drawn(*rows: list[str], style: Style | None = None) -> list[str]:
    text = draw(HEADERS, list(rows), style or Style(), stretch=(1,), shares=(1,))
    return text.splitlines()


def test_cells_stand_under_their_headers() -> None:
    lines = drawn(["high", "a", "x.py:1"], ["critical", "another", "y.py"])
    assert len({line.index(where) for line, where in zip(lines, ["W", "x", "y"], strict=True)}) == 1
    assert lines[1].startswith("high ")


def test_a_very_long_cell_pads_no_other_row() -> None:
    _, long, short = drawn(["high", "a" * 150, "x.py"], ["low", "b", "y.py"])
    assert long.endswith(f"{'a' * 150}  x.py")
    assert len(short) < 140


def test_a_row_stays_one_line_and_colours_take_no_room() -> None:
    style = Style(colour=True)
    painted = style.paint("high", "1;31")
    lines = drawn([painted, "one\ntwo", "x.py"], ["high", "three", "y.py"], style=style)
    assert len(lines) == 3
    assert lines[1].replace(painted, "high").index("x.py") == lines[2].index("y.py")
