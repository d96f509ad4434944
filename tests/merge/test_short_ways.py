"""The short ways that most findings go give what the long ways would give."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secagg.finding import Finding
from secagg.merge import bucket, code, merge
from secagg.merge.spot import Spot
from tests.merge import strategies

_NAMED = st.lists(strategies.vulnerabilities(), max_size=12)
_PLACED = st.lists(strategies.codes(), max_size=12)


def _groups(findings: list[Finding]) -> list[tuple[object, ...]]:
    merged = merge(findings)
    return [
        (group.identity, list(group.members), list(group.reasons), group.related, group.near_misses)
        for group in merged.groups
    ]


@given(_NAMED)
@settings(max_examples=200)
def test_plain_vulnerabilities_are_grouped_as_by_all_their_ids(findings: list[Finding]) -> None:
    short = _groups(findings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bucket, "plain_name", lambda aliases: None)
        assert _groups(findings) == short


@given(_PLACED)
@settings(max_examples=200)
def test_islands_of_a_file_are_matched_as_the_whole_file_is(findings: list[Finding]) -> None:
    short = _groups(findings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "islands", _one_island)
        patch.setattr(code, "_by_weakness", lambda spots: [spots])
        patch.setattr(code, "match_two", lambda one, other: None)
        assert _groups(findings) == short


def _one_island(spots: list[Spot]) -> list[list[Spot]]:
    without_line = [[spot] for spot in spots if not spot.first]
    placed = [spot for spot in spots if spot.first]
    return [*without_line, placed] if placed else without_line
