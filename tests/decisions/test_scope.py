"""What an exception of our own file covers, and above all what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from secagg.merge import merge
from secagg.merge.groups import Group
from secagg.model.finding import Finding, Location, Package
from tests.decisions.make import own, row
from tests.merge.make import code, misconfiguration, secret, vulnerability


def covers(group: Group, **keys: Any) -> bool:
    return bool(own(**keys).covering(group))


def package(purl_type: str, name: str, version: str | None, purl: str | None = None) -> Finding:
    found = vulnerability("trivy", "CVE-2021-1111")
    found.package = Package(type=purl_type, name=name, version=version, purl=purl)
    return found


def test_identity_is_that_of_the_row_or_of_any_member() -> None:
    found = secret()
    found.identity = "b" * 32
    group = row(found, identity="a" * 32)
    assert covers(group, id="a" * 32)
    assert covers(group, id="b" * 32)
    assert not covers(group, id="c" * 32)


def test_identity_outlives_the_coming_of_another_tool() -> None:
    trivy, snyk = vulnerability("trivy", "CVE-2021-1111"), vulnerability("snyk", "SNYK-1")
    for number, finding in enumerate((trivy, snyk)):
        finding.identity = f"{number}" * 32
    (alone,) = merge([snyk]).groups
    snyk.vulnerability = vulnerability("snyk", "SNYK-1", "CVE-2021-1111").vulnerability
    (both,) = merge([trivy, snyk]).groups
    assert alone.identity != both.identity
    assert covers(both, id=snyk.identity)


@pytest.mark.parametrize("name", ["CVE-2021-1111", "cve-2021-1111"])
def test_cve_covers_every_source_that_knows_it(name: str) -> None:
    group = row(
        vulnerability("snyk", "SNYK-JS-1", "CVE-2021-1111"),
        vulnerability("trivy", "DEBIAN-CVE-2021-1111"),
    )
    assert covers(group, cve=name)
    assert not covers(group, cve="CVE-2021-1112")


def test_alias_speaks_for_a_member_that_shares_another_one() -> None:
    group = row(
        vulnerability("snyk", "SNYK-JS-1", "CVE-2021-1111", "GHSA-aaaa-bbbb-cccc"),
        vulnerability("osv", "GHSA-aaaa-bbbb-cccc", "PYSEC-2021-1"),
        vulnerability("audit", "PYSEC-2021-1"),
    )
    assert covers(group, cve="CVE-2021-1111")
    assert covers(group, advisory="PYSEC-2021-1")
    assert covers(group, ghsa="GHSA-AAAA-BBBB-CCCC".replace("AAAA-BBBB-CCCC", "aaaa-bbbb-cccc"))


def test_one_of_two_cves_does_not_silence_the_row_of_the_other() -> None:
    both = vulnerability("snyk", "SNYK-JS-1", "CVE-2021-1111", "CVE-2021-2222")
    group = row(vulnerability("trivy", "CVE-2021-1111"), both)
    assert not covers(group, cve="CVE-2021-2222")
    assert covers(group, cve="CVE-2021-1111")
    # Alone, the row is about both, and one of them is not enough.
    assert not covers(row(both), cve="CVE-2021-1111")
    assert covers(row(both), advisory="SNYK-JS-1")


def test_member_that_knows_another_cve_is_not_spoken_for() -> None:
    group = row(
        vulnerability("trivy", "CVE-2021-1111", "GHSA-aaaa-bbbb-cccc"),
        vulnerability("osv", "GHSA-aaaa-bbbb-cccc", "CVE-2021-2222"),
    )
    assert not covers(group, cve="CVE-2021-1111")


def test_two_advisory_keys_must_both_hold() -> None:
    group = row(vulnerability("trivy", "CVE-2021-1111", "GHSA-aaaa-bbbb-cccc"))
    assert covers(group, cve="CVE-2021-1111", ghsa="GHSA-aaaa-bbbb-cccc")
    assert not covers(group, cve="CVE-2021-1111", ghsa="GHSA-aaaa-bbbb-dddd")


def test_cve_in_a_path_does_not_cover_it_elsewhere() -> None:
    here = row(vulnerability("trivy", "CVE-2021-1111", uri="web/package-lock.json"))
    there = row(vulnerability("trivy", "CVE-2021-1111", uri="engine/package-lock.json"))
    assert covers(here, cve="CVE-2021-1111", path="web/")
    assert not covers(there, cve="CVE-2021-1111", path="web/")


@pytest.mark.parametrize(
    ("purl", "expected"),
    [
        ("pkg:npm/lodash", True),
        ("pkg:npm/lodash@4.17.4", True),
        ("pkg:npm/lodash@v4.17.4", True),
        ("pkg:npm/lodash@4.17.*", True),
        ("pkg:npm/lodash@4.17.5", False),
        ("pkg:npm/lodash@4.17", False),
        ("pkg:npm/lodash@4.17.40", False),
        ("pkg:npm/LoDash", True),
        ("pkg:npm/lod*", True),
        ("pkg:npm/lodas", False),
        ("pkg:npm/@scope/lodash", False),
        ("pkg:pypi/lodash", False),
        ("pkg:npm/lodash?arch=arm", False),
    ],
)
def test_purl_names_a_package_and_perhaps_its_version(purl: str, expected: bool) -> None:
    assert covers(row(vulnerability("trivy", "CVE-2021-1111")), purl=purl) is expected


@pytest.mark.parametrize(
    ("found", "purl", "expected"),
    [
        (package("npm", "@babel/core", "7.0.0"), "pkg:npm/%40babel/core@7.0.0", True),
        (package("npm", "@babel/core", "7.0.0"), "pkg:npm/@babel/core@7.0.0", True),
        (package("npm", "@babel/core", "7.0.0"), "pkg:npm/@babel/*", True),
        (package("npm", "@babel/core", "7.0.0"), "pkg:npm/@babel/core@7.0.1", False),
        (package("pypi", "Foo_Bar", "1"), "pkg:pypi/foo.bar@1", True),
        (package("pypi", "Foo_Bar", "1"), "pkg:pypi/foo_*", True),
        (package("maven", "org.x:core", "1"), "pkg:maven/org.x/core@1", True),
        (package("maven", "org.x:core", "1"), "pkg:maven/org.*/core", True),
        (package("maven", "org.x:core", "1"), "pkg:maven/org.y/core", False),
        (package("golang", "github.com/a/b", "v1.2.0"), "pkg:golang/github.com/a/b@1.2.0", True),
        (package("golang", "github.com/a/b", "v1.2.0"), "pkg:golang/github.com/a/**", True),
        (package("golang", "github.com/a/b", "v1.2.0"), "pkg:golang/github.com/*", False),
        (package("npm", "lodash", None), "pkg:npm/lodash", True),
        (package("npm", "lodash", None), "pkg:npm/lodash@4.17.4", False),
        (
            package("deb", "curl", "7.1-2", "pkg:deb/debian/curl@7.1-2?arch=amd64"),
            "pkg:deb/debian/curl@7.1-2?arch=amd64",
            True,
        ),
        (
            package("deb", "curl", "7.1-2", "pkg:deb/debian/curl@7.1-2?arch=amd64"),
            "pkg:deb/debian/curl?arch=arm64",
            False,
        ),
        (
            package("deb", "curl", "7.1-2", "pkg:deb/debian/curl@7.1-2"),
            "pkg:deb/ubuntu/curl@7.1-2",
            False,
        ),
        (package("deb", "curl", "7.1-2"), "pkg:deb/debian/curl@7.1-2", False),
    ],
)
def test_purls_of_many_ecosystems(found: Finding, purl: str, expected: bool) -> None:
    assert covers(row(found), purl=purl) is expected


def test_version_that_one_source_contradicts_is_not_covered() -> None:
    one = vulnerability("trivy", "CVE-2021-1111", version="4.17.4")
    other = vulnerability("snyk", "CVE-2021-1111", version="4.17.5")
    unknown = vulnerability("snyk", "CVE-2021-1111", version=None)
    assert not covers(row(one, other), purl="pkg:npm/lodash@4.17.4")
    assert covers(row(one, unknown), purl="pkg:npm/lodash@4.17.4")


def test_row_without_a_package_is_not_covered_by_a_purl() -> None:
    assert not covers(row(secret()), purl="pkg:npm/lodash")


def test_rule_must_be_every_sources() -> None:
    group = row(code("codeql", "py/sql-injection"), code("snyk", "python/Sqli"))
    assert not covers(group, rule="py/sql-injection")
    assert covers(group, rule=["py/sql-injection", "python/Sqli"])
    assert covers(row(code("codeql", "py/sql-injection")), rule="py/*")


def test_rule_of_a_tool_is_only_that_tools() -> None:
    group = row(secret("gitleaks"))
    assert covers(group, rule="aws-*", tool="gitleaks")
    assert not covers(group, rule="aws-*", tool="trivy")
    both = row(secret("gitleaks"), secret("trivy"))
    assert not covers(both, rule="aws-*", tool="gitleaks")


def test_verified_sighting_keeps_a_noisy_rule_from_silencing_it() -> None:
    group = row(
        secret("gitleaks", detector="generic-api-key"),
        secret("trufflehog", detector="AWS", verified=True),
    )
    assert not covers(group, rule="generic-api-key")


@pytest.mark.parametrize("written", ["DS-0002", "AVD-DS-0002", "DS002", "DS-*"])
def test_check_is_known_in_every_spelling(written: str) -> None:
    assert covers(row(misconfiguration("trivy", "DS-0002")), rule=written)
    assert not covers(row(misconfiguration("trivy", "AWS-0020")), rule=written)


@pytest.mark.parametrize(
    ("path", "uri", "expected"),
    [
        ("tests/", "tests/a.py", True),
        ("tests/", "x/tests/a.py", True),
        ("/tests/", "x/tests/a.py", False),
        ("*.lock", "a/b/yarn.lock", True),
        ("*.lock", "a/b/yarn.lock.txt", False),
        ("src/**/gen.py", "src/a/b/gen.py", True),
        ("src/gen_?.py", "src/gen_a.py", True),
        ("src/gen_?.py", "src/gen_ab.py", False),
        ("docs", "docs/x/y.md", True),
        ("docs", "mydocs/x.md", False),
        ("a b.py", "a b.py", True),
    ],
)
def test_path_is_a_gitignore_pattern(path: str, uri: str, expected: bool) -> None:
    assert covers(row(code(uri=uri)), path=path) is expected


def test_path_does_not_silence_what_another_source_sees_elsewhere() -> None:
    group = row(secret("gitleaks", uri="tests/a.py"), secret("trivy", uri="src/a.py"))
    assert not covers(group, path="tests/")
    assert covers(group, path=["tests/", "src/"])


def test_manifest_and_lock_file_are_one_place() -> None:
    group = row(
        vulnerability("trivy", "CVE-2021-1111", uri="web/package-lock.json"),
        vulnerability("snyk", "CVE-2021-1111", uri="web/package.json"),
    )
    assert covers(group, path="web/package-lock.json")
    elsewhere = row(
        vulnerability("trivy", "CVE-2021-1111", uri="web/package-lock.json"),
        vulnerability("snyk", "CVE-2021-1111", uri="api/package.json"),
    )
    assert not covers(elsewhere, path="web/package-lock.json")


def test_path_in_an_image_is_no_path_of_the_repository() -> None:
    place = Location(uri="app/package-lock.json", image="shop:1")
    group = row(vulnerability("trivy", "CVE-2021-1111", location=place))
    assert not covers(group, path="app/")
    nowhere = row(vulnerability("trivy", "CVE-2021-1111", uri=None))
    assert not covers(nowhere, path="app/")


def test_all_keys_must_hold() -> None:
    group = row(vulnerability("trivy", "CVE-2021-1111"))
    good = {"cve": "CVE-2021-1111", "purl": "pkg:npm/lodash", "path": "web/", "rule": "CVE-*"}
    assert covers(group, **good)
    wrong = {
        "cve": "CVE-2021-1112",
        "purl": "pkg:npm/lodash@9",
        "path": "api/",
        "rule": "GHSA-*",
        "id": "f" * 32,
    }
    for key, value in wrong.items():
        assert not covers(group, **(good | {key: value})), key


def test_an_alias_that_spans_two_cves_is_not_spoken_for() -> None:
    group = row(
        vulnerability("audit", "PYSEC-2021-1", "GHSA-aaaa-bbbb-cccc"),
        vulnerability("osv", "GHSA-aaaa-bbbb-cccc", "CVE-2021-1111", "CVE-2021-2222"),
    )
    assert not covers(group, advisory="PYSEC-2021-1")


def test_another_check_in_the_row_is_not_covered() -> None:
    group = row(misconfiguration("trivy", "DS-0002"), misconfiguration("snyk", "SNYK-CC-9"))
    assert not covers(group, rule="DS-0002")


def test_check_is_found_by_a_spelling_that_neither_side_writes() -> None:
    assert covers(row(misconfiguration("trivy", "AVD-DS-0002")), rule="DS002")
