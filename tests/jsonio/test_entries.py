"""The long lists of a report decode entry by entry to what the whole report decodes to."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg import parsing
from secagg.errors import ReportError
from secagg.jsonio import reading as jsonentries
from secagg.jsonio.reading import Entries, NotStrict, encoded, is_list, loads, split
from secagg.parsing import RawReport

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["Results", "results", "a", 'q"', "\u00e9", "runs"]), inner, max_size=4
        )
    ),
    max_leaves=30,
)


# So many that the list is decoded entry by entry, however long one more entry is.
_SOUND = [b'{"ok": 1}'] * 60


def _never() -> NoReturn:
    raise AssertionError("a sound entry was refused")


def whole(value: Any) -> Any:
    """``value`` with every list of entries decoded."""
    if is_list(value):
        return [whole(item) for item in value]
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    return value


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonentries, "_LARGE", 24)
    monkeypatch.setattr(parsing, "_SMALLEST_SPLIT", 1)


@given(_VALUES, st.sampled_from([None, 2]), st.booleans())
def test_a_split_report_is_what_it_decodes_to(
    value: Any, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    try:
        assert whole(split(text, _never)) == value
    except NotStrict:
        # Only names with escapes in them are left to the decoding of the whole.
        assert '\\"' in text.decode() or "\\u" in text.decode()
    assert whole(RawReport(name="r", data=text).document) == value


def test_the_lists_of_findings_are_decoded_entry_by_entry() -> None:
    document = {"Results": [{"Vulnerabilities": [{"a": n} for n in range(9)]}], "b": [1] * 20}
    read = split(json.dumps(document).encode(), _never)
    entries = read["Results"][0]["Vulnerabilities"]
    assert type(entries) is Entries and type(read["b"]) is list
    assert (len(entries), entries[3], list(entries[2:4])) == (9, {"a": 3}, [{"a": 2}, {"a": 3}])
    assert list(entries.with_text(b": 7}")) == [(7, {"a": 7})]
    assert list(encoded(entries))[1] == ({"a": 1}, b'{"a":1}')
    assert list(encoded([{"a": 1}])) == [({"a": 1}, b'{"a":1}')]


@pytest.mark.parametrize(
    "entry",
    [b'{"a": "is \\\\u0022 code"}', b'{"a": "\\u0022"}', b'{"a": "\\"b\\""}', b'{"\\u0022": 1}'],
)
def test_an_entry_may_hold_what_looks_like_a_quotation_mark(entry: bytes) -> None:
    data = b'{"Results": [' + b", ".join([*_SOUND, entry]) + b"]}"
    read = RawReport(name="r", data=data).document
    assert type(read["Results"]) is Entries
    assert list(read["Results"])[-1] == json.loads(entry)


@pytest.mark.parametrize(
    "entry",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "b": "\\u0022\\u0022", "a": 1}',
        b'{"a": 1, "b": "\\\\u0022\\\\u0022", "a": 1}',
        b'{"a": {"b": 1, "\\u0062": 2}}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a": ' + b"[" * 300 + b"1" + b"]" * 300 + b"}",
        b'{"a": NaN}',
    ],
)
@pytest.mark.parametrize("frame", [b'{"Results": [%s]}', b"[%s]", b'{"x": 1, "results": [%s]}'])
def test_an_entry_is_refused_as_it_is_in_the_whole_report(entry: bytes, frame: bytes) -> None:
    data = frame % b", ".join([*_SOUND, entry])
    with pytest.raises(ReportError) as expected:
        loads(data, report="r")
    with pytest.raises(ReportError) as refused:
        whole(RawReport(name="r", data=data).document)
    assert (refused.value.message, refused.value.offset) == (
        expected.value.message,
        expected.value.offset,
    )


@pytest.mark.parametrize(
    "data",
    [b'{"Results": [1, 2, 3], "Results": [4, 5, 6]}', b'{"a": "12345678", "a": "12345678"}'],
)
def test_a_name_that_comes_twice_around_a_list_is_refused(data: bytes) -> None:
    with pytest.raises(NotStrict):
        split(data, _never)
    error = RawReport(name="r", data=data).error
    assert error is not None and "same name twice" in error.message
