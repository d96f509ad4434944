"""Snyk's policy file: ids with paths, reasons and ends."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from secagg.decisions.toolscope import chain
from secagg.errors import ConfigError
from secagg.model.finding import Finding
from secagg.policy.decision import ExceptionState
from tests.decisions.make import TODAY, loaded, row, sources
from tests.merge.make import misconfiguration, secret, vulnerability

TEXT = """# Snyk (https://snyk.io) policy file, patches or ignores known vulnerabilities.
version: v1.25.0
# ignores vulnerabilities until expiry date; change duration by modifying expiry date
ignore:
  SNYK-JS-LODASH-567746:
    - '*':
        reason: None given
        expires: 2026-12-23T12:39:00.158Z
        created: 2026-11-22T12:39:00.161Z
  'npm:hawk:20160119':
    - sqlite3 > node-pre-gyp > request > hawk:
        reason: hawk got bumped
        expires: '2026-11-23T14:43:53.988Z'
    - '* > tunnel-agent':
        reason: dev only
        ignoredBy:
          email: ana@example.com
patch: {}
"""


def snyk(*paths: tuple[str, ...], name: str = "npm:hawk:20160119") -> Finding:
    rooted = tuple(("shop@1.0.0", *path) for path in paths)
    return vulnerability("snyk", name, known={"dependency_paths": rooted})


def test_entries_as_the_tool_writes_them() -> None:
    found = loaded({".snyk": TEXT}).all()
    day = datetime.date
    assert [(e.source, e.target, e.created, e.expires) for e in found] == [
        (".snyk:6", "SNYK-JS-LODASH-567746 of snyk", day(2026, 11, 22), day(2026, 12, 22)),
        (
            ".snyk:11",
            "npm:hawk:20160119 of snyk on the path sqlite3 > node-pre-gyp > request > hawk",
            None,
            day(2026, 11, 22),
        ),
        (".snyk:14", "npm:hawk:20160119 of snyk on the path * > tunnel-agent", None, None),
    ]
    assert found[2].owner == "ana@example.com"
    assert found[1].standing(TODAY) is ExceptionState.EXPIRED


def test_star_covers_the_problem_whoever_else_found_it() -> None:
    name = "SNYK-JS-LODASH-567746"
    group = row(
        vulnerability("snyk", name, "CVE-2020-8203"), vulnerability("trivy", "CVE-2020-8203")
    )
    assert sources(loaded({".snyk": TEXT}), group) == [".snyk:6"]
    assert not sources(loaded({".snyk": TEXT}), row(vulnerability("trivy", "CVE-2020-8203")))


@pytest.mark.parametrize(
    ("steps", "path", "expected"),
    [
        ("a", ["a@1"], True),
        ("a@1", ["a@1"], True),
        ("a@2", ["a@1"], False),
        ("a", ["a@1", "b@1"], False),
        ("a > *", ["a@1", "b@1", "c@1"], True),
        ("a > *", ["a@1"], True),
        ("a > b", ["a@1", "b@2"], True),
        ("a > b", ["a@1", "x@1", "b@2"], False),
        ("* > b", ["a@1", "x@1", "b@2"], True),
        ("* > b", ["b@2"], True),
        ("* > b", ["b@2", "c@1"], False),
        ("a > * > c", ["a@1", "c@1"], True),
        ("a > * > c", ["a@1", "c@1", "b@1", "c@1"], True),
        ("@s/a", ["@s/a@1"], True),
        ("@s/a@1", ["@s/a@1"], True),
        ("@s/a", ["@s/ab@1"], False),
        ("org.x:core", ["org.x:core@1.2"], True),
        ("a", [], False),
    ],
)
def test_paths(steps: str, path: list[str], expected: bool) -> None:
    assert chain(steps).matches(path) is expected


@pytest.mark.parametrize("steps", ["a@^1.0.0", "a@1.x", "a@*", "a@>=1 <2", " > a", "lod*"])
def test_ranges_are_not_guessed(steps: str) -> None:
    with pytest.raises(ValueError, match="its path has"):
        chain(steps)


def test_every_dependency_path_must_be_ignored() -> None:
    text = """ignore:
  npm:hawk:20160119:
    - a > hawk:
        reason: one
    - b > hawk:
        reason: two
"""
    found = loaded({".snyk": text})
    one, two, three = ("a@1", "hawk@1"), ("b@1", "hawk@1"), ("c@1", "hawk@1")
    assert sources(found, row(snyk(one))) == [".snyk:3"]
    assert sources(found, row(snyk(one, two))) == [".snyk:3", ".snyk:5"]
    assert sources(found, row(snyk(one, two, three))) == []
    assert sources(found, row(snyk())) == []


def test_fixable_ends_it_where_it_says_so() -> None:
    text = "ignore:\n  SNYK-1:\n    - '*':\n        disregardIfFixable: true\n"
    found = loaded({".snyk": text})
    assert found.covering(row(vulnerability("snyk", "SNYK-1")))
    fixable = vulnerability("snyk", "SNYK-1", known={"fixed_versions": ("2.0",)})
    assert not found.covering(row(fixable))


def test_it_is_not_for_code_and_secrets() -> None:
    text = "ignore:\n  aws-access-token:\n    - '*': {}\n  SNYK-CC-TF-1:\n    - '*': {}\n"
    found = loaded({".snyk": text})
    assert not found.covering(row(secret("snyk")))
    assert found.covering(row(misconfiguration("snyk", "SNYK-CC-TF-1")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ignore:\n  SNYK-1:\n    - '*': {until: 2027-01-01}\n", "not known: until"),
        ("ignore:\n  SNYK-1:\n    - '*': {expires: soon}\n", "day"),
        ("ignore:\n  SNYK-1:\n    - '*': text\n", "list of paths"),
        ("ignore:\n  SNYK-1: '*'\n", "list of paths"),
        ("ignore:\n  SNYK-1: []\n", "list of paths"),
        ("ignore: [a]\n", "list of paths"),
        ("ignore:\n  '*':\n    - '*': {}\n", "wildcards have no meaning"),
        ("ignore:\n  ? [a, b]\n  : - '*': {}\n", "list of paths"),
        ("ignore:\n  SNYK-1:\n    - a@^1: {}\n", "version range"),
        ("exclude:\n  global:\n    - src/**\n", "not honoured"),
        ("patch:\n  SNYK-1:\n    - a: {patched: 2026-01-01}\n", "not honoured"),
    ],
)
def test_what_cannot_be_honoured_is_refused_and_shown(text: str, said: str) -> None:
    found = loaded({".snyk": text})
    (exception,) = found.all()
    assert exception.standing(TODAY) is ExceptionState.REFUSED
    assert said in (exception.refusal or "")
    covering = found.covering(row(vulnerability("snyk", "SNYK-1")))
    assert all(e.standing(TODAY) is ExceptionState.REFUSED for e in covering)


@pytest.mark.parametrize("text", ["- a\n", "ignore: [\n", "ignore:\n  a: &x\n    - *y\n"])
def test_no_yaml_is_placed(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^\.snyk:"):
        loaded({".snyk": text})


def test_empty_policy_says_nothing() -> None:
    files: dict[str, Any] = {".snyk": "version: v1.25.0\nignore: {}\npatch: {}\n"}
    assert loaded(files).all() == []


def test_an_id_on_some_paths_does_not_speak_for_another_tool() -> None:
    text = "ignore:\n  SNYK-1:\n    - a > hawk: {}\n    - b > hawk: {}\n"
    paths = (("shop", "a@1", "hawk@1"), ("shop", "b@1", "hawk@1"))
    known = vulnerability("snyk", "SNYK-1", "CVE-2021-1111", known={"dependency_paths": paths})
    found = loaded({".snyk": text})
    assert sources(found, row(known)) == [".snyk:3", ".snyk:4"]
    assert sources(found, row(known, vulnerability("trivy", "CVE-2021-1111"))) == []
