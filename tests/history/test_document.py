from __future__ import annotations

import json

from secagg.history.document import decode, encode
from secagg.model.finding import Kind, Severity
from secagg.model.problem import Problem


def problem(**fields: object) -> Problem:
    return Problem(
        identity="a" * 32,
        kind=Kind.VULNERABILITY,
        severity=Severity.HIGH,
        title="T",
        rule_id="CVE-2026-1234",
        tools=("snyk", "trivy"),
        **fields,  # type: ignore[arg-type]
    )


def test_a_document_stays_the_same_text() -> None:
    # Its digest tells whether a problem has changed since the run before, of an older version too.
    assert encode(problem(line=3, owners=("@a",), fixed_versions=("2",))) == (
        '{"identity":"' + "a" * 32 + '","kind":"vulnerability","severity":"high","title":"T",'
        '"rule_id":"CVE-2026-1234","tools":["snyk","trivy"],"line":3,"owners":["@a"],'
        '"fixed_versions":["2"]}'
    )


def test_zero_and_false_are_kept() -> None:
    zeros = {"score": 0.0, "line": 0, "end_line": 0, "direct": False, "kev": False}
    more = {"verified": False, "in_history_only": False, "severity_known": False}
    document = encode(problem(**zeros, **more))
    values = json.loads(document)
    assert {name: values[name] for name in {**zeros, **more}} == {**zeros, **more}
    assert decode(document) == problem(**zeros, **more)


def test_empty_and_default_values_are_left_out() -> None:
    empty = problem(message="", uri="", aliases=(), severity_known=True, epss=0.5)
    assert encode(empty) == encode(problem())
    assert decode(encode(empty)) == problem(uri=None)
