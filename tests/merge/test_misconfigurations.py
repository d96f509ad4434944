"""Misconfigurations and licences."""

from __future__ import annotations

import json
from importlib import resources

import pytest

from secagg.merge import merge
from tests.merge.make import license_finding, misconfiguration, names


def test_spellings_and_maps_of_a_check_are_one() -> None:
    (group,) = merge(
        [
            misconfiguration("trivy", "DS002"),
            misconfiguration("trivy", "AVD-DS-0002"),
            misconfiguration("checkov", "CKV_DOCKER_3", line=1, end=12),
        ]
    ).groups
    assert len(group.members) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (misconfiguration("trivy", "DS-0002"), misconfiguration("trivy", "DS-0026")),
        (
            misconfiguration("trivy", "AWS-0089", uri="m.tf", resource="aws_s3_bucket.a", line=1),
            misconfiguration(
                "checkov", "CKV_AWS_18", uri="m.tf", resource="aws_s3_bucket.b", line=9
            ),
        ),
        (
            misconfiguration("trivy", "DS-0005", line=4),
            misconfiguration("trivy", "DS-0005", line=7),
        ),
        # Two rules of one tool that another tool has one check for.
        (
            misconfiguration("checkov", "CKV_K8S_29", line=1, end=9),
            misconfiguration("checkov", "CKV_K8S_30", line=1, end=9),
        ),
        (
            misconfiguration(uri="a/Dockerfile"),
            misconfiguration("checkov", "CKV_DOCKER_3", uri="b/Dockerfile"),
        ),
    ],
)
def test_other_checks_resources_and_places_stay_apart(one: object, other: object) -> None:
    result = merge([one, other])  # type: ignore[list-item]
    assert len({group.identity for group in result.groups}) == 2


def test_one_check_on_one_resource_joins_wherever_each_tool_points() -> None:
    (group,) = merge(
        [
            misconfiguration("trivy", "AWS-0089", uri="m.tf", resource="aws_s3_bucket.a", line=3),
            misconfiguration(
                "checkov", "CKV_AWS_18", uri="m.tf", resource="aws_s3_bucket.a", line=1
            ),
        ]
    ).groups
    assert group.reasons


def test_several_resources_are_matched_each_to_its_own() -> None:
    result = merge(
        [
            misconfiguration(tool, check, uri="m.tf", resource=f"aws_s3_bucket.{n}")
            for tool, check in (("trivy", "AWS-0089"), ("checkov", "CKV_AWS_18"))
            for n in "abc"
        ]
    )
    assert names(result.groups) == [["checkov:CKV_AWS_18", "trivy:AWS-0089"]] * 3


def test_identity_holds_over_generated_names_and_lines() -> None:
    def identity(resource: str, line: int) -> str:
        finding = misconfiguration("trivy", "KSV-0017", resource=resource, line=line)
        (group,) = merge([finding]).groups
        return group.identity

    assert identity("web-7d4b9c6f5d-x2x9z", 3) == identity("web-5f6c8d7b9c-k8k2v", 30)
    assert identity("web", 3) != identity("api", 3)


def test_a_licence_of_a_package_at_a_place_is_one() -> None:
    result = merge(
        [
            license_finding("trivy", "GPL-3.0"),
            license_finding("snyk", "GPL-3.0-only", uri="web/package.json"),
            license_finding("snyk", "MIT"),
            license_finding("snyk", "GPL-3.0", package="other"),
        ]
    )
    assert sorted(len(group.members) for group in result.groups) == [1, 1, 2]


def test_a_tool_that_reports_a_check_twice_does_not_part_two_others() -> None:
    result = merge(
        [
            misconfiguration("snyk", "DS-0002"),
            misconfiguration("checkov", "DS-0002"),
            misconfiguration("trivy", "DS-0002"),
            misconfiguration("trivy", "DS-0002", line=1),
        ]
    )
    assert ["checkov:DS-0002", "snyk:DS-0002"] in names(result.groups)
    assert all(group.near_misses for group in result.groups)


def test_what_a_check_of_the_file_could_mean_is_told_where_there_are_two() -> None:
    whole = misconfiguration("trivy", "DS-0002", line=1)
    one = misconfiguration("codeql", "DS-0002", resource="r2", line=2)
    two = misconfiguration("snyk", "DS-0002", resource="r1", line=1)
    assert len(merge([whole, one]).groups) == 1
    left, taken = sorted(merge([whole, one, two]).groups, key=lambda g: len(g.members))
    assert (left.tools, taken.tools) == (("codeql",), ("snyk", "trivy"))
    assert [miss.identity for miss in left.near_misses] == [taken.identity]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("AZU-0022", "CKV_AZURE_113"),
        ("GCP-0013", "CKV_GCP_16"),
        ("google-dns-enable-dnssec", "CKV_GCP_16"),
        ("DS-0005", "DL3020"),
        ("DS-0010", "dockerfile.security.no-sudo-in-dockerfile.no-sudo-in-dockerfile"),
        ("zizmor/template-injection", "CKV_GHA_2"),
        ("9513a694-aa0d-41d8-be61-3271e056f36b", "CKV_DOCKER_4"),
        ("privileged-container", "KSV-0017"),
    ],
)
def test_checks_of_other_scanners_are_mapped(one: str, other: str) -> None:
    pair = [misconfiguration("x", one, line=3), misconfiguration("y", other, line=3)]
    assert len(merge(pair).groups) == 1


def test_a_line_is_not_the_file() -> None:
    first = misconfiguration("checkov", "CKV_DOCKER_7", line=1)
    other = misconfiguration("trivy", "DS-0001", line=4)
    assert len(merge([first, other]).groups) == 2


def test_what_is_missing_from_a_file_is_one_wherever_tools_say_so() -> None:
    said = [
        misconfiguration("trivy", "DS-0002"),
        misconfiguration("checkov", "CKV_DOCKER_3", line=1),
        misconfiguration("semgrep", "dockerfile.security.missing-user.missing-user", line=7),
        misconfiguration("semgrep", "dockerfile.security.missing-user-entrypoint", line=8),
        misconfiguration("hadolint", "DL3002", line=6),
    ]
    assert len(merge(said).groups) == 1


def test_two_containers_on_one_line_are_two() -> None:
    said = "Container '{}' of Deployment 'shop' should set 'securityContext.privileged' to false"
    one, other = [
        misconfiguration("trivy", "KSV-0017", line=5, message=said.format(name))
        for name in ("web", "job")
    ]
    assert len(merge([one, other]).groups) == 2
    assert len(merge([one, one]).groups) == 1


@pytest.mark.parametrize(
    ("check", "message", "other", "same"),
    [
        ("GCP-0017", "Database instance allows access from the internet.", "CKV_GCP_11", True),
        ("GCP-0017", "Database instance allows access from the internet.", "CKV_GCP_60", False),
        ("GCP-0017", "Database instance is granted a public address.", "CKV_GCP_11", False),
        ("GCP-0017", "Database instance is granted a public address.", "CKV_GCP_60", True),
        # The customer's own key is not encryption.
        ("AWS-0079", "Cluster does not specify a customer managed key.", "CKV_AWS_96", False),
        ("AWS-0079", "Cluster does not have storage encryption enabled.", "CKV_AWS_96", True),
    ],
)
def test_a_check_for_two_settings_is_told_by_its_message(
    check: str, message: str, other: str, same: bool
) -> None:
    trivy = misconfiguration(
        "trivy", check, uri="db.tf", resource="aws_rds_cluster.db", line=3, message=message
    )
    checkov = misconfiguration("checkov", other, uri="db.tf", resource="aws_rds_cluster.db", line=3)
    assert (len(merge([trivy, checkov]).groups) == 1) is same


def test_a_resource_of_cloudformation_goes_by_its_logical_id() -> None:
    trivy = misconfiguration("trivy", "AWS-0096", uri="q.yaml", resource="Jobs", line=3)
    checkov = misconfiguration(
        "checkov", "CKV_AWS_27", uri="q.yaml", resource="AWS::SQS::Queue.Jobs", line=9
    )
    assert len(merge([trivy, checkov]).groups) == 1
    assert merge([trivy]).groups[0].identity == merge([checkov]).groups[0].identity


def test_the_table_of_checks_is_of_one_piece() -> None:
    text = resources.files("secagg.merge.data").joinpath("checks.json").read_text("utf-8")
    table = json.loads(text)
    mapped = [check for checks in table["checks"].values() for check in checks]
    assert len(mapped) == len(set(mapped))
    assert set(table["aliases"].values()) <= set(mapped)
    assert set(table["whole_file"]) | set(table["one_setting"]) <= set(table["checks"])
    for entry in table["messages"]:
        # Messages are compared in lower case; a check whose message says nothing keeps its name.
        assert entry["check"] in mapped or entry["name"] in table["checks"]
        assert entry["says"] == entry["says"].lower()


@pytest.mark.parametrize(
    ("message", "same"),
    [
        ("Root volume does not have encryption enabled.", "CKV_AWS_156"),
        ("User volume does not have encryption enabled.", "CKV_AWS_155"),
    ],
)
def test_two_volumes_of_a_workspace_are_two_settings(message: str, same: str) -> None:
    found = [
        misconfiguration("trivy", "AWS-0109", uri="w.tf", resource="w.a", line=1, message=message),
        misconfiguration("checkov", "CKV_AWS_155", uri="w.tf", resource="w.a", line=1),
        misconfiguration("checkov", "CKV_AWS_156", uri="w.tf", resource="w.a", line=1),
    ]
    other = "CKV_AWS_155" if same == "CKV_AWS_156" else "CKV_AWS_156"
    assert names(merge(found).groups) == sorted(
        [[f"checkov:{other}"], [f"checkov:{same}", "trivy:AWS-0109"]]
    )
