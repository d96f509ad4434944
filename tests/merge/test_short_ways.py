"""The short ways that most findings go give what the long ways would give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secagg.merge import code, merge, part, secret
from secagg.merge.sameplace import Spot
from secagg.model.finding import Finding, Location, Vulnerability, replace
from secagg.model.identity import canonical_alias, set_identities
from secagg.packages.advisories import Advisories, plain_name
from secagg.packages.keys import Buckets
from tests.merge import make as made
from tests.merge import strategies
from tests.merge.make import vulnerability

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
        patch.setattr(part, "plain_name", lambda aliases: None)
        assert _groups(findings) == short


@given(_NAMED)
@settings(max_examples=200)
def test_what_findings_know_of_themselves_changes_nothing(findings: list[Finding]) -> None:
    marked = [replace(finding) for finding in findings]
    set_identities(marked, None)
    assert all(finding.bucket for finding in marked)
    assert _by_number(marked) == _by_number([replace(f, identity=f.identity) for f in marked])


@given(st.lists(strategies.secrets(), max_size=6))
@settings(max_examples=300)
def test_one_masked_secret_is_taken_for_one_known_as_among_many(findings: list[Finding]) -> None:
    short = _groups(findings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secret, "may_be_same", lambda sighting, known: False)
        assert _groups(findings) == short


@given(
    st.lists(
        st.builds(
            made.vulnerability,
            st.just("trivy"),
            st.just("CVE-2021-1"),
            kind=st.sampled_from(["deb", "npm", "generic", ""]),
            package=st.sampled_from(["a", "src/a", "A"]),
            location=st.builds(
                Location,
                uri=st.sampled_from([None, "a/package.json", "x.jar", "img"]),
                image=st.sampled_from([None, "img:1", "img:2"]),
                logical=st.sampled_from([None, "l"]),
            ),
        ),
        max_size=8,
    )
)
def test_what_was_named_before_changes_no_name(findings: list[Finding]) -> None:
    buckets = Buckets()
    assert [buckets.of(f) for f in findings] == [Buckets().of(f) for f in findings]


def test_a_copy_at_another_place_is_not_taken_for_what_it_was_copied_from() -> None:
    (finding,) = marked = [vulnerability("trivy", "CVE-2021-1", uri="a/package.json")]
    set_identities(marked, None)
    elsewhere = replace(finding, location=Location(uri="b/package.json"))
    renamed = replace(finding, vulnerability=Vulnerability(aliases=("CVE-2021-2",)))
    assert (elsewhere.bucket, renamed.advisory) == ("", None)
    assert len(merge([finding, elsewhere, renamed]).groups) == 3


def test_a_representative_does_not_keep_what_its_members_went_by() -> None:
    marked = [
        vulnerability("trivy", "CVE-2021-1"),
        vulnerability("snyk", "SNYK-JS-A-1", "CVE-2021-1", "CVE-2021-2"),
    ]
    set_identities(marked, None)
    (group,) = merge(marked).groups
    assert group.representative not in marked
    assert (group.representative.bucket, group.representative.advisory) == ("", None)


@given(st.lists(st.sampled_from(strategies.ALIASES), min_size=1, max_size=4))
def test_a_plain_name_is_the_canonical_one(aliases: list[str]) -> None:
    name = plain_name(aliases)
    assert name in (None, Advisories().canonical(aliases).id)
    assert name in (None, canonical_alias(aliases))


@given(_PLACED)
@settings(max_examples=200)
def test_islands_of_a_file_are_matched_as_the_whole_file_is(findings: list[Finding]) -> None:
    short = _groups(findings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "islands", _one_island)
        patch.setattr(code, "_by_weakness", lambda spots: [spots])
        patch.setattr(code, "shared_by_two", lambda one, other: frozenset())
        assert _groups(findings) == short


def test_two_of_one_region_have_one_reason_whatever_else_is_in_the_file() -> None:
    one, other = (made.code(tool, "r", "CWE-79", line=4, end=5) for tool in ("semgrep", "snyk"))
    beside = made.code("snyk", "other", line=4)
    for finding in (one, other):
        finding.location.start_column = 1
    alone = [list(group.reasons) for group in merge([one, other]).groups]
    with_more = [list(g.reasons) for g in merge([one, other, beside]).groups if len(g.members) > 1]
    assert alone == with_more
    assert alone[0][0].rule == "same-region"


def _by_number(findings: list[Finding]) -> list[tuple[object, ...]]:
    """The groups, with each member as its number among ``findings``."""
    numbers = {id(finding): number for number, finding in enumerate(findings)}
    return [
        (g.identity, [numbers[id(f)] for f in g.members], list(g.reasons), g.near_misses)
        for g in merge(findings).groups
    ]


def _one_island(spots: list[Spot]) -> list[list[Spot]]:
    without_line = [[spot] for spot in spots if not spot.first]
    placed = [spot for spot in spots if spot.first]
    return [*without_line, placed] if placed else without_line


@pytest.mark.parametrize("make", [made.code, made.misconfiguration])
def test_an_unnamed_first_column_is_the_first_whatever_else_is_in_the_file(make: Any) -> None:
    """SARIF 3.30.6: a region without a start column starts at column 1."""
    one, other = make(line=4), make(line=4)
    other.location.start_column = 1
    (group,) = merge([one, other]).groups
    assert len(group.members) == 2
    elsewhere = make(line=9)
    with_more = merge([one, other, elsewhere, elsewhere]).groups
    assert sorted(len(group.members) for group in with_more) == [2, 2]
    assert group.identity in {group.identity for group in with_more}
