"""Where on its line a secret of TruffleHog stands."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from secagg_parsers.trufflehog.detections import Columns

from secagg.model.finding import Location

VALUE = "postgres://svc:hX7qPz93LmWd@db.internal:5432"
ENCODED = base64.b64encode(VALUE.encode()).decode()


@pytest.mark.parametrize(
    ("line", "columns"),
    [
        (f"  url: {VALUE}/shop", (8, 8 + len(VALUE))),
        (f"ä: {VALUE}", (4, 4 + len(VALUE))),
        (f"data: {ENCODED}", (7, 7 + len(ENCODED))),
        (f"{VALUE} {VALUE}", (None, None)),
        ("nothing", (None, None)),
    ],
)
def test_columns(tmp_path: Path, line: str, columns: tuple[int | None, int | None]) -> None:
    (tmp_path / "a.yml").write_text(f"first\n{line}\n", encoding="utf-8")
    place = Location(uri="a.yml", start_line=2)
    Columns(tmp_path).set(place, VALUE)
    assert (place.start_column, place.end_column) == columns


def test_a_value_of_several_lines(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("k = begin one\ntwo\nend\n")
    place = Location(uri="a", start_line=1)
    Columns(tmp_path).set(place, "begin one\ntwo\nend\n")
    assert (place.start_column, place.end_line, place.end_column) == (5, 3, 4)


def test_the_work_tree_does_not_show_what_is_in_history(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(VALUE)
    place = Location(uri="a", start_line=1, commit="0123456")
    Columns(tmp_path).set(place, VALUE)
    assert place.start_column is None
