"""Trivy's ignore files: as Trivy reads them, for Trivy's findings."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from secagg.errors import ConfigError
from secagg.model.finding import Finding, Kind
from secagg.policy.decision import ExceptionState
from tests.decisions.make import TODAY, loaded, row, sources
from tests.merge.make import license_finding, misconfiguration, secret, vulnerability

PLAIN = """# Accept the risk
CVE-2021-1111

# Until the base image
# is replaced
CVE-2021-2222 exp:2026-12-01
CVE-2021-3333 exp:2026-11-23   # moved
CVE-2021-4444 exp:soon
AVD-DS-0002
aws-access-token
GPL-3.0
"""


def test_ids_comments_and_dates() -> None:
    found = loaded({".trivyignore": PLAIN}).all()
    assert [(e.source, e.target, e.reason, e.expires) for e in found[:3]] == [
        (".trivyignore:2", "CVE-2021-1111 of trivy", "Accept the risk", None),
        (
            ".trivyignore:6",
            "CVE-2021-2222 of trivy",
            "Until the base image is replaced",
            datetime.date(2026, 11, 30),
        ),
        (".trivyignore:7", "CVE-2021-3333 of trivy", "moved", datetime.date(2026, 11, 22)),
    ]
    assert found[3].standing(TODAY) is ExceptionState.REFUSED
    assert "expiry date" in (found[3].refusal or "")


@pytest.mark.parametrize(
    ("today", "standing"),
    [
        ("2026-11-30", ExceptionState.IN_FORCE),
        # Trivy compares with the beginning of the day that is named.
        ("2026-12-01", ExceptionState.EXPIRED),
    ],
)
def test_expiry_is_the_moment_that_trivy_means(today: str, standing: ExceptionState) -> None:
    day = datetime.date.fromisoformat(today)
    found = loaded({".trivyignore": PLAIN}, today=day)
    (exception,) = found.covering(row(vulnerability("trivy", "CVE-2021-2222")))
    assert exception.standing(day) is standing


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([vulnerability("trivy", "CVE-2021-1111")], True),
        ([vulnerability("trivy", "CVE-2021-11111")], False),
        (
            [
                vulnerability("trivy", "CVE-2021-1111"),
                vulnerability("snyk", "SNYK-1", "CVE-2021-1111"),
            ],
            True,
        ),
        ([vulnerability("trivy", "CVE-2021-1111"), vulnerability("snyk", "SNYK-1")], False),
        # Trivy did not report it: its file says nothing of it.
        ([vulnerability("snyk", "SNYK-1", "CVE-2021-1111")], False),
        ([misconfiguration("trivy", "DS-0002")], True),
        ([misconfiguration("trivy", "DS-0003")], False),
        ([misconfiguration("snyk", "DS-0002")], False),
        ([secret("trivy")], True),
        ([secret("gitleaks")], False),
        ([secret("trivy"), secret("trufflehog", detector="AWS")], False),
        ([license_finding()], True),
        ([license_finding("snyk")], False),
    ],
)
def test_it_speaks_for_trivy(members: list[Finding], expected: bool) -> None:
    found = loaded({".trivyignore": PLAIN})
    assert bool(found.covering(row(*members))) is expected


def yaml(section: str, **entry: Any) -> dict[str, Any]:
    return {".trivyignore.yaml": {section: [entry]}}


@pytest.mark.parametrize(
    ("files", "found", "expected"),
    [
        (
            yaml("vulnerabilities", id="CVE-2021-1111"),
            vulnerability("trivy", "CVE-2021-1111"),
            True,
        ),
        (
            yaml("misconfigurations", id="CVE-2021-1111"),
            vulnerability("trivy", "CVE-2021-1111"),
            False,
        ),
        (
            yaml("vulnerabilities", id="CVE-2021-1111", paths=["web/*"]),
            vulnerability("trivy", "CVE-2021-1111"),
            True,
        ),
        (
            yaml("vulnerabilities", id="CVE-2021-1111", paths=["*"]),
            vulnerability("trivy", "CVE-2021-1111"),
            False,
        ),
        (
            yaml("vulnerabilities", id="CVE-2021-1111", paths=["**/package-lock.json"]),
            vulnerability("trivy", "CVE-2021-1111"),
            True,
        ),
        (
            yaml("vulnerabilities", id="CVE-2021-1111", paths=["api/**", "web/p*"]),
            vulnerability("trivy", "CVE-2021-1111"),
            True,
        ),
        (
            yaml("vulnerabilities", id="CVE-2021-1111", purls=["pkg:npm/lodash"]),
            vulnerability("trivy", "CVE-2021-1111"),
            True,
        ),
        (
            yaml("vulnerabilities", id="CVE-2021-1111", purls=["pkg:npm/lodash@4.17.5"]),
            vulnerability("trivy", "CVE-2021-1111"),
            False,
        ),
        (yaml("secrets", id="aws-access-token"), secret("trivy"), True),
        (yaml("secrets", id="aws-access-token", paths=["*.py"]), secret("trivy"), False),
        (yaml("licenses", id="GPL-3.0"), license_finding(), True),
        (yaml("misconfigurations", id="AVD-DS-0002"), misconfiguration(), True),
    ],
)
def test_yaml_narrows_by_kind_path_and_package(
    files: dict[str, Any], found: Finding, expected: bool
) -> None:
    assert bool(loaded(files).covering(row(found))) is expected


def test_yaml_as_people_write_it() -> None:
    text = """vulnerabilities:
  - id: CVE-2022-40897
    paths:
      - "usr/local/lib/python3.9/site-packages/setuptools-58.1.0.dist-info/METADATA"
    statement: Accept the risk
  - id: CVE-2023-2650
    expired_at: 2026-12-01
  - id: CVE-2023-3446
    expired_at: 2026-12-01T00:30:00+02:00
misconfigurations:
secrets: []
"""
    found = loaded({".trivyignore.yaml": text}).all()
    assert [(e.source, e.reason, e.expires) for e in found] == [
        (".trivyignore.yaml:2", "Accept the risk", None),
        (".trivyignore.yaml:6", None, datetime.date(2026, 11, 30)),
        (".trivyignore.yaml:8", None, datetime.date(2026, 11, 29)),
    ]
    assert all(Kind.VULNERABILITY in e.target for e in found)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"id": "CVE-2021-1111", "packages": ["x"]}, "packages"),
        ({"id": "CVE-2021-1111", "purls": ["pkg:npm/*"]}, "wildcard"),
        ({"id": "CVE-2021-1111", "purls": ["lodash"]}, "purl"),
        ({"id": "CVE-2021-1111", "expired_at": "soon"}, "day"),
        ({"id": "CVE-2021-1111", "expired_at": 20261201}, "day"),
        ({"id": "CVE-2021-1111", "paths": ["a" * 4097]}, "longer than"),
    ],
)
def test_what_is_not_understood_is_refused(entry: dict[str, Any], said: str) -> None:
    found = loaded(yaml("vulnerabilities", **entry))
    (exception,) = found.all()
    assert said in (exception.refusal or "")
    assert exception.standing(TODAY) is ExceptionState.REFUSED


@pytest.mark.parametrize(
    "text",
    ["vulnerabilities: 1", "vulnerabilities: [CVE-1]", "vulnerabilities: [{paths: [a]}]", "- a"],
)
def test_wrong_shapes_are_placed(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^\.trivyignore\.yaml:1:"):
        loaded({".trivyignore.yaml": text})


def test_catch_all_is_no_id() -> None:
    found = loaded({".trivyignore": "*\n**\nCVE-*\n"} | yaml("vulnerabilities", id="*"))
    assert {e.standing(TODAY) for e in found.all()} == {ExceptionState.REFUSED}
    assert not found.covering(row(vulnerability("trivy", "CVE-2021-1111")))


def test_lines_end_where_trivy_s_do() -> None:
    found = loaded({".trivyignore": "CVE-2021-1111\r\nCVE-2021-2222\u2028CVE-2021-3333\n"})
    assert next(e.target for e in found.all()) == "CVE-2021-1111 of trivy"
    assert not found.covering(row(vulnerability("trivy", "CVE-2021-3333")))


def test_ceiling_for_all_refuses_what_has_no_end() -> None:
    found = loaded({".trivyignore": PLAIN}, ceiling_for_all=True).all()
    assert "no expiry date" in (found[0].refusal or "")
    assert found[1].refusal is None
    far = loaded({".trivyignore": "CVE-2021-1 exp:2028-01-01\n"}, ceiling_for_all=True)
    assert "the policy allows 90" in (far.all()[0].refusal or "")


def test_two_files_cover_one_row_together() -> None:
    group = row(secret("trivy"), secret("gitleaks", line=3))
    one = {".trivyignore": "aws-access-token\n"}
    other = {".gitleaksignore": "app/config.py:aws-access-token:3\n"}
    assert sources(loaded(one), group) == []
    assert sources(loaded(other), group) == []
    assert sources(loaded(one | other), group) == [".trivyignore:1", ".gitleaksignore:1"]


def test_what_an_expired_entry_is_needed_for_counts_again() -> None:
    group = row(secret("trivy"), secret("gitleaks", line=3))
    files = {
        ".trivyignore": "aws-access-token exp:2026-11-01\n",
        ".gitleaksignore": "app/config.py:aws-access-token:3\n",
    }
    (expired,) = loaded(files).covering(group)
    assert expired.source == ".trivyignore:1"
    assert expired.standing(TODAY) is ExceptionState.EXPIRED


def test_trivy_s_own_other_finding_stays() -> None:
    files = yaml("vulnerabilities", id="CVE-2021-1111", paths=["web/*"])
    group = row(
        vulnerability("trivy", "CVE-2021-1111"),
        vulnerability("trivy", "CVE-2021-1111", uri="api/package-lock.json"),
    )
    assert sources(loaded(files), group) == []


def test_expired_entry_for_one_source_says_nothing_of_the_row() -> None:
    group = row(secret("trivy"), secret("gitleaks", line=3))
    assert sources(loaded({".trivyignore": "aws-access-token exp:2026-11-01\n"}), group) == []


def test_ids_are_found_in_every_spelling() -> None:
    found = loaded({".trivyignore": "CVE-2021-1111\nDS002\nGPL-3.0\n"})
    license_by_category = license_finding()
    license_by_category.rule_id = "license"
    for finding in (
        vulnerability("trivy", "DEBIAN-CVE-2021-1111"),
        misconfiguration("trivy", "AVD-DS-0002"),
        license_by_category,
    ):
        assert found.covering(row(finding)), finding.rule_id
