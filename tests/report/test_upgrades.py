"""Which upgrade closes most, and never one that leaves open what it is said to close."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg.model.finding import Severity
from secagg.model.problem import Problem
from secagg.report.upgrades import Upgrade, upgrades, version_key
from tests.report.make import vulnerability


def _problems(*fixes: tuple[str, ...], **fields: object) -> list[Problem]:
    return [
        vulnerability(f"CVE-2026-{n}", fixed_versions=fixed, **fields)
        for n, fixed in enumerate(fixes)
    ]


_vulnerabilities = st.builds(
    vulnerability,
    package=st.sampled_from(["lodash", "django", "a"]),
    package_type=st.sampled_from(["npm", "pypi", None]),
    uri=st.sampled_from(["web/package-lock.json", "b.lock"]),
    severity=st.sampled_from(Severity),
    fixed_versions=st.sampled_from([(), ("4.17.5",), ("4.17.5", "5.0.1"), ("1.0",)]),
)


def _best(problems: list[Problem]) -> Upgrade:
    (found,) = upgrades(problems)
    return found


@given(st.lists(_vulnerabilities, max_size=14), st.integers(0, 6))
def test_the_first_few_are_those_of_all(problems: list[Problem], limit: int) -> None:
    assert upgrades(problems, limit) == upgrades(problems)[:limit]


def test_the_lowest_version_that_closes_the_most() -> None:
    found = _best(_problems(("4.17.5",), ("4.17.21",), ("4.17.11",), ()))
    assert found.sentence == "upgrade lodash to 4.17.21: closes 3 of 4"
    assert found.ordered


def test_numbers_are_compared_as_numbers() -> None:
    assert _best(_problems(("4.17.9",), ("4.17.10",))).version == "4.17.10"


def test_a_newer_line_does_not_hold_the_fix_of_an_older_one() -> None:
    problems = _problems(("1.2.5", "2.0.3"), ("2.0.1",), version="1.2.0")
    assert _best(problems).version == "2.0.3"
    # 2.0.1 is newer than 1.2.5, and still vulnerable to the first.
    only = _problems(("1.2.5", "2.0.3"), ("2.0.1",), ("2.0.1",), version="1.2.0")
    assert (_best(only).version, _best(only).closes) == ("2.0.3", 3)


def test_no_downgrade_is_an_upgrade() -> None:
    assert _best(_problems(("1.2.5", "2.0.3"), version="2.0.1")).version == "2.0.3"
    assert upgrades(_problems(("1.2.5",), version="2.0.1")) == []


def test_versions_that_cannot_be_compared_count_as_stated() -> None:
    fields = {"package_type": "maven", "version": "2.9.10"}
    found = _best(_problems(("2.9.10.8",), ("2.9.10.8",), ("2.10.0",), **fields))
    assert (found.version, found.closes, found.ordered) == ("2.9.10.8", 2, False)


def test_each_manifest_has_its_own_upgrade() -> None:
    one = _problems(("4.17.21",))
    other = _problems(("4.17.21",), uri="admin/package-lock.json")
    assert [u.closes for u in upgrades([*one, *other])] == [1, 1]


@pytest.mark.parametrize(
    ("kind", "versions"),
    [
        (
            "npm",
            ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0", "1.0.1"],
        ),
        ("golang", ["v0.9.9", "v0.10.0", "v1.0.0"]),
        ("pypi", ["1.0.dev1", "1.0a1", "1.0rc1", "1.0", "1.0.post1", "1.1", "1!0.1"]),
    ],
)
def test_an_ecosystems_own_order(kind: str, versions: list[str]) -> None:
    keys = [version_key(kind, version) for version in versions]
    assert None not in keys
    assert keys == sorted(keys, key=lambda k: k or ())


@pytest.mark.parametrize(
    ("kind", "version"),
    [("npm", ">=1.2"), ("npm", "1.2"), ("pypi", "latest"), ("deb", "1:2.3-4"), (None, "1.0.0")],
)
def test_what_is_no_plain_version_is_not_guessed_at(kind: str | None, version: str) -> None:
    assert version_key(kind, version) is None


def test_the_same_path_in_another_repository_or_branch_is_another_place() -> None:
    one = _problems(("4.17.21",))
    others = [*_problems(("4.17.21",), branch="dev"), *_problems(("4.17.21",), repository="a/b")]
    found = upgrades([*one, *others])
    assert [u.closes for u in found] == [1, 1, 1]
    assert {u.where(several=True) for u in found} == {
        f"{u.repository} {u.branch}: web/package-lock.json" for u in found
    }
    assert {u.where(several=False) for u in found} == {"web/package-lock.json"}
