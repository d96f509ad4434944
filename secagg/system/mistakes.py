"""Describe the errors of pydantic in words for the person who wrote the file or the command."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_EXPECTED = {
    "model_type": "keys with values are expected",
    "dataclass_type": "keys with values are expected",
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
    "extra_forbidden": "this key is unknown",
    "unexpected_keyword_argument": "this key is unknown",
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


# What Typer says of an option's value in pydantic's words, and what it means.
_MESSAGES = (
    (re.compile(r"^Value error, "), ""),
    (re.compile(r"Input should be greater than or equal to (\S+)"), r"at least \1 is expected"),
    (re.compile(r"Input should be less than or equal to (\S+)"), r"at most \1 is expected"),
    (re.compile(r"Input should be a valid integer.*"), "a whole number is expected"),
    (re.compile(r"Input should be a valid number.*"), "a number is expected"),
    (re.compile(r"does not match the formats? '%Y-%m-%d'.*"), "is no day such as 2026-12-31"),
    (re.compile(r"Got unexpected extra argument\(?s?\)? \((.*)\)"), r"\1 is not expected here"),
)
_CHOICES = re.compile(r"(?<=is not one of )'.*'")


def message_in_words(message: str) -> str:
    """Rewrite what Typer says of a wrong value, without terms of pydantic."""
    for pattern, words in _MESSAGES:
        message = pattern.sub(words, message)
    return _CHOICES.sub(lambda match: _plain(match[0]), message)


def in_words(mistake: Mapping[str, Any]) -> str:
    """Describe one error of a :class:`pydantic.ValidationError` without terms of pydantic."""
    kind, context = mistake["type"], mistake.get("ctx") or {}
    if kind in _EXPECTED:
        example = ", such as {enabled: false}" if mistake.get("loc", ())[:1] == ("tools",) else ""
        return _EXPECTED[kind] + (example if kind == "dataclass_type" else "")
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
