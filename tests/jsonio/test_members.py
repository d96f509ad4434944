"""Members of decoded JSON: another type counts as absent."""

from __future__ import annotations

from typing import Any

import pytest

from secagg.jsonio.members import mapping_at, objects_in, stripped_text, text_at, value_at

DOCUMENT = {"a": {"b": "c", "empty": ""}, "list": [{"x": 1}, "y", None]}


@pytest.mark.parametrize(
    ("keys", "text"),
    [(("a", "b"), "c"), (("a", "empty"), None), (("a",), None), (("list", "x"), None)],
)
def test_text_at_a_path(keys: tuple[str, ...], text: str | None) -> None:
    assert text_at(DOCUMENT, *keys) == text


def test_path_through_another_type() -> None:
    assert value_at(DOCUMENT, "a", "b", "c") is None
    assert mapping_at(DOCUMENT, "list") == {}
    assert mapping_at([], "a") == {}


def test_objects_of_a_list() -> None:
    assert list(objects_in(DOCUMENT["list"])) == [{"x": 1}]
    assert list(objects_in(DOCUMENT["a"])) == []


@pytest.mark.parametrize(("value", "text"), [(" a ", "a"), (" \n", None), (1, None)])
def test_text_without_white_space(value: Any, text: str | None) -> None:
    assert stripped_text(value) == text
