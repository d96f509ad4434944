"""What holds for every merge, whatever the findings."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from secagg.merge import MergedSet, merge
from secagg.model.finding import Finding
from tests.merge.make import code, secret, vulnerability
from tests.merge.strategies import TOOLS, Problem, findings, problems

lists = st.lists(findings, max_size=14)


def parts(merged: MergedSet) -> set[frozenset[int]]:
    """The groups as sets of the findings themselves."""
    return {frozenset(map(id, group.members)) for group in merged.groups}


def shown(merged: MergedSet) -> list[Any]:
    """All that can be seen of a merge, to compare two."""
    return [
        (g.identity, list(g.members), g.representative, list(g.reasons), g.related, g.near_misses)
        for g in merged.groups
    ] + merged.warnings


@given(lists)
def test_every_finding_is_in_exactly_one_group(given_: list[Finding]) -> None:
    merged = merge(given_)
    assert Counter(id(f) for g in merged.groups for f in g.members) == Counter(map(id, given_))
    assert all(group.members for group in merged.groups)


@given(lists)
def test_identities_are_unique(given_: list[Finding]) -> None:
    merged = merge(given_)
    assert len({group.identity for group in merged.groups}) == len(merged.groups)


@given(lists, st.randoms(use_true_random=False))
def test_order_does_not_matter(given_: list[Finding], order: random.Random) -> None:
    shuffled = list(given_)
    order.shuffle(shuffled)
    assert shown(merge(given_)) == shown(merge(shuffled))


@given(lists)
def test_merging_what_was_merged_changes_nothing(given_: list[Finding]) -> None:
    merged = merge(given_)
    again = merge(f for group in merged.groups for f in group.members)
    assert shown(merged) == shown(again)


@given(lists)
def test_saying_everything_twice_adds_no_group(given_: list[Finding]) -> None:
    once, twice = merge(given_), merge([*given_, *given_])
    assert [g.identity for g in once.groups] == [g.identity for g in twice.groups]
    assert [2 * len(g.members) for g in once.groups] == [len(g.members) for g in twice.groups]


@given(lists)
def test_links_lead_to_groups_that_exist(given_: list[Finding]) -> None:
    merged = merge(given_)
    known = {group.identity for group in merged.groups}
    for group in merged.groups:
        linked = {*group.related, *(miss.identity for miss in group.near_misses)}
        assert linked <= known - {group.identity}


@given(lists)
def test_members_of_several_are_joined_by_reasons(given_: list[Finding]) -> None:
    for group in merge(given_).groups:
        label = list(range(len(group.members)))
        for reason in group.reasons:
            joined = {label[m] for m in reason.members}
            label = [min(joined) if one in joined else one for one in label]
        assert set(label) == {0}


@given(lists, st.sampled_from(["vulnerability", "secret", "code"]))
def test_an_unrelated_finding_changes_no_other_identity(given_: list[Finding], kind: str) -> None:
    unrelated = {
        "vulnerability": vulnerability("trivy", "CVE-2021-1", package="unrelated"),
        "secret": secret(uri="unrelated"),
        "code": code("codeql", "r1", "CWE-89", uri="unrelated"),
    }[kind]
    before = {g.identity: len(g.members) for g in merge(given_).groups}
    after = {g.identity: len(g.members) for g in merge([*given_, unrelated]).groups}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1


@given(problems())
def test_groups_are_the_real_problems(made: list[Problem]) -> None:
    merged = merge(f for problem in made for f in problem.views)
    assert parts(merged) == {frozenset(map(id, problem.views)) for problem in made}


@given(problems(), st.sampled_from(TOOLS))
def test_adding_a_tool_never_splits_a_group_of_others(made: list[Problem], added: str) -> None:
    everything = [f for problem in made for f in problem.views]
    others = parts(merge(f for f in everything if f.tool != added))
    assert all(any(old <= new for new in parts(merge(everything))) for old in others)


@given(problems(), st.sampled_from(TOOLS))
def test_identity_does_not_depend_on_which_tools_ran(made: list[Problem], absent: str) -> None:
    everything = [f for problem in made for f in problem.views]
    all_ran = _identities(merge(everything).groups)
    some_ran = _identities(merge(f for f in everything if f.tool != absent).groups)
    assert some_ran.items() <= all_ran.items()


@settings(max_examples=300)
@given(lists, st.sampled_from(TOOLS))
def test_only_what_contradicts_can_split_a_group(given_: list[Finding], added: str) -> None:
    """Where a tool's findings do part others, they show a difference, and it is told."""
    before = merge(f for f in given_ if f.tool != added)
    after = merge(given_)
    new = parts(after)
    for group in before.groups:
        old = frozenset(map(id, group.members))
        if any(old <= part for part in new):
            continue
        torn = [g for g in after.groups if old & set(map(id, g.members))]
        assert after.warnings or any(g.near_misses or g.related for g in torn)


def _identities(groups: Iterable[Any]) -> dict[int, str]:
    return {id(f): group.identity for group in groups for f in group.members}
