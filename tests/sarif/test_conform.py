"""Results that typed decoding passes need no closer look at the schema."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secagg.jsonio.output import encoded
from secagg.model.finding import Finding, Kind, SarifOrigin, Severity, Suppression
from secagg.sarif.build import adopted_result
from secagg.sarif.conform import MOVED, conform_result, fits
from tests.sarif.test_roundtrip import _FIXTURES

_GUID = "0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a"
_PLACE = {"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 3}}}
_STEP = {"location": {**_PLACE, "message": {"text": "here"}}, "importance": "essential"}
_EDIT = {"deletedRegion": {"startLine": 1}, "insertedContent": {"text": "x"}}
COMMON: dict[str, Any] = {
    "ruleId": "r",
    "ruleIndex": 0,
    "rule": {"id": "r", "index": 0, "toolComponent": {"index": 0}},
    "level": "warning",
    "kind": "fail",
    "message": {"text": "m", "markdown": "*m*", "arguments": ["a", "a"]},
    "locations": [_PLACE],
    "relatedLocations": [{"id": 1, **_PLACE}, {"id": 2, **_PLACE}],
    "codeFlows": [{"threadFlows": [{"locations": [_STEP, _STEP]}]}],
    "fixes": [
        {"artifactChanges": [{"artifactLocation": {"uri": "a.py"}, "replacements": [_EDIT]}]}
    ],
    "partialFingerprints": {"primaryLocationLineHash": "x:1"},
    "fingerprints": {"f/v1": "x"},
    "guid": _GUID,
    "properties": {"priorityScore": 800, "nested": {"tags": [1, 1]}},
}


def _bytes(result: Any) -> bytes:
    return json.dumps(result).encode()


def test_what_is_common_fits() -> None:
    assert fits(_bytes(COMMON))


@pytest.mark.parametrize("path", _FIXTURES, ids=lambda path: path.name)
def test_what_fits_is_allowed_by_the_schema(path: Path) -> None:
    for run in json.loads(path.read_bytes())["runs"]:
        for result in run.get("results", ()):
            if fits(_bytes(result)):
                assert conform_result(result, "m") is result


_ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -2,
    1.0,
    1.5,
    "",
    "odd",
    [],
    {},
    [1],
    [{}, {}],
    {"odd": 1},
    {"odd": "x"},
)


def _changed(value: Any) -> Iterator[Any]:
    """Copies of ``value`` with one member in it missing, odd, doubled or added."""
    if isinstance(value, dict):
        yield {**value, "odd": 1}
        for key, item in value.items():
            yield {k: v for k, v in value.items() if k != key}
            yield from ({**value, key: new} for new in (*_ODD, *_changed(item)))
    elif isinstance(value, list):
        yield value + value
        for new in (*_ODD, *(changed for item in value for changed in _changed(item))):
            yield [new]


def test_whatever_is_changed_the_schema_has_the_last_word() -> None:
    changed = list(_changed(COMMON))
    fitting = [result for result in changed if fits(_bytes(result))]
    assert 0 < len(fitting) < len(changed)
    for result in fitting:
        assert conform_result(copy.deepcopy(result), "m") == result


def _finding(result: dict[str, Any], **values: Any) -> Finding:
    run = {"tool": {"driver": {"name": "T"}}}
    return Finding(
        tool="t",
        kind=Kind.CODE,
        rule_id="r",
        severity=Severity.LOW,
        title="t",
        identity="0" * 32,
        sarif=SarifOrigin.of(run, result),
        **values,
    )


def test_both_ways_add_the_same_to_a_result() -> None:
    short = json.loads(encoded(adopted_result(_finding(COMMON))))
    long = json.loads(encoded(adopted_result(_finding({**COMMON, "odd": 1}))))
    assert long["properties"].pop(MOVED) == {"odd": 1}
    assert short == long
    assert short["partialFingerprints"]["secagg/v1"] == "0" * 32
    assert short["properties"]["priorityScore"] == 800


def test_a_suppression_from_elsewhere_is_added() -> None:
    finding = _finding(COMMON, suppressions=(Suppression(source="secagg-exceptions.yaml"),))
    (suppression,) = json.loads(encoded(adopted_result(finding)))["suppressions"]
    assert suppression["properties"]["secagg"]["source"] == "secagg-exceptions.yaml"
