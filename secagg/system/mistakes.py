"""Describe the errors of pydantic in words for the person who wrote the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_EXPECTED = {
    "model_type": "keys with values are expected, such as {enabled: false}",
    "dataclass_type": "keys with values are expected, such as {enabled: false}",
    "model_attributes_type": "keys with values are expected",
    "dict_type": "keys with values are expected",
    "list_type": "a list is expected",
    "set_type": "a list is expected",
    "string_type": "a text is expected",
    "string_pattern_mismatch": "it does not have the expected form",
    "bool_type": "true or false is expected",
    "bool_parsing": "true or false is expected",
    "int_type": "a whole number is expected",
    "int_parsing": "a whole number is expected",
    "int_from_float": "a whole number is expected",
    "float_type": "a number is expected",
    "float_parsing": "a number is expected",
    "path_type": "a path is expected",
    "missing": "this key is needed",
    "date_type": "a day such as 2026-12-31 is expected",
    "date_parsing": "a day such as 2026-12-31 is expected",
    "date_from_datetime_parsing": "a day such as 2026-12-31 is expected",
    "date_from_datetime_inexact": "a day without a time is expected",
}
_SHORT = {"too_short": "entries", "string_too_short": "characters"}
_LIMITS = {
    "greater_than_equal": ("ge", "at least {}"),
    "greater_than": ("gt", "more than {}"),
    "less_than_equal": ("le", "at most {}"),
    "less_than": ("lt", "less than {}"),
    "too_long": ("max_length", "at most {} entries"),
    "string_too_long": ("max_length", "at most {} characters"),
}


def in_words(mistake: Mapping[str, Any]) -> str:
    """Describe one error of a :class:`pydantic.ValidationError` without terms of pydantic."""
    kind, context = mistake["type"], mistake.get("ctx") or {}
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind in _SHORT:
        least = context["min_length"]
        more = f"at least {least} {_SHORT[kind]} are needed"
        return "it must not be empty" if least == 1 else more
    if kind in _LIMITS:
        name, text = _LIMITS[kind]
        return f"{text.format(f'{context[name]:g}')} is expected"
    if kind in ("literal_error", "enum"):
        return f"one of these is expected: {_plain(str(context['expected']))}"
    return str(mistake["msg"]).removeprefix("Value error, ")


def _plain(choices: str) -> str:
    """Rewrite pydantic's ``'a', 'b' or 'c'`` as ``a, b, c``."""
    return choices.replace(" or ", ", ").replace("'", "")
