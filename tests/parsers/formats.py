"""Reports of tools that secagg only reads, made by hand after each tool's published schema.

No package registry carries these tools, or they are services: OSV-Scanner, Grype, Dependency-Check,
GitLab, GitHub. Their sources are named beside each. Reports that the tools themselves have written
are in fixtures/formats.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]

FORMATS = Path(__file__).parents[2] / "fixtures" / "formats"
LOG4J = "org.apache.logging.log4j:log4j-core"
LOG4J_PURL = "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.0"
LOG4J_CVE, LOG4J_GHSA = "CVE-2021-44228", "GHSA-jfh8-c2jp-5v3q"
VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"


def osv(**changes: Any) -> Json:
    """OSV-Scanner 2: ``pkg/models/results.go``, with records of the OSV schema 1.7."""
    first = {
        "id": LOG4J_GHSA,
        "aliases": [LOG4J_CVE],
        "summary": "Remote code injection in Log4j",
        "details": "Log4j looks names up.",
        "published": "2021-12-10T00:40:56Z",
        "severity": [{"type": "CVSS_V3", "score": VECTOR}],
        "references": [
            {"type": "ADVISORY", "url": f"https://nvd.nist.gov/vuln/detail/{LOG4J_CVE}"}
        ],
        "affected": [
            {
                "package": {"ecosystem": "Maven", "name": LOG4J},
                "ranges": [
                    {
                        "type": "ECOSYSTEM",
                        "events": [{"introduced": "2.13.0"}, {"fixed": "2.15.0"}],
                    }
                ],
            }
        ],
        "database_specific": {"severity": "CRITICAL", "cwe_ids": ["CWE-502", "CWE-20"]},
    }
    entry = {
        "package": {"name": LOG4J, "version": "2.14.0", "ecosystem": "Maven"},
        "dependency_groups": ["dev"],
        "vulnerabilities": [first, {"id": "OSV-2021-1", "aliases": [LOG4J_CVE]}],
        "groups": [
            {
                "ids": [LOG4J_GHSA, "OSV-2021-1"],
                "aliases": [LOG4J_CVE, LOG4J_GHSA],
                "max_severity": "10.0",
            }
        ],
        "license_violations": ["GPL-3.0-only"],
    }
    result = {"source": {"path": "pom.xml", "type": "lockfile"}, "packages": [{**entry, **changes}]}
    return {"results": [result], "experimental_config": {"licenses": {"summary": False}}}


def grype(**changes: Any) -> Json:
    """Grype 0.104: ``grype/presenter/models``."""
    match = {
        "vulnerability": {
            "id": LOG4J_GHSA,
            "dataSource": f"https://github.com/advisories/{LOG4J_GHSA}",
            "namespace": "github:language:java",
            "severity": "Critical",
            "urls": [],
            "description": "Remote code injection in Log4j",
            "cvss": [
                {
                    "type": "Secondary",
                    "version": "3.1",
                    "vector": VECTOR,
                    "metrics": {"baseScore": 10},
                }
            ],
            "epss": [{"cve": LOG4J_CVE, "epss": 0.94, "percentile": 0.99, "date": "2026-01-01"}],
            "knownExploited": [{"cve": LOG4J_CVE}],
            "fix": {"versions": ["2.15.0"], "state": "fixed"},
            "advisories": [],
        },
        "relatedVulnerabilities": [{"id": LOG4J_CVE, "namespace": "nvd:cpe", "cvss": []}],
        "matchDetails": [],
        "artifact": {
            "name": "log4j-core",
            "version": "2.14.0",
            "type": "java-archive",
            "locations": [{"path": "/pom.xml"}],
            "purl": LOG4J_PURL,
        },
    }
    return {
        "matches": [match],
        "ignoredMatches": [{**match, "appliedIgnoreRules": [{"vulnerability": "x"}]}],
        "source": {"type": "directory", "target": "."},
        "distro": {"name": "", "version": "", "idLike": None},
        "descriptor": {"name": "grype", "version": "0.104.0"},
        **changes,
    }


def grype_image() -> Json:
    """The same of an image: packages of its system."""
    report = grype(distro={"name": "debian", "version": "12", "idLike": []})
    report["source"] = {
        "type": "image",
        "target": {
            "userInput": "docker.io/library/web:1",
            "imageID": "sha256:" + "1" * 64,
            "manifestDigest": "sha256:" + "2" * 64,
        },
    }
    report["matches"][0]["artifact"] = {
        "name": "libc6",
        "version": "2.36-9",
        "type": "deb",
        "locations": [{"path": "/var/lib/dpkg/status", "layerID": "sha256:" + "3" * 64}],
        "purl": "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc",
    }
    report["matches"][0]["vulnerability"]["id"] = "CVE-2023-4911"
    report["matches"][0]["relatedVulnerabilities"] = []
    return report


def dependency_check() -> Json:
    """Dependency-Check 12: ``jsonReport.vsl``, schema 1.1."""
    return {
        "reportSchema": "1.1",
        "scanInfo": {"engineVersion": "12.2.0", "dataSource": []},
        "projectInfo": {"name": "shop", "reportDate": "2026-01-10T10:00:00Z"},
        "dependencies": [
            {
                "isVirtual": False,
                "fileName": "log4j-core-2.14.0.jar",
                "filePath": "lib/log4j-core-2.14.0.jar",
                "packages": [{"id": LOG4J_PURL, "confidence": "HIGHEST"}],
                "vulnerabilities": [
                    {
                        "source": "NVD",
                        "name": LOG4J_CVE,
                        "severity": "CRITICAL",
                        "cvssv2": {"score": 9.3, "severity": "HIGH"},
                        "cvssv3": {"baseScore": 10.0, "baseSeverity": "CRITICAL"},
                        "cwes": ["CWE-502"],
                        "description": "Log4j looks names up.",
                        "references": [
                            {"source": "MISC", "url": "https://example.org/", "name": "x"}
                        ],
                    }
                ],
                "suppressedVulnerabilities": [{"source": "NVD", "name": "CVE-2021-45105"}],
            },
            {"fileName": "a.jar", "filePath": "lib/a.jar"},
        ],
    }


DEPENDENCY_CHECK_XML = f"""<?xml version="1.0" encoding="UTF-8"?>
<analysis xmlns="https://jeremylong.github.io/DependencyCheck/dependency-check.4.1.xsd">
<scanInfo><engineVersion>12.2.0</engineVersion></scanInfo>
<projectInfo><name>shop</name><reportDate>2026-01-10T10:00:00Z</reportDate></projectInfo>
<dependencies><dependency isVirtual="false">
<fileName>log4j-core-2.14.0.jar</fileName><filePath>lib/log4j-core-2.14.0.jar</filePath>
<identifiers><package confidence="HIGHEST"><id>{LOG4J_PURL}</id></package>
<vulnerabilityIds confidence="HIGHEST"><id>cpe:2.3:a:apache:log4j</id></vulnerabilityIds></identifiers>
<vulnerabilities><vulnerability source="NVD"><name>{LOG4J_CVE}</name><severity>CRITICAL</severity>
<cvssV2><score>9.3</score><severity>HIGH</severity></cvssV2>
<cvssV3><baseScore>10.0</baseScore><baseSeverity>CRITICAL</baseSeverity></cvssV3>
<cwes><cwe>CWE-502</cwe></cwes><description>Log4j looks names up.</description>
<references><reference><source>MISC</source><url>https://example.org/</url></reference></references>
</vulnerability>
<suppressedVulnerability source="NVD"><name>CVE-2021-45105</name></suppressedVulnerability>
</vulnerabilities></dependency></dependencies></analysis>
""".encode()


def cyclonedx(**changes: Any) -> Json:
    """CycloneDX 1.6 (ECMA-424), as Trivy and Dependency-Track write it."""
    reference = LOG4J_PURL
    vulnerability = {
        "id": LOG4J_CVE,
        "source": {"name": "nvd", "url": f"https://nvd.nist.gov/vuln/detail/{LOG4J_CVE}"},
        "references": [{"id": LOG4J_GHSA, "source": {"name": "ghsa"}}],
        "ratings": [
            {
                "source": {"name": "nvd"},
                "score": 10.0,
                "severity": "critical",
                "method": "CVSSv31",
                "vector": VECTOR,
            }
        ],
        "cwes": [502, 20],
        "description": "Log4j looks names up.",
        "advisories": [{"url": f"https://github.com/advisories/{LOG4J_GHSA}"}],
        "affects": [{"ref": reference}],
    }
    decided = {**vulnerability, "id": "CVE-2021-45105", "analysis": {"state": "not_affected"}}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "Dependency-Track"}]},
            "component": {"type": "application", "name": "shop", "bom-ref": "root"},
        },
        "components": [
            {"type": "application", "name": "pom.xml", "bom-ref": "file"},
            {
                "type": "library",
                "group": "org.apache.logging.log4j",
                "name": "log4j-core",
                "version": "2.14.0",
                "purl": LOG4J_PURL,
                "bom-ref": reference,
            },
        ],
        "dependencies": [
            {"ref": "root", "dependsOn": ["file"]},
            {"ref": "file", "dependsOn": [reference]},
        ],
        "vulnerabilities": [vulnerability, decided],
        **changes,
    }


def gitlab(kind: str, scanner: str, *vulnerabilities: Json, **changes: Any) -> Json:
    """GitLab's security report schemas 15.2."""
    scan = {
        "type": kind,
        "status": "success",
        "scanner": {"id": scanner, "name": scanner.title(), "version": "1.2.3", "vendor": {}},
        "messages": [{"level": "info", "value": "done"}],
        **changes,
    }
    return {"version": "15.2.1", "scan": scan, "vulnerabilities": list(vulnerabilities)}


GITLAB_SAST: Json = {
    "id": "1" * 64,
    "name": "SQL injection",
    "description": "A query is put together from text.",
    "severity": "High",
    "location": {"file": "app/db.py", "start_line": 7, "end_line": 7},
    "identifiers": [
        {"type": "semgrep_id", "name": "sql", "value": "python.sql.formatted-query"},
        {"type": "cwe", "name": "CWE-89", "value": "89"},
    ],
}
GITLAB_DEPENDENCY: Json = {
    "id": "2" * 64,
    "name": "Deserialization of Untrusted Data",
    "description": "Log4j looks names up.",
    "severity": "Critical",
    "location": {
        "file": "pom.xml",
        "dependency": {
            "package": {"name": "org.apache.logging.log4j/log4j-core"},
            "version": "2.14.0",
        },
    },
    "identifiers": [
        {"type": "cve", "name": LOG4J_CVE, "value": LOG4J_CVE},
        {"type": "ghsa", "name": LOG4J_GHSA, "value": LOG4J_GHSA},
        {"type": "cwe", "name": "CWE-502", "value": "502"},
    ],
    "links": [{"url": "https://example.org/"}],
}
GITLAB_IMAGE: Json = {
    "id": "3" * 64,
    "severity": "High",
    "location": {
        "image": "docker.io/library/web:1",
        "operating_system": "debian 12",
        "dependency": {"package": {"name": "libc6"}, "version": "2.36-9"},
    },
    "identifiers": [{"type": "cve", "name": "CVE-2023-4911", "value": "CVE-2023-4911"}],
}
GITLAB_SECRET: Json = {
    "id": "4" * 64,
    "name": "GitHub personal access token",
    "severity": "Critical",
    "location": {"file": ".env", "start_line": 2, "end_line": 2, "commit": {"sha": "0" * 40}},
    "raw_source_code_extract": "not taken over",
    "identifiers": [{"type": "gitleaks_rule_id", "name": "pat", "value": "github-pat"}],
}


def code_scanning(**changes: Any) -> Json:
    """GitHub's REST API 2022-11-28: a code scanning alert."""
    return {
        "number": 4,
        "state": "open",
        "html_url": "https://github.com/acme/shop/security/code-scanning/4",
        "rule": {
            "id": "py/sql-injection",
            "severity": "error",
            "security_severity_level": "high",
            "description": "SQL query built from user-controlled sources",
            "name": "py/sql-injection",
            "full_description": "A query is put together from text.",
            "tags": ["external/cwe/cwe-089", "security"],
            "help": "Use parameters.",
        },
        "tool": {"name": "CodeQL", "guid": None, "version": "2.19.0"},
        "most_recent_instance": {
            "ref": "refs/heads/main",
            "state": "open",
            "commit_sha": "1" * 40,
            "message": {"text": "This query depends on a user-provided value."},
            "location": {
                "path": "app/db.py",
                "start_line": 7,
                "end_line": 7,
                "start_column": 5,
                "end_column": 60,
            },
            "classifications": [],
        },
        **changes,
    }


def dependabot(**changes: Any) -> Json:
    """GitHub's REST API 2022-11-28: a Dependabot alert."""
    package = {"ecosystem": "maven", "name": LOG4J}
    return {
        "number": 2,
        "state": "open",
        "dependency": {
            "package": package,
            "manifest_path": "pom.xml",
            "scope": "runtime",
            "relationship": "direct",
        },
        "security_advisory": {
            "ghsa_id": LOG4J_GHSA,
            "cve_id": LOG4J_CVE,
            "summary": "Remote code injection in Log4j",
            "description": "Log4j looks names up.",
            "severity": "critical",
            "identifiers": [{"type": "GHSA", "value": LOG4J_GHSA}],
            "references": [{"url": f"https://nvd.nist.gov/vuln/detail/{LOG4J_CVE}"}],
            "published_at": "2021-12-10T00:40:56Z",
            "cvss": {"vector_string": VECTOR, "score": 10.0},
            "epss": {"percentage": 0.94, "percentile": "0.99"},
            "cwes": [{"cwe_id": "CWE-502", "name": "Deserialization"}],
        },
        "security_vulnerability": {
            "package": package,
            "severity": "critical",
            "vulnerable_version_range": ">= 2.13.0, < 2.15.0",
            "first_patched_version": {"identifier": "2.15.0"},
        },
        "html_url": "https://github.com/acme/shop/security/dependabot/2",
        **changes,
    }


def npm_6() -> Json:
    """npm 6 and pnpm: ``advisories`` by number."""
    return {
        "actions": [],
        "advisories": {
            "1179": {
                "id": 1179,
                "title": "Prototype pollution",
                "module_name": "minimist",
                "severity": "low",
                "findings": [
                    {"version": "0.0.8", "paths": ["mkdirp>minimist"]},
                    {"version": "1.2.0", "paths": ["minimist", "a>minimist"]},
                ],
                "cves": ["CVE-2020-7598"],
                "cwe": ["CWE-1321"],
                "overview": "An argument can change the prototype.",
                "url": "https://github.com/advisories/GHSA-vh95-rmgr-6w4m",
                "vulnerable_versions": "<0.2.1 || >=1.0.0 <1.2.3",
                "patched_versions": ">=0.2.1 <1.0.0 || >=1.2.3",
            }
        },
        "muted": [],
        "metadata": {"dependencies": 3},
    }


def made(tool: str) -> Any:
    """The report that ``tool`` itself has written about the sample (fixtures/formats)."""
    return json.loads((FORMATS / f"{tool}.json").read_text(encoding="utf-8"))


_WRITTEN = (
    "bandit",
    "cargo-audit",
    "checkov",
    "detect-secrets",
    "hadolint",
    "kingfisher",
    "npm-audit",
    "pip-audit",
    "semgrep",
)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


BY_HAND: dict[str, list[bytes]] = {
    "code-scanning": [_json([code_scanning(), code_scanning(state="dismissed")])],
    "cyclonedx": [_json(cyclonedx())],
    "dependabot": [_json([dependabot(), dependabot(state="fixed")])],
    "dependency-check": [_json(dependency_check()), DEPENDENCY_CHECK_XML],
    "gitlab": [
        _json(gitlab("sast", "semgrep", GITLAB_SAST)),
        _json(gitlab("dependency_scanning", "gemnasium", GITLAB_DEPENDENCY)),
        _json(gitlab("container_scanning", "trivy", GITLAB_IMAGE)),
        _json(gitlab("secret_detection", "gitleaks", GITLAB_SECRET)),
    ],
    "grype": [_json(grype()), _json(grype_image())],
    "npm-audit": [_json(npm_6())],
    "osv-scanner": [_json(osv())],
}


def _cut(value: Any, longest: int = 2) -> Any:
    """A report with its lists and texts cut short, so that mutating it is quick."""
    if isinstance(value, dict):
        return {key: _cut(item, longest) for key, item in list(value.items())[:30]}
    if isinstance(value, list):
        return [_cut(item, longest) for item in value[:longest]]
    return value[:200] if isinstance(value, str) else value


SAMPLES: dict[str, list[bytes]] = {
    tool: [*BY_HAND.get(tool, []), *([_json(_cut(made(tool)))] if tool in _WRITTEN else [])]
    for tool in sorted({*BY_HAND, *_WRITTEN})
}
