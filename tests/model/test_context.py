"""The snippet of a SARIF result, which its report may have built in any way."""

from __future__ import annotations

from typing import Any

import pytest

from secagg.model.context import snippet_context
from secagg.model.finding import Finding, Kind, SarifOrigin, Severity


def _at(snippet: Any, **more: Any) -> dict[str, Any]:
    place = {"physicalLocation": {"region": {"startLine": 1, "snippet": snippet}}}
    return {"ruleId": "r", "locations": [place], **more}


@pytest.mark.parametrize(
    ("result", "snippet"),
    [
        (_at({"text": "a  b\n\tc"}), "abc"),
        (_at({"text": ""}), None),
        (_at({"rendered": {"text": "a"}}), None),
        (_at({"text": 5}), None),
        (_at(None), None),
        (_at([]), None),
        # What is odd elsewhere does not matter.
        (_at({"text": "a b"}, codeFlows=7, rank=10**30), "ab"),
        ({**_at({"text": "a b"}), "locations": [*_at({"text": "a b"})["locations"], 7]}, "ab"),
        (_at({"text": "a \ud800"}), "a\ud800"),
        ({"locations": [], "message": {"text": "snippet"}}, None),
        ({"locations": None, "properties": {"snippet": 1}}, None),
        ({"locations": {"0": 1}, "properties": {"snippet": 1}}, None),
        ({"locations": [{"properties": {"snippet": 1}}]}, None),
        ({"properties": {"snippet": 1}}, None),
    ],
)
def test_the_snippet_of_a_result(result: dict[str, Any], snippet: str | None) -> None:
    finding = Finding(
        tool="tool",
        kind=Kind.CODE,
        rule_id="r",
        severity=Severity.LOW,
        title="title",
        sarif=SarifOrigin.of({}, result),
    )
    assert snippet_context(finding) == snippet
