"""Entries of the reports of Trivy, Snyk, Gitleaks and TruffleHog, all of them made up."""

from __future__ import annotations

import random
from typing import Any

from bench.packages import SENTENCES, WORDS, Advisory, Image, PackageAt, hash_of

CHECKS = ("DS-0001", "DS-0002", "DS-0005", "DS-0013", "DS-0026")
LICENSES = (
    # name, Trivy's category, Trivy's severity, Snyk's severity
    ("GPL-3.0-only", "restricted", "HIGH", "high"),
    ("AGPL-3.0-only", "forbidden", "CRITICAL", "high"),
    ("MPL-2.0", "reciprocal", "MEDIUM", "medium"),
)
_VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


def secret_value(rng: random.Random) -> str:
    """Make a value of the shape of a token that no service has issued."""
    return "ghp_" + "".join(
        rng.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHJKLMNPQRST0123456789", k=36)
    )


def layer_of(image: Image | None) -> dict[str, str]:
    """What Trivy says of the layer of an image; nothing outside of images."""
    if image is None:
        return {}
    digest = f"{hash_of(image.reference):016x}" * 4
    return {"Digest": f"sha256:{digest}", "DiffID": f"sha256:{digest[::-1]}"}


def trivy_vulnerability(
    package: PackageAt, advisory: Advisory, name: str, text: str
) -> dict[str, Any]:
    """An entry of ``Vulnerabilities``, for the advisory under ``name`` described by ``text``."""
    return {
        "VulnerabilityID": name,
        "PkgID": f"{package.other_spelling}@{package.version}",
        "PkgName": package.other_spelling,
        "PkgIdentifier": {"PURL": package.purl, "UID": f"{hash_of(package.name):016x}"},
        "InstalledVersion": package.version,
        "FixedVersion": "99.1.0",
        "Status": "fixed",
        "Layer": layer_of(package.image),
        "SeveritySource": "ghsa",
        "PrimaryURL": f"https://avd.example.org/nvd/{name.lower()}",
        "DataSource": {
            "ID": "ghsa",
            "Name": "GitHub Security Advisory",
            "URL": "https://advisories.example.org/?type=reviewed",
        },
        "Title": advisory.title,
        "Description": text,
        "Severity": advisory.word.upper(),
        "CweIDs": ["CWE-125"],
        "VendorSeverity": {"ghsa": 3, "nvd": 3, "redhat": 2},
        "CVSS": {
            "ghsa": {"V3Vector": _VECTOR, "V3Score": advisory.score},
            "nvd": {
                "V2Vector": "AV:N/AC:L/Au:N/C:P/I:P/A:P",
                "V3Vector": _VECTOR,
                "V2Score": 7.5,
                "V3Score": advisory.score,
            },
        },
        "References": [
            f"https://code.example.org/{package.name}/commit/{hash_of(name):040x}",
            f"https://code.example.org/{package.name}/security",
            f"https://nvd.example.org/vuln/detail/{name}",
        ],
        "PublishedDate": "2023-04-11T20:15:07.117Z",
        "LastModifiedDate": "2024-11-21T07:58:41.903Z",
    }


def trivy_license(package: PackageAt, license_name: str) -> dict[str, Any]:
    """An entry of ``Licenses``: the licence of a package."""
    _, category, severity, _ = next(one for one in LICENSES if one[0] == license_name)
    return {
        "Severity": severity,
        "Category": category,
        "PkgName": package.name,
        "FilePath": "",
        "Name": license_name,
        "Text": "",
        "Confidence": 1,
        "Link": "",
    }


def snyk_issue(
    package: PackageAt,
    advisory: Advisory,
    cves: list[str],
    ghsas: list[str],
    *,
    path: int,
    text: str,
) -> dict[str, Any]:
    """A row of ``vulnerabilities``: the dependency path number ``path`` of an issue."""
    identifiers: dict[str, list[str]] = {"CVE": cves, "CWE": ["CWE-125"]}
    if ghsas:
        identifiers["GHSA"] = ghsas
    return {
        "id": advisory.snyk,
        "title": advisory.title,
        "CVSSv3": _VECTOR,
        "cvssScore": advisory.score,
        "credit": ["Unknown"],
        "creationTime": "2023-04-12T08:14:03.012Z",
        "description": f"## Overview\n{text}\n## Remediation\nUpgrade `{package.name}`.",
        "disclosureTime": "2023-04-11T20:15:07Z",
        "epssDetails": {"percentile": "0.61", "probability": "0.00231", "modelVersion": "v2025"},
        "exploit": "Not Defined",
        "functions": [],
        "identifiers": identifiers,
        "patches": [],
        "publicationTime": "2023-04-12T08:14:03Z",
        "references": [
            {
                "title": "Commit",
                "url": f"https://code.example.org/{package.name}/commit/{hash_of(package.name):x}",
            }
        ],
        "semver": {"vulnerable": ["<99.1.0"]},
        "severity": advisory.word,
        "severityWithCritical": advisory.word,
        **_snyk_package(package, path),
    }


def snyk_license(package: PackageAt, license_name: str) -> dict[str, Any]:
    """A row of ``vulnerabilities``: a package under a licence that is to be reported."""
    severity = next(one[3] for one in LICENSES if one[0] == license_name)
    return {
        "license": license_name,
        "semver": {"vulnerable": [">=0"]},
        "id": f"snyk:lic:{package.ecosystem}:{package.name}:{license_name}",
        "type": "license",
        "title": f"{license_name} license",
        "description": f"{license_name} license",
        "severity": severity,
        "severityWithCritical": severity,
        "creationTime": "2024-01-11T12:30:45.012Z",
        "publicationTime": "2024-01-11T12:30:45.012Z",
        **_snyk_package(package, 0),
    }


def _snyk_package(package: PackageAt, path: int) -> dict[str, Any]:
    """What a row says of its package and of the way to it."""
    top = package.image.reference if package.image else f"{package.directory}@1.0.0"
    middle = f"{WORDS[path % len(WORDS)]}-lib@2.{path}.0"
    return {
        "fixedIn": ["99.1.0"],
        "language": "linux" if package.ecosystem == "deb" else package.ecosystem,
        "moduleName": package.name,
        "packageManager": package.manager,
        "packageName": package.name,
        "from": [top, middle, f"{package.name}@{package.version}"],
        "upgradePath": [False, "x@3.0.0", f"{package.name}@99.1.0"],
        "isUpgradable": False,
        "isPatchable": False,
        "name": package.name,
        "version": package.version,
    }


def gitleaks_leak(value: str, uri: str, line: int, commit: str | None) -> dict[str, Any]:
    """An entry of Gitleaks' list: of the work tree if ``commit`` is None."""
    where = f"{commit}:{uri}" if commit else uri
    return {
        "RuleID": "github-pat",
        "Description": "Uncovered a GitHub Personal Access Token, potentially leading to access.",
        "StartLine": line,
        "EndLine": line,
        "StartColumn": 14,
        "EndColumn": 53,
        "Match": value,
        "Secret": value,
        "File": uri,
        "SymlinkFile": "",
        "Commit": commit or "",
        "Link": f"https://code.example.org/acme/shop/blob/{commit}/{uri}#L{line}" if commit else "",
        "Entropy": 4.653757,
        "Author": "A. Developer" if commit else "",
        "Email": "developer@example.org" if commit else "",
        "Date": "2025-02-03T10:11:12Z" if commit else "",
        "Message": SENTENCES * 2 if commit else "",
        "Tags": [],
        "Fingerprint": f"{where}:github-pat:{line}",
    }


def trufflehog_detection(
    value: str, uri: str, line: int, commit: str, decoder: str
) -> dict[str, Any]:
    """A line of TruffleHog's output."""
    return {
        "SourceMetadata": {
            "Data": {
                "Git": {
                    "commit": commit,
                    "file": uri,
                    "email": "A. Developer <developer@example.org>",
                    "repository": "https://code.example.org/acme/shop",
                    "timestamp": "2025-02-03 10:11:12 +0000",
                    "line": line,
                }
            }
        },
        "SourceID": 1,
        "SourceType": 16,
        "SourceName": "trufflehog - git",
        "DetectorType": 8,
        "DetectorName": "Github",
        "DetectorDescription": SENTENCES * 2,
        "DecoderName": decoder,
        "Verified": False,
        "VerificationFromCache": False,
        "Raw": value,
        "RawV2": "",
        "Redacted": "",
        "ExtraData": {"rotation_guide": "https://rotate.example.org/github/", "version": "2"},
        "StructuredData": None,
    }


def trivy_secret(line: int) -> dict[str, Any]:
    """An entry of ``Secrets``: masked, as Trivy writes them."""
    masked = "TOKEN=****************************************"
    code = [
        {
            "Number": line + n,
            "Content": masked,
            "IsCause": n == 0,
            "Annotation": "",
            "Truncated": False,
            "Highlighted": masked,
            "FirstCause": n == 0,
            "LastCause": n == 0,
        }
        for n in range(3)
    ]
    return {
        "RuleID": "github-pat",
        "Category": "GitHub",
        "Severity": "CRITICAL",
        "Title": "GitHub Personal Access Token",
        "StartLine": line,
        "EndLine": line,
        "Code": {"Lines": code},
        "Match": masked,
        "Layer": {},
    }


def trivy_check(check: str) -> dict[str, Any]:
    """An entry of ``Misconfigurations``."""
    return {
        "Type": "Dockerfile Security Check",
        "ID": check,
        "AVDID": f"AVD-{check}",
        "Title": f"Made check {check}",
        "Description": SENTENCES,
        "Message": f"{check} fails for this file",
        "Namespace": f"builtin.dockerfile.{check.replace('-', '')}",
        "Query": f"data.builtin.dockerfile.{check.replace('-', '')}.deny",
        "Resolution": SENTENCES[:200],
        "Severity": "MEDIUM",
        "PrimaryURL": f"https://avd.example.org/misconfig/{check.lower()}",
        "References": [f"https://avd.example.org/misconfig/{check.lower()}"],
        "Status": "FAIL",
        "Layer": {},
        "CauseMetadata": {
            "Provider": "Dockerfile",
            "Service": "general",
            "Code": {"Lines": None},
        },
    }
