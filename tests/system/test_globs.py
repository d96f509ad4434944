"""Patterns: one dialect for names, git's for paths, and none of them stalls a scan."""

from __future__ import annotations

import warnings

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given
from pathspec import GitIgnoreSpec

from secagg.system.globs import Glob, PathGlob, is_ignored_pattern, names, paths


@pytest.mark.parametrize(
    ("glob", "value", "expected"),
    [
        ("a*", "ab", True),
        ("a*", "a/b", False),
        ("a**", "a/b", True),
        ("**/b", "b", True),
        ("**/b", "x/y/b", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "ab", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[ab]c", "bc", True),
        ("[!ab]c", "bc", False),
        ("[^ab]c", "xc", True),
        ("[a", "[a", True),
        ("a.b", "axb", False),
        ("a+(b)", "a+(b)", True),
        ("[a-c]x", "bx", True),
        ("[]]x", "]x", True),
    ],
)
def test_globs(glob: str, value: str, expected: bool) -> None:
    assert Glob(glob, cased=True).matches(value) is expected


def test_case_counts_in_paths_only() -> None:
    assert Glob("CVE-*").matches("cve-2021-1")
    assert Glob("Lodash").matches("lodash")
    assert not Glob("Lod*", cased=True).matches("lodash")
    assert not PathGlob("Web/").matches("web/a")


def test_what_is_flat_has_no_parts() -> None:
    assert Glob("py/*", flat=True).matches("py/sql/injection")
    assert Glob("*injection", flat=True).matches("py/sql-injection")
    assert names(["a*", "", "b/?"])("B/c")
    assert not names([])("a")


@pytest.mark.parametrize(
    "compiled",
    [
        Glob("*a" * 100 + "*b"),
        Glob("**a" * 100 + "**b"),
        Glob("*a" * 100 + "*b", flat=True),
        Glob("**/" + "a*a*/**/" * 40 + "c"),
        PathGlob("*a" * 100 + "*b"),
        PathGlob("/".join(["**", "*a*a*a*b"] * 20)),
    ],
)
def test_no_pattern_takes_more_than_a_walk(compiled: Glob | PathGlob) -> None:
    # By trying every way to place the wildcards these would not end.
    assert not compiled.matches("a" * 1000 + "c")
    assert not compiled.matches("aaa/" * 300 + "a")


def test_patterns_are_whole_sensible_texts() -> None:
    for kind in (Glob, PathGlob):
        for text in ("a" * 4097, "", " "):
            with pytest.raises(ValueError, match=r"longer than|empty"):
                kind(text)
    for text in ("#x", "/", "a\\", "[a"):
        assert is_ignored_pattern(text)
        with pytest.raises(ValueError, match="no path pattern"):
            PathGlob(text)
    with pytest.raises(ValueError, match="takes nothing back"):
        PathGlob("!a")


def test_the_last_pattern_that_matches_decides() -> None:
    tests_only = paths(["tests/", "!tests/keys/**", "[a"])
    assert tests_only("tests/a.py") and tests_only("web/tests/b/c.py")
    assert not tests_only("tests/keys/k.pem") and not tests_only("src/tests.py")


_PARTS = st.lists(
    st.sampled_from(["a", "b", "/", "*", "**", "/**/", "?", "[ab]", "\\", "#", " ", "[", ".", "-"]),
    min_size=1,
    max_size=7,
).map("".join)
_PATHS = st.lists(st.text("ab-", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)


@given(
    st.lists(st.tuples(st.booleans(), _PARTS), min_size=1, max_size=3),
    st.lists(_PATHS, min_size=1, max_size=5),
)
def test_path_patterns_are_read_as_an_independent_reader_of_gitignore_does(
    patterns: list[tuple[bool, str]], files: list[str]
) -> None:
    # It takes a lone !/ for everything, which git does not.
    assume(all(text.strip("/ ") for _, text in patterns))
    lines = [f"!{text}" if negated else text for negated, text in patterns]
    with warnings.catch_warnings(action="ignore"):
        try:
            other = GitIgnoreSpec.from_lines(lines, backend="simple")
        except ValueError:
            # It refuses an escape at the end, which git passes over.
            assume(False)
    matches = paths(lines)
    for file in files:
        assert matches(file) is other.match_file(file), (lines, file)
