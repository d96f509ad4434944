"""One name or pattern selects the same problems in a rule, an exception and a filter."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest

from secagg.merge import Group
from secagg.model.finding import Finding, Kind, Location, Misconfiguration, Package, Severity
from secagg.pipeline.record import problem_of
from secagg.policy import Facts, Verdict
from secagg.policy.selectors import advisory_test, in_paths, path_test, rooted, same_check
from secagg.report.filters import Filters, predicates
from tests.decisions.make import own, row
from tests.merge.make import code, misconfiguration, vulnerability
from tests.policy.subjects import decide, policy

_FILTERS = {
    "path": "paths",
    "rule": "ids",
    "advisory": "ids",
    "cwe": "ids",
    "tool": "tools",
    "component": "components",
    "owner": "owners",
    "package": "packages",
}


def _in_rule(key: str, pattern: str, group: Group, facts: Facts) -> bool:
    rules = policy({"match": {key: pattern}}, {"name": "rest", "action": "ignore"})
    return decide(rules, group, facts={group.identity: facts}).verdict is Verdict.FAIL


def _in_exception(key: str, pattern: str, group: Group) -> bool:
    # With a key beside it that holds, an exception may be as broad as it likes.
    beside = {"rule": group.representative.rule_id} if key != "rule" else {"path": "*"}
    return bool(own(**{key: pattern}, **beside).covering(group))


def _in_filter(key: str, pattern: str, group: Group, facts: Facts) -> bool:
    problem = replace(problem_of(group), owners=facts.owners)
    filters = Filters(**{_FILTERS[key]: frozenset({pattern})})  # type: ignore[arg-type]
    (shown,) = predicates(filters, datetime.date(2026, 11, 23))
    return shown(problem)


def _code(uri: str | None, **fields: Any) -> Finding:
    image = fields.pop("image", None)
    return Finding(
        tool=fields.pop("tool", "semgrep"),
        kind=Kind.CODE,
        rule_id=fields.pop("rule_id", "python.sql-injection"),
        severity=Severity.HIGH,
        title="SQL injection",
        location=Location(uri=uri, start_line=3, image=image),
        **fields,
    )


def _check(rule_id: str, **fields: Any) -> Finding:
    return Finding(
        tool="trivy",
        kind=Kind.MISCONFIGURATION,
        rule_id=rule_id,
        severity=Severity.HIGH,
        title="Escalation",
        location=Location(uri="deploy/k.yaml", start_line=3),
        misconfiguration=Misconfiguration(**fields),
    )


def _locked(*uris: str) -> Group:
    members = [vulnerability("trivy", "CVE-2026-0001"), vulnerability("snyk", "CVE-2026-0001")]
    for member, uri in zip(members, uris, strict=False):
        member.location = Location(uri=uri)
        member.package = Package(type="npm", name="lodash", version="1")
    return row(*members[: len(uris)])


@pytest.mark.parametrize(
    ("pattern", "group", "expected"),
    [
        ("services/pay", row(_code("services/pay/a.py")), True),
        ("services/pay/", row(_code("services/pay/a.py")), True),
        ("/services/pay", row(_code("services/pay/a.py")), True),
        ("./services/pay", row(_code("services/pay/a.py")), True),
        ("./services/pay/", row(_code("services/pay/a.py")), True),
        ("./pay", row(_code("services/pay/a.py")), False),
        ("pay", row(_code("services/pay/a.py")), True),
        ("*.py", row(_code("services/pay/a.py")), True),
        ("**/pay/*.py", row(_code("services/pay/a.py")), True),
        ("SERVICES", row(_code("services/pay/a.py")), False),
        ("a.py", row(_code("services/pay/b.py")), False),
        # A file of an image is none of the repository.
        ("app", row(_code("app/a.py", image="shop:1")), False),
        # A manifest and its lock file are one place.
        ("web/package.json", _locked("web/package.json", "web/package-lock.json"), True),
        # A source without a file contradicts none.
        ("src/", row(_code("src/a.py"), _code(None, tool="bandit")), True),
    ],
)
def test_a_path(pattern: str, group: Group, expected: bool) -> None:
    answers = (
        _in_rule("path", pattern, group, Facts()),
        _in_exception("path", pattern, group),
        _in_filter("path", pattern, group, Facts()),
    )
    assert answers == (expected,) * 3


@pytest.mark.parametrize(
    ("pattern", "group", "expected"),
    [
        ("KSV001", row(_check("KSV-0001")), True),
        ("KSV-0001", row(_check("KSV-0001")), True),
        ("AVD-KSV-0001", row(_check("KSV-0001")), True),
        ("avd-ksv-0001", row(_check("KSV-0001")), True),
        ("AVD-KSV-*", row(_check("KSV-0001")), True),
        ("ksv*", row(_check("KSV-0001")), True),
        ("KSV-001", row(_check("KSV-0011")), False),
        ("python.*", row(_code("a.py")), True),
        ("PYTHON.SQL-injection", row(_code("a.py")), True),
        ("*/sql-injection", row(_code("a.py", rule_id="py/sql-injection")), True),
        ("*injection", row(_code("a.py", rule_id="py/sql-injection")), True),
        ("sql", row(_code("a.py")), False),
    ],
)
def test_a_rule(pattern: str, group: Group, expected: bool) -> None:
    answers = (
        _in_rule("rule", pattern, group, Facts()),
        _in_exception("rule", pattern, group),
        _in_filter("rule", pattern, group, Facts()),
    )
    assert answers == (expected,) * 3


@pytest.mark.parametrize(
    "pattern", ["CVE-2026-0001", "cve-2026-0001", "DEBIAN-CVE-2026-0001", "debian-cve-2026-0001"]
)
def test_an_advisory(pattern: str) -> None:
    group = _locked("web/package.json")
    for given, expected in ((pattern, True), (pattern[:-1] + "2", False)):
        answers = (
            _in_rule("advisory", given, group, Facts()),
            _in_exception("advisory", given, group),
            _in_filter("advisory", given, group, Facts()),
        )
        assert answers == (expected,) * 3


@pytest.mark.parametrize(
    ("key", "pattern", "expected"),
    [
        ("tool", "semgrep", True),
        ("tool", "Semgrep", True),
        ("tool", "sem*", True),
        ("tool", "trivy", False),
        ("component", "services", True),
        ("component", "services/", True),
        ("component", "./services/pay", True),
        ("component", "services/*", True),
        ("component", "SERVICES/pay", True),
        ("component", "*", True),
        ("component", "services/p", False),
        ("component", "pay", False),
        ("component", ".", False),
        ("owner", "@org/pay", True),
        ("owner", "org/pay", True),
        ("owner", "ORG/*", True),
        ("owner", "ana@example.com", True),
        ("owner", "none", False),
        ("owner", "ana", False),
        ("cwe", "CWE-89", True),
        ("cwe", "cwe-89", True),
        ("cwe", "89", True),
        ("cwe", "CWE-8", False),
    ],
)
def test_another_name_in_a_rule_and_a_filter(key: str, pattern: str, expected: bool) -> None:
    group = row(_code("services/pay/a.py", component="services/pay", cwes=("CWE-89",)))
    facts = Facts(owners=("@org/pay", "ana@example.com"))
    answers = (_in_rule(key, pattern, group, facts), _in_filter(key, pattern, group, facts))
    assert answers == (expected,) * 2


@pytest.mark.parametrize(
    ("key", "pattern", "expected"),
    [
        ("owner", "none", True),
        ("owner", "*", False),
        ("component", ".", False),
        ("component", "image:registry.example/shop", True),
        ("component", "image:*", True),
    ],
)
def test_of_an_image_that_nobody_owns(key: str, pattern: str, expected: bool) -> None:
    group = row(_code("app/a.py", image="registry.example/shop:1"))
    answers = (_in_rule(key, pattern, group, Facts()), _in_filter(key, pattern, group, Facts()))
    assert answers == (expected,) * 2


@pytest.mark.parametrize(
    ("pattern", "kind", "name"),
    [
        ("foo_bar", "pypi", "Foo.Bar"),
        ("FOO-BAR", "pypi", "Foo.Bar"),
        ("foo_*r", "pypi", "Foo.Bar"),
        ("org.x/core", "maven", "org.x:core"),
        ("org.x:core", "maven", "org.x:core"),
        ("Org.X:*e", "maven", "org.x:core"),
        (" lodash ", "npm", "lodash"),
        (" pkg:npm/lodash ", "npm", "lodash"),
        ("PKG:npm/lodash", "npm", "lodash"),
        ("github.com/acme/mod/v2", "golang", "github.com/Acme/mod/v2"),
        ("libssl1.1", "deb", "openssl/libssl1.1"),
    ],
)
def test_a_package_by_its_name(pattern: str, kind: str, name: str) -> None:
    group = _locked("a.lock")
    for package, expected in ((name, True), (f"x{name}x", False)):
        group.representative.package = Package(type=kind, name=package, version="1")
        answers = (
            _in_rule("package", pattern, group, Facts()),
            _in_filter("package", pattern, group, Facts()),
        )
        assert answers == (expected,) * 2


def test_a_filter_sees_every_source_of_a_row() -> None:
    group = row(_code("src/a.py"), _code("lib/b.py", tool="bandit", rule_id="B608"))
    for key, pattern in (("path", "lib/"), ("path", "src/"), ("rule", "b608"), ("tool", "bandit")):
        assert _in_filter(key, pattern, group, Facts())


# -- the tests themselves ---------------------------------------------------------------------


def test_a_check_is_the_same_in_other_tools_only_where_they_check_settings() -> None:
    """A finding of another kind in the group is not covered with a misconfiguration."""
    check, other = misconfiguration("trivy", "DS-0002"), code("codeql", "py/a")
    same = misconfiguration("snyk", "DS-0002")
    assert same_check([check, same, other], [True, False, False]) == [True, True, False]
    assert same_check([check, same, other], [False, False, True]) == [False, False, True]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("./src", "/src"),
        ("!./src", "!/src"),
        ("src", "src"),
        ("!src", "!src"),
        ("/src", "/src"),
        (".src", ".src"),
        ("../src", "../src"),
        ("a/./b", "a/./b"),
        ("./", "/"),
        ("", ""),
    ],
)
def test_a_dot_in_front_is_the_root(pattern: str, expected: str) -> None:
    assert rooted(pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("cve-2021-1111", [True, True, False]),
        (" CVE-2021-1111 ", [True, True, False]),
        ("DEBIAN-CVE-2021-1111", [True, True, False]),
        ("CVE-2021-*", [True, True, False]),
        (" cve-2021-* ", [True, True, False]),
        ("GHSA-*", [False, False, True]),
        ("*", [True, True, True]),
        ("", [False, False, False]),
        (" ", [False, False, False]),
    ],
)
def test_an_advisory_in_any_spelling(pattern: str, expected: list[bool]) -> None:
    test = advisory_test([pattern])
    names = (["CVE-2021-1111"], ["SNYK-1", "debian-cve-2021-1111"], ["GHSA-aaaa-bbbb-cccc"])
    assert [test(ids) for ids in names] == expected
    assert test([]) is False


_LOCK, _MANIFEST = "web/package-lock.json", "web/package.json"
_IN_LOCK, _IN_MANIFEST = (vulnerability("t", "CVE-2021-1", uri=uri) for uri in (_LOCK, _MANIFEST))
_ELSEWHERE = vulnerability("t", "CVE-2021-1", uri="api/package.json")
_NOWHERE = vulnerability("t", "CVE-2021-1", uri=None)
_IN_IMAGE = vulnerability("t", "CVE-2021-1", location=Location(uri=_LOCK, image="shop:1"))
_IN_CODE = code("semgrep", uri=_MANIFEST)


@pytest.mark.parametrize(
    ("pattern", "members", "expected"),
    [
        (_LOCK, [_IN_LOCK], [True]),
        (_LOCK, [_IN_MANIFEST], [False]),
        # What declares a dependency and what locks it are one place.
        (_LOCK, [_IN_LOCK, _IN_MANIFEST], [True, True]),
        (_MANIFEST, [_IN_LOCK, _IN_MANIFEST, _ELSEWHERE], [True, True, False]),
        (_LOCK, [_ELSEWHERE, _NOWHERE], [False, None]),
        (_LOCK, [_NOWHERE], [None]),
        (_LOCK, [_IN_LOCK, _NOWHERE, _ELSEWHERE], [True, None, False]),
        # Of an image no file counts, and none joins with one of the repository.
        (_LOCK, [_IN_IMAGE], [False]),
        (_LOCK, [_IN_LOCK, _IN_IMAGE], [True, False]),
        # Only dependencies do.
        (_LOCK, [_IN_LOCK, _IN_CODE], [True, False]),
        (_MANIFEST, [_IN_CODE, _IN_LOCK], [True, False]),
    ],
)
def test_files_of_one_dependency_count_as_one(
    pattern: str, members: list[Finding], expected: list[bool | None]
) -> None:
    assert in_paths(members, path_test([pattern])) == expected
