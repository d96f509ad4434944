"""Small reports in each form that the tools write, made by hand after their public sources.

Values of secrets are put together here, so that no secret scan stumbles over this file.
"""

from __future__ import annotations

import json
from typing import Any

from tests.parsers import formats

Json = dict[str, Any]

TOKEN = "gh" + "p_" + "Zq9" * 12
KEY_ID = "AKIA" + "Q3EGRIFY2MMXKVRP"
KEY_SECRET = "kW8" + "pT4vBz7Lq2" * 3 + "mN5x9Ra"
PRIVATE_KEY = "\n".join(
    [
        "-----BEGIN " + "RSA PRIVATE KEY-----",
        "MIIBOgIBAAJBAK" + "q7Zx" * 12,
        "Wd4" + "nB8v" * 15,
        "-----END " + "RSA PRIVATE KEY-----",
    ]
)
COMMIT = "08410d64565f46e188975025dce787aa9dbc6ad8"
MAIL = "jane.doe@example.org"

VULNERABILITY: Json = {
    "VulnerabilityID": "CVE-2018-18074",
    "VendorIDs": ["GHSA-x84v-xcm2-53pg", "DSA-4808-1"],
    "PkgID": "requests@2.19.0",
    "PkgName": "requests",
    "PkgIdentifier": {"PURL": "pkg:pypi/requests@2.19.0", "UID": "5a1"},
    "InstalledVersion": "2.19.0",
    "FixedVersion": "2.20.0, 2.19.2",
    "Status": "fixed",
    "SeveritySource": "ghsa",
    "PrimaryURL": "https://avd.aquasec.com/nvd/cve-2018-18074",
    "DataSource": {"ID": "ghsa", "Name": "GitHub Security Advisory Pip"},
    "Title": "python-requests: Redirect sends the Authorization header to HTTP",
    "Description": "The Requests package before 2.20.0 sends a header to the wrong place.",
    "Severity": "HIGH",
    "CweIDs": ["CWE-522"],
    "VendorSeverity": {"ghsa": 3, "nvd": 3, "ubuntu": 2},
    "CVSS": {
        "ghsa": {"V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", "V3Score": 7.5},
        "nvd": {
            "V2Vector": "AV:N/AC:L/Au:N/C:P/I:N/A:N",
            "V3Vector": "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:H",
            "V2Score": 5,
            "V3Score": 9.8,
        },
    },
    "References": [
        "https://github.com/advisories/GHSA-x84v-xcm2-53pg",
        "https://github.com/psf/requests/pull/4718",
    ],
    "PublishedDate": "2018-10-09T17:29:01.297Z",
}

PACKAGES: list[Json] = [
    {
        "ID": "client@1.0.0",
        "Name": "client",
        "Identifier": {"UID": "1c9"},
        "Version": "1.0.0",
        "Relationship": "direct",
        "DependsOn": ["requests@2.19.0"],
        "Locations": [{"StartLine": 3, "EndLine": 3}],
    },
    {
        "ID": "requests@2.19.0",
        "Name": "requests",
        "Identifier": {"UID": "5a1"},
        "Version": "2.19.0",
        "Relationship": "indirect",
        "Dev": True,
        "Locations": [{"StartLine": 5, "EndLine": 8}],
    },
]

MISCONFIGURATION: Json = {
    "Type": "Dockerfile Security Check",
    "ID": "DS002",
    "AVDID": "AVD-DS-0002",
    "Title": "Image user should not be 'root'",
    "Description": "Running containers with 'root' user can lead to an escape.",
    "Message": "Specify at least 1 USER command in Dockerfile",
    "Namespace": "builtin.dockerfile.DS002",
    "Resolution": "Add 'USER <non root user name>' line to the Dockerfile",
    "Severity": "HIGH",
    "PrimaryURL": "https://avd.aquasec.com/misconfig/ds002",
    "References": ["https://docs.docker.com/develop/"],
    "Status": "FAIL",
    "CauseMetadata": {
        "Resource": "stage",
        "Provider": "Dockerfile",
        "Service": "general",
        "StartLine": 2,
        "EndLine": 4,
        "Code": {"Lines": [{"Number": 2, "Content": f"ENV TOKEN={TOKEN}", "IsCause": True}]},
        "Occurrences": [
            {"Resource": "module.a", "Filename": "main.tf", "Location": {"StartLine": 1}}
        ],
    },
}

SECRET: Json = {
    "RuleID": "github-pat",
    "Category": "GitHub",
    "Severity": "CRITICAL",
    "Title": "GitHub Personal Access Token",
    "StartLine": 2,
    "EndLine": 2,
    "Code": {"Lines": []},
    "Match": "TOKEN=" + "*" * len(TOKEN),
    "Offset": 8,
}

LICENSE: Json = {
    "Severity": "HIGH",
    "Category": "restricted",
    "PkgName": "readline",
    "FilePath": "",
    "Name": "GPL-3.0",
    "Confidence": 1,
    "Link": "https://spdx.org/licenses/GPL-3.0.html",
}


def trivy(*results: Json, **frame: Any) -> Json:
    """A report of schema 2 over a directory."""
    return {
        "SchemaVersion": 2,
        "Trivy": {"Version": "0.76.0"},
        "ArtifactName": ".",
        "ArtifactType": "filesystem",
        "Results": list(results),
        **frame,
    }


def trivy_result(**fields: Any) -> Json:
    """A result over a lock file of pip."""
    return {"Target": "requirements.txt", "Class": "lang-pkgs", "Type": "pip", **fields}


def trivy_full() -> Json:
    """One of each."""
    return trivy(
        trivy_result(Packages=PACKAGES, Vulnerabilities=[VULNERABILITY]),
        {
            "Target": "Dockerfile",
            "Class": "config",
            "Type": "dockerfile",
            "MisconfSummary": {"Successes": 20, "Failures": 1, "Exceptions": 1},
            "Misconfigurations": [MISCONFIGURATION, {**MISCONFIGURATION, "Status": "PASS"}],
        },
        {"Target": "settings.py", "Class": "secret", "Secrets": [SECRET]},
        {"Target": "OS Packages", "Class": "license", "Licenses": [LICENSE]},
        trivy_result(
            ExperimentalModifiedFindings=[
                {
                    "Type": "vulnerability",
                    "Status": "not_affected",
                    "Source": "./vex.json",
                    "Finding": VULNERABILITY,
                }
            ]
        ),
    )


def trivy_image() -> Json:
    """An image with a system past its end, a layer, and packages of a language."""
    layer = {"Layer": {"Digest": "sha256:e7c9", "DiffID": "sha256:f1b5"}}
    return trivy(
        {
            "Target": "alpine:3.9 (alpine 3.9.4)",
            "Class": "os-pkgs",
            "Type": "alpine",
            "Vulnerabilities": [{**VULNERABILITY, "PkgName": "musl", **layer}],
        },
        {
            "Target": "Java",
            "Class": "lang-pkgs",
            "Type": "jar",
            "Vulnerabilities": [
                {**VULNERABILITY, "PkgName": "org.x:y", "PkgPath": "app/y.jar", **layer}
            ],
        },
        ArtifactName="alpine:3.9",
        ArtifactType="container_image",
        Metadata={"OS": {"Family": "alpine", "Name": "3.9.4", "EOSL": True}},
    )


def trivy_cluster(key: str = "Resources") -> Json:
    """``trivy k8s``."""
    return {
        "ClusterName": "demo",
        key: [
            {
                "Namespace": "default",
                "Kind": "Deployment",
                "Name": "redis",
                "Metadata": [{"OS": {"Family": "debian", "EOSL": True}}]
                if key == "Findings"
                else {},
                "Results": [
                    {
                        "Target": "docker.io/redis:6.0.5 (debian 10.4)",
                        "Class": "os-pkgs",
                        "Type": "debian",
                        "Vulnerabilities": [VULNERABILITY],
                    },
                    {
                        "Target": "Deployment/redis",
                        "Class": "config",
                        "Type": "kubernetes",
                        "Misconfigurations": [{**MISCONFIGURATION, "ID": "KSV001", "AVDID": None}],
                    },
                ],
            },
            {"Namespace": "default", "Kind": "Pod", "Name": "broken", "Error": "image not found"},
        ],
    }


SNYK_ROW: Json = {
    "id": "SNYK-JS-LODASH-450202",
    "title": "Prototype Pollution",
    "severity": "high",
    "severityWithCritical": "critical",
    "cvssScore": 9.1,
    "CVSSv3": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:H",
    "cvssDetails": [
        {
            "assigner": "Red Hat",
            "severity": "medium",
            "cvssV3BaseScore": 5.6,
            "cvssV3Vector": "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:L/A:L",
        }
    ],
    "identifiers": {
        "CVE": ["CVE-2019-10744"],
        "CWE": ["CWE-1321"],
        "GHSA": ["GHSA-jf85-cpcp-j695"],
        "NSP": [1065],
    },
    "epssDetails": {"percentile": "0.9", "probability": "0.01338"},
    "exploit": "Proof of Concept",
    "exploitDetails": {"sources": ["CISA", "Snyk"], "maturityLevels": [{"level": "Attacked"}]},
    "description": "## Overview\nlodash is a library.",
    "packageManager": "npm",
    "packageName": "lodash",
    "moduleName": "lodash",
    "name": "lodash",
    "version": "4.17.4",
    "from": ["dashboard@1.0.0", "lodash@4.17.4"],
    "upgradePath": [False, "lodash@4.17.12"],
    "isUpgradable": True,
    "fixedIn": ["4.17.12"],
    "references": [{"title": "GitHub PR", "url": "https://github.com/lodash/lodash/pull/4336"}],
    "publicationTime": "2019-07-02T11:45:01Z",
}


def snyk(*rows: Json, **frame: Any) -> Json:
    """The report of one project."""
    return {
        "vulnerabilities": list(rows),
        "ok": not rows,
        "dependencyCount": 4,
        "packageManager": "npm",
        "projectName": "dashboard",
        "displayTargetFile": "package-lock.json",
        "uniqueCount": len({row["id"] for row in rows}),
        "path": "/src",
        **frame,
    }


def snyk_two_paths() -> Json:
    """One issue by two paths, a licence, and something ignored."""
    other = {**SNYK_ROW, "from": ["dashboard@1.0.0", "gulp@3.9.0", "lodash@4.17.4"]}
    license_row = {
        "id": "snyk:lic:npm:readline:GPL-3.0",
        "type": "license",
        "license": "GPL-3.0",
        "title": "GPL-3.0 license",
        "severity": "high",
        "packageName": "readline",
        "version": "1.3.0",
        "from": ["dashboard@1.0.0", "readline@1.3.0"],
    }
    ignored = {"ignore": [SNYK_ROW], "patch": []}
    return snyk(SNYK_ROW, other, license_row, filtered=ignored)


def snyk_container() -> Json:
    """An image with an application and a program of its own in it."""
    row = {
        **SNYK_ROW,
        "id": "SNYK-DEBIAN11-GCC10-5901313",
        "packageManager": "debian:11",
        "packageName": "gcc-10",
        "name": "gcc-10/libgcc-s1",
        "version": "10.2.1-6",
        "from": ["docker-image|a/juice@latest", "gcc-10/libgcc-s1@10.2.1-6"],
        "nearestFixedInVersion": "10.2.1-7",
        "fixedIn": [],
        "isUpgradable": False,
    }
    other = {**row, "name": "gcc-10/gcc-10-base", "from": ["docker-image|a/juice@latest", "gcc"]}
    binaries = {
        "issuesData": {"SNYK-UPSTREAM-NODE-1": {**SNYK_ROW, "id": "SNYK-UPSTREAM-NODE-1"}},
        "affectedPkgs": {
            "node@10.1.0": {
                "pkg": {"name": "node", "version": "10.1.0"},
                "issues": {"SNYK-UPSTREAM-NODE-1": {"issueId": "SNYK-UPSTREAM-NODE-1"}},
            }
        },
    }
    app = snyk(SNYK_ROW, displayTargetFile="/juice/package.json", docker={}, projectName="juice")
    return snyk(
        row,
        other,
        packageManager="deb",
        projectName="docker-image|a/juice",
        displayTargetFile=None,
        path="a/juice:latest/juice",
        docker={"baseImage": "debian:11", "binariesVulns": binaries},
        applications=[app],
    )


def snyk_iac() -> Json:
    """``snyk iac test``: one issue, and one that is ignored."""
    issue = {
        "id": "SNYK-CC-TF-1",
        "publicId": "SNYK-CC-TF-1",
        "title": "Security Group allows open ingress",
        "severity": "medium",
        "isIgnored": False,
        "lineNumber": 7,
        "path": ["input", "resource", "aws_security_group[web]", "ingress", 0],
        "msg": "input.resource.aws_security_group[web].ingress",
        "type": "terraform",
        "issue": "That inbound traffic is allowed from any source",
        "impact": "That potentially everyone can reach the service",
        "resolve": "Set `cidr_blocks` to a range of your own",
        "iacDescription": {"issue": "Inbound traffic is allowed", "resolve": "Set `cidr_blocks`"},
        "references": ["https://example.org/cidr"],
        "documentation": "https://security.snyk.io/rules/cloud/SNYK-CC-TF-1",
    }
    return {
        "meta": {"isPrivate": True, "org": "demo"},
        "infrastructureAsCodeIssues": [issue, {**issue, "isIgnored": True, "lineNumber": -1}],
        "ok": False,
        "targetFile": "main.tf",
        "packageManager": "terraformconfig",
        "projectType": "terraformconfig",
        "projectName": "infra",
        "path": "infra",
    }


GITLEAKS: Json = {
    "RuleID": "github-pat",
    "Description": "Uncovered a GitHub Personal Access Token.",
    "StartLine": 3,
    "EndLine": 3,
    "StartColumn": 8,
    "EndColumn": 7 + len(TOKEN),
    "Match": TOKEN,
    "Secret": TOKEN,
    "File": "settings.py",
    "SymlinkFile": "",
    "Commit": "",
    "Entropy": 4.5,
    "Author": "Jane Doe",
    "Email": MAIL,
    "Date": "2024-01-02T03:04:05Z",
    "Message": f"put {TOKEN} in",
    "Tags": ["tag"],
    "Fingerprint": "settings.py:github-pat:3",
}


def gitleaks_commit() -> Json:
    """A leak in history."""
    return {
        **GITLEAKS,
        "Commit": COMMIT,
        "Fingerprint": f"{COMMIT}:settings.py:github-pat:3",
        "Link": f"https://github.com/a/b/blob/{COMMIT}/settings.py#L3",
    }


GITLEAKS_7: Json = {
    "line": f'token = "{TOKEN}"',
    "lineNumber": 13,
    "offender": TOKEN,
    "commit": COMMIT,
    "repo": ".",
    "repoURL": "",
    "leakURL": "",
    "rule": "Github",
    "commitMessage": f"remove {TOKEN}",
    "author": "Jane Doe",
    "email": MAIL,
    "file": "src/settings.py",
    "date": "2021-07-15T22:00:32+07:00",
    "tags": "key, Github",
}


def trufflehog(**fields: Any) -> Json:
    """A finding of TruffleHog 3 in a commit."""
    return {
        "SourceMetadata": {
            "Data": {
                "Git": {
                    "commit": COMMIT,
                    "file": "keys.txt",
                    "email": f"Jane Doe <{MAIL}>",
                    "repository": "https://github.com/a/b",
                    "timestamp": "2022-06-16 10:17:40 -0700",
                    "line": 4,
                }
            }
        },
        "SourceID": 1,
        "SourceType": 16,
        "SourceName": "trufflehog - git",
        "DetectorType": 2,
        "DetectorName": "AWS",
        "DetectorDescription": "AWS is a cloud.",
        "DecoderName": "PLAIN",
        "Verified": False,
        "VerificationFromCache": False,
        "Raw": KEY_ID,
        "RawV2": f"{KEY_ID}:{KEY_SECRET}",
        "Redacted": KEY_ID,
        "ExtraData": {"account": "595918472158", "rotation_guide": "https://example.org/rotate"},
        "StructuredData": None,
        "SecretParts": {"key": KEY_ID, "secret": KEY_SECRET, "username": "deployer"},
        **fields,
    }


LOG_LINE: Json = {
    "level": "info-0",
    "ts": "2024-01-02T03:04:05Z",
    "logger": "trufflehog",
    "msg": "running source",
}


def finished(*, verified: int = 0, unverified: int = 0) -> Json:
    """The last line of TruffleHog's log."""
    counts = {"verified_secrets": verified, "unverified_secrets": unverified}
    return {**LOG_LINE, "msg": "finished scanning", "chunks": 12, "bytes": 3456, **counts}


TRUFFLEHOG_2: Json = {
    "branch": "origin/main",
    "commit": f"take {TOKEN} out",
    "commitHash": COMMIT,
    "date": "2021-01-30 19:50:09",
    "diff": f"@@ -1 +1 @@\n-{TOKEN}\n",
    "path": "a/test.py",
    "printDiff": f"[93m{TOKEN}[0m",
    "reason": "Generic Secret",
    "stringsFound": [TOKEN, KEY_SECRET],
}


def lines(*entries: Json) -> bytes:
    """One object a line."""
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def codeql() -> Json:
    """CodeQL's SARIF: a rule in a query pack, a flow, and a file that it could not read."""
    place = {
        "physicalLocation": {
            "artifactLocation": {"uri": "app/main.py", "uriBaseId": "%SRCROOT%", "index": 0},
            "region": {"startLine": 12, "startColumn": 5, "endColumn": 20},
        }
    }
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "CodeQL", "semanticVersion": "2.20.1", "rules": []},
                    "extensions": [
                        {
                            "name": "codeql/python-queries",
                            "semanticVersion": "1.4.1",
                            "rules": [
                                {
                                    "id": "py/sql-injection",
                                    "shortDescription": {"text": "SQL query from user input"},
                                    "defaultConfiguration": {"level": "error"},
                                    "properties": {
                                        "security-severity": "8.8",
                                        "tags": ["security", "external/cwe/cwe-089"],
                                    },
                                }
                            ],
                        }
                    ],
                },
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "toolExecutionNotifications": [
                            {"level": "warning", "message": {"text": "not read"}}
                        ],
                    }
                ],
                "results": [
                    {
                        "ruleId": "py/sql-injection",
                        "rule": {"index": 0, "toolComponent": {"index": 0}},
                        "message": {"text": "This query depends on [input](1)."},
                        "locations": [place],
                        "partialFingerprints": {"primaryLocationLineHash": "39fa2ee980eb94b0:1"},
                        "codeFlows": [
                            {"threadFlows": [{"locations": [{"location": place}]}]},
                        ],
                        "relatedLocations": [{"id": 1, **place}],
                    }
                ],
            }
        ],
    }


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()


# Every form of every tool: what each test that holds for all of them goes over.
SAMPLES: dict[str, list[bytes]] = {
    "trivy": [
        _json(trivy_full()),
        _json(trivy_image()),
        _json(trivy_cluster()),
        _json(trivy_cluster("Findings")),
        _json([trivy_result(Vulnerabilities=[VULNERABILITY])]),
        _json(trivy(ArtifactType="cyclonedx", ArtifactName="bom.json")),
        b"null",
    ],
    "snyk": [
        _json(snyk_two_paths()),
        _json([snyk(SNYK_ROW), snyk(), {"ok": False, "error": "no lock file", "path": "b"}]),
        _json(snyk_container()),
        _json([snyk_iac()]),
    ],
    "gitleaks": [
        _json([GITLEAKS, gitleaks_commit()]),
        _json([GITLEAKS_7]),
        _json({"findings": [GITLEAKS]}),
        b"[]",
    ],
    "trufflehog": [
        lines(
            LOG_LINE,
            trufflehog(),
            trufflehog(DecoderName="BASE64", Verified=True),
            finished(verified=1, unverified=1),
        ),
        lines(
            trufflehog(SourceMetadata={"Data": {"S3": {"bucket": "b", "file": "k", "link": "l"}}}),
            trufflehog(
                SourceMetadata={"Data": {"Docker": {"image": "a", "tag": "1", "file": "/etc/k"}}}
            ),
        ),
        lines(TRUFFLEHOG_2),
    ],
    "codeql": [_json(codeql())],
    "sarif": [
        _json(
            {
                "version": "2.1.0",
                "runs": [
                    {
                        "tool": {"driver": {"name": "Bandit", "rules": [{"id": "B104"}]}},
                        "results": [
                            {
                                "ruleId": "B104",
                                "ruleIndex": 0,
                                "level": "warning",
                                "message": {"text": "binds to all interfaces"},
                                "locations": [
                                    {
                                        "physicalLocation": {
                                            "artifactLocation": {"uri": "a.py"},
                                            "region": {"startLine": 3},
                                        }
                                    }
                                ],
                                "suppressions": [{"kind": "inSource"}],
                            }
                        ],
                    }
                ],
            }
        )
    ],
}
SAMPLES |= formats.SAMPLES
