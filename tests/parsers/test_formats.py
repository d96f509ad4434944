"""Reports of the tools that secagg only reads: what is in them, and what they join."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from secagg.errors import ReportError
from secagg.merge import merge
from secagg.model.finding import Finding, Kind, Severity
from secagg.model.identity import set_identities
from secagg.parsing import ParsedReport, RawReport, choose
from tests.parsers import formats, samples
from tests.parsers.formats import (
    GITLAB_DEPENDENCY,
    GITLAB_IMAGE,
    GITLAB_SAST,
    GITLAB_SECRET,
    LOG4J,
    LOG4J_CVE,
    LOG4J_GHSA,
    LOG4J_PURL,
    gitlab,
    made,
)
from tests.parsers.reading import PARSERS, context_for, read

V, C, M, S = "vulnerability", "code", "misconfiguration", "secret"


@pytest.mark.parametrize(
    ("tool", "kinds", "severities", "version"),
    [
        ("bandit", {C: 10, S: 4}, {"high": 4, "medium": 4, "low": 6}, None),
        ("cargo-audit", {V: 6}, {"critical": 2, "high": 1, "medium": 2, "low": 1}, None),
        ("checkov", {M: 53, S: 2}, {"?": 55}, "3.3.30"),
        ("detect-secrets", {S: 15}, {"high": 15}, "1.5.0"),
        ("hadolint", {M: 14}, {"high": 2, "medium": 9, "low": 3}, None),
        ("kingfisher", {S: 12}, {"high": 12}, "2.14.0"),
        ("npm-audit", {V: 6}, {"critical": 3, "high": 2, "medium": 1}, None),
        ("pip-audit", {V: 6}, {"?": 6}, None),
        ("semgrep", {C: 10}, {"high": 4, "medium": 6}, "1.185.0"),
    ],
)
def test_what_the_tool_itself_has_written(
    tool: str, kinds: dict[str, int], severities: dict[str, int], version: str | None
) -> None:
    parsed = read(made(tool))
    assert parsed.tool == tool
    assert parsed.tool_version == version
    assert parsed.problems == []
    assert Counter(f.kind.value for f in parsed.findings) == kinds
    known = Counter(f.severity.value if f.severity_known else "?" for f in parsed.findings)
    assert known == severities
    assert {f.tool for f in parsed.findings} == {tool}
    assert all(
        f.location.uri and not f.location.uri.startswith(("/", "."))
        for f in parsed.findings
        if tool not in ("detect-secrets", "kingfisher")
    )


def one(parsed: ParsedReport) -> Finding:
    """The only finding of a report."""
    assert len(parsed.findings) == 1
    return parsed.findings[0]


def test_a_vulnerability_says_all_that_its_tool_knows() -> None:
    for document, tool in (
        (formats.grype(), "grype"),
        (formats.dependency_check(), "dependency-check"),
        (formats.DEPENDENCY_CHECK_XML, "dependency-check"),
        (formats.cyclonedx(), "dependency-track"),
    ):
        parsed = read(document)
        found = one(parsed)
        assert (parsed.tool, found.tool, parsed.suppressed) == (tool, tool, 1)
        assert found.package is not None and found.vulnerability is not None
        assert (found.package.type, found.package.version) == ("maven", "2.14.0")
        assert found.package.purl == LOG4J_PURL
        assert (found.severity, found.score) == (Severity.CRITICAL, 10.0)
        assert LOG4J_CVE in found.vulnerability.aliases


def test_osv_scanner_groups_are_one_problem() -> None:
    parsed = read(formats.osv())
    license_, found = parsed.findings
    assert (parsed.reported, parsed.merged) == (3, 1)
    assert (license_.kind, license_.license) == (Kind.LICENSE, "GPL-3.0-only")
    assert found.vulnerability is not None
    assert set(found.vulnerability.aliases) == {LOG4J_GHSA, LOG4J_CVE, "OSV-2021-1"}
    assert found.vulnerability.fixed_versions == ("2.15.0",)
    assert found.vulnerability.scope == "dev"
    assert (found.severity, found.score) == (Severity.CRITICAL, 10.0)


def test_cargo_audit_scores_vectors_and_keeps_warnings() -> None:
    by_id = {f.rule_id: f for f in read(made("cargo-audit")).findings}
    assert by_id["RUSTSEC-2021-0003"].score == 9.8
    assert by_id["RUSTSEC-2020-0071"].score == 6.2
    unmaintained = by_id["RUSTSEC-2021-0145"]
    assert unmaintained.vulnerability is not None
    assert (unmaintained.vulnerability.status, unmaintained.severity) == ("unmaintained", "low")


def test_npm_6_has_a_finding_for_each_version() -> None:
    parsed = read(formats.npm_6())
    versions = {f.package.version: f for f in parsed.findings if f.package is not None}
    assert set(versions) == {"0.0.8", "1.2.0"}
    newer = versions["1.2.0"]
    assert newer.rule_id == "GHSA-vh95-rmgr-6w4m"
    assert newer.vulnerability is not None and newer.vulnerability.direct is True
    assert "CVE-2020-7598" in newer.vulnerability.aliases


def test_a_failed_npm_audit_is_no_clean_one() -> None:
    failures: list[dict[str, Any]] = [
        {"error": {"code": "ENOLOCK", "summary": "no lock file", "detail": ""}},
        {"message": "no lock file", "statusCode": 405, "error": {"summary": "", "detail": ""}},
    ]
    for failure in failures:
        with pytest.raises(ReportError, match="npm audit failed: no lock file"):
            read(failure)


def _counting(tool: str) -> dict[str, Any]:
    """A report of ``tool`` that counts two problems more than it lists."""
    document: dict[str, Any]
    match tool:
        case "npm-audit":
            document = made(tool)
            document["metadata"]["vulnerabilities"]["total"] += 2
        case "npm 6":
            document = {"advisories": {}, "actions": [], "muted": []}
            document["metadata"] = {"vulnerabilities": {"low": 0, "high": 2}, "dependencies": 9}
        case "cargo-audit":
            document = made(tool)
            document["vulnerabilities"]["count"] += 2
        case _:
            document = made(tool)[0]
            document["summary"]["failed"] += 2
    return document


@pytest.mark.parametrize("tool", ["npm-audit", "npm 6", "cargo-audit", "checkov"])
def test_a_report_that_counts_more_than_it_lists_is_not_whole(tool: str) -> None:
    (gap,) = [gap for gap in read(_counting(tool)).gaps if gap.fatal]
    assert gap.message.startswith("the report counts ")


def test_each_package_of_npm_leads_to_an_advisory() -> None:
    document = {"auditReportVersion": 2, "vulnerabilities": {"a": {"via": ["b"]}, "c": {"via": []}}}
    assert [problem.message for problem in read(document).problems] == [
        "via names a package without an entry",
        "via is no list of advisories",
    ]


def test_what_semgrep_did_not_scan_is_said() -> None:
    skipped = [{"path": f"{n}.py", "reason": "exceeded_size_limit"} for n in range(2)]
    skipped.append({"path": "x.py", "reason": "semgrepignore_patterns_match"})
    document = {**made("semgrep"), "paths": {"scanned": [], "skipped": skipped}}
    assert [gap.message for gap in read(document).gaps] == [
        "Semgrep scanned no file",
        "Semgrep skipped 2 files: exceeded_size_limit",
    ]


def test_what_pip_audit_skipped_is_said() -> None:
    document = {"dependencies": [{"name": "inhouse", "skip_reason": "not on PyPI"}], "fixes": []}
    parsed = read(document)
    assert [gap.message for gap in parsed.gaps] == ["pip-audit skipped inhouse: not on PyPI"]
    assert parsed.findings == []


def test_pip_audit_names_the_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    found = read(made("pip-audit"), root=tmp_path).findings
    assert {f.location.uri for f in found} == {"pyproject.toml"}
    assert {f.location.uri for f in read(made("pip-audit")).findings} == {"requirements.txt"}


def test_semgrep_bandit_and_checkov_say_what_they_could_not_read() -> None:
    semgrep = {**made("semgrep"), "errors": [{"level": "error", "message": "no", "path": "a.py"}]}
    bandit = {**made("bandit"), "errors": [{"filename": "a.py", "reason": "syntax error"}]}
    checkov = made("checkov")[0]
    checkov["results"]["parsing_errors"] = ["/a.tf"]
    hadolint = [
        {"code": "DL1000", "level": "error", "file": "Dockerfile", "line": 1, "message": "x"}
    ]
    for document in (semgrep, bandit, checkov, hadolint):
        gaps = read(document).gaps
        assert [gap.fatal for gap in gaps] == [True]
        assert gaps[0].files in (("a.py",), ("a.tf",), ("Dockerfile",))


def test_what_a_person_hid_is_suppressed() -> None:
    semgrep = made("semgrep")
    semgrep["results"][0]["extra"]["is_ignored"] = True
    bandit = made("bandit")
    bandit["metrics"]["_totals"] |= {"nosec": 1, "skipped_tests": 2}
    secrets = made("detect-secrets")
    next(iter(secrets["results"].values()))[0]["is_secret"] = False
    for document, count in ((semgrep, 1), (bandit, 3), (secrets, 1)):
        assert read(document).suppressed == count
    for alerts in ([formats.code_scanning(state="dismissed")], [formats.dependabot(state="fixed")]):
        parsed = read(alerts)
        assert (parsed.suppressed, parsed.findings) == (1, [])


def test_gitlab_reports_of_each_type() -> None:
    code = one(read(gitlab("sast", "semgrep", GITLAB_SAST)))
    assert (code.tool, code.kind, code.cwes) == ("semgrep", Kind.CODE, ("CWE-89",))
    package = one(read(gitlab("dependency_scanning", "gemnasium", GITLAB_DEPENDENCY)))
    assert package.package is not None and package.package.type == "maven"
    image = one(read(gitlab("container_scanning", "trivy", GITLAB_IMAGE)))
    assert image.package is not None and image.package.type == "deb"
    assert image.location.image == "docker.io/library/web:1"
    blank = json.loads(json.dumps(GITLAB_IMAGE))
    blank["location"]["operating_system"] = " "
    unnamed = one(read(gitlab("container_scanning", "trivy", blank)))
    assert unnamed.package is not None and unnamed.package.type == "generic"
    secret = one(read(gitlab("secret_detection", "gitleaks", GITLAB_SECRET)))
    assert (secret.kind, secret.location.commit) == (Kind.SECRET, None)
    with pytest.raises(ReportError, match="this kind of GitLab report is not read"):
        read(gitlab("dast", "zap"))
    failed = read(gitlab("sast", "semgrep", status="failure"))
    assert [gap.fatal for gap in failed.gaps] == [True]


def test_a_bill_of_materials_without_vulnerabilities_is_refused() -> None:
    document = formats.cyclonedx()
    del document["vulnerabilities"]
    with pytest.raises(ReportError, match="no list of vulnerabilities"):
        read(document)


@pytest.mark.parametrize("encoding", [b"UTF-null8", b"utf-7", b"idna"])
def test_xml_in_an_encoding_that_nobody_reads_is_refused(encoding: bytes) -> None:
    data = formats.DEPENDENCY_CHECK_XML.replace(b"UTF-8", encoding, 1)
    with pytest.raises(ReportError, match="not valid XML"):
        read(data, "dependency-check")


def test_xml_with_a_document_type_is_refused() -> None:
    bomb = formats.DEPENDENCY_CHECK_XML.replace(
        b"<analysis", b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><analysis', 1
    )
    deep = b"<analysis xmlns='x/dependency-check.4.1.xsd'>" + b"<a>" * 60
    for data, words in ((bomb, "document type declaration"), (deep, "nested too deeply")):
        with pytest.raises(ReportError, match=words) as caught:
            read(data, "dependency-check")
        assert caught.value.offset is not None and caught.value.offset <= len(data)


def test_kingfisher_prints_a_summary_behind_its_report() -> None:
    report = made("kingfisher")
    printed = json.dumps(report) + "\n" + json.dumps({"findings": 12, "rules_applied": 488}) + "\n"
    assert len(read(printed).findings) == 12
    lines = "".join(json.dumps(entry) + "\n" for entry in report["findings"])
    assert len(read(lines).findings) == 12


def test_no_value_of_a_secret_is_kept() -> None:
    values = [entry["finding"]["snippet"] for entry in made("kingfisher")["findings"]]
    assert values
    parsed = read(made("kingfisher"))
    assert all(f.secret is not None and f.secret.id for f in parsed.findings)
    text = repr(parsed)
    assert not [value for value in values if value in text]
    quoted = made("bandit")
    literals = [
        r["issue_text"].split("'")[1] for r in quoted["results"] if r["test_id"] in ("B105", "B106")
    ]
    assert literals
    shown = repr(read(quoted))
    assert not [
        value for value in literals if f"'{value}'" in shown and any(map(str.isdigit, value))
    ]


def test_detect_secrets_finds_the_value_in_the_checkout(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "a.env").write_text(f"X=1\nTOKEN={samples.TOKEN}\n")
    digest = hashlib.sha1(samples.TOKEN.encode()).hexdigest()
    entry = {"type": "GitHub Token", "filename": "a.env", "hashed_secret": digest, "line_number": 2}
    document = {"version": "1.5.0", "plugins_used": [], "results": {"a.env": [entry]}}
    known = one(read(document, root=tmp_path)).secret
    unknown = one(read(document)).secret
    assert known is not None and known.id is not None
    assert unknown is not None and unknown.id is None


ODD: list[tuple[str, Callable[[], Any], Callable[[Any], list[Any]]]] = [
    ("bandit", lambda: made("bandit"), lambda d: d["results"]),
    ("cargo-audit", lambda: made("cargo-audit"), lambda d: d["vulnerabilities"]["list"]),
    ("checkov", lambda: made("checkov")[0], lambda d: d["results"]["failed_checks"]),
    ("hadolint", lambda: made("hadolint"), lambda d: d),
    ("kingfisher", lambda: made("kingfisher"), lambda d: d["findings"]),
    ("semgrep", lambda: made("semgrep"), lambda d: d["results"]),
    ("pip-audit", lambda: made("pip-audit"), lambda d: d["dependencies"][0]["vulns"]),
    ("grype", formats.grype, lambda d: d["matches"]),
    ("osv-scanner", formats.osv, lambda d: d["results"][0]["packages"][0]["vulnerabilities"]),
    ("cyclonedx", formats.cyclonedx, lambda d: d["vulnerabilities"]),
    ("dependency-check", formats.dependency_check, lambda d: d["dependencies"][0]["vulnerabilities"]),
    ("gitlab", lambda: gitlab("dependency_scanning", "x", GITLAB_DEPENDENCY), lambda d: d["vulnerabilities"]),
    ("code-scanning", lambda: [formats.code_scanning()], lambda d: d),
    ("dependabot", lambda: [formats.dependabot()], lambda d: d),
]  # fmt: skip


@pytest.mark.parametrize(("tool", "document", "entries"), ODD, ids=[o[0] for o in ODD])
def test_an_odd_entry_is_a_problem_and_the_others_stay(
    tool: str, document: Callable[[], Any], entries: Callable[[Any], list[Any]]
) -> None:
    whole = document()
    before = read(whole)
    oddities: list[Any] = [7, None, {}, [], "text"]
    for odd in oddities:
        report = document()
        entries(report).append(odd)
        parsed = read(report)
        assert len(parsed.problems) == 1, odd
        assert parsed.problems[0].where is not None
        assert len(parsed.findings) == len(before.findings)
        assert choose(RawReport(name="r", data=json.dumps(report).encode()), PARSERS).tool == tool


def trivy(target: str, kind: str, name: str, version: str, cve: str, **more: Any) -> Any:
    row = {"VulnerabilityID": cve, "PkgName": name, "InstalledVersion": version, "Severity": "HIGH"}
    result = {"Target": target, "Class": "lang-pkgs", "Type": kind, "Vulnerabilities": [row]}
    return {"SchemaVersion": 2, "ArtifactName": ".", "ArtifactType": "repository", "Results": [result], **more}  # fmt: skip


def snyk(file: str, manager: str, name: str, version: str, cve: str) -> Any:
    row = {
        "id": "SNYK-X-1",
        "title": "x",
        "severity": "high",
        "packageName": name,
        "moduleName": name,
        "version": version,
        "from": ["app@1", f"{name}@{version}"],
        "identifiers": {"CVE": [cve]},
        "packageManager": manager,
        "name": name,
    }
    return samples.snyk(row, displayTargetFile=file, packageManager=manager, path="/home/ci/app")


def groups(*documents: Any, root: Path | None = None) -> list[Sequence[Finding]]:
    """The groups of the findings in several reports."""
    context = context_for(root)
    found = [f for d in documents for f in read(d, context=context).findings]
    set_identities(found, root)
    return [group.members for group in merge(found).groups]


def tools(members: Sequence[Finding]) -> set[str]:
    return {finding.tool for finding in members}


@pytest.mark.parametrize(
    ("document", "tool"),
    [
        (formats.osv(license_violations=[]), "osv-scanner"),
        (formats.grype(), "grype"),
        (formats.cyclonedx(), "dependency-track"),
        ([formats.dependabot()], "dependabot"),
        (gitlab("dependency_scanning", "gemnasium", GITLAB_DEPENDENCY), "gemnasium"),
    ],
    ids=["osv-scanner", "grype", "cyclonedx", "dependabot", "gitlab"],
)
def test_a_vulnerability_joins_trivys_and_snyks(document: Any, tool: str) -> None:
    joined = groups(
        document,
        trivy("pom.xml", "pom", LOG4J, "2.14.0", LOG4J_CVE),
        snyk("pom.xml", "maven", LOG4J, "2.14.0", LOG4J_CVE),
    )
    assert [tools(members) for members in joined] == [{tool, "trivy", "snyk"}]


def test_dependency_checks_jar_joins_trivys() -> None:
    for document in (formats.dependency_check(), formats.DEPENDENCY_CHECK_XML):
        report = trivy("Java", "jar", LOG4J, "2.14.0", LOG4J_CVE)
        report["Results"][0]["Vulnerabilities"][0]["PkgPath"] = "lib/log4j-core-2.14.0.jar"
        assert [tools(m) for m in groups(document, report)] == [{"dependency-check", "trivy"}]


@pytest.mark.parametrize(
    ("tool", "file", "kind", "manager"),
    [
        ("npm-audit", "package-lock.json", "npm", "npm"),
        ("pip-audit", "requirements.txt", "pip", "pip"),
        ("cargo-audit", "Cargo.lock", "cargo", "cargo"),
    ],
)
def test_audits_join_trivys_and_snyks(tool: str, file: str, kind: str, manager: str) -> None:
    audited = read(made(tool)).findings
    rows: list[Any] = []
    installed = {"axios": "0.21.1", "lodash": "4.17.15"}
    for finding in audited:
        assert finding.package is not None and finding.vulnerability is not None
        name = finding.package.name
        version = finding.package.version or installed.get(name, "1.0.0")
        names = finding.vulnerability.aliases
        known = next((a for a in names if a.startswith("CVE-")), finding.rule_id)
        rows.append(trivy(file, kind, name, version, known))
        if not known.startswith("CVE-"):
            rows[-1]["Results"][0]["Vulnerabilities"][0]["VendorIDs"] = list(names)
    joined = groups(made(tool), *rows)
    assert [tools(members) for members in joined] == [{tool, "trivy"}] * len(audited)
    first = audited[0]
    assert first.package is not None
    name, version = first.package.name, first.package.version or "1.0.0"
    advisory = next((a for a in (first.vulnerability.aliases if first.vulnerability else ()) if a.startswith("CVE-")), None)  # fmt: skip
    if advisory is not None:
        report = snyk(file, manager, name, version, advisory)
        assert {tool, "snyk"} in [tools(members) for members in groups(made(tool), report)]


def test_an_image_joins_trivys_under_every_spelling() -> None:
    row = {"VulnerabilityID": "CVE-2023-4911", "PkgName": "libc6", "InstalledVersion": "2.36-9", "Severity": "HIGH"}  # fmt: skip
    result = {"Target": "web:1 (debian 12)", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": [row]}  # fmt: skip
    report = {"SchemaVersion": 2, "ArtifactName": "web:1", "ArtifactType": "container_image", "Results": [result]}  # fmt: skip
    scanned = gitlab("container_scanning", "clair", GITLAB_IMAGE)
    joined = groups(report, formats.grype_image(), scanned)
    assert [tools(members) for members in joined] == [{"trivy", "grype", "clair"}]


def test_code_joins_codeqls(tmp_path: Path) -> None:
    codeql = samples.codeql()
    run = codeql["runs"][0]
    run["results"] = [
        {
            "ruleId": "py/sql-injection",
            "message": {"text": "This query depends on a user-provided value."},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": "app/db.py"},
                        "region": {"startLine": 7, "startColumn": 5, "endColumn": 60},
                    }
                }
            ],
        }
    ]
    bandit = {
        "results": [
            {
                "test_id": "B608", "filename": "./app/db.py", "line_number": 7, "line_range": [7],
                "col_offset": 4, "end_col_offset": 59, "issue_text": "SQL", "issue_severity": "MEDIUM",
                "issue_cwe": {"id": 89},
            }
        ],
        "errors": [],
        "metrics": {},
        "generated_at": "",
    }  # fmt: skip
    semgrep = {
        "version": "1.185.0",
        "results": [
            {
                "check_id": "python.lang.security.audit.formatted-sql-query.formatted-sql-query",
                "path": "app/db.py",
                "start": {"line": 7, "col": 5},
                "end": {"line": 7, "col": 60},
                "extra": {"message": "SQL", "severity": "WARNING", "metadata": {"cwe": ["CWE-89: SQL"]}},
            }
        ],
        "errors": [],
        "paths": {},
    }  # fmt: skip
    others = [bandit, semgrep, gitlab("sast", "gosec", GITLAB_SAST)]
    joined = groups(codeql, *others)
    assert [tools(m) for m in joined] == [{"codeql", "bandit", "semgrep", "gosec"}]
    assert [tools(m) for m in groups([formats.code_scanning()], *others)] == [
        {"codeql", "bandit", "semgrep", "gosec"}
    ]


def misconfigured(
    target: str, kind: str, check: str, line: int, resource: str | None = None
) -> Any:
    cause = {"StartLine": line, "EndLine": line, **({"Resource": resource} if resource else {})}
    row = {"ID": check, "Title": "x", "Severity": "HIGH", "Message": "x", "Status": "FAIL", "CauseMetadata": cause}  # fmt: skip
    result = {"Target": target, "Class": "config", "Type": kind, "Misconfigurations": [row]}
    return {"SchemaVersion": 2, "ArtifactName": ".", "ArtifactType": "repository", "Results": [result]}  # fmt: skip


def test_checks_join_trivys() -> None:
    hadolint = [{"code": "DL3020", "level": "error", "file": "Dockerfile", "line": 3, "column": 1, "message": "x"}]  # fmt: skip
    check = {"check_id": "CKV_DOCKER_4", "check_name": "x", "file_path": "/Dockerfile", "file_line_range": [3, 3]}  # fmt: skip
    checkov = {"check_type": "dockerfile", "results": {"failed_checks": [check]}}
    joined = groups(misconfigured("Dockerfile", "dockerfile", "DS-0005", 3), hadolint, checkov)
    assert [tools(members) for members in joined] == [{"trivy", "hadolint", "checkov"}]
    # By the resource, where the lines say nothing.
    bucket = {"check_id": "CKV_AWS_21", "check_name": "x", "file_path": "/a.tf", "file_line_range": [1, 9], "resource": "aws_s3_bucket.logs"}  # fmt: skip
    terraform = {"check_type": "terraform", "results": {"failed_checks": [bucket]}}
    report = misconfigured("a.tf", "terraform", "AWS-0090", 40, "aws_s3_bucket.logs")
    assert [tools(members) for members in groups(report, terraform)] == [{"trivy", "checkov"}]


def test_secrets_join_gitleaks(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"X=1\nTOKEN={samples.TOKEN}\n")
    leak = {**samples.GITLEAKS, "RuleID": "github-pat", "File": ".env", "StartLine": 2, "EndLine": 2, "StartColumn": 7, "EndColumn": 46, "Secret": samples.TOKEN, "Match": samples.TOKEN}  # fmt: skip
    entry = {
        "rule": {"id": "kingfisher.github.2", "name": "GitHub Personal Access Token"},
        "finding": {"snippet": samples.TOKEN, "path": "./.env", "line": 2, "column_start": 7, "column_end": 46},
    }  # fmt: skip
    baseline = {"plugins_used": [], "results": {".env": [{"type": "GitHub Token", "filename": ".env", "hashed_secret": "0" * 40, "line_number": 2}]}}  # fmt: skip
    check = {"check_id": "CKV_SECRET_43", "check_name": "GitHub Token", "file_path": "/.env", "file_line_range": [2, 3]}  # fmt: skip
    checkov = {"check_type": "secrets", "results": {"failed_checks": [check]}}
    scanned = gitlab("secret_detection", "ggshield", GITLAB_SECRET)
    joined = groups([leak], {"findings": [entry]}, baseline, checkov, scanned, root=tmp_path)
    assert [tools(members) for members in joined] == [
        {"gitleaks", "kingfisher", "detect-secrets", "checkov", "ggshield"}
    ]
