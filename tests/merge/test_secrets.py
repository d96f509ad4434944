"""Secrets: one value in one file, whoever saw it and when."""

from __future__ import annotations

from secagg.merge import merge, still_in_head
from tests.merge.make import names, secret


def test_one_value_in_one_file_is_one_with_all_commits_and_detectors() -> None:
    (group,) = merge(
        [
            secret("gitleaks", line=3),
            secret("gitleaks", line=9, commit="c1"),
            secret("trufflehog", detector="AWS", commit="c2", verified=True, decoder="PLAIN"),
            secret("trufflehog", detector="AWS", commit="c2", verified=False, decoder="BASE64"),
        ]
    ).groups
    assert len(group.members) == 4
    assert still_in_head(group)
    sighting = group.representative.secret
    assert sighting is not None
    assert sighting.verified is True
    assert sighting.in_history is False
    assert group.representative.location.commit is None


def test_only_in_history_is_told_apart() -> None:
    (group,) = merge([secret(commit="c1"), secret(commit="c2")]).groups
    assert not still_in_head(group)
    assert group.representative.secret is not None
    assert group.representative.secret.in_history


def test_the_same_value_in_another_file_is_linked_not_merged() -> None:
    one, other, lone = merge(
        [secret(uri="a"), secret(uri="b"), secret(value="hmac-sha256:bb", uri="c")]
    ).groups
    linked = {group.identity: group.related for group in (one, other, lone)}
    assert sorted(map(len, linked.values())) == [0, 1, 1]
    for identity, related in linked.items():
        assert all(linked[r] == (identity,) for r in related)


def test_masked_secret_joins_the_only_one_on_its_lines() -> None:
    (group,) = merge(
        [
            secret("trivy", None, detector="aws-access-key-id", line=3),
            secret("gitleaks", detector="aws-access-token", line=3),
        ]
    ).groups
    assert group.tools == ("gitleaks", "trivy")
    assert group.representative.secret is not None
    assert group.representative.secret.id == "hmac-sha256:aa"


def test_masked_secret_between_two_values_of_its_sort_stays_apart() -> None:
    result = merge(
        [
            secret("trivy", None, detector="aws-access-key-id", line=3),
            secret("gitleaks", "hmac-sha256:aa", line=3),
            secret("gitleaks", "hmac-sha256:bb", line=3),
        ]
    )
    assert len(result.groups) == 3
    (masked,) = [g for g in result.groups if g.tools == ("trivy",)]
    assert len(masked.near_misses) == 2


def test_sort_of_secret_tells_which_of_two_the_masked_one_is() -> None:
    result = merge(
        [
            secret("trivy", None, detector="github-pat", line=3),
            secret("gitleaks", "hmac-sha256:aa", detector="aws-access-token", line=3),
            secret("gitleaks", "hmac-sha256:bb", detector="github-pat", line=3),
        ]
    )
    assert names(result.groups) == [
        ["gitleaks:aws-access-token"],
        ["gitleaks:github-pat", "trivy:github-pat"],
    ]


def test_masked_secret_taken_for_the_one_in_the_work_tree_tells_of_the_other() -> None:
    """What it was taken for before the one in the work tree was known is named."""
    old = secret("gitleaks", "hmac-sha256:bb", commit="c1")
    here = secret("snyk", "hmac-sha256:aa")
    masked = secret("trivy", None)
    (before,) = merge([old, masked]).groups
    assert before.tools == ("gitleaks", "trivy")
    assert not before.near_misses
    both, alone = sorted(merge([old, here, masked]).groups, key=lambda g: -len(g.members))
    assert (both.tools, alone.tools) == (("snyk", "trivy"), ("gitleaks",))
    assert [miss.identity for miss in both.near_misses] == [alone.identity]


def test_masked_secret_of_another_sort_on_the_line_stays_apart() -> None:
    result = merge(
        [
            secret("trivy", None, detector="stripe-secret-token", line=3),
            secret("gitleaks", detector="github-pat", line=3),
        ]
    )
    assert len(result.groups) == 2


def test_all_detectors_of_a_value_count_however_often_it_was_seen() -> None:
    """What a ninth sighting says of the sort counts as the first does, in any order."""
    seen = [secret("trufflehog", detector="Github", commit=f"c{n}") for n in range(8)]
    general = secret("gitleaks", detector="generic-api-key")
    masked = secret("trivy", None, detector="stripe-secret-token")
    assert len(merge([*seen, general, masked]).groups) == 1
    assert len(merge([general, *seen, masked]).groups) == 1


def test_two_rules_of_one_tool_do_not_both_join_one_value() -> None:
    result = merge(
        [
            secret("trivy", None, detector="aws-access-key-id", line=3),
            secret("trivy", None, detector="aws-secret-access-key", line=3),
            secret("gitleaks", detector="aws-access-token", line=3),
        ]
    )
    assert names(result.groups) == [
        ["gitleaks:aws-access-token", "trivy:aws-access-key-id"],
        ["trivy:aws-secret-access-key"],
    ]


def test_masked_secret_left_beside_one_that_was_taken_for_another_is_told() -> None:
    """Without the known secret, which only one of them can be, the two are one."""
    wide = secret("trivy", None, detector="generic", line=1, end=2)
    narrow = secret("codeql", None, detector="generic", line=1)
    known = secret("gitleaks", detector="generic", line=2)
    assert len(merge([wide, narrow]).groups) == 1
    left, taken = sorted(merge([wide, narrow, known]).groups, key=lambda g: len(g.members))
    assert (left.tools, taken.tools) == (("codeql",), ("gitleaks", "trivy"))
    assert [miss.identity for miss in left.near_misses] == [taken.identity]


def test_masked_secret_of_another_sort_does_not_part_those_of_one() -> None:
    one = [secret(tool, None, detector="aws-access-token") for tool in ("trivy", "snyk")]
    other = secret("codeql", None, detector="github-pat")
    aws, github = sorted(merge([*one, other]).groups, key=lambda g: -len(g.members))
    assert (aws.tools, github.tools) == (("snyk", "trivy"), ("codeql",))
    assert [miss.identity for miss in aws.near_misses] == [github.identity]
    assert [miss.identity for miss in github.near_misses] == [aws.identity]


def test_masked_secret_of_any_sort_stands_alone_where_a_line_has_two() -> None:
    result = merge(
        [
            secret("trivy", None, detector="aws-access-token"),
            secret("snyk", None, detector="github-pat"),
            secret("codeql", None, detector="generic"),
        ]
    )
    assert len(result.groups) == 3
    assert all(group.near_misses for group in result.groups)


def test_masked_secret_lies_where_another_cut_of_the_secret_does() -> None:
    block = secret("snyk", "hmac-sha256:bb", line=1, end=2)
    masked = secret("snyk", None, line=2)
    in_commit = [secret("trivy", f"hmac-sha256:{value}", commit="c2") for value in ("aa", "bb")]
    for finding in in_commit:
        finding.location.start_column, finding.location.end_column = 1, 2
    assert len(merge([block, masked]).groups) == 1
    exact = secret("trivy", "hmac-sha256:aa", line=1)
    assert len(merge([block, masked, exact, *in_commit]).groups) == 1


def test_masked_secret_keeps_its_identity_when_lines_move() -> None:
    def identity(line: int) -> str:
        (group,) = merge([secret("trivy", None, detector="github-pat", line=line)]).groups
        return group.identity

    assert identity(3) == identity(30)


def test_one_value_in_very_many_files_is_linked_to_some() -> None:
    result = merge([secret(uri=f"f{n}") for n in range(500)])
    assert len(result.groups) == 500
    assert max(len(group.related) for group in result.groups) <= 32


def test_masked_ones_in_other_columns_of_the_line_are_others() -> None:
    known = secret("gitleaks", line=3)
    known.location.start_column, known.location.end_column = 40, 60
    other = secret("bandit", None, detector="B106", line=3)
    other.location.start_column, other.location.end_column = 5, 20
    assert len(merge([known, other]).groups) == 2
    same = secret("codeql", None, detector="py/hardcoded-credentials", line=3)
    same.location.start_column, same.location.end_column = 39, 61
    assert len(merge([known, same]).groups) == 1
    groups = merge([known, other, same]).groups
    assert sorted(len(group.members) for group in groups) == [1, 2]
    assert len(merge([other, same]).groups) == 2
    # A tool without columns may mean either.
    bare = secret("checkov", None, detector="Secret Keyword", line=3)
    assert len(merge([known, bare]).groups) == 1
