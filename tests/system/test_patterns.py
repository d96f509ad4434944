"""Expressions that are compiled at their first use are what :func:`re.compile` returns."""

from __future__ import annotations

import re
from unittest.mock import patch

import pytest

from secagg.system.patterns import lazy


def test_an_expression_is_compiled_once_and_at_its_first_use() -> None:
    with patch.object(re, "compile", wraps=re.compile) as compiling:
        pattern = lazy(r"(\d+)-x", re.IGNORECASE)
        compiling.assert_not_called()
        assert pattern.fullmatch("12-X") is not None
        assert pattern.search("a 7-x b") is not None
        assert pattern.sub("y", "1-x 2-X") == "y y"
        assert pattern.pattern == r"(\d+)-x"
        assert compiling.call_args_list[0].args == (r"(\d+)-x", re.IGNORECASE)


@pytest.mark.parametrize("method", ["findall", "split"])
def test_it_works_on_bytes_too(method: str) -> None:
    expected = getattr(re.compile(rb",\s*"), method)(b"a, b,c")
    assert getattr(lazy(rb",\s*"), method)(b"a, b,c") == expected


def test_an_error_is_raised_at_the_first_use() -> None:
    pattern = lazy("(")
    with pytest.raises(re.error):
        pattern.match("")
