"""Severities, package URLs, paths and field readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageurl import PackageURL
from secagg_parsers import fields, purls
from secagg_parsers.places import Lines, Places, base_of

from secagg.model import severity
from secagg.model.finding import Rating, Severity


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("CRITICAL", (Severity.CRITICAL, True)),
        ("high", (Severity.HIGH, True)),
        ("Medium", (Severity.MEDIUM, True)),
        ("moderate", (Severity.MEDIUM, True)),
        ("low", (Severity.LOW, True)),
        ("UNKNOWN", (Severity.NONE, False)),
        (None, (Severity.NONE, False)),
    ],
)
def test_words(word: str | None, expected: tuple[Severity, bool]) -> None:
    assert severity.of_word(word) == expected


def test_score_of_the_source_that_decided_comes_first() -> None:
    ratings = [Rating(source=name, severity=Severity.HIGH, score=score)
               for name, score in (("other", 7.1), ("redhat", 7.2), ("nvd", 7.3), ("bad", 3.0))]  # fmt: skip
    assert severity.score_within(Severity.HIGH, ratings, "other") == 7.1
    assert severity.score_within(Severity.HIGH, ratings, "bad") == 7.3
    assert severity.score_within(Severity.CRITICAL, ratings) is None


@pytest.mark.parametrize(
    ("manager", "name", "version", "purl"),
    [
        ("npm", "@babel/core", "7.0.0", "pkg:npm/%40babel/core@7.0.0"),
        ("yarn", "lodash", "1", "pkg:npm/lodash@1"),
        ("pip", "Django_x", "4", "pkg:pypi/django-x@4"),
        ("maven", "org.a:b", "1", "pkg:maven/org.a/b@1"),
        ("maven", "b", "1", None),
        ("gomodules", "github.com/a/b", "v1", "pkg:golang/github.com/a/b@v1"),
        ("debian:11", "gcc-10", "10", "pkg:deb/debian/gcc-10@10"),
        ("deb", "gcc-10", "10", None),
        ("unheard-of", "a", "1", None),
        ("npm", "a/", "1", None),
        ("cargo", "serde", None, "pkg:cargo/serde"),
    ],
)
def test_purls(manager: str, name: str, version: str | None, purl: str | None) -> None:
    assert purls.build_purl(manager, name, version) == purl


@given(
    st.sampled_from(["pip", "cargo", "bundler", "nuget", "npm", "composer", "hex", "gomod", "pub"]),
    st.text("abz9.-/") | st.text("abzAZ019._-~+%/@ é", min_size=1, max_size=8),
    st.none() | st.text("abZ019._-~+%/@ é", min_size=1, max_size=8),
)
def test_purls_are_those_of_the_library(manager: str, name: str, version: str | None) -> None:
    kind = purls.type_of(manager)
    namespace, _, bare = name.rpartition("/") if kind in purls._SCOPED_TYPES else ("", "", name)
    try:
        expected = PackageURL(kind, namespace or None, bare, version).to_string()
    except (TypeError, ValueError):
        return
    assert purls.build_purl(manager, name, version) == expected


def test_types() -> None:
    assert purls.type_of("ubuntu:22.04") == "deb"
    assert purls.type_of("what") == "generic"
    assert purls.type_in("pkg:NPM/a@1") == "npm"
    assert purls.type_in("npm/a") is None


class TestPlaces:
    @pytest.mark.parametrize(
        ("written", "place"),
        [
            ("./a/b.py", "a/b.py"),
            ("a//b.py", "a/b.py"),
            ("a/../b.py", "b.py"),
            ("file:///etc/a%20b", "/etc/a b"),
            ("a\\b.py", "a/b.py"),
            ("C:\\a\\b.py", "C:/a/b.py"),
            ("a\\ b/c.py", "a\\ b/c.py"),
            ("../up.py", "../up.py"),
        ],
    )
    def test_without_a_root(self, written: str, place: str) -> None:
        assert Places(None)[written] == place

    def test_below_the_root_and_its_real_name(self, tmp_path: Path) -> None:
        real = tmp_path / "real"
        real.mkdir()
        link = tmp_path / "link"
        link.symlink_to(real)
        places = Places(link)
        assert places[f"{link}/a.py"] == places[f"{real}/a.py"] == "a.py"
        assert places[f"file://{real}/a.py"] == "a.py"
        assert places["/other/a.py"] == "/other/a.py"

    def test_base_without_a_root(self) -> None:
        places = Places(None, "service")
        assert places["a.py"] == places["service/a.py"] == "service/a.py"
        assert places["/a.py"] == "/a.py"
        assert Places(None, ".")["a.py"] == "a.py"

    def test_path_that_the_system_refuses(self, tmp_path: Path) -> None:
        assert Places(tmp_path, "b")["a\0"] == "b/a\0"
        assert base_of("a\0", tmp_path) is None

    def test_base_of_an_artifact(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        assert base_of("a", tmp_path) == base_of(f"{tmp_path}/a/", tmp_path) == "a"
        assert base_of(".", tmp_path) is base_of(str(tmp_path), tmp_path) is None
        assert base_of("missing", tmp_path) is base_of("/etc", tmp_path) is None
        assert base_of("a", None) is None


class TestLines:
    def test_of_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"one\r\ntwo\rstill two\nthree")
        lines = Lines(tmp_path)
        assert lines.of("a") == [b"one", b"two\rstill two", b"three"]
        assert (lines.one("a", 3), lines.one("a", 4), lines.one("a", 0)) == (b"three", None, None)
        assert lines.start("a", 2) == 5

    def test_of_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "root").mkdir()
        (tmp_path / "secret").write_text("x")
        lines = Lines(tmp_path / "root")
        for name in ("missing", "..", "../secret", "/etc/hostname", "a\0", ""):
            assert lines.of(name) == []
        assert Lines(None).of("a") == []


@pytest.mark.parametrize(
    ("read", "good", "bad"),
    [
        (fields.text, [("a", "a"), ("", None), (None, None)], [1, [], {}, True]),
        (fields.texts, [(["a"], ("a",)), ([], ()), (None, ())], ["a", {}, [1], 0]),
        (fields.integer, [(1, 1), (2.0, 2), (None, None)], ["1", 1.5, True]),
        (fields.position, [(1, 1), (0, None), (-3, None)], ["1", {}]),
        (fields.number, [(1, 1.0), (0.5, 0.5), (None, None)], ["1", False]),
        (fields.flag, [(True, True), (None, None)], [1, "true"]),
        (fields.mapping, [({}, {}), (None, {})], [[], "a"]),
        (fields.listed, [([1], [1]), (None, [])], [{}, "a"]),
    ],
)
def test_field_readers(read: Any, good: list[Any], bad: list[Any]) -> None:
    for written, expected in good:
        assert read({"key": written}, "key") == expected
    for written in bad:
        with pytest.raises(fields.OddEntry, match=r"^key (is|holds) "):
            read({"key": written}, "key")


def test_readers_of_what_only_adds() -> None:
    odd = {"key": 5}
    assert fields.any_text(odd, "key") is None
    assert fields.any_texts({"key": ["a", 1, ""]}, "key") == ("a",)
    assert fields.any_texts(odd, "key") == ()
    assert fields.any_mapping(odd, "key") == {}
    assert fields.any_objects({"key": [{}, 1]}, "key") == [{}]
    assert fields.any_number({"key": "5"}, "key") is None
