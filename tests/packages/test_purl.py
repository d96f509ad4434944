"""Package patterns: one meaning in policies, in exceptions and in the report."""

from __future__ import annotations

import datetime

import pytest

from secagg.history.currentcolumns import packaged, problem_of_package
from secagg.model.finding import Finding, Package
from secagg.packages.keys import package_key
from secagg.packages.purl import package_test, purl_pattern
from secagg.pipeline.record import problem_of
from secagg.policy import Verdict
from secagg.report.filters import Filters, predicates, select
from secagg.system.globs import is_wild
from tests.decisions.make import loaded, own, row
from tests.decisions.test_vex import openvex, statement
from tests.merge.make import vulnerability
from tests.policy.subjects import decide, policy


def of(kind: str, name: str, version: str | None = "1.0", purl: str | None = None) -> Finding:
    found = vulnerability("trivy", "CVE-2021-1111")
    found.package = Package(type=kind, name=name, version=version, purl=purl)
    return found


def ssl(version: str, query: str = "?distro=debian-11&arch=amd64") -> Finding:
    purl = f"pkg:deb/debian/libssl1.1@{version.replace('+', '%2B')}{query}"
    return of("deb", "libssl1.1", version, purl)


SSL = ssl("1.1.1n-0")


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
        ("pkg:deb/debian/curl", of("deb", "curl"), None),
        ("pkg:gem/Rails", of("gem", "rails"), True),
        # With a version it is that version, however a tool spells it.
        ("pkg:npm/lodash@1.0", of("npm", "lodash"), True),
        ("pkg:npm/lodash@v1.0", of("npm", "lodash"), True),
        ("pkg:npm/lodash@1.*", of("npm", "lodash"), True),
        ("pkg:npm/lodash@2.0", of("npm", "lodash"), False),
        ("pkg:npm/lodash@1.0", of("npm", "lodash", None), None),
        ("pkg:npm/lodash@1.0", of("npm", "lodash", None, "pkg:npm/lodash@1.0"), True),
        ("PKG:NPM/LoDash@1.0", of("npm", "lodash"), True),
        ("pkg:npm/%40scope%2Flodash@1.0", of("npm", "@scope/lodash"), True),
        ("pkg:deb/debian/libssl1.1@1.1.1n-0", SSL, True),
        ("pkg:deb/debian/libssl1.1@1.1.1n-0%2Bdeb11u3", SSL, False),
        ("pkg:deb/debian/libssl1.1@1.1.1n-0%2bdeb11u3", ssl("1.1.1n-0+deb11u3"), True),
        ("pkg:deb/debian/libssl1.1@1:1.1.1n-0", SSL, True),
        ("pkg:deb/ubuntu/libssl1.1@1.1.1n-0", SSL, False),
        ("pkg:deb/debian/libssl1.1@1.1.1n-0?distro=debian-11&arch=amd64", SSL, True),
        ("pkg:deb/debian/libssl1.1?arch=arm64", SSL, False),
        ("pkg:deb/debian/libssl1.1?distro=debian-12", SSL, False),
        ("pkg:deb/debian/libssl1.1?distro=debian-11", ssl("1.1.1n-0", ""), None),
        ("pkg:npm/lodash?repository_url=https://npm.example", of("npm", "lodash"), None),
        (
            "pkg:npm/lodash?repository_url=https://npm.example",
            of("npm", "lodash", "1.0", "pkg:npm/lodash@1.0"),
            False,
        ),
        # A module below a module is another one.
        ("pkg:golang/github.com/a/b", of("golang", "github.com/a/b/v2"), False),
        ("pkg:golang/github.com/A/b@v1.0", of("golang", "github.com/a/b", "1.0"), True),
        ("pkg:golang/github.com/a/b@1.0%2Bincompatible", of("golang", "github.com/a/b"), True),
    ],
)
def test_a_purl_means_the_same_packages_everywhere(
    pattern: str, found: Finding, expected: bool | None
) -> None:
    assert answers(pattern, found) == {
        "exception": expected is True,
        "ignore rule": expected is True,
        # An unknown fact counts as the stricter answer.
        "fail rule": expected is not False,
        "filter": expected is True,
        "filter of the store": expected is True,
        **(
            {}
            if is_wild(pattern.partition("?")[0])
            else {".trivyignore.yaml": expected is True, "OpenVEX": expected is True}
        ),
    }


def answers(pattern: str, found: Finding) -> dict[str, bool]:
    """Where ``pattern`` covers ``found``, by each place that takes a purl."""
    group, rule = row(found), {"name": "rest", "action": "fail"}
    filters = predicates(Filters(packages=frozenset({pattern})), datetime.date(2026, 11, 23))
    ignored = decide(policy({"match": {"package": pattern}, "action": "ignore"}, rule), group)
    failed = decide(
        policy({"match": {"package": pattern}, "action": "fail"}, rule | {"action": "ignore"}),
        group,
    )
    problem = problem_of(group)
    stored = problem_of_package(packaged(problem) or "")
    found_by = {
        # With a rule beside it, an exception may be as broad as it likes.
        "exception": bool(own(purl=pattern, rule=found.rule_id).covering(group)),
        "ignore rule": ignored.verdict is Verdict.PASS,
        "fail rule": failed.verdict is Verdict.FAIL,
        "filter": bool(select([problem], filters)),
        "filter of the store": bool(select([stored], filters)),
    }
    if not is_wild(pattern.partition("?")[0]):
        entry = {"id": found.rule_id, "purls": [pattern]}
        found_by[".trivyignore.yaml"] = bool(
            loaded({".trivyignore.yaml": {"vulnerabilities": [entry]}}).covering(group)
        )
        document = openvex(statement(products=[{"@id": pattern}]))
        found_by["OpenVEX"] = bool(loaded({"x.json": document}, vex=("x.json",)).covering(group))
    return found_by


@pytest.mark.parametrize("name", ["foo-bar", "Foo_Bar", "foo*"])
def test_a_name_alone_is_that_of_the_tool_or_of_the_registry(name: str) -> None:
    test = package_test([name])
    assert test(Package(type="pypi", name="Foo_Bar")) is True
    assert test(Package(type="pypi", name="bar")) is False
    assert test(None) is False


def test_a_purl_that_is_not_valid_is_refused() -> None:
    for purl in ("pkg:lodash", "pkg:golang/github.com/a/b#sub", "pkg:npm/lodash@"):
        with pytest.raises(ValueError, match="purl"):
            package_test([purl])
        with pytest.raises(ValueError, match="purl"):
            policy({"match": {"package": purl}})


def test_a_type_with_a_wildcard_is_every_package_of_such_types() -> None:
    assert package_test(["pkg:np*"])(of("npm", "@a/lodash").package) is True
    assert package_test(["pkg:*"])(of("maven", "org.x:core").package) is True
    assert package_test(["pkg:np*"])(of("pypi", "lodash").package) is False


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
