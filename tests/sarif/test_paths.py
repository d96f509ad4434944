"""Paths that another machine wrote, and directories below the root: which file is meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secagg.change.groupkeys import touches_finding
from secagg.change.model import Diff, FileChange, FileStatus, Hunk
from secagg.parsing import ParseContext, ParsedReport
from secagg.sarif import read_report
from secagg.secrets.redactor import Redactor

RUNNERS = [
    "/home/runner/work/shop/shop/src/a.py",
    "/github/workspace/src/a.py",
    "file:///Users/runner/work/shop/shop/src/a.py",
    "D:\\a\\shop\\shop\\src\\a.py",
    "file:///D:/a/shop/shop/src/a.py",
    "/builds/group/sub/shop/src/a.py",
    "/src/src/a.py",
    "/pwd/src/a.py",
    "/srv/agent/7/s/src/a.py",
]


def _read(root: Path | None, uri: str, **run: Any) -> ParsedReport:
    artifact = {"uri": uri, **run.pop("artifact", {})}
    place = {"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": 3}}}
    result = {"ruleId": "R", "message": {"text": "said"}, "locations": [place]}
    made = {"tool": {"driver": {"name": "PMD"}}, "results": [result], **run}
    context = ParseContext(redactor=Redactor(b"key"), root=root)
    log = {"version": "2.1.0", "runs": [made]}
    return read_report(log, report_name="r", context=context, tool=None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("src/a.py", "b/x.py", "c/b/x.py", "terraform/eks.tf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n")
    return tmp_path


@pytest.mark.parametrize("uri", RUNNERS)
def test_a_runners_path_is_the_one_file_that_ends_so(root: Path, uri: str) -> None:
    (finding,) = _read(root, uri).findings
    assert finding.location.uri == "src/a.py"
    # What is written says so too.
    assert finding.sarif is not None
    artifact = finding.sarif.result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": "src/a.py"}


@pytest.mark.parametrize("uri", ["/x/c/b/x.py", "/x/y/gone.py", "/x/../src/a.py/..", "/"])
def test_nothing_is_guessed_where_several_files_or_none_end_so(root: Path, uri: str) -> None:
    (finding,) = _read(root, uri).findings
    assert finding.location.uri is None or finding.location.uri.startswith("/")


def test_a_path_that_was_not_understood_may_be_in_the_diff(root: Path) -> None:
    change = FileChange("src/a.py", FileStatus.MODIFIED, hunks=(Hunk(3, 0, 3, 1),))
    diff = Diff(base="b", head="h", files={"src/a.py": change})
    (known,) = _read(root, "/github/workspace/src/a.py").findings
    (unknown,) = _read(root, "/x/y/gone.py").findings
    assert (touches_finding(known, diff), touches_finding(unknown, diff)) == (True, None)


def test_each_location_of_a_result_is_where_the_problem_is(root: Path) -> None:
    first, other = [
        {"physicalLocation": {"artifactLocation": {"uri": u}, "region": {"startLine": n}}}
        for u, n in (("b/x.py", 1), ("src/a.py", 3))
    ]
    result = {"ruleId": "R", "message": {"text": "said"}, "locations": [first, other]}
    log = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [result]}]}
    context = ParseContext(redactor=Redactor(b"key"), root=root)
    (finding,) = read_report(log, report_name="r", context=context, tool=None).findings
    assert [(p.uri, p.start_line) for p in finding.places] == [("src/a.py", 3)]
    change = FileChange("src/a.py", FileStatus.MODIFIED, hunks=(Hunk(3, 0, 3, 1),))
    assert touches_finding(finding, Diff(base="b", head="h", files={"src/a.py": change})) is True
    assert touches_finding(finding, Diff(base="b", head="h", files={})) is False


@pytest.mark.parametrize("base", ["{root}/terraform/", "/home/runner/work/shop/shop/terraform/"])
def test_a_base_below_the_root_is_part_of_the_path(root: Path, base: str) -> None:
    bases = {"ROOTPATH": {"uri": "file://" + base.format(root=root)}}
    artifact = {"uriBaseId": "ROOTPATH"}
    (finding,) = _read(root, "eks.tf", artifact=artifact, originalUriBaseIds=bases).findings
    assert finding.location.uri == "terraform/eks.tf"
    assert finding.sarif is not None and b"terraform/eks.tf" in finding.sarif.encoded


def test_external_property_files_without_results_are_a_note(root: Path) -> None:
    references = {"taxonomies": [{"location": {"uri": "t.json"}}]}
    parsed = _read(root, "src/a.py", externalPropertyFileReferences=references)
    assert len(parsed.findings) == 1
    assert [(gap.fatal, "taxonomies" in gap.message) for gap in parsed.gaps] == [(False, True)]
    assert json.dumps(parsed.runs[0]["externalPropertyFileReferences"]) == json.dumps(references)
