from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from secagg_parsers.fields import Masker
from secagg_parsers.places import Places
from secagg_parsers.snyk.issues import USED, Issues
from secagg_parsers.snyk.project import Project

from secagg.errors import ReportError
from secagg.model.finding import Finding, Kind, Severity
from tests.parsers import samples
from tests.parsers.reading import context_for, read
from tests.parsers.samples import SNYK_ROW, snyk


def one(row: samples.Json, **frame: Any) -> Finding:
    (finding,) = read(snyk(row, **frame)).findings
    return finding


def test_vulnerability_keeps_what_snyk_says() -> None:
    finding = one(SNYK_ROW)
    assert (finding.kind, finding.rule_id) == (Kind.VULNERABILITY, "SNYK-JS-LODASH-450202")
    assert (finding.severity, finding.score) == (Severity.CRITICAL, 9.1)
    assert finding.package is not None
    assert finding.package.purl == "pkg:npm/lodash@4.17.4"
    known = finding.vulnerability
    assert known is not None
    assert set(known.aliases) == {
        "SNYK-JS-LODASH-450202",
        "CVE-2019-10744",
        "GHSA-jf85-cpcp-j695",
    }
    assert known.fixed_versions == ("4.17.12",)
    assert (known.direct, known.epss, known.kev) == (True, 0.01338, True)
    assert finding.cwes == ("CWE-1321",)
    assert finding.fix == "Upgrade to lodash@4.17.12."
    assert finding.location.uri == "package-lock.json"
    assert {(r.source, r.severity, r.score) for r in finding.ratings} == {
        ("snyk", Severity.CRITICAL, 9.1),
        ("redhat", Severity.MEDIUM, 5.6),
    }
    assert finding.rule is not None
    assert "exploit/attacked" in finding.rule.tags
    assert finding.rule.help_uri == "https://security.snyk.io/vuln/SNYK-JS-LODASH-450202"


def test_rows_of_one_issue_become_one_finding_with_all_its_paths() -> None:
    parsed = read(samples.snyk_two_paths())
    vulnerability, license_ = parsed.findings
    assert (parsed.reported, parsed.merged, parsed.suppressed) == (4, 1, 1)
    assert vulnerability.vulnerability is not None
    assert vulnerability.vulnerability.dependency_paths == (
        ("dashboard@1.0.0", "lodash@4.17.4"),
        ("dashboard@1.0.0", "gulp@3.9.0", "lodash@4.17.4"),
    )
    assert (license_.kind, license_.license) == (Kind.LICENSE, "GPL-3.0")
    assert license_.vulnerability is not None
    assert license_.vulnerability.aliases == ()


def test_the_same_issue_in_two_projects_is_two_findings() -> None:
    parsed = read([snyk(SNYK_ROW), snyk(SNYK_ROW, displayTargetFile="b/package-lock.json")])
    assert [f.location.uri for f in parsed.findings] == ["package-lock.json", "b/package-lock.json"]
    assert parsed.merged == 0


def test_a_project_that_comes_twice_is_one_project() -> None:
    again = {**SNYK_ROW, "from": ["dashboard@1.0.0", "late@1.0.0", "lodash@4.17.4"]}
    between = snyk(SNYK_ROW, displayTargetFile="b/package-lock.json")
    parsed = read([snyk(SNYK_ROW), between, snyk(again)])
    by_place = {f.location.uri: f.vulnerability for f in parsed.findings}
    twice = by_place["package-lock.json"]
    assert len(parsed.findings) == 2 and twice is not None
    assert [len(path) for path in twice.dependency_paths] == [2, 3]
    assert (parsed.reported, parsed.merged) == (3, 1)


@pytest.mark.parametrize("member", ["title", "publicationTime", "from"])
def test_what_a_row_adds_to_an_earlier_row_of_its_issue_is_masked(member: str) -> None:
    token = "ghp_" + "R7mQz2LkVx9TnB4cWd8YhJ1sPf6GuE3aKo05"
    clean = {**SNYK_ROW, "description": "A long text. " * 200}
    quoting = {**clean, member: [token] if member == "from" else f"high {token}"}
    projects = [
        {**snyk(clean), "displayTargetFile": f"{name}/package-lock.json"} for name in "abcdefgh" * 5
    ]
    projects += [{**snyk(quoting), "displayTargetFile": "z/package-lock.json"}]
    assert len(str(projects)) > 1 << 16, "large reports are searched project by project"
    parsed = read(projects)
    assert token not in repr(parsed)
    assert "[redacted]" in repr(parsed)
    assert parsed.reported == len(projects)


@pytest.mark.parametrize("in_frame", [False, True])
def test_what_rows_of_one_project_repeat_is_masked_in_each(in_frame: bool) -> None:
    token = "ghp_" + "R7mQz2LkVx9TnB4cWd8YhJ1sPf6GuE3aKo05"
    rows = []
    for number in range(40):
        text = f"high {token}" if number % 20 == 0 else "high"
        description = f"{text}. " + "A long text. " * 200
        issue = {**SNYK_ROW, "id": f"SNYK-JS-{number}", "description": description}
        # The second row repeats all but the package, so it becomes a finding of its own.
        rows += [issue, {**issue, "version": "9.9.9"}, {**issue, "title": f"title {text}"}]
    project = snyk(*rows, summary=f"high {token}" if in_frame else "high")
    parsed = read([project, snyk(SNYK_ROW, displayTargetFile="other/package-lock.json")])
    assert token not in repr(parsed)
    masked = [f for f in parsed.findings if "[redacted]" in str(f.rule)]
    assert {f.rule_id for f in masked} == {"SNYK-JS-0", "SNYK-JS-20"}
    assert len(masked) == 4
    assert (parsed.reported, parsed.merged, len(parsed.findings)) == (121, 40, 81)


def test_an_odd_row_does_not_take_the_good_ones_along() -> None:
    bad = {**SNYK_ROW, "from": "dashboard"}
    parsed = read(snyk(bad, SNYK_ROW, {**SNYK_ROW, "id": None}, {**SNYK_ROW, "identifiers": None}))
    assert (parsed.reported, len(parsed.findings), parsed.merged) == (4, 1, 1)
    assert [p.where for p in parsed.problems] == ["vulnerabilities[2]", "vulnerabilities[0]"]


def test_container_with_applications_and_programs() -> None:
    parsed = read(samples.snyk_container())
    system, other, program, application = parsed.findings
    assert (parsed.reported, parsed.merged) == (4, 0)
    assert (system.location.image, system.location.uri) == ("a/juice:latest", None)
    assert system.package is not None
    assert system.package.purl == "pkg:deb/debian/libgcc-s1@10.2.1-6"
    assert system.fix == "Upgrade gcc-10/libgcc-s1 to 10.2.1-7."
    assert other.package is not None
    assert other.package.purl == "pkg:deb/debian/gcc-10-base@10.2.1-6"
    assert (program.location.logical, program.package and program.package.name) == (
        "binaries",
        "lodash",
    )
    assert (application.location.uri, application.location.image) == (
        "juice/package.json",
        "a/juice:latest",
    )


def test_infrastructure() -> None:
    parsed = read([samples.snyk_iac()])
    (finding,) = parsed.findings
    assert parsed.suppressed == 1
    assert (finding.kind, finding.rule_id) == (Kind.MISCONFIGURATION, "SNYK-CC-TF-1")
    assert (finding.location.uri, finding.location.start_line) == ("main.tf", 7)
    assert finding.misconfiguration is not None
    assert finding.misconfiguration.resource == "input.resource.aws_security_group[web].ingress"
    assert finding.fix == "Set `cidr_blocks`"


def test_file_of_infrastructure_by_its_whole_path(tmp_path: Path) -> None:
    document = {**samples.snyk_iac(), "targetFilePath": str(tmp_path / "infra" / "main.tf")}
    (finding,) = read(document, root=tmp_path).findings
    assert finding.location.uri == "infra/main.tf"


@pytest.mark.parametrize(
    "failure",
    [
        {"ok": False, "error": f"no access with {samples.TOKEN}", "path": "."},
        {"ok": False, "errors": [{"title": "Denied", "detail": f"no {samples.TOKEN}"}]},
        {"ok": False, "error": {"message": f"no {samples.TOKEN}"}},
        [{"ok": False, "error": f"no access with {samples.TOKEN}", "path": "/src/a"}],
    ],
)
def test_failure_is_told_without_secrets(failure: Any) -> None:
    with pytest.raises(ReportError, match=r"Snyk failed.*: no ") as caught:
        read(failure)
    assert samples.TOKEN not in str(caught.value)


def test_failure_of_one_project_is_a_fatal_gap() -> None:
    parsed = read([snyk(SNYK_ROW), {"ok": False, "error": "bad lock file", "path": "b"}])
    assert len(parsed.findings) == 1
    assert [(g.message, g.fatal) for g in parsed.gaps] == [
        ("Snyk failed in b: bad lock file", True)
    ]


@pytest.mark.parametrize("ok", [True, False])
def test_a_failure_beside_issues_is_a_fatal_gap(ok: bool) -> None:
    entry = {**snyk(SNYK_ROW), "ok": ok, "error": f"time is up, {samples.TOKEN}", "path": "b"}
    for report in (entry, [entry], [entry, snyk()]):
        parsed = read(report)
        assert len(parsed.findings) == 1
        (gap,) = parsed.gaps
        assert gap.message.startswith("Snyk failed in b: time is up")
        assert gap.fatal
        assert samples.TOKEN not in gap.message


def test_a_project_with_issues_that_lists_none_is_a_fatal_gap() -> None:
    parsed = read([snyk(SNYK_ROW), {**snyk(), "ok": False, "projectName": "b"}])
    assert [(g.message, g.fatal) for g in parsed.gaps] == [
        ("b: Snyk found issues, and the report lists none", True)
    ]
    assert read({**snyk(), "ok": True}).gaps == []


def test_windows_paths() -> None:
    assert one(SNYK_ROW, displayTargetFile="project-a\\pom.xml").location.uri == "project-a/pom.xml"


def test_lock_file_is_old() -> None:
    row = {**SNYK_ROW, "upgradePath": [False, "lodash@4.17.4", "x@2"], "isUpgradable": True}
    assert one(row).fix == "Install lodash@4.17.4 again: it may use x@2."


def test_severity_of_old_versions() -> None:
    row = {k: v for k, v in SNYK_ROW.items() if k != "severityWithCritical"}
    assert one(row).severity is Severity.HIGH


def test_new_cvss_sources_and_scores_out_of_range() -> None:
    row = {
        **SNYK_ROW,
        "cvssScore": 11,
        "cvssDetails": [],
        "cvssSources": [
            {"assigner": "NVD", "severity": "critical", "baseScore": 9.1, "vector": "v"}
        ],
        "epssDetails": {"probability": "many"},
    }
    finding = one(row)
    assert [(r.source, r.score) for r in finding.ratings] == [("nvd", 9.1)]
    assert finding.vulnerability is not None
    assert finding.vulnerability.epss is None


class _Recorded(dict[str, Any]):
    """A row that records which of its fields are asked for."""

    def __init__(self, row: dict[str, Any]) -> None:
        super().__init__(row)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


def test_all_that_is_read_of_a_row_is_kept() -> None:
    context = context_for()
    mask = Masker(context.redactor)
    project = Project(context, mask, lambda _: Places(None), {"packageManager": "npm"}, None)
    asked: set[str] = set()
    bare = {"severityWithCritical": None, "packageName": None, "moduleName": None, "name": "x"}
    all_changes: list[dict[str, Any]] = [{}, {"type": "license"}, {"isUpgradable": True}, bare]
    for changes in all_changes:
        row = _Recorded({**SNYK_ROW, **changes})
        issues = Issues(Masker(context.redactor))
        issues.key(row)
        issues.finding(project, [row])
        asked |= row.asked
    assert asked == set(USED)
