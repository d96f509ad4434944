"""Reading and writing lose nothing, and what is written is valid."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest

from secagg.sarif import SarifRun, read, write
from secagg.secrets.redactor import Redactor
from tests.canaries import canaries, gitleaks_sarif
from tests.sarif.om import load
from tests.sarif.roundtrip import _compare, _unmoved, differences, schema_errors, written

_FIXTURES = sorted((Path(__file__).parents[1] / "data" / "sarif").glob("*.sarif"))
_PLACE = {
    "physicalLocation": {
        "artifactLocation": {"uri": "src/a%20b.c", "uriBaseId": "SRC", "index": 0},
        "region": {"startLine": 3, "snippet": {"text": "f(x)"}},
        "contextRegion": {"startLine": 2, "endLine": 4},
    },
    "logicalLocations": [{"fullyQualifiedName": "a::f", "index": 0}],
    "message": {"text": "here"},
}
# Every kind of thing that a result may hold and that must come through.
RICH: dict[str, Any] = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {
                "driver": {
                    "name": "Rich",
                    "version": "1.0",
                    "rules": [
                        {
                            "id": "A1",
                            "help": {"text": "t", "markdown": "**m**"},
                            "properties": {"tags": ["x", "y"], "own": {"deep": [1, 2.5, None]}},
                        }
                    ],
                    "supportedTaxonomies": [{"name": "CWE", "index": 0}],
                },
                "extensions": [{"name": "pack", "rules": [{"id": "E1"}], "properties": {"k": 1}}],
            },
            "taxonomies": [{"name": "CWE", "taxa": [{"id": "79"}]}],
            "artifacts": [{"location": {"uri": "src/a%20b.c", "uriBaseId": "SRC"}}],
            "logicalLocations": [{"name": "f", "fullyQualifiedName": "a::f"}],
            "originalUriBaseIds": {"SRC": {"uri": "file:///somewhere/"}},
            "threadFlowLocations": [{"location": _PLACE}],
            "webRequests": [{"method": "GET", "target": "/x?y=1"}],
            "webResponses": [{"statusCode": 500}],
            "graphs": [{"nodes": [{"id": "n1"}]}],
            "columnKind": "utf16CodeUnits",
            "newlineSequences": ["\r\n", "\n"],
            "automationDetails": {"id": "former/1", "guid": "0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a"},
            "results": [
                {
                    "ruleId": "E1",
                    "rule": {"index": 0, "toolComponent": {"index": 0}},
                    "level": "error",
                    "kind": "fail",
                    "rank": 80.5,
                    "message": {"text": "see [x](1)", "markdown": "see *x*"},
                    "locations": [_PLACE],
                    "relatedLocations": [{"id": 1, **_PLACE}],
                    "codeFlows": [
                        {
                            "threadFlows": [
                                {
                                    "locations": [
                                        {"location": _PLACE, "importance": "essential"},
                                        {"index": 0, "state": {"x": {"text": "1"}}},
                                    ]
                                }
                            ]
                        }
                    ],
                    "stacks": [{"frames": [{"location": _PLACE, "module": "m"}]}],
                    "fixes": [
                        {
                            "description": {"text": "do"},
                            "artifactChanges": [
                                {
                                    "artifactLocation": {"uri": "src/a%20b.c"},
                                    "replacements": [
                                        {
                                            "deletedRegion": {"startLine": 3},
                                            "insertedContent": {"text": "g(x)\n"},
                                        }
                                    ],
                                }
                            ],
                        }
                    ],
                    "taxa": [{"id": "79", "toolComponent": {"name": "CWE", "index": 0}}],
                    "suppressions": [{"kind": "inSource", "justification": "j"}],
                    "webRequest": {"index": 0},
                    "webResponse": {"index": 0},
                    "attachments": [{"artifactLocation": {"uri": "shot.png"}}],
                    "graphTraversals": [{"runGraphIndex": 0}],
                    "workItemUris": ["https://example.com/1"],
                    "hostedViewerUri": "https://example.com/v",
                    "occurrenceCount": 3,
                    "guid": "1b1b1b1b-1b1b-4b1b-8b1b-1b1b1b1b1b1b",
                    "correlationGuid": "2c2c2c2c-2c2c-4c2c-8c2c-2c2c2c2c2c2c",
                    "fingerprints": {"f/v1": "x"},
                    "partialFingerprints": {"primaryLocationLineHash": "39fa2ee980eb94b0:1"},
                    "properties": {"tags": ["t"], "anything": {"at": ["all", {"x": 1e-9}]}},
                },
                {"message": {"text": "nothing else"}},
            ],
        }
    ],
}


@pytest.mark.parametrize("path", _FIXTURES, ids=lambda path: path.name)
def test_a_file_comes_through(path: Path) -> None:
    assert differences(path) == []


@pytest.mark.parametrize("path", _FIXTURES, ids=lambda path: path.name)
def test_what_is_written_is_valid(path: Path) -> None:
    assert schema_errors(written(path)) == []


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    file = tmp_path / "rich.sarif"
    file.write_text(json.dumps(RICH))
    return file


def test_all_that_a_result_may_hold_comes_through(rich: Path) -> None:
    assert schema_errors(RICH) == []
    assert differences(rich) == []
    assert schema_errors(written(rich)) == []


def test_the_former_category_is_kept_beside_ours(rich: Path) -> None:
    run = written(rich)["runs"][0]
    assert run["automationDetails"]["id"] == "rich/0/"
    assert run["automationDetails"]["guid"] == RICH["runs"][0]["automationDetails"]["guid"]
    assert run["properties"]["secagg"]["automationId"] == "former/1"


def test_no_path_of_the_machine_is_written(rich: Path) -> None:
    assert "somewhere" not in json.dumps(written(rich))


def test_secrets_of_gitleaks_are_the_only_difference(tmp_path: Path) -> None:
    file = tmp_path / "gitleaks.sarif"
    file.write_text(json.dumps(gitleaks_sarif(canaries())))
    assert differences(file) == []
    assert schema_errors(written(file)) == []


def test_a_run_that_did_not_look_stays_one(tmp_path: Path) -> None:
    file = tmp_path / "a.sarif"
    file.write_text('{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T"}}}]}')
    assert "results" not in written(file)["runs"][0]


def test_the_comparison_sees_what_is_lost(rich: Path) -> None:
    """The test above would be worth nothing if it let everything through."""
    before, after = RICH["runs"][0], _unmoved(written(rich)["runs"][0])
    assert list(_compare(before, after, "runs[0]")) == []
    for path in (
        ("results", 0, "codeFlows"),
        ("results", 0, "codeFlows", 0, "threadFlows", 0, "locations", 1),
        ("results", 0, "level"),
        ("results", 0, "properties", "anything", "at", 1),
        ("results", 0, "partialFingerprints", "primaryLocationLineHash"),
        ("results", 1),
        ("tool", "driver", "rules", 0, "help", "markdown"),
        ("webRequests",),
    ):
        changed = copy.deepcopy(after)
        inner = changed
        for step in path[:-1]:
            inner = inner[step]
        del inner[path[-1]]
        assert list(_compare(before, changed, "runs[0]")), path


def test_what_the_schema_forbids_is_moved_not_lost(tmp_path: Path) -> None:
    log = copy.deepcopy(RICH)
    result = log["runs"][0]["results"][0]
    result["unheardOf"] = {"a": 1}
    result["level"] = "fatal"
    result["rank"] = 1000
    result["guid"] = "no guid"
    result["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    result["relatedLocations"].append("odd")
    result["suppressions"] *= 2
    result["codeFlows"][0]["threadFlows"][0]["locations"][0]["importance"] = 7
    log["runs"][0]["unheardOf"] = [1]
    log["runs"][0]["results"][1] = {"ruleId": "A1", "message": {}}
    file = tmp_path / "odd.sarif"
    file.write_text(json.dumps(log))
    after = written(file)
    assert schema_errors(after) == []
    kept = json.dumps(after)
    for told in ('"unheardOf"', '"fatal"', '"no guid"', "1000", '"odd"'):
        assert told in kept


def test_our_own_file_is_read_as_it_was(rich: Path, tmp_path: Path) -> None:
    first = read(rich, redactor=Redactor(b"k"))
    out = io.BytesIO()
    write(out, [SarifRun(tool="Rich", category="c/", findings=first.findings)])
    (tmp_path / "again.sarif").write_bytes(out.getvalue())
    again = read(tmp_path / "again.sarif", redactor=Redactor(b"k"))
    for old, new in zip(first.findings, again.findings, strict=True):
        old.sarif = new.sarif = None
        assert new == old


@pytest.mark.parametrize("path", _FIXTURES, ids=lambda path: path.name)
def test_what_is_written_loads_into_sarif_om(path: Path) -> None:
    log = written(path)
    assert len(load(log).runs) == len(log["runs"])
