"""What particular tools mean by their SARIF: the sort of problem, the package, the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from secagg.merge import merge
from secagg.model.finding import Finding, Kind
from secagg.model.place import package_place
from secagg.packages.keys import package_key
from secagg.parsing import ParseContext
from secagg.sarif import read_report
from secagg.secrets.redactor import Redactor


def read(
    driver: str,
    rule: Mapping[str, Any],
    message: str,
    *,
    uri: str = "a",
    line: int = 1,
    result: Mapping[str, Any] | None = None,
    logical: str | None = None,
    run: Mapping[str, Any] | None = None,
) -> Finding:
    place: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}
    }
    if logical is not None:
        place["logicalLocations"] = [{"fullyQualifiedName": logical}]
    entry = {"ruleId": rule["id"], "message": {"text": message}, "locations": [place]}
    tool = {"driver": {"name": driver, "rules": [rule]}}
    made = {"tool": tool, "results": [{**entry, **(result or {})}], **(run or {})}
    log = {"version": "2.1.0", "runs": [made]}
    context = ParseContext(redactor=Redactor(b"key"), root=None)
    (finding,) = read_report(log, report_name="r", context=context, tool=None).findings
    return finding


def _tags(rule_id: str, *tags: str) -> dict[str, Any]:
    return {"id": rule_id, "properties": {"tags": [*tags]}}


@pytest.mark.parametrize(
    ("driver", "rule", "kind"),
    [
        ("Checkov", {"id": "CKV_SECRET_6", "name": "Base64 High Entropy String"}, Kind.SECRET),
        (
            "Checkov",
            {"id": "CVE-2021-1_django@3.2", "name": "SCA package scan"},
            Kind.VULNERABILITY,
        ),
        ("Checkov", {"id": "GPL-3.0_a@1", "name": "SCA license"}, Kind.LICENSE),
        ("Checkov", {"id": "CKV_AWS_18"}, Kind.MISCONFIGURATION),
        ("Snyk Open Source", {"id": "snyk:lic:pip:barlib:GPL-3.0"}, Kind.LICENSE),
        ("Black Duck SCA", {"id": "BDSA-2020-1001 (CVE-2020-11022)"}, Kind.VULNERABILITY),
        ("Semgrep OSS", {"id": "dockerfile.security.missing-user.x"}, Kind.MISCONFIGURATION),
        ("Semgrep OSS", {"id": "rules.terraform.aws.security.x.x"}, Kind.MISCONFIGURATION),
        ("Semgrep OSS", {"id": "yaml.kubernetes.security.x.x"}, Kind.MISCONFIGURATION),
        ("Semgrep OSS", {"id": "generic.secrets.gitleaks.jwt.jwt"}, Kind.SECRET),
        ("Semgrep OSS", _tags("python.lang.x", "CWE-798: hard-coded"), Kind.SECRET),
        ("Semgrep OSS", _tags("python.logger.leak", "CWE-532"), Kind.CODE),
        ("CodeQL", {"id": "actions/code-injection/critical"}, Kind.MISCONFIGURATION),
        ("CodeQL", _tags("py/hardcoded-credentials", "external/cwe/cwe-798"), Kind.SECRET),
        ("CodeQL", _tags("py/clear-text-logging-sensitive-data", "cwe-312"), Kind.CODE),
        ("SnykCode", {"id": "python/NoHardcodedPasswords/test"}, Kind.SECRET),
        ("Bandit", {"id": "B105"}, Kind.SECRET),
        ("Trivy", _tags("DS-0002", "misconfiguration"), Kind.MISCONFIGURATION),
        ("MyLint", {"id": "ML1"}, Kind.CODE),
    ],
)
def test_the_kind_comes_from_what_a_rule_looks_at(
    driver: str, rule: Mapping[str, Any], kind: Kind
) -> None:
    assert read(driver, rule, "said").kind is kind


@pytest.mark.parametrize(
    ("driver", "rule", "message", "more", "package"),
    [
        (
            "govulncheck",
            _tags("GO-2024-1", "CVE-2024-3001"),
            "Your code depends on 1 vulnerable module (golang.org/x/net), but does not call it.",
            {"uri": "go.mod"},
            ("golang/golang.org/x/net", None),
        ),
        (
            "dependency-check",
            {"id": "CVE-2022-1"},
            "CVE-2022-1 - said",
            {"uri": "lib/bcel-6.5.0.jar", "logical": "pkg:maven/org.a/bcel@6.5.0"},
            ("maven/org.a/bcel", "6.5.0"),
        ),
        (
            "grype",
            {"id": "GHSA-m5pq-gvj9-9vr8-r", "properties": {"purls": ["pkg:cargo/regex@1.5.1"]}},
            "A high vulnerability in rust-crate package: regex, version 1.5.1 was found at: /x",
            {"uri": "/Cargo.lock"},
            ("cargo/regex", "1.5.1"),
        ),
        (
            "osv-scanner",
            {"id": "CVE-2022-2"},
            "Package 'left@1.5.1' is vulnerable to 'CVE-2022-2'.",
            {"uri": "web/yarn.lock"},
            ("npm/left", "1.5.1"),
        ),
        (
            "cargo-audit",
            {"id": "RUSTSEC-2022-0013"},
            "regex 1.5.1 is vulnerable to RUSTSEC-2022-0013 (said)",
            {"uri": "sub/x.lock"},
            ("cargo/regex", "1.5.1"),
        ),
        (
            "Black Duck SCA",
            {"id": "BDSA-2020-1001 (CVE-2020-11022)"},
            "BDSA-2020-1001 (CVE-2020-11022) in jquery",
            {
                "result": {
                    "properties": {
                        "component": "jquery",
                        "componentVersion": "1.0.0",
                        "componentOrigin": "npmjs",
                    }
                }
            },
            ("npm/jquery", "1.0.0"),
        ),
        (
            "Trivy",
            _tags("CVE-2020-8203", "vulnerability"),
            "Package: lodash\nInstalled Version: 4.17.4\nVulnerability CVE-2020-8203\n",
            {"uri": "web/package-lock.json"},
            ("npm/lodash", "4.17.4"),
        ),
        (
            "Checkov",
            {"id": "CVE-2021-33203_django@3.2.0", "name": "SCA package scan"},
            "SCA package scan",
            {"uri": "api/requirements-dev.txt"},
            ("pypi/django", "3.2.0"),
        ),
    ],
)
def test_the_package_is_found_where_each_tool_says_it(
    driver: str,
    rule: Mapping[str, Any],
    message: str,
    more: dict[str, Any],
    package: tuple[str, str | None],
) -> None:
    finding = read(driver, rule, message, **more)
    assert finding.package is not None
    assert (package_key(finding.package), finding.package.version) == package


def test_images_are_images_in_sarif_too() -> None:
    trivy = read(
        "Trivy",
        {"id": "CVE-2023-1001", "name": "OsPackageVulnerability"}
        | _tags("CVE-2023-1001", "vulnerability"),
        "Package: libc6\nInstalled Version: 2.31\n",
        uri="library/web",
        run={"properties": {"imageName": "web:1"}},
    )
    grype = read(
        "grype",
        {"id": "CVE-2023-1001-libc6"},
        "A high vulnerability in deb package: libc6, version 2.31 was found in image web:1 at: /x",
        uri="web//x",
    )
    assert {package_place(f.location, "deb") for f in (trivy, grype)} == {"web"}
    older = read(
        "Trivy",
        _tags("CVE-2023-1001", "vulnerability") | {"name": "OsPackageVulnerability"},
        "Package: libc6\nInstalled Version: 2.31\n",
        uri="library/web",
    )
    assert len(merge([older, grype]).groups) == 1
    assert len(merge([trivy, grype]).groups) == 1
    jar = read(
        "grype",
        {"id": "CVE-2023-2002-a"},
        "A high vulnerability in java-archive package: a, version 1 was found in image web:1 at: "
        "/app/app.jar:lib/a-1.jar",
        uri="web//app/app.jar:lib/a-1.jar",
    )
    assert jar.location.uri == "app/app.jar/lib/a-1.jar"


@pytest.mark.parametrize(
    "name",
    [
        "nginx",
        "nginx:1.27",
        "library/nginx",
        "docker.io/library/nginx:1",
        "index.docker.io/nginx@sha256:0a",
    ],
)
def test_an_image_is_one_under_all_spellings_of_its_registry(name: str) -> None:
    finding = read("Tool", {"id": "x"}, "said")
    finding.location.image, finding.location.uri = name, None
    assert package_place(finding.location, "deb") == "nginx"
    finding.location.image = "localhost:5000/nginx:1"
    assert package_place(finding.location, "deb") == "localhost:5000/nginx"


def test_the_title_is_no_rule_id() -> None:
    rule = {"id": "a.b.c", "shortDescription": {"text": "Semgrep Finding: a.b.c"}}
    assert read("Semgrep OSS", rule, "No user is set.\nMore.").title == "No user is set."


def test_hard_coded_credentials_meet_the_secret_on_their_line() -> None:
    rule = _tags("py/hardcoded-credentials", "external/cwe/cwe-798")
    one = read("CodeQL", rule, "said", uri="a.py", line=3)
    checkov = read(
        "Checkov",
        {"id": "CKV_SECRET_2", "name": "AWS Access Key"},
        "AWS Access Key",
        uri="a.py",
        line=3,
    )
    assert checkov.location.end_line == 3
    assert len(merge([one, checkov]).groups) == 1
