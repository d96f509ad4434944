"""Reports cut into pieces say what they say in one go, and what is not sound is not cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg import jsonpieces, parsing
from secagg.errors import ReportError
from secagg.jsonpieces import Pieces, cut, is_list
from secagg.jsontext import loads
from secagg.parsing import ParseContext, RawReport, choose, installed_parsers
from secagg.redact import Redactor

_TEXTS = st.text(st.sampled_from('ab"\\{}[],: \n\u00e9'), max_size=12)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | _TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "results", "x", ""]), inner, max_size=3)
    ),
    max_leaves=8,
)
_ENTRIES = st.lists(
    st.builds(lambda id_, more: {"id": id_, **more}, _TEXTS, st.dictionaries(_TEXTS, _VALUES)),
    max_size=12,
)
_FRAMES = st.dictionaries(st.sampled_from(["a", "b", "c", "tool"]), _VALUES, max_size=3)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonpieces, "_PIECE", 40)
    monkeypatch.setattr(parsing, "SMALLEST", 1)


def plain(value: Any) -> Any:
    """``value`` with every list in full."""
    if is_list(value):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def documents(entries: list[Any], before: dict[str, Any], after: dict[str, Any]) -> list[Any]:
    after = {f"{key} after": value for key, value in after.items()}
    run = {**before, "results": entries, **after}
    return [
        entries,
        {**before, "Results": entries, **after},
        {**before, "vulnerabilities": entries, **after},
        {"version": "2.1.0", "runs": [run], "inlineExternalProperties": []},
        {"runs": [run, {"results": []}]},
    ]


@given(entries=_ENTRIES, before=_FRAMES, after=_FRAMES, indent=st.sampled_from([None, 2]))
def test_the_pieces_are_the_whole(
    entries: list[Any], before: dict[str, Any], after: dict[str, Any], indent: int | None
) -> None:
    for document in documents(entries, before, after):
        text = json.dumps(document, indent=indent).encode()
        found = cut(text)
        if found is not None:
            assert plain(found.document) == loads(text, report="r") == document
            assert found.text == text


@given(entries=_ENTRIES, before=_FRAMES, at=st.floats(0, 0.999))
def test_a_report_that_is_cut_off_is_refused(
    entries: list[Any], before: dict[str, Any], at: float
) -> None:
    for document in documents(entries, before, {}):
        text = json.dumps(document).encode()
        assert cut(text[: int(len(text) * at)]) is None


ENTRIES = [{"id": n, "text": 'odd }, {"id": [ "quoted" '} for n in range(50)]


@pytest.mark.parametrize("document", documents(ENTRIES, {"a": 1}, {"b": [2]}))
def test_long_lists_are_not_decoded_at_once(document: Any) -> None:
    text = json.dumps(document).encode()
    report = RawReport(name="r", data=text)
    found = report.document
    held = (
        found
        if isinstance(found, Pieces)
        else next(
            value
            for holder in (found, (found.get("runs") or [{}])[0])
            for value in holder.values()
            if isinstance(value, Pieces)
        )
    )
    assert len(held) == 50
    assert report.data == text and not report.blank
    assert held[-1] == ENTRIES[-1] and held[3:5] == ENTRIES[3:5]
    assert list(held) == list(held) == ENTRIES
    with pytest.raises(IndexError):
        held[50]


@pytest.mark.parametrize(
    "text",
    [
        b'{"Results":[{"id":1},{"id":2}],"Results":[]}',
        b'{"a":1,"Results":[{"id":1}],"a":2}',
        b'[{"id":1,"id":2}]',
        b'[{"id":1},]',
        b'[{"id":1}}',
        b'[{"id":1}] x',
        b'[{"id":"\xff"}]',
        b'[{"id":NaN}]',
        b'[{"id":' + b"[" * 400 + b"]" * 400 + b"}]",
    ],
)
def test_what_is_not_sound_is_refused_as_before(text: bytes) -> None:
    assert cut(text) is None
    with pytest.raises(ReportError):
        assert RawReport(name="r", data=text).document


def test_real_reports_give_the_same_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(__file__).parent
    reports = [*here.rglob("*.json"), *here.rglob("*.sarif")]
    parsers = installed_parsers()

    def findings(data: bytes) -> object:
        report = RawReport(name="r", data=data)
        try:
            parsed = choose(report, parsers).parse(
                report, ParseContext(redactor=Redactor(b"k" * 32))
            )
        except ReportError as error:
            return error.message, error.offset
        return parsed.findings, parsed.problems, parsed.gaps, parsed.reported, parsed.merged

    compared = 0
    for path in reports:
        data = path.read_bytes()
        monkeypatch.setattr(parsing, "SMALLEST", 1)
        by_piece = findings(data)
        monkeypatch.setattr(parsing, "SMALLEST", 1 << 40)
        whole = findings(data)
        assert repr(by_piece) == repr(whole), path
        compared += 1
    assert compared
