"""Package patterns: one meaning in policies, in exceptions and in the report."""

from __future__ import annotations

import datetime

import pytest

from secagg.model.finding import Finding, Package
from secagg.packages.keys import package_key
from secagg.packages.purl import package_test, purl_pattern
from secagg.pipeline.record import problem_of
from secagg.policy import Verdict
from secagg.report.filters import Filters, predicates
from tests.decisions.make import own, row
from tests.merge.make import vulnerability
from tests.policy.subjects import decide, policy


def of(kind: str, name: str, version: str | None = "1.0", purl: str | None = None) -> Finding:
    found = vulnerability("trivy", "CVE-2021-1111")
    found.package = Package(type=kind, name=name, version=version, purl=purl)
    return found


@pytest.mark.parametrize(
    ("pattern", "found", "expected"),
    [
        ("pkg:npm/lodash", of("npm", "lodash"), True),
        ("pkg:npm/LoDash", of("npm", "lodash"), True),
        ("pkg:npm/lodash", of("npm", "@scope/lodash"), False),
        ("pkg:npm/%40scope/lodash", of("npm", "@scope/lodash"), True),
        ("pkg:npm/@scope/*", of("npm", "@scope/lodash"), True),
        ("pkg:pypi/foo.bar", of("pypi", "Foo_Bar"), True),
        ("pkg:pypi/foo_*", of("pypi", "Foo.Bar"), True),
        ("pkg:maven/org.x/core", of("maven", "org.x:core"), True),
        ("pkg:maven/org.*/core", of("maven", "org.x:core"), True),
        ("pkg:maven/org.x.*", of("maven", "org.x.logging:core"), True),
        ("pkg:maven/org.y.*", of("maven", "org.x.logging:core"), False),
        ("pkg:golang/*", of("golang", "github.com/a/b"), True),
        ("pkg:golang/github.com/*", of("golang", "github.com/a/b"), False),
        ("pkg:golang/github.com/**", of("golang", "github.com/a/b"), True),
        ("pkg:*/lodash", of("npm", "lodash"), True),
        ("pkg:deb/libssl1.1", of("deb", "openssl/libssl1.1"), True),
        (
            "pkg:deb/debian/libssl1.1",
            of("deb", "libssl1.1", "1", "pkg:deb/debian/libssl1.1@1?arch=amd64"),
            True,
        ),
        # Snyk writes SOURCE/BINARY.
        (
            "pkg:deb/debian/libssl1.1",
            of("deb", "openssl/libssl1.1", "1", "pkg:deb/debian/openssl/libssl1.1@1"),
            True,
        ),
        ("pkg:deb/ubuntu/curl", of("deb", "curl", "1", "pkg:deb/debian/curl@1"), False),
        ("pkg:deb/*/curl", of("deb", "curl", "1", "pkg:deb/debian/curl@1"), True),
        ("pkg:deb/debian/curl", of("deb", "curl"), False),
        ("pkg:gem/Rails", of("gem", "rails"), True),
    ],
)
def test_a_purl_means_the_same_packages_everywhere(
    pattern: str, found: Finding, expected: bool
) -> None:
    group = row(found)
    # With a rule beside it, an exception may be as broad as it likes.
    excepted = bool(own(purl=pattern, rule=found.rule_id).covering(group))
    judged = decide(
        policy({"match": {"package": pattern}}, {"name": "rest", "action": "ignore"}), group
    )
    (shown,) = predicates(Filters(packages=frozenset({pattern})), datetime.date(2026, 11, 23))
    answers = (excepted, judged.verdict is Verdict.FAIL, shown(problem_of(group)))
    assert answers == (expected,) * 3


@pytest.mark.parametrize("name", ["foo-bar", "Foo_Bar", "foo*"])
def test_a_name_alone_is_that_of_the_tool_or_of_the_registry(name: str) -> None:
    test = package_test([name], versions=False)
    assert test(Package(type="pypi", name="Foo_Bar")) is True
    assert test(Package(type="pypi", name="bar")) is False
    assert test(None) is False


def test_versions_count_where_they_are_asked_for() -> None:
    for purl in ("pkg:npm/lodash@1.0", "pkg:npm/lodash@v1.0", "pkg:npm/lodash@1.*"):
        assert package_test([purl], versions=True)(of("npm", "lodash").package) is True
        assert package_test([purl], versions=True)(of("npm", "lodash", "2.0").package) is False
        assert package_test([purl], versions=False)(of("npm", "lodash", "2.0").package) is True
    assert (
        package_test(["pkg:npm/lodash@1.0"], versions=True)(of("npm", "lodash", None).package)
        is None
    )
    assert (
        package_test(["pkg:npm/lodash#src/a"], versions=False)(of("npm", "lodash").package) is True
    )
    assert package_test(["pkg:lodash"], versions=False)(of("npm", "lodash").package) is False
    assert package_test(["pkg:np*"], versions=False)(of("npm", "@a/lodash").package) is True


@pytest.mark.parametrize(
    "package",
    [
        Package(type="maven", name="org.x:core"),
        Package(type="pypi", name="Foo_Bar.baz"),
        Package(type="nuget", name="Newtonsoft.Json"),
        Package(type="golang", name="github.com/A/b"),
        Package(type="deb", name="openssl/libssl1.1"),
    ],
)
def test_a_purl_that_names_a_package_has_the_package_s_key(package: Package) -> None:
    purl = f"pkg:{package.type}/{package.name.replace(':', '/')}"
    if package.type == "deb":
        purl = "pkg:deb/debian/libssl1.1"
    assert purl_pattern(purl).exact_key == package_key(package)
