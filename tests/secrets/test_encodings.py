"""Base64 and hexadecimal: what is looked for is there, and what is found is decoded."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg.secrets.encodings import (
    base64_within,
    decodings,
    encoded_anchors,
    forms_of,
    is_wrapped,
    nested_within,
    runs_in,
    squeezed,
)

BYTES = st.binary(max_size=6)
PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=6)


@given(BYTES, st.sampled_from(["key", "pass", "token", "BEGIN RSA"]), PRINTABLE)
def test_whatever_stands_around_a_text_an_anchor_of_it_is_in_the_base64(
    before: bytes, text: str, after: str
) -> None:
    data = before + text.encode() + after.encode()
    anchors = set(encoded_anchors(text.encode()))
    assert any(anchor in base64.b64encode(data) for anchor in anchors)
    assert any(anchor in base64.urlsafe_b64encode(data) for anchor in anchors)
    assert any(anchor in data.hex().encode() for anchor in anchors)
    assert any(anchor in data.hex().upper().encode() for anchor in anchors)


@given(BYTES, st.binary(min_size=3, max_size=12), BYTES)
def test_what_base64_has_of_a_text_is_the_same_wherever_it_stands(
    before: bytes, text: bytes, after: bytes
) -> None:
    inner = [*base64_within(text)][:6]
    assert any(part in base64.b64encode(before + text + after) for part in inner)


@given(BYTES, st.text("ab12+/~", min_size=6, max_size=12), BYTES)
def test_base64_in_base64_is_found_by_its_middle(before: bytes, text: str, after: bytes) -> None:
    once = base64.b64encode(before + text.encode() + after)
    for outer in (b"", b"x", b"xy"):
        twice = base64.b64encode(outer + once)
        assert any(part and part in twice for part in nested_within(text.encode()))
        wide = base64.b64encode(outer + text.encode("utf-16-le"))
        assert any(part and part in wide for part in nested_within(text.encode()))
        hexed = base64.b64encode(outer + text.encode().hex().encode())
        assert any(part and part in hexed for part in nested_within(text.encode()))


def _same_in_all(text: bytes, shift: int) -> bytes:
    """Return the characters that base64 of ``text`` behind ``shift`` bytes always has."""
    edges = (b"\x00" * 3, b"\xff" * 3)
    written = [
        base64.b64encode(before[:shift] + text + after) for before in edges for after in edges
    ]
    same = [len({*characters}) == 1 for characters in zip(*written, strict=True)]
    first = same.index(True)
    return written[0][first : first + same[first:].index(False)]


@given(st.text("~?>", min_size=3, max_size=9))
def test_base64_is_looked_for_as_far_as_a_text_determines_it(text: str) -> None:
    plain = {_same_in_all(text.encode(), shift) for shift in range(3)}
    url_safe = {part.replace(b"+", b"-").replace(b"/", b"_") for part in plain}
    assert {*base64_within(text.encode())} == plain | url_safe
    once = base64.b64encode(text.encode())
    nested = {*nested_within(text.encode())}
    if len(once) % 4 == 0 and not once.endswith(b"="):
        assert {_same_in_all(once, shift) for shift in range(3)} <= nested
    wide = text.encode("utf-16-le")
    assert {_same_in_all(wide, shift) for shift in range(3)} <= nested


@pytest.mark.parametrize(
    ("value", "forms"),
    [
        ("Qk7PzR2mWxT9vL4s", {"Qk7PzR2mWxT9vL4s"}),
        # Of a value on one line no other line is looked for, not even without its indentation.
        (
            "  Qk7PzR2mWxT9vL4s",
            {
                "  Qk7PzR2mWxT9vL4s",
                "%20%20Qk7PzR2mWxT9vL4s",
                "++Qk7PzR2mWxT9vL4s",
            },
        ),
        (
            "Qk7P'zR2/mWx<T9&vL4s",
            {
                "Qk7P'zR2/mWx<T9&vL4s",
                "Qk7P\\'zR2/mWx<T9&vL4s",
                "Qk7P'zR2\\/mWx<T9&vL4s",
                "Qk7P%27zR2%2FmWx%3CT9%26vL4s",
                "Qk7P%27zR2%2fmWx%3cT9%26vL4s",
                "Qk7P%27zR2/mWx%3CT9%26vL4s",
                "Qk7P%27zR2/mWx%3cT9%26vL4s",
                "Qk7P'zR2/mWx%3CT9&vL4s",
                "Qk7P'zR2/mWx%3cT9&vL4s",
                "Qk7P&#x27;zR2/mWx&lt;T9&amp;vL4s",
                "Qk7P&#39;zR2/mWx&lt;T9&amp;vL4s",
                "Qk7P'zR2/mWx&lt;T9&amp;vL4s",
            },
        ),
        (
            'Qk7PzR2mWxT9"vL4s',
            {
                'Qk7PzR2mWxT9"vL4s',
                'Qk7PzR2mWxT9\\"vL4s',
                'Qk7PzR2mWxT9\\\\\\"vL4s',
                "Qk7PzR2mWxT9%22vL4s",
                "Qk7PzR2mWxT9&quot;vL4s",
                "Qk7PzR2mWxT9&#34;vL4s",
            },
        ),
    ],
)
def test_the_forms_of_a_value(value: str, forms: set[str]) -> None:
    assert {*forms_of(value)} == forms


@pytest.mark.parametrize(
    ("line", "form"),
    [("  0123456789ab ", True), ("0123456789a", False), ("-----BEGIN PRIVATE KEY-----", False)],
)
def test_a_longer_line_of_a_value_is_a_form(line: str, form: bool) -> None:
    assert (line.strip() in {*forms_of(f"{line}\nend")}) is form


def test_padding_behind_hexadecimal_changes_nothing() -> None:
    data = b"Zk3fW9qLx0Tn"
    assert decodings(f"{data.hex()}==") == [data]


@given(st.binary(min_size=12, max_size=40))
def test_what_is_encoded_is_decoded(data: bytes) -> None:
    data = data.replace(b"\0", b"0")
    for run in (data.hex(), data.hex().upper()):
        assert decodings(run) == [data]
        assert any(data in decoded for decoded in decodings(f"key_{run}0"))
        # Behind a word, and with a digit too many.
        assert any(data in found for found in decodings(f"key_{run}"))
        assert any(data in found for found in decodings(f"key_0{run}"))
    for run in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
        for written in (run, run.rstrip("="), f"{run[:8]}\n  {run[8:]}", f"{run[:8]}\\n{run[8:]}"):
            assert any(data in found for found in decodings(written)), written


def test_utf_16_is_brought_to_a_byte_a_character() -> None:
    run = base64.b64encode("Zk3fW9qLx0Tn".encode("utf-16-le")).decode()
    assert b"Zk3fW9qLx0Tn" in decodings(run)


@pytest.mark.parametrize(
    ("data", "wrapped"),
    [
        (b"c2VjcmV0IHZhbHVl\nb2Y=", True),
        (b"c2VjcmV0IHZhbHVl\\nb2Y=", True),
        (b"c2VjcmV0IHZhbHVl b2Y=", True),
        (b"c2VjcmV0IHZhbHVlb2Y=", False),
        (b"short\nlines\nof words\n", False),
        (b"c2VjcmV0IHZhbHVl;\nb2Y=", False),
        (b"", False),
    ],
)
def test_base64_that_goes_on_behind_a_line_end(data: bytes, wrapped: bool) -> None:
    assert is_wrapped(data) is wrapped


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a b\tc\r\nd", b"abcd"),
        (rb"a\nb\nc", b"abc"),
        (rb"a\r\n\tb\fc", b"abc"),
        (rb"a\\nb", b"ab"),
        (rb"a\u000bb", b"ab"),
    ],
)
def test_white_space_goes_however_it_is_written(data: bytes, expected: bytes) -> None:
    assert squeezed(data) == expected


def test_runs_are_long_words_of_the_alphabet() -> None:
    text = "see c2VjcmV0IHZhbHVl== and c2VjcmV0IHZhbHVl\n  b2YgaXQ= or short"
    found = {text[start:end] for start, end in runs_in(text)}
    assert found == {
        "c2VjcmV0IHZhbHVl==",
        "c2VjcmV0IHZhbHVl",
        "c2VjcmV0IHZhbHVl\n  b2YgaXQ=",
    }
