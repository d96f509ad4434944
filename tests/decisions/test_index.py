"""The index finds exactly what comparing every entry would find."""

from __future__ import annotations

import datetime
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from secagg.decisions.index import covered_by
from secagg.merge import merge
from secagg.model.finding import Finding, Suppression
from secagg.model.problem import State
from secagg.policy.decision import DecisionSource, PolicyException
from tests.decisions.make import TODAY, loaded, row
from tests.merge.make import code, license_finding, misconfiguration, secret, vulnerability

_IDS = ["CVE-2021-1111", "CVE-2021-2222", "GHSA-aaaa-bbbb-cccc", "SNYK-JS-1", "RUSTSEC-2021-1"]
_URIS = ["web/package-lock.json", "web/package.json", "api/requirements.txt", "tests/a.py"]
_NAMES = ["lodash", "left-pad", "@scope/a"]
_VERSIONS = ["1.0", "1.1", None]
_COMMIT = "8882f65768542c501a898f555e0baa8b4fe651c6"

_one = st.sampled_from
_vulnerabilities = st.builds(
    lambda tool, ids, name, version, uri: vulnerability(
        tool, *ids, package=name, version=version, uri=uri
    ),
    _one(["trivy", "snyk"]),
    st.lists(_one(_IDS), min_size=1, max_size=3, unique=True),
    _one(_NAMES),
    _one(_VERSIONS),
    _one(_URIS),
)
_others = st.one_of(
    st.builds(
        lambda tool, uri, line, commit: secret(tool, uri=uri, line=line, commit=commit),
        _one(["trivy", "gitleaks", "trufflehog"]),
        _one(_URIS),
        _one([3, 4]),
        _one([None, _COMMIT]),
    ),
    st.builds(
        misconfiguration, _one(["trivy", "snyk"]), _one(["DS-0002", "AVD-DS-0002", "DS-0003"])
    ),
    st.builds(lambda rule, uri: code("codeql", rule, uri=uri), _one(["py/a", "py/b"]), _one(_URIS)),
    st.builds(license_finding, _one(["trivy", "snyk"]), _one(["GPL-3.0", "MIT"])),
)


@st.composite
def _finding(draw: st.DrawFn) -> Finding:
    found = draw(st.one_of(_vulnerabilities, _others))
    found.identity = draw(_one(["a" * 32, "b" * 32, "c" * 32]))
    if draw(st.integers(0, 5)) == 0:
        found.suppressions = (Suppression(source="SARIF"),)
    return found


_keys: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "id": _one(["a" * 32, "d" * 32]),
        "cve": _one(_IDS[:2]),
        "ghsa": st.just(_IDS[2]),
        "advisory": _one(_IDS),
        "purl": _one(
            ["pkg:npm/lodash", "pkg:npm/lodash@1.0", "pkg:npm/@scope/*", "pkg:npm/l*@1.*"]
        ),
        "rule": _one(["py/*", "py/a", "aws-*", "DS002", "CVE-2021-1111", ["py/a", "py/b"]]),
        "path": _one(["web/", "*.json", "/tests/**", "requirements.txt", ["web/", "api/"]]),
    },
).filter(bool)
_dates = {"reason": "a reason", "owner": "ana", "created": "2026-11-01"}
_ends = _one(["2026-12-01", "2026-11-02", "2027-11-01"])
_lines = st.lists(
    _one(["CVE-2021-1111", "SNYK-JS-1", "DS002", "aws-access-token", "GPL-3.0 exp:2026-01-01"]),
    max_size=3,
)
_marks = st.lists(
    _one(
        [
            "tests/a.py:aws-access-token:3",
            "web/package.json:aws-access-token:4",
            f"{_COMMIT}:tests/a.py:aws-access-token:3",
        ]
    ),
    max_size=3,
)
_snyk = st.lists(_one(["SNYK-JS-1", "CVE-2021-2222", "DS-0003", "MIT"]), max_size=2, unique=True)


@st.composite
def _files(draw: st.DrawFn) -> dict[str, Any]:
    entries = [
        _dates | {"expires": draw(_ends)} | keys for keys in draw(st.lists(_keys, max_size=6))
    ]
    return {
        "secagg-exceptions.yaml": {"exceptions": entries},
        ".trivyignore": "\n".join(draw(_lines)),
        ".gitleaksignore": "\n".join(draw(_marks)),
        ".snyk": {"ignore": {name: [{"*": {}}] for name in draw(_snyk)}},
    }


@settings(max_examples=300, deadline=None)
@given(files=_files(), findings=st.lists(_finding(), min_size=1, max_size=8), merged=st.booleans())
def test_index_equals_comparing_every_entry(
    files: dict[str, Any], findings: list[Finding], merged: bool
) -> None:
    found = loaded(files)
    groups = (
        merge(findings).groups if merged else [row(*findings[:2]), row(*findings[2:] or findings)]
    )
    for group in groups:
        slow = covered_by(found.entries, group, found.sarif, TODAY)
        assert found.covering(group) == slow
        # Asked again it says the same.
        assert found.covering(group) == slow


def test_all_keeps_the_files_order_and_counts_them() -> None:
    found = loaded(
        {
            ".gitleaksignore": "a:b:1\nnonsense\n",
            ".trivyignore": "CVE-2021-1 exp:2026-01-01\nCVE-2021-2\n",
            "secagg-exceptions.yaml": {
                "exceptions": [_dates | {"expires": "2026-12-01", "cve": "CVE-2021-1111"}]
            },
        }
    )
    assert [e.source for e in found.all()] == [
        "secagg-exceptions.yaml:1",
        ".trivyignore:1",
        ".trivyignore:2",
        ".gitleaksignore:1",
        ".gitleaksignore:2",
    ]
    assert found.sentences() == [
        "secagg-exceptions.yaml: 1 decision honoured",
        ".trivyignore: 1 decision honoured, 1 expired",
        ".gitleaksignore: 1 decision honoured, 1 refused",
    ]


def test_stored_decisions_have_a_sentence_a_source() -> None:
    def decided(source: str, origin: DecisionSource, **fields: Any) -> PolicyException:
        return PolicyException(
            source=source,
            target=fields.pop("target", "one"),
            origin=origin,
            state=State.FALSE_POSITIVE,
            on_one=True,
            at=datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC),
            **fields,
        )

    store, github = DecisionSource.STORE, DecisionSource.GITHUB
    stored = {
        "a" * 32: [decided("store", store)],
        "b" * 32: [decided("store", store, target="two")],
        "c" * 32: [decided("GitHub", github)],
        # Nothing has this identity.
        "d" * 32: [decided("GitHub", github, target="three")],
    }
    found = loaded({}, stored=stored)
    for name in "abc":
        group = row(secret("gitleaks"), identity=name * 32)
        assert found.covering(group) == found.covering(group) == stored[name * 32]
    assert found.covering(row(secret("gitleaks"), identity="e" * 32)) == []
    assert found.all() == [one for name in "abc" for one in stored[name * 32]]
    assert found.sentences() == ["store: 2 decisions of triage", "GitHub: 1 dismissal"]
    refused = {
        name * 32: [decided("GitHub", github, target=name, refusal="is not trusted")]
        for name in "ab"
    }
    found = loaded({}, stored=refused)
    for name in refused:
        assert found.covering(row(secret("gitleaks"), identity=name)) == refused[name]
    assert found.sentences() == ["GitHub: 2 dismissals (is not trusted)"]


def test_names_of_packages_and_rules_are_the_same_in_any_case() -> None:
    dates = _dates | {"expires": "2026-12-01"}
    entries = [
        dates | {"purl": "pkg:npm/LODASH"},
        dates | {"rule": "PY/A"},
        dates | {"rule": "ds-0002"},
    ]
    found = loaded({"secagg-exceptions.yaml": {"exceptions": entries}})
    for group in (
        row(vulnerability("trivy", "CVE-2021-1111", package="lodash")),
        row(code("codeql", "py/a")),
        row(misconfiguration("trivy", "DS-0002")),
    ):
        slow = covered_by(found.entries, group, found.sarif, TODAY)
        assert found.covering(group) == slow
        assert len(slow) == 1, group
