from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg.errors import ReportError
from secagg.jsonio import reading as jsontext
from secagg.jsonio.reading import loads

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


def refused(data: bytes) -> ReportError:
    with pytest.raises(ReportError) as caught:
        loads(data, report="report")
    assert caught.value.report == "report"
    return caught.value


@given(_JSON, st.booleans(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]))
def test_every_value_is_read_as_written(value: Any, ascii_: bool, encoding: str) -> None:
    text = json.dumps(value, ensure_ascii=ascii_, indent=1)
    assert loads(text.encode(encoding), report="r") == value


@given(st.dictionaries(st.text(), _JSON, min_size=1), st.data())
def test_a_name_that_stands_twice_is_found(members: dict[str, Any], data: Any) -> None:
    name = data.draw(st.sampled_from(sorted(members)))
    head = json.dumps({"first": [members]})[:-3]
    text = f"{head}, {json.dumps(name)}: 1}}]}}"
    error = refused(text.encode())
    assert "same name twice" in error.message
    assert error.offset == len(f"{head}, ".encode())


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused_by_name(data: bytes) -> None:
    offset = 0
    try:
        loads(data, report="report")
    except ReportError as error:
        offset = error.offset or 0
    assert 0 <= offset <= max(1, len(data))


@pytest.mark.parametrize(
    ("data", "said", "offset"),
    [
        (b"", "the report is empty", 0),
        (b" \n\t", "the report is empty", 0),
        (b'{"a": NaN}', "not valid JSON", 6),
        (b'{"a": Infinity}', "not valid JSON", 6),
        (b'{"a": 1e999}', "not valid JSON", 6),
        (b'{"a": "\\ud800"}', "not valid JSON", 7),
        (b'{"a": "\xff"}', "not valid UTF-8", 7),
        (b'{"a": "\xed\xa0\x80"}', "not valid UTF-8", 7),
        (b'{"a": [1, 2', "cut off", 11),
        (b'{"a": "b', "cut off", 8),
        (b'{"a": 1} {"a": 1}', "unexpected content after document", 9),
        (b'\xef\xbb\xbf{"a": 1,}', "not valid JSON", 10),
        (b"\x1f\x8b\x08", "gzip data, not JSON", 0),
        (b"PK\x03\x04", "a ZIP archive, not JSON", 0),
        (b"<?xml version='1.0'?>", "XML, not JSON", 0),
        (b"\x7fELF", "a program, not JSON", 0),
        (b"[" * 2000 + b"]" * 2000, "nested too deep", 1025),
        (b"[" * 500 + b"]" * 500, "nested too deep", 250),
        (b'{"a":' * 500 + b"1" + b"}" * 500, "nested too deep", 1250),
        ('{"é": 1 x}'.encode(), "not valid JSON", 9),
        ('{"é": 1 x}'.encode("utf-16"), "not valid JSON", 2 + 2 * 8),
        (b"\xff\xfe{\x00\x00\xd8", "not valid UTF-16", 4),
        (b'{"a": 1, "\\u0061": 2}', "same name twice", 9),
        (b'{"a": "\\u0022", "b": 1, "b": 2}', "same name twice", 24),
    ],
)
def test_what_is_refused_and_where(data: bytes, said: str, offset: int) -> None:
    error = refused(data)
    assert said in error.message
    assert error.offset == offset


@pytest.mark.parametrize(
    "data",
    [
        b'{"a\\u0022": 1, "b": "\\\\u0022"}',
        b'{"a": {"b": 1}, "c": {"b": 1}}',
        b'[{"b": 1}, {"b": 1}]',
        b'{"a": "\\"b\\": 1, \\"b\\": 2"}',
    ],
)
def test_what_only_looks_like_a_name_twice(data: bytes) -> None:
    assert loads(data, report="r") == json.loads(data)


def test_a_report_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsontext, "LARGEST", 10)
    assert "larger than" in refused(b'"0123456789"').message


def test_a_long_list_is_looked_through_in_pieces() -> None:
    good = b"[" + b",".join(b'{"a": %d}' % number for number in range(9000)) + b"]"
    assert len(loads(good, report="r")) == 9000
    bad = good.replace(b'{"a": 8999}', b'{"a": 8999, "a": 1}')
    assert refused(bad).offset == bad.rindex(b'"a"')
    nested = b'{"x": {"y": [' + good + b", " + bad + b"]}}"
    assert refused(nested).offset == nested.rindex(b'"a"')
    assert loads(nested.replace(bad, good), report="r")["x"]["y"][1][-1] == {"a": 8999}
    deep = b'{"x": ' + good + b', "y": ' + b"[" * 300 + b"]" * 300 + b"}"
    assert "nested too deep" in refused(deep).message


def test_no_part_of_the_report_stands_in_the_error() -> None:
    assert "hunter2" not in str(refused(b'{"password": "hunter2" x}'))
