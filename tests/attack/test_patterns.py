"""No expression that is searched for begins with a repetition that may be in vain.

``[ ]+expires:`` tries every space of a run as its beginning, and reads the run to its end each
time: quadratic in the length of the run. An expression that may end after the repetition is
linear, and so is one that is only ever matched at the start of a text.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.attack import patterns

_UNBOUNDED = 1_000


def begins_with_vain_repetition(pattern: re.Pattern[str] | re.Pattern[bytes]) -> bool:
    """Tell whether ``pattern`` begins with a long repetition after which it may still fail."""
    parsed = patterns.parser.parse(patterns.text_of(pattern), pattern.flags)
    least, _ = parsed.getwidth()
    parts = list(parsed)
    at_lines = False
    while parts and parts[0][0] in (patterns.constants.SUBPATTERN, patterns.constants.AT):
        if parts[0][0] is patterns.constants.AT:
            # It begins at few places: with MULTILINE at each line, and a run of lines is long.
            if parts[0][1] is not patterns.constants.AT_BEGINNING:
                return False
            at_lines = bool(pattern.flags & re.MULTILINE)
            if not at_lines:
                return False
            parts = parts[1:]
        else:
            parts = [*parts[0][1][3], *parts[1:]]
    if not parts or parts[0][0] not in patterns.REPETITIONS:
        return False
    shortest, longest, part = parts[0][1]
    if at_lines and not _matches_line_ends(part):
        return False
    return bool(longest > _UNBOUNDED and least > shortest * part.getwidth()[0])


def _matches_line_ends(part: Any) -> bool:
    """Tell whether a class or a character matches a line feed."""
    for operation, argument in part:
        if operation is patterns.constants.IN:
            negated = argument[0][0] is patterns.constants.NEGATE
            named = any(
                item == (patterns.constants.LITERAL, 10)
                or item == (patterns.constants.CATEGORY, patterns.constants.CATEGORY_SPACE)
                for item in argument
            )
            return negated is not named
        if operation is patterns.constants.NOT_LITERAL:
            return bool(argument != 10)
    return False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"(?m)^\s*name:", True),
        (r"(?m)^[^#]*name:", True),
        (r"(?m)^[ \t]*name:", False),
        (r"(?m)^[^#\n]*name:", False),
        (r"^\s*name:", False),
        (r"\b\w+name:", False),
        (r"[ \t]+expires:", True),
        (r"(?P<name>\w+)=", True),
        (r"[ \t]expires:", False),
        (r"(?<!\w)\w+=", False),
        (r"\w{12,}={0,2}", False),
        (r"[a-z]{1,20}=", False),
    ],
)
def test_what_is_a_vain_repetition(text: str, expected: bool) -> None:
    assert begins_with_vain_repetition(re.compile(text)) is expected


def test_no_searched_expression_begins_with_one() -> None:
    every = patterns.patterns()
    searched = {where: every[where] for where in every if every[where] not in patterns.AT_START}
    assert len(searched) > 200
    assert [where for where in searched if begins_with_vain_repetition(searched[where])] == []
