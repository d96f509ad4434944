"""``secagg parse``: reports that were written elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Ran, secagg, summary


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


def trivy(*, target: str = "web/package-lock.json", cve: str = "CVE-2019-10744") -> dict[str, Any]:
    return {
        "SchemaVersion": 2,
        "ArtifactName": ".",
        "ArtifactType": "filesystem",
        "Results": [
            {
                "Target": target,
                "Class": "lang-pkgs",
                "Type": "npm",
                "Vulnerabilities": [
                    {
                        "VulnerabilityID": cve,
                        "PkgName": "lodash",
                        "InstalledVersion": "4.17.4",
                        "FixedVersion": "4.17.12",
                        "PkgIdentifier": {"PURL": "pkg:npm/lodash@4.17.4"},
                        "Severity": "CRITICAL",
                        "Title": "Prototype pollution",
                    }
                ],
            }
        ],
    }


def snyk(*, cve: str = "CVE-2019-10744", version: str = "4.17.4") -> dict[str, Any]:
    row = {
        "id": "SNYK-JS-LODASH-450202",
        "title": "Prototype Pollution",
        "severity": "high",
        "identifiers": {"CVE": [cve], "CWE": ["CWE-1321"], "GHSA": ["GHSA-jf85-cpcp-j695"]},
        "packageName": "lodash",
        "moduleName": "lodash",
        "version": version,
        "language": "js",
        "packageManager": "npm",
        "fixedIn": ["4.17.12"],
    }
    paths = [["web@1.0.0", f"lodash@{version}"], ["web@1.0.0", "a@1.0.0", f"lodash@{version}"]]
    return {
        "ok": False,
        "packageManager": "npm",
        "projectName": "web",
        "displayTargetFile": "web/package-lock.json",
        "vulnerabilities": [row | {"from": path} for path in paths],
    }


def parse(home: Path, *arguments: str | Path, stdin: bytes = b"") -> Ran:
    out = ("--output", home / "out")
    return secagg("parse", *arguments, *out, bin_dir=home, home=home, stdin=stdin)


def written(home: Path, name: str, document: object) -> Path:
    path = home / name
    path.write_text(json.dumps(document))
    return path


def test_two_tools_one_row(home: Path) -> None:
    files = (written(home, "a.json", trivy()), written(home, "b.json", snyk()))
    ran = parse(home, *files, "--format", "table")
    assert ran.code == 1, ran
    document = summary(home / "out")
    assert document["findings"]["total"] == 1
    assert document["findings"]["reported"] == 3
    assert document["findings"]["merged"] == 2
    assert [(t["tool"], t["reported"], t["merged"]) for t in document["tools"]] == [
        ("trivy", 1, 0),
        ("snyk", 2, 1),
    ]
    table = ran.stdout.partition("\n\n")[0].splitlines()
    rows = [line for line in table if "lodash" in line]
    assert len(rows) == 1
    assert "snyk, trivy" in rows[0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (trivy(), snyk(cve="CVE-2020-8203")),
        (trivy(), snyk(version="4.17.11")),
        (trivy(target="other/package-lock.json"), snyk()),
    ],
    ids=["another advisory", "another version", "another manifest"],
)
def test_different_problems_stay_two_rows(
    home: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    parse(home, written(home, "a.json", first), written(home, "b.json", second))
    assert summary(home / "out")["findings"]["total"] == 2


def test_standard_input_and_json(home: Path) -> None:
    ran = parse(home, "-", "--format", "json", stdin=json.dumps(trivy()).encode())
    document = json.loads(ran.stdout)
    assert document["decision"] == {
        "policy": "default",
        "verdict": "fail",
        "exit_code": 1,
        "reasons": document["decision"]["reasons"],
        "notes": [],
    }
    items = document["findings"]["items"]
    assert [(i["rule"], i["package"], i["tools"]) for i in items] == [
        ("CVE-2019-10744", "lodash", ["trivy"])
    ]


def test_broken_file_keeps_the_others(home: Path) -> None:
    broken = home / "broken.json"
    broken.write_bytes(json.dumps(trivy()).encode()[:-9])
    ran = parse(home, written(home, "good.json", snyk()), broken)
    assert ran.code == 3, ran
    document = summary(home / "out")
    assert document["findings"]["total"] == 1
    assert [t["status"] for t in document["tools"]] == ["complete", "failed"]
    assert document["tools"][1]["mode"] == "broken.json"
    assert "at byte" in document["tools"][1]["reason"]
    assert "(broken.json) did not complete: the report ends in the middle" in ran.stdout


def test_missing_file_keeps_the_others(home: Path) -> None:
    """The job of one scanner may have failed before it wrote its report."""
    ran = parse(home, home / "none.json", written(home, "good.json", snyk()))
    assert ran.code == 3, ran
    document = summary(home / "out")
    assert document["findings"]["total"] == 1
    assert [t["status"] for t in document["tools"]] == ["failed", "complete"]
    assert "none.json: No such file" in document["tools"][0]["reason"]


def test_wrong_tool_named(home: Path) -> None:
    ran = parse(home, written(home, "a.json", trivy()), "--as", "gitleaks")
    assert ran.code == 3
    assert "trivy" in summary(home / "out")["tools"][0]["reason"].lower()


def test_unknown_tool_named(home: Path) -> None:
    ran = parse(home, written(home, "a.json", trivy()), "--as", "nonesuch")
    assert ran.code == 2
    assert "trivy" in ran.stderr


def test_no_such_file(home: Path) -> None:
    ran = parse(home, home / "none.json")
    assert ran.code == 2
    assert "none.json" in ran.stderr


def test_paths_of_another_machine_are_moved(home: Path) -> None:
    document = [{"code": "DL3020", "level": "error", "file": "/ci/7/web/Dockerfile", "line": 1}]
    report = written(home, "hadolint.json", document)
    (home / "secagg.yaml").write_text("path_map: {/ci/7: services}\n")
    given: dict[tuple[str, ...], str] = {
        (): "services/web/Dockerfile",
        ("--strip-prefix", "/ci/7/web"): "Dockerfile",
    }
    for more, uri in given.items():
        ran = secagg(
            *("gate", str(report), "--no-store", "-f", "json", *more),
            bin_dir=home,
            home=home,
            cwd=home,
        )
        assert [row["path"] for row in json.loads(ran.stdout)["findings"]] == [uri]


def test_all_places_of_one_result_are_told(home: Path) -> None:
    places = [
        {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}
        for uri, line in (("a.java", 3), ("b.java", 6), ("a.java", 9))
    ]
    result = {"ruleId": "r", "message": {"text": "logs"}, "locations": places}
    run = {"tool": {"driver": {"name": "mobsfscan"}}, "results": [result]}
    report = written(home, "a.sarif", {"version": "2.1.0", "runs": [run]})
    at: Any = {"bin_dir": home, "home": home, "cwd": home}
    ran = secagg("gate", report, "--store", "h.db", "-f", "json", "-o", "out", **at)
    row = json.loads(ran.stdout)["findings"][0]
    others = [{"path": "b.java", "line": 6}, {"path": "a.java", "line": 9}]
    assert (row["path"], row["line"], row["places"]) == ("a.java", 3, others)
    shown = secagg("show", row["id"][:8], "--store", "h.db", "--from", "nowhere", **at)
    assert "also at     b.java:6, a.java:9" in shown.stdout, shown
    listed = secagg("report", "--store", "h.db", "-f", "json", **at)
    known = json.loads(listed.stdout)["problems"][0]
    assert known["places"] == [{"uri": "b.java", "line": 6}, {"uri": "a.java", "line": 9}]
