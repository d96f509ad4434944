"""Vulnerabilities: what aliases join, and what they must not."""

from __future__ import annotations

from typing import Any

import pytest

from secagg.merge import MergedSet, merge
from secagg.model.finding import Finding, Location
from tests.merge.make import names, vulnerability


def merged(*findings: Finding) -> MergedSet:
    return merge(findings)


def test_same_cve_of_two_tools_is_one() -> None:
    result = merged(
        vulnerability("trivy", "CVE-2019-10744"),
        vulnerability("snyk", "SNYK-JS-LODASH-450202", "CVE-2019-10744", uri="web/package.json"),
    )
    (group,) = result.groups
    assert group.tools == ("snyk", "trivy")
    (reason,) = group.reasons
    assert (reason.rule, reason.key, set(reason.members)) == (
        "advisory-alias",
        "CVE-2019-10744",
        {0, 1},
    )


def test_a_package_without_a_version_joins_the_one_there_is() -> None:
    bare = vulnerability(
        "govulncheck", "CVE-2024-1", version=None, kind="golang", package="g.x/net"
    )
    old, new = [
        vulnerability(
            "trivy",
            "GHSA-2222-3333-4444",
            "CVE-2024-1",
            version=v,
            kind="golang",
            package="g.x/net",
        )
        for v in ("v0.1.0", "v0.2.0")
    ]
    (group,) = merged(bare, old).groups
    assert group.tools == ("govulncheck", "trivy")
    assert [(r.key, r.members) for r in group.reasons] == [("CVE-2024-1", (0, 1))]
    assert sorted(len(g.members) for g in merged(bare, old, new).groups) == [1, 1, 1]


def test_a_go_package_is_its_module_where_both_say_the_same() -> None:
    module = vulnerability(
        "trivy",
        "CVE-2024-1",
        package="golang.org/x/net",
        kind="golang",
        version="v0.0.0-20201021035429-db77216a4ee9",
    )
    inside = vulnerability(
        "snyk",
        "CVE-2024-1",
        package="golang.org/x/net/http2",
        kind="golang",
        version="#db77216a4ee9",
    )
    other = vulnerability(
        "snyk",
        "CVE-2024-2",
        package="golang.org/x/net/html",
        kind="golang",
        version="#db77216a4ee9",
    )
    groups = merged(module, inside, other).groups
    assert sorted(g.tools for g in groups) == [("snyk",), ("snyk", "trivy")]


def test_a_package_of_no_known_ecosystem_meets_the_one_of_its_name() -> None:
    image = Location(image="docker.io/library/web:1")
    known = vulnerability(
        "snyk", "CVE-2024-1", package="glibc/libc6", kind="deb", version="1:2.31", location=image
    )
    bare = vulnerability(
        "trivy",
        "CVE-2024-1",
        package="libc6",
        kind="generic",
        version="2.31",
        location=Location(image="web@sha256:aa", uri="library/web"),
    )
    assert len(merged(known, bare).groups) == 1
    jar = vulnerability(
        "x",
        "CVE-2024-1",
        package="libc6",
        kind="npm",
        version="2.31",
        location=Location(image="web:1"),
    )
    assert len(merged(known, bare, jar).groups) == 3


def test_aliases_join_transitively_in_any_order() -> None:
    chain = [
        vulnerability("a", "CVE-2020-1", "GHSA-aaaa-bbbb-cccc"),
        vulnerability("b", "RUSTSEC-2020-0001", "PYSEC-2020-9"),
        vulnerability("c", "GHSA-AAAA-BBBB-CCCC", "rustsec-2020-0001"),
        vulnerability("d", "PYSEC-2020-9"),
    ]
    for order in (chain, chain[::-1], chain[2:] + chain[:2]):
        (group,) = merged(*order).groups
        assert len(group.members) == 4
        assert [f.tool for f in group.members] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"package": "lodash"}, {"package": "lodash-es"}),
        ({"version": "4.17.4"}, {"version": "4.17.11"}),
        ({"uri": "web/package-lock.json"}, {"uri": "admin/package-lock.json"}),
        ({"kind": "npm"}, {"kind": "pypi"}),
        (
            {"uri": "requirements.txt", "kind": "pypi"},
            {"uri": "requirements-dev.txt", "kind": "pypi"},
        ),
    ],
)
def test_other_package_version_or_place_stays_apart(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    result = merged(
        vulnerability("trivy", "CVE-2019-10744", **one),
        vulnerability("snyk", "CVE-2019-10744", **other),
    )
    assert len(result.groups) == 2
    assert len({group.identity for group in result.groups}) == 2


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("pypi", "Flask_Login", "flask-login"),
        ("pypi", "zope.interface", "zope-interface"),
        ("npm", "@Babel/Traverse", "@babel/traverse"),
        ("maven", "org.apache:commons", "org.apache/commons"),
        ("golang", "github.com/Masterminds/semver", "github.com/masterminds/semver"),
        ("deb", "openssl/libssl1.1", "libssl1.1"),
        ("nuget", "System.Net.Http", "system.net.http"),
    ],
)
def test_one_package_under_two_spellings(kind: str, one: str, other: str) -> None:
    result = merged(
        vulnerability("trivy", "CVE-2019-10744", kind=kind, package=one, uri="x/lock"),
        vulnerability("snyk", "CVE-2019-10744", kind=kind, package=other, uri="x/lock"),
    )
    assert len(result.groups) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/package.json", "a/package-lock.json"),
        ("a/yarn.lock", "a/package.json"),
        ("requirements.txt", "poetry.lock"),
        ("svc/pyproject.toml", "svc/uv.lock"),
        ("Cargo.toml", "Cargo.lock"),
        ("go.mod", "go.sum"),
        ("requirements-dev.in", "requirements-dev.txt"),
    ],
)
def test_manifest_and_lock_file_are_one_place(one: str, other: str) -> None:
    result = merged(
        vulnerability("trivy", "CVE-2019-10744", uri=one),
        vulnerability("snyk", "CVE-2019-10744", uri=other),
    )
    assert len(result.groups) == 1


def test_an_image_is_one_place_under_all_tags_and_layers() -> None:
    def at(image: str, layer: str | None) -> Location:
        return Location(image=image, layer=layer)

    options: dict[str, Any] = {"kind": "deb", "package": "openssl", "version": "1.1.1n-0+deb11u4"}
    result = merged(
        vulnerability("trivy", "CVE-2023-0286", location=at("acme/web:1.0", "sha256:1"), **options),
        vulnerability("snyk", "CVE-2023-0286", location=at("acme/web:2.0", None), **options),
        vulnerability("snyk", "CVE-2023-0286", location=at("acme/api:1.0", None), **options),
    )
    assert names(result.groups) == [
        ["snyk:CVE-2023-0286"],
        ["snyk:CVE-2023-0286", "trivy:CVE-2023-0286"],
    ]


def test_alias_that_would_join_two_listed_cves_stays_apart_with_a_warning() -> None:
    findings = [
        vulnerability("trivy", "CVE-2021-1"),
        vulnerability("trivy", "CVE-2021-2"),
        vulnerability("snyk", "SNYK-JS-LODASH-1", "CVE-2021-1", "CVE-2021-2"),
        vulnerability("other", "CVE-2021-2"),
    ]
    for order in (findings, findings[::-1]):
        result = merged(*order)
        assert names(result.groups) == [
            ["other:CVE-2021-2", "trivy:CVE-2021-2"],
            ["snyk:SNYK-JS-LODASH-1"],
            ["trivy:CVE-2021-1"],
        ]
        (warning,) = result.warnings
        assert "SNYK-JS-LODASH-1" in warning
        assert "CVE-2021-1" in warning and "CVE-2021-2" in warning and "trivy" in warning


def test_two_cves_of_one_advisory_join_where_no_source_tells_them_apart() -> None:
    result = merged(
        vulnerability("trivy", "CVE-2021-2"),
        vulnerability("snyk", "SNYK-JS-LODASH-1", "CVE-2021-1", "CVE-2021-2"),
    )
    assert len(result.groups) == 1
    assert result.warnings == []


def test_bare_advisory_between_two_listed_cves_stays_apart() -> None:
    result = merged(
        vulnerability("trivy", "CVE-2021-1", "GHSA-aaaa-aaaa-aaaa"),
        vulnerability("trivy", "CVE-2021-2", "GHSA-aaaa-aaaa-aaaa"),
        vulnerability("snyk", "GHSA-aaaa-aaaa-aaaa"),
    )
    assert len(result.groups) == 3
    assert len(result.warnings) == 1


def test_an_id_of_a_link_yields_to_one_that_a_source_gives() -> None:
    first, second = "CVE-2021-44228", "CVE-2021-45046"
    page = "https://github.com/advisories/GHSA-jfh8-c2jp-5v3q"
    findings = [
        vulnerability("trivy", first),
        vulnerability("trivy", second, "GHSA-jfh8-c2jp-5v3q", references=(page,)),
        vulnerability("snyk", "SNYK-JAVA-1", first, "GHSA-jfh8-c2jp-5v3q"),
        vulnerability("grype", "GHSA-jfh8-c2jp-5v3q"),
    ]
    for order in (findings, findings[::-1]):
        result = merged(*order)
        assert names(result.groups) == [
            ["grype:GHSA-jfh8-c2jp-5v3q", "snyk:SNYK-JAVA-1", f"trivy:{first}"],
            [f"trivy:{second}"],
        ]
        assert result.warnings == []
    # Where nobody gives the id without a link, it stays open whose it is.
    linked = vulnerability("snyk", "SNYK-JAVA-1", first, "GHSA-jfh8-c2jp-5v3q", references=(page,))
    assert len(merged(*findings[:2], linked, findings[3]).groups) == 3


def test_notice_of_a_distribution_does_not_join_the_cves_it_repairs() -> None:
    result = merged(
        vulnerability("trivy", "CVE-2021-1", "RHSA-2021:1234", kind="rpm"),
        vulnerability("snyk", "CVE-2021-2", "RHSA-2021:1234", kind="rpm"),
    )
    assert len(result.groups) == 2


def test_bare_notice_joins_the_only_problem_that_it_repairs() -> None:
    one = vulnerability("trivy", "CVE-2021-1", "DSA-5139-1", kind="deb")
    bare = vulnerability("snyk", "DSA-5139-1", kind="deb")
    two = vulnerability("trivy", "CVE-2021-2", "DSA-5139-1", kind="deb")
    assert len(merged(one, bare).groups) == 1
    assert len(merged(one, bare, two).groups) == 3


def test_dependency_paths_and_aliases_meet_in_the_representative() -> None:
    result = merged(
        vulnerability(
            "snyk", "SNYK-1", "CVE-2021-1", known={"dependency_paths": (("app", "a", "lodash"),)}
        ),
        vulnerability(
            "snyk", "SNYK-1", "CVE-2021-1", known={"dependency_paths": (("app", "b", "lodash"),)}
        ),
        vulnerability("trivy", "CVE-2021-1", known={"fixed_versions": ("4.17.21",)}),
    )
    (group,) = result.groups
    known = group.representative.vulnerability
    assert known is not None
    assert set(known.dependency_paths) == {("app", "a", "lodash"), ("app", "b", "lodash")}
    assert known.fixed_versions == ("4.17.21",)
    assert set(known.aliases) == {"SNYK-1", "CVE-2021-1"}
    assert len(group.members) == 3


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("deb", ("1.1.1n-0+deb11u4", "3.0.2-0ubuntu1"), ("1.1.1n-0+deb11u5", "3.0.2-0ubuntu1.15")),
        ("rpm", ("1:1.1.1k-7.el8_6", "1:3.0.7-16.el9"), ("1:1.1.1k-9.el8_7", "1:3.0.7-27.el9")),
        ("apk", ("1.1.1t-r0", "3.1.4-r5"), ("1.1.1t-r3", "3.1.4-r6")),
    ],
)
def test_rebuilt_packages_keep_their_identities_where_an_image_has_two_versions(
    kind: str, before: tuple[str, str], after: tuple[str, str]
) -> None:
    def identities(versions: tuple[str, str]) -> set[str]:
        image = Location(image="acme/web:1.0")
        findings = [
            vulnerability("trivy", "CVE-2023-0286", kind=kind, version=version, location=image)
            for version in versions
        ]
        return {group.identity for group in merged(*findings).groups}

    assert identities(before) == identities(after)
    assert len(identities(before)) == 2


def test_rebuilds_of_one_version_are_told_apart_in_full() -> None:
    image = Location(image="acme/web:1.0")
    result = merged(
        *(
            vulnerability("trivy", "CVE-2023-0286", kind="rpm", version=v, location=image)
            for v in ("5.14.0-70.el9", "5.14.0-80.el9", "5.14.0-90.el9")
        )
    )
    assert len({group.identity for group in result.groups}) == 3


def test_versions_in_one_lock_file_are_near_misses_with_their_own_identities() -> None:
    low = vulnerability("trivy", "CVE-2021-1", version="1.9.0")
    high = vulnerability("trivy", "CVE-2021-1", version="1.10.0")
    both = merged(low, high)
    by_version = {g.members[0].package.version: g for g in both.groups if g.members[0].package}
    assert by_version["1.9.0"].identity == merged(low).groups[0].identity
    (miss,) = by_version["1.9.0"].near_misses
    assert miss.identity == by_version["1.10.0"].identity
    assert "1.10.0" in miss.why


def test_without_a_package_only_the_same_statement_joins() -> None:
    one = vulnerability("x", "CVE-2021-1", message="a is vulnerable")
    two = vulnerability("y", "CVE-2021-1", message="b is vulnerable")
    for finding in (one, two):
        finding.package = None
    assert len(merged(one, two).groups) == 2


def test_advisories_without_an_id_are_told_apart_by_their_titles() -> None:
    findings = [vulnerability("trivy", "unnamed", title=title) for title in ("a hole", "a leak")]
    for finding in findings:
        finding.vulnerability = None
    assert len(merged(*findings, *findings).groups) == 2


def test_a_package_known_by_its_purl_alone_keeps_its_identity_beside_its_namesake() -> None:
    known = vulnerability("snyk", "CVE-2020-1", package="core", kind="generic", uri="go.mod")
    assert known.package is not None
    known.package.purl = "pkg:golang/example.org/core@1.0"
    alone = merged(known).groups[0].identity
    namesake = vulnerability("trivy", "CVE-2020-2", package="core", kind="generic", uri="pom.xml")
    for order in ((known, namesake), (namesake, known)):
        assert alone in {group.identity for group in merged(*order).groups}
