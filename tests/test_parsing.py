"""What a raw report says of itself, and what findings of one report share."""

from __future__ import annotations

import json
import weakref

import pytest

from secagg import parsing
from secagg.errors import ReportError
from secagg.jsonio.reading import loads
from secagg.jsonio.value import encode
from secagg.model.finding import Finding, Kind, Package, Rule, SarifOrigin, Severity
from secagg.parsing import RawReport


@pytest.mark.parametrize(
    "text",
    [b'{"a":1}\n{"b":2}\n{"c":3}\n', b'{"a":1}\r\n  {"b":2}\r\n', b"[1]\n[2]\n", b'{"a":1}\n\n{'],
)
def test_json_lines_are_refused_like_any_other_text(
    text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsing, "_SMALLEST_SPLIT", 1)
    with pytest.raises(ReportError) as expected:
        loads(text, report="r")
    error = RawReport(name="r", data=text).error
    assert error is not None
    assert (error.message, error.offset) == (expected.value.message, expected.value.offset)
    # A traceback would keep the report in memory for as long as the error lives.
    assert error.__traceback__ is None


def test_a_value_over_two_lines_is_one_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "_SMALLEST_SPLIT", 1)
    assert RawReport(name="r", data=b'{"a":\n1}\n').document == {"a": 1}
    assert RawReport(name="r", data=b'\n{"a":1}\n').document == {"a": 1}


@pytest.mark.parametrize(
    "data", [b'{"results": [' + b'{"a": "b"}, ' * 9_000 + b"1]}", b'{"a": "b"}\n' * 9_000]
)
def test_a_report_is_let_go_of_without_the_garbage_collector(data: bytes) -> None:
    with parsing.without_collecting():
        report = RawReport(name="r", data=data)
        is_lines = report.error is not None
        gone = weakref.ref(report)
        del report
        assert gone() is None
    assert is_lines == data.endswith(b"\n")


def made(number: int) -> Finding:
    """A finding whose texts are objects of its own."""
    text = json.loads(json.dumps(["a title", "1.2.3", "CWE-79", "a rule"]))
    return Finding(
        tool="trivy",
        kind=Kind.VULNERABILITY,
        rule_id=f"CVE-2024-{number}",
        severity=Severity.HIGH,
        title=text[0],
        cwes=(text[2],),
        package=Package(type="npm", name="x", version=text[1]),
        rule=Rule(id=text[3]),
    )


def test_a_sarif_result_is_decoded_as_it_was() -> None:
    deep: object = "x"
    for _ in range(300):
        deep = [deep]
    for result in ({"message": {"text": "\u00e9"}}, {"a": deep}, {"n": 1 << 70}, {"s": "\ud800"}):
        origin = SarifOrigin.of({}, result)
        assert origin.result == result
        origin.encoded = encode({"other": 1})
        assert origin.result == {"other": 1}
