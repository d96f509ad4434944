"""Detectors cut one secret differently; two secrets stay two."""

from __future__ import annotations

import itertools

from secagg.merge import merge
from secagg.model.finding import Finding, Kind, Location, SecretSighting, Severity


def sighting(
    value: str,
    first: tuple[int, int],
    last: tuple[int, int | None],
    *,
    rule: str = "token",
    commit: str | None = None,
) -> Finding:
    return Finding(
        tool="gitleaks",
        kind=Kind.SECRET,
        rule_id=rule,
        severity=Severity.HIGH,
        title=rule,
        location=Location(
            uri="mail.yaml",
            start_line=first[0],
            start_column=first[1],
            end_line=last[0],
            end_column=last[1],
            commit=commit,
        ),
        secret=SecretSighting(id=value, detector=rule, in_history=commit is not None),
    )


def groups(*findings: Finding) -> list[set[str]]:
    """The values that each group holds; the same for every order of the findings."""
    answers = []
    for order in itertools.islice(itertools.permutations(findings), 24):
        merged = merge(order)
        assert merged.members == len(findings)
        held = [{f.secret.id or "" for f in g.members if f.secret} for g in merged.groups]
        answers.append((sorted(map(sorted, held)), sorted(g.identity for g in merged.groups)))
    assert all(answer == answers[0] for answer in answers)
    return [set(values) for values in answers[0][0]]


def test_name_and_value_overlap_the_value() -> None:
    assert groups(
        sighting("with name", (8, 3), (8, 113)), sighting("value", (8, 21), (8, None))
    ) == [{"with name", "value"}]


def test_lines_around_one_secret_are_that_secret() -> None:
    assert groups(
        sighting("block", (2, 1), (8, 113)),
        sighting("with name", (8, 3), (8, 113)),
        sighting("value", (8, 21), (8, None)),
    ) == [{"block", "with name", "value"}]


def test_lines_around_two_secrets_are_neither() -> None:
    assert groups(
        sighting("block", (2, 1), (8, 40)),
        sighting("one", (7, 3), (7, 30)),
        sighting("other", (8, 3), (8, 30)),
    ) == [{"block"}, {"one"}, {"other"}]


def test_neighbours_on_a_line_stay_apart() -> None:
    assert groups(sighting("one", (1, 1), (1, 20)), sighting("other", (1, 20), (1, 40))) == [
        {"one"},
        {"other"},
    ]


def test_what_stood_there_in_another_commit_is_another_secret() -> None:
    old = sighting("old", (8, 16), (8, 42), commit="a" * 40)
    assert groups(old, sighting("new", (8, 16), (8, 42))) == [{"new"}, {"old"}]


def test_what_is_one_in_a_commit_is_one_within_a_block_of_the_work_tree() -> None:
    assert groups(
        sighting("block", (5, 16), (8, None)),
        sighting("with lines", (7, 3), (7, 11)),
        sighting("value", (7, 16), (7, None)),
        sighting("with lines", (2, 15), (5, 19), commit="c2"),
        sighting("value", (3, 14), (3, None), commit="c2"),
    ) == [{"block", "value", "with lines"}]


def test_a_block_that_is_one_secret_elsewhere_does_not_join_two_of_them() -> None:
    assert groups(
        sighting("block", (2, 1), (8, 40)),
        sighting("one", (3, 3), (3, 30)),
        sighting("block", (2, 1), (8, 40), commit="c1"),
        sighting("one", (3, 3), (3, 30), commit="c1"),
        sighting("other", (7, 3), (7, 30), commit="c1"),
    ) == [{"block", "one"}, {"other"}]
