"""Code: one weakness at one place."""

from __future__ import annotations

import pytest

from secagg.merge import merge
from secagg.merge.rules import base
from tests.merge.make import code, names

SQL = "py/sql-injection"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (code("codeql", SQL, "CWE-089"), code("snyk", "python/Sqli", "CWE-89")),
        (code("x", "r", "CWE-89"), code("y", "s", "CWE-564")),  # child
        (code("x", "r", "CWE-943"), code("y", "s", "CWE-89")),  # parent, a class
        (code("x", "r", "CWE-22"), code("y", "s", "CWE-23")),  # parent, no class
        (code("codeql", "py/path-injection", "CWE-22", "CWE-73"), code("snyk", "PT", "CWE-23")),
        (code("bandit", "B602", "CWE-78"), code("semgrep", "a.b.subprocess-shell-true")),
        (code("x", "r", "CWE-89", line=10, end=12), code("y", "s", "CWE-89", line=12)),
        (code("x", "r", "CWE-89"), code("x", "s", "CWE-89")),  # two rules of one tool
        (
            code("x", "r", "CWE-89", columns=(5, 40)),
            code("x", "s", "CWE-89", columns=(25, 30)),
        ),  # a call, and its argument
        (code("semgrep", "render-template-string"), code("codeql", "py/template-injection")),
        (code("spotbugs", "XXE_DOCUMENT"), code("codeql", "java/xxe", "CWE-611")),
        (code("spotbugs", "DES_USAGE"), code("codeql", "java/weak-cryptographic-algorithm")),
        (
            code("spotbugs", "WEAK_MESSAGE_DIGEST_MD5"),
            code(
                "codeql",
                "java/weak-cryptographic-algorithm",
                message="Cryptographic algorithm [MD5](1) is weak and should not be used.",
            ),
        ),
        (code("semgrep", "a.b.dangerous-exec", "CWE-94"), code("brakeman", "BRAKE0014")),
        (code("psalm", "244"), code("semgrep", "a.b.tainted-sql-string")),
        (code("psalm", "246"), code("semgrep", "a.b.exec-use", "CWE-94")),
        (code("security-code-scan", "SCS0002"), code("codeql", "cs/sql-injection", "CWE-89")),
        (
            code("gosec", "G402", message="TLS InsecureSkipVerify set true."),
            code("codeql", "go/disabled-certificate-check", "CWE-295"),
        ),
        (
            code("x", "r", "CWE-89", columns=(5, 20)),
            code("y", "s", "CWE-89", columns=(25, 40)),
        ),
    ],
)
def test_one_weakness_at_one_place_is_one(one: object, other: object) -> None:
    result = merge([one, other])  # type: ignore[list-item]
    assert len(result.groups) == 1
    assert result.groups[0].reasons


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (code("x", "r", "CWE-89"), code("y", "s", "CWE-79")),
        (code("x", "r", "CWE-23"), code("y", "s", "CWE-36")),  # two children of one parent
        (code("x", "r", "CWE-89"), code("y", "s")),
        (code("x", "r"), code("y", "r")),
        (code("x", "r", "CWE-89"), code("x", "r", "CWE-89", line=2)),  # one rule, two places
        (code("x", "r", "CWE-522"), code("x", "s", "CWE-522")),  # two settings of one call
        (
            code("x", "r", "CWE-89", columns=(5, 20)),
            code("x", "s", "CWE-89", columns=(25, 40)),
        ),  # two calls on a line
        (code("codeql", "js/client-exposed-cookie"), code("semgrep", "a.b.cookie-missing-secure")),
        (
            code("gosec", "G402", "CWE-295", message="TLS MinVersion too low."),
            code("codeql", "go/disabled-certificate-check", "CWE-295"),
        ),
        (code("semgrep", "render-template-string"), code("codeql", "py/reflective-xss", "CWE-79")),
        (code("x", "r", "CWE-89", line=1), code("y", "s", "CWE-89", line=2)),
        (code("x", "r", "CWE-89", uri="a"), code("y", "s", "CWE-89", uri="b")),
        (code("codeql", "py/nosql-injection"), code("bandit", "B608")),  # curated, not equal
    ],
)
def test_what_is_not_surely_one_stays_apart(one: object, other: object) -> None:
    result = merge([one, other])  # type: ignore[list-item]
    assert len(result.groups) == 2
    assert len({group.identity for group in result.groups}) == 2


def test_equal_tool_fingerprints_never_join_two_rules() -> None:
    result = merge(
        [
            code("codeql", "a", "CWE-89", fingerprints={"primaryLocationLineHash": "f:1"}),
            code("codeql", "b", "CWE-79", fingerprints={"primaryLocationLineHash": "f:1"}),
            code("snyk", "c", "CWE-20", fingerprints={"primaryLocationLineHash": "f:1"}),
        ]
    )
    assert len(result.groups) == 3


def test_another_weakness_on_the_lines_is_linked_as_nearby() -> None:
    one, other = merge([code("x", "r", "CWE-89"), code("y", "s", "CWE-79")]).groups
    assert one.related == (other.identity,)
    assert other.related == (one.identity,)


def test_columns_tell_two_results_on_one_line_apart() -> None:
    result = merge(
        [
            code("codeql", "a", "CWE-89", columns=(5, 10)),
            code("codeql", "a", "CWE-89", columns=(30, 40)),
            code("snyk", "b", "CWE-89", columns=(28, 41)),
            code("snyk", "b", "CWE-89", columns=(4, 12)),
        ]
    )
    assert names(result.groups) == [["codeql:a", "snyk:b"]] * 2
    for group in result.groups:
        columns = {f.location.start_column for f in group.members}
        assert columns in ({4, 5}, {28, 30})


def test_ambiguous_result_stays_apart_as_a_near_miss() -> None:
    result = merge(
        [
            code("codeql", "a", "CWE-89", line=5),
            code("codeql", "a", "CWE-89", line=9),
            code("semgrep", "b", "CWE-89", line=1, end=20),
        ]
    )
    assert len(result.groups) == 3
    (wide,) = [group for group in result.groups if group.tools == ("semgrep",)]
    assert len(wide.near_misses) == 2
    assert "unclear" in wide.near_misses[0].why


def test_adding_a_tool_with_two_results_does_not_part_two_others() -> None:
    others = [code("snyk", "b", "CWE-89"), code("semgrep", "c", "CWE-89")]
    added = [
        code("codeql", "a", "CWE-89", columns=(50, 60)),
        code("codeql", "a", "CWE-89", columns=(70, 80)),
    ]
    assert ["semgrep:c", "snyk:b"] in names(merge([*others, *added]).groups)


def test_bridging_weakness_joins_one_only() -> None:
    result = merge(
        [
            code("x", "r", "CWE-79"),
            code("y", "s", "CWE-79", "CWE-89"),
            code("z", "t", "CWE-89"),
        ]
    )
    assert len(result.groups) == 2


def test_parent_that_could_be_two_children_stays_apart() -> None:
    result = merge([code("x", "r", "CWE-74"), code("y", "s", "CWE-79"), code("z", "t", "CWE-94")])
    assert len(result.groups) == 3


def test_identity_follows_the_line_not_its_number_and_not_the_tools() -> None:
    def identity(*findings: object) -> str:
        (group,) = merge(findings).groups  # type: ignore[arg-type]
        return group.identity

    here = code("codeql", SQL, "CWE-89", line=10, line_hash="abc:1")
    moved = code("codeql", SQL, "CWE-89", line=99, line_hash="abc:1", message="other words")
    snyk = code("snyk", "Sqli", "CWE-89", line=10, line_hash="abc:1")
    assert identity(here) == identity(moved) == identity(here, snyk) == identity(snyk)
    assert identity(here) != identity(code("codeql", SQL, "CWE-89", line_hash="abd:1"))
    assert identity(here) != identity(code("codeql", "py/xss", "CWE-79", line_hash="abc:1"))


def test_only_variants_are_taken_for_another_entry() -> None:
    assert base("CWE-564") == "CWE-89"
    assert base("CWE-89") == "CWE-89"
    assert base("CWE-321") == "CWE-798"
    assert base("CWE-798") == "CWE-798"
    assert base("CWE-99999") == "CWE-99999"


def test_a_region_with_two_calls_of_one_rule_in_it_joins_neither() -> None:
    calls = [
        code("semgrep", "a.whole", "CWE-78", columns=(1, 60)),
        code("semgrep", "b.argument", "CWE-78", columns=(5, 20)),
        code("semgrep", "b.argument", "CWE-78", columns=(30, 50)),
    ]
    assert len(merge(calls).groups) == 3
    # Other rules of it are parts of one statement.
    parts = [*calls[:2], code("semgrep", "c.keyword", "CWE-78", columns=(30, 50))]
    (group,) = merge(parts).groups
    assert {reason.rule for reason in group.reasons} == {"overlapping-rules-of-one-tool"}
    function = [
        code("semgrep", "a.whole", "CWE-78", line=1, end=9),
        code("semgrep", "b.argument", "CWE-78", line=2),
        code("semgrep", "c.keyword", "CWE-78", line=5),
    ]
    assert len(merge(function).groups) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("brakeman", "BRAKE0000"), ("codeql", "rb/sql-injection")),
        (("eslint", "security/detect-child-process"), ("codeql", "js/command-line-injection")),
        (("eslint", "no-eval"), ("semgrep", "javascript.browser.security.eval-detected")),
    ],
)
def test_tools_that_name_no_weakness_are_mapped(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert len(merge([code(*one), code(*other)]).groups) == 1
