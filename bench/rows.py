"""Entries of the tools' reports in their native forms, about 1.5 kB each, all of it made up."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

WORDS = (
    "anchor",
    "basil",
    "cedar",
    "delta",
    "ember",
    "fable",
    "grove",
    "harbor",
    "indigo",
    "jasper",
    "kettle",
    "lumen",
    "meadow",
    "nectar",
    "opal",
    "pepper",
    "quartz",
    "ripple",
    "saffron",
    "timber",
    "umber",
    "velvet",
    "willow",
    "yarrow",
    "zephyr",
)
_PROSE = (
    "A crafted request lets a remote party reach a code path that was meant for trusted callers. "
    "The parser keeps the length that the input claims and reads past the end of its buffer. "
    "An application is affected if it passes values from outside to this function unchecked. "
    "The default settings are affected; deployments behind a filtering proxy are not known to be. "
    "Versions before the fixed one do not check the type of the nested value. "
    "Upgrade the package, or disable the feature where an upgrade is not possible yet. "
)
CHECKS = ("DS-0001", "DS-0002", "DS-0005", "DS-0013", "DS-0026")


@dataclass(frozen=True)
class Weakness:
    """What CodeQL and Snyk Code both look for."""

    codeql: str
    snyk: str
    cwe: int


WEAKNESSES = (
    Weakness("py/sql-injection", "python/Sqli", 89),
    Weakness("py/command-line-injection", "python/CommandInjection", 78),
    Weakness("py/path-injection", "python/PT", 23),
    Weakness("py/reflective-xss", "python/XSS", 79),
    Weakness("py/full-ssrf", "python/Ssrf", 918),
    Weakness("py/unsafe-deserialization", "python/Deserialization", 502),
)


@dataclass(frozen=True)
class Advisory:
    """An advisory under its names in three databases."""

    cve: str
    ghsa: str
    snyk: str
    title: str
    text: str
    score: float

    @classmethod
    def make(cls, rng: random.Random, number: int) -> Advisory:
        letters = "23456789cfghjmpqrvwx"
        ghsa = "-".join("".join(rng.choices(letters, k=4)) for _ in range(2))
        tail = "".join(letters[number // 20**n % 20] for n in range(4))
        start = rng.randrange(len(_PROSE) // 2)
        return cls(
            cve=f"CVE-{2015 + number % 10}-{10_000 + number}",
            ghsa=f"GHSA-{ghsa}-{tail}",
            snyk=f"SNYK-MADE-{rng.choice(WORDS).upper()}-{number}",
            title=f"{rng.choice(WORDS)} {rng.choice(WORDS)}: reads past the end of a buffer",
            text=(_PROSE[start:] + _PROSE)[: 280 + rng.randrange(200)],
            score=rng.choice((9.8, 8.1, 7.5, 6.1, 5.3, 3.7)),
        )

    @property
    def word(self) -> str:
        bands = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"))
        return next((word for least, word in bands if self.score >= least), "low")


@dataclass(frozen=True)
class PackageAt:
    """A package in a lock file, with the spellings that different tools use."""

    ecosystem: str
    directory: str
    name: str
    version: str
    lock_name: str
    second_name: str
    trivy_type: str
    manager: str

    @classmethod
    def make(cls, rng: random.Random, ecosystem: str, directory: str, number: int) -> PackageAt:
        from bench.problems import LANGUAGES

        lock, second, trivy_type, manager = LANGUAGES[ecosystem]
        word, other = rng.choice(WORDS), rng.choice(WORDS)
        name = {
            "npm": f"@{word}/{other}{number}",
            "pypi": f"{word}-{other}-{number}",
            "maven": f"org.{word}:{other}{number}",
            "cargo": f"{word}-{number}",
            "golang": f"example.org/{word}/{other}{number}",
        }[ecosystem]
        version = f"{rng.randrange(1, 9)}.{rng.randrange(20)}.{rng.randrange(30)}"
        if ecosystem == "golang":
            version = f"v{version}"
        return cls(ecosystem, directory, name, version, lock, second, trivy_type, manager)

    def of_version(self, version: str) -> PackageAt:
        return replace(self, version=version)

    def at(self, directory: str) -> PackageAt:
        return replace(self, directory=directory)

    @property
    def lock(self) -> str:
        return f"{self.directory}/{self.lock_name}"

    @property
    def second(self) -> str:
        return f"{self.directory}/{self.second_name}"

    @property
    def other_spelling(self) -> str:
        """The name as the other tool writes it, where the ecosystem lets names differ."""
        if self.ecosystem == "pypi":
            return self.name.replace("-", "_").title()
        return self.name

    @property
    def purl(self) -> str:
        name = self.name.replace("@", "%40", 1).replace(":", "/")
        return f"pkg:{self.ecosystem}/{name}@{self.version}"


def secret_value(rng: random.Random) -> str:
    """A value of the shape of a token that no service has issued."""
    return "ghp_" + "".join(
        rng.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHJKLMNPQRST0123456789", k=36)
    )


def trivy_vulnerability(
    package: PackageAt, advisory: Advisory, name: str, *, second: bool
) -> dict[str, Any]:
    """An entry of ``Vulnerabilities``; ``_target`` says in which result it goes."""
    return {
        "_target": (package.second if second else package.lock, package.trivy_type),
        "VulnerabilityID": name,
        "PkgID": f"{package.other_spelling}@{package.version}",
        "PkgName": package.other_spelling,
        "PkgIdentifier": {"PURL": package.purl, "UID": f"{hash_of(package.name):016x}"},
        "InstalledVersion": package.version,
        "FixedVersion": "99.1.0",
        "Status": "fixed",
        "Layer": {},
        "SeveritySource": "ghsa",
        "PrimaryURL": f"https://avd.example.org/nvd/{name.lower()}",
        "DataSource": {
            "ID": "ghsa",
            "Name": "GitHub Security Advisory",
            "URL": "https://advisories.example.org/?type=reviewed",
        },
        "Title": advisory.title,
        "Description": advisory.text,
        "Severity": advisory.word.upper(),
        "CweIDs": ["CWE-125"],
        "VendorSeverity": {"ghsa": 3, "nvd": 3, "redhat": 2},
        "CVSS": {
            "ghsa": {
                "V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                "V3Score": advisory.score,
            },
            "nvd": {
                "V2Vector": "AV:N/AC:L/Au:N/C:P/I:P/A:P",
                "V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
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


def snyk_issue(
    package: PackageAt, advisory: Advisory, cves: list[str], ghsas: list[str], path: int
) -> dict[str, Any]:
    """A row of ``vulnerabilities``: one dependency path of an issue."""
    identifiers: dict[str, list[str]] = {"CVE": cves, "CWE": ["CWE-125"]}
    if ghsas:
        identifiers["GHSA"] = ghsas
    middle = f"{WORDS[path % len(WORDS)]}-lib@2.{path}.0"
    return {
        "_target": (package.lock, package.manager),
        "id": advisory.snyk,
        "title": advisory.title,
        "CVSSv3": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "cvssScore": advisory.score,
        "credit": ["Unknown"],
        "creationTime": "2023-04-12T08:14:03.012Z",
        "description": f"## Overview\n{advisory.text}\n## Remediation\nUpgrade `{package.name}`.",
        "disclosureTime": "2023-04-11T20:15:07Z",
        "epssDetails": {"percentile": "0.61", "probability": "0.00231", "modelVersion": "v2025"},
        "exploit": "Not Defined",
        "fixedIn": ["99.1.0"],
        "functions": [],
        "identifiers": identifiers,
        "language": package.ecosystem,
        "moduleName": package.name,
        "packageManager": package.manager,
        "packageName": package.name,
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
        "from": [f"{package.directory}@1.0.0", middle, f"{package.name}@{package.version}"],
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
        "Message": _PROSE * 2 if commit else "",
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
        "DetectorDescription": _PROSE * 2,
        "DecoderName": decoder,
        "Verified": False,
        "VerificationFromCache": False,
        "Raw": value,
        "RawV2": "",
        "Redacted": "",
        "ExtraData": {"rotation_guide": "https://rotate.example.org/github/", "version": "2"},
        "StructuredData": None,
    }


def trivy_secret(uri: str, line: int) -> dict[str, Any]:
    """An entry of ``Secrets``: masked, as Trivy writes them."""
    code = [
        {
            "Number": line + n,
            "Content": "TOKEN=****************************************",
            "IsCause": n == 0,
            "Annotation": "",
            "Truncated": False,
            "Highlighted": "TOKEN=****************************************",
            "FirstCause": n == 0,
            "LastCause": n == 0,
        }
        for n in range(3)
    ]
    return {
        "_target": (uri, ""),
        "RuleID": "github-pat",
        "Category": "GitHub",
        "Severity": "CRITICAL",
        "Title": "GitHub Personal Access Token",
        "StartLine": line,
        "EndLine": line,
        "Code": {"Lines": code},
        "Match": "TOKEN=****************************************",
        "Layer": {},
    }


def trivy_check(check: str, uri: str) -> dict[str, Any]:
    """An entry of ``Misconfigurations``."""
    return {
        "_target": (uri, "dockerfile"),
        "Type": "Dockerfile Security Check",
        "ID": check,
        "AVDID": f"AVD-{check}",
        "Title": f"Made check {check}",
        "Description": _PROSE,
        "Message": f"{check} fails for this file",
        "Namespace": f"builtin.dockerfile.{check.replace('-', '')}",
        "Query": f"data.builtin.dockerfile.{check.replace('-', '')}.deny",
        "Resolution": _PROSE[:200],
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


def codeql_result(weakness: Weakness, uri: str, line: int) -> dict[str, Any]:
    """A path problem of CodeQL."""
    return {
        "ruleId": weakness.codeql,
        "rule": {"id": weakness.codeql, "toolComponent": {"index": 0}},
        "message": {"text": "This query depends on a [user-provided value](1)."},
        "locations": [{"physicalLocation": _physical(uri, line, 20, 31)}],
        "partialFingerprints": {
            "primaryLocationLineHash": f"{hash_of(f'{uri}:{line}'):016x}:1",
            "primaryLocationStartColumnFingerprint": "11",
        },
        "codeFlows": [_flow(uri, line)],
        "relatedLocations": [
            {
                "id": 1,
                "physicalLocation": _physical(uri, max(1, line - 6), 9, 21),
                "message": {"text": "user-provided value"},
            }
        ],
    }


def snyk_code_result(weakness: Weakness, uri: str, line: int) -> dict[str, Any]:
    """A result of Snyk Code; it marks the call, CodeQL the argument."""
    return {
        "ruleId": weakness.snyk,
        "level": "error",
        "message": {
            "text": "Unsanitized input from an HTTP parameter flows into execute, which runs it.",
            "markdown": "Unsanitized input from {0} {1} into {2}, where it is used.",
            "arguments": ["[an HTTP parameter](0)", "[flows](1),(2)", "[execute](3)"],
        },
        "locations": [{"physicalLocation": _physical(uri, line, 5, 19)}],
        "fingerprints": {
            "0": f"{hash_of(uri):064x}",
            "1": ".".join(f"{hash_of(f'{uri}{n}') & 0xFFFFFFFF:08x}" for n in range(16)),
        },
        "codeFlows": [_flow(uri, line)],
        "properties": {"priorityScore": 812, "isAutofixable": False},
    }


def _flow(uri: str, line: int) -> dict[str, Any]:
    steps = [
        {"location": {"id": n, "physicalLocation": _physical(uri, max(1, line - 6 + n), 9, 21)}}
        for n in range(4)
    ]
    return {"threadFlows": [{"locations": steps}]}


def _physical(uri: str, line: int, start: int, end: int) -> dict[str, Any]:
    return {
        "artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%", "index": 0},
        "region": {"startLine": line, "startColumn": start, "endColumn": end},
    }


def hash_of(text: str) -> int:
    """A number for a text, the same in every process."""
    value = 1469598103934665603
    for byte in text.encode():
        value = (value ^ byte) * 1099511628211 % 2**64
    return value
