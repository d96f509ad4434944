"""The search before the exact check: it misses nothing that is masked, and asks for no more."""

from __future__ import annotations

import base64
import json
import re

import ahocorasick_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secagg.jsonio.value import encode
from secagg.secrets.encodings import encoded_anchors
from secagg.secrets.patterns import SHAPES
from secagg.secrets.search import (
    ESCAPES,
    JOINTS,
    SecretSearch,
    TextView,
    _automaton,
    _broken_texts,
    _literals,
    joined,
    unescaped,
)

VALUE = "Zk3fW9qLx0TnB7vRp2YsQ8uH"
_ESCAPES = re.findall(
    r"\S+",
    r"%41 %7a %2541 \u0042 \\u0042 \u{43} \x44 &#x45; &#70; &#070; 0x47 % \ `` a \u00e9",
)
_PIECES = st.sampled_from([*_ESCAPES, "0x47, 0x48", "\0", '" + "', "' '", '\\" . \\"', " ", "9"])


@pytest.fixture
def new_literals() -> None:
    """Have the literals of the shapes built anew, which a process does once."""
    _literals.cache_clear()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%5A%6b3", "Zk3"),
        ("%255A", "Z"),
        ("%25255A", "Z"),
        (r"\u005a\u006B", "Zk"),
        (r"\\u005a", "Z"),
        (r"\u{5a}\u{00005a}\u{9}", "ZZ"),
        (r"\x5a\x5A", "ZZ"),
        ("&#x5a;&#X5A;&#x00005a;", "ZZZ"),
        ("&#90;&#0090;&#255;", "ZZ\u00ff"),
        # Of no byte, or of control characters: nothing that a secret is made of.
        ("&#256;&#999;&#31;", ""),
        ("%20%1f%00%ff", " \u00ff"),
        ("0x5a, 0x6b,0x33 0x66", "Zk3f"),
        ("10x5a", "10x5a"),
        ("0x5a, then", "Z, then"),
        ("Z\0k\0", "Zk"),
        ("Z%2Fk%2B", "Z/k+"),
        (r"Z\/k\\/\n", r"Z/k/\n"),
        ("%5", "%5"),
        ("&#x5a", "&#x5a"),
    ],
)
def test_escapes_are_undone(text: str, expected: str) -> None:
    assert unescaped(text) == expected
    assert TextView.of(text).unescaped().text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"Zk3" + "f9"', '"Zk3f9"'),
        ("'Zk3'+'f9'", "'Zk3f9'"),
        ("`Zk3` . `f9`", "`Zk3f9`"),
        ('"Zk3" "f9"', '"Zk3f9"'),
        ('"Zk3" || "f9" .. "x" <> "y" & "z" ~ "q"', '"Zk3f9xyzq"'),
        ('\\"Zk3\\" + \\"f9\\"', '\\"Zk3f9\\"'),
        # Another quote begins another literal.
        ("\"Zk3\" + 'f9'", "\"Zk3\" + 'f9'"),
        ('"Zk3" - "f9"', '"Zk3" - "f9"'),
    ],
)
def test_pieces_of_a_literal_are_joined(text: str, expected: str) -> None:
    assert joined(text) == expected
    assert TextView.of(text).joined().text == expected


@given(st.lists(_PIECES, max_size=12).map("".join))
def test_a_view_knows_where_each_of_its_characters_comes_from(text: str) -> None:
    view = TextView.of(text).unescaped().joined()
    assert view.text == joined(unescaped(text))
    done = 0
    for character, (start, end) in zip(view.text, view.spans(range(len(view.text))), strict=True):
        # In the order of the source, and each from the escape that says it.
        assert done <= start < end <= len(text)
        assert unescaped(text[start:end]).startswith(character)
        done = end


_TEXTS = st.lists(st.text('ab"\\\né', max_size=5), min_size=1, max_size=6)


@given(_TEXTS)
def test_texts_with_line_ends_are_looked_at_without_them(texts: list[str]) -> None:
    """The part of a document that has them all, and not the texts around it."""
    written = [encode(text) for text in texts]
    data = b"[" + b",".join(written) + b"]"
    broken = [number for number, text in enumerate(written) if b"\\n" in text]
    part = _broken_texts(data)
    assert bool(part) is bool(broken)
    if broken:
        assert b",".join(written[broken[0] : broken[-1] + 1]).removesuffix(b'"') in part
    # A backslash at the end of a text looks as if it were before a quotation mark inside.
    if broken and not any(text.endswith("\\") for text in texts):
        assert part == b",".join(written[broken[0] : broken[-1] + 1]).removesuffix(b'"')


def test_the_part_with_line_ends_may_be_cut_off() -> None:
    assert _broken_texts(b'a\\nb","c"') == b"a\\nb"
    assert _broken_texts(b'["x","a\\nb') == b'"a\\nb'
    assert _broken_texts(b'["x","a') == b""
    # A quotation mark of a text, at the very beginning of what is searched.
    assert _broken_texts(b'"a\\"b\\nc\\"d"]') == b'"a\\"b\\nc\\"d'


@pytest.mark.parametrize(
    ("text", "checks"),
    [
        ("nothing of interest, at https://host.example/a@b", set()),
        ("a password is a word of prose, and so is a token", set()),
        (f"see {VALUE} there", {"forms", "parts"}),
        (f"see {VALUE[5:]} there", {"parts"}),
        (f"see {base64.b64encode(VALUE.encode()).decode()}", {"encoded"}),
        (f"see {VALUE.encode().hex()}", {"encoded"}),
        (f"see {VALUE.encode().hex().upper()}", {"encoded"}),
        (f"see {VALUE[:4]}%{ord(VALUE[4]):02x}{VALUE[5:]}", {"parts", "forms", "viewed"}),
        (f'see "{VALUE[:9]}" + "{VALUE[9:]}"', {"parts", "forms", "viewed"}),
        (f"see {VALUE[:3]}\n  {VALUE[3:]}", {"forms", "parts"}),
        ("see %70ass and %61 and 'pass' + 'age'", set()),
        ("see 'pass' + 'word' + '=' + 'x1y2'", {"shapes", "viewed"}),
        ("see %41KIAQWERTYUIOPASDFGH", {"shapes", "viewed"}),
        # Base64 or hexadecimal that only the view has.
        (f"see %57{base64.b64encode(VALUE.encode()).decode()[1:]}", {"encoded", "viewed"}),
        (f"see '5a6b3' + '{VALUE.encode().hex()[5:]}'", {"encoded", "viewed"}),
        (f"see %63{base64.b64encode(b'password=').decode()[1:]}", {"encoded", "viewed"}),
    ],
)
@pytest.mark.usefixtures("new_literals")
def test_what_a_text_is_checked_for(text: str, checks: set[str]) -> None:
    search = SecretSearch([VALUE])
    for result in (
        search.search(text.encode()),
        search.search(json.dumps([text]).encode(), is_json=True),
    ):
        if result is None:
            assert checks == set()
            continue
        assert {name for name, needed in result._asdict().items() if needed} == checks
        assert {*result.forms, *result.parts} <= {VALUE}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("key AKIAQWERTYUIOPASDFGH", {"aws-access-key"}),
        ("password = os.environ", {"quoted-assignment", "line-assignment", "assignment"}),
        ('"token": "x"', {"quoted-assignment", "line-assignment", "assignment"}),
        ("token]\\n\\t = x", {"quoted-assignment", "line-assignment", "assignment"}),
        ("password of a user", set()),
        ("https://user:word@host.example", {"url-credentials"}),
        ("https://user%3Aword%40host.example", {"url-credentials"}),
        ("https://0123456789abcdef@host.example", {"url-credentials"}),
        ("https://short@host.example", set()),
        ("https://host.example:8080/a@b", set()),
        # Behind the next quotation mark is another text.
        ('https://user:word", "a@b', set()),
        ("https://host.example", set()),
    ],
)
@pytest.mark.usefixtures("new_literals")
def test_which_shapes_a_text_is_checked_for(text: str, names: set[str]) -> None:
    result = SecretSearch().search(text.encode())
    found = set() if result is None else {SHAPES[number].name for number in result.shapes}
    # These have the same literals.
    assert found - {"environment-assignment", "json-assignment"} == names


@settings(max_examples=15)
@given(st.lists(st.text("abXY01-_/+=%\\\"' ", min_size=12, max_size=20), min_size=1, max_size=3))
def test_places_are_where_values_may_begin(values: list[str]) -> None:
    data = encode(["first", *values, "last"])
    places = SecretSearch(values).places(data)
    assert all(0 <= place < len(data) for place in places)
    for value in values:
        at = data.index(encode(value)) + 1
        assert at in places or any(place in range(at, at + len(value)) for place in places)


def test_places_are_of_values_alone() -> None:
    search = SecretSearch([VALUE])
    assert search.places(b'["nothing","of","interest"]') == []
    assert search.places(b'["password = Tr0ub4dor","AKIAQWERTYUIOPASDFGH"]') == []
    assert search.places(f'["a {VALUE}"]'.encode())[0] == 4
    assert search.places(b'["a","b%41c"]') == [7]
    assert search.places(f'["{VALUE.encode().hex()}"]'.encode())[0] == 2


def test_a_search_for_known_values_leaves_out_shapes_and_their_encodings() -> None:
    search = SecretSearch([VALUE])
    for text in ("password = Tr0ub4dor", base64.b64encode(b"password = Tr0ub4dor").decode()):
        assert search.search(text.encode()) is not None
        assert search.search(text.encode(), known_only=True) is None
    for encoded in (base64.b64encode(f"a: {VALUE}".encode()), VALUE.encode().hex().encode()):
        result = search.search(encoded, known_only=True)
        assert result is not None and result.encoded and not result.shapes
    broken = base64.b64encode(f"a long line of {VALUE}".encode())
    lines = b"\n".join(broken[at : at + 20] for at in range(0, len(broken), 20))
    result = search.search(lines, known_only=True)
    assert result is not None and result.encoded


def test_a_value_that_begins_with_a_literal_is_known_too() -> None:
    value = "token-7Qm2zXw9Lk4V"
    result = SecretSearch([value]).search(f"a {value}".encode(), known_only=True)
    assert result is not None and value in result.forms and not result.shapes
    assert SecretSearch([value]).places(f'["a {value}"]'.encode())[0] == 4


@pytest.mark.usefixtures("new_literals")
def test_each_literal_asks_for_its_shape_as_it_is_and_encoded() -> None:
    search = SecretSearch()
    literals = {literal for shape in SHAPES for literal in shape.literals}
    for literal in literals:
        numbers = {number for number, shape in enumerate(SHAPES) if literal in shape.literals}
        # Words count before an assignment, addresses with credentials.
        text = f"{literal}=user:word@host"
        for data in (text.encode(), json.dumps(text)[1:-1].encode()):
            result = search.search(data)
            assert result is not None and numbers <= {*result.shapes}, literal
        for anchor in {*encoded_anchors(literal.encode())} - {other.encode() for other in literals}:
            result = search.search(b"." + anchor + b".")
            assert result is not None and result.encoded, anchor


@pytest.mark.parametrize("mark", [*ESCAPES, *JOINTS])
def test_a_value_may_begin_where_an_escape_is(mark: bytes) -> None:
    places = SecretSearch([VALUE]).places(b'["see' + mark + b'"]')
    assert 5 in places


@pytest.mark.parametrize(
    ("patterns", "size", "fast"),
    [
        (1_000, 0, False),
        (1_000, 1_000_000, False),
        (1_000, 1_002_000, True),
        (499_999, 1 << 40, True),
        (500_000, 1 << 40, False),
    ],
)
def test_the_fast_automaton_is_built_for_much_text_and_not_too_many_values(
    patterns: int, size: int, fast: bool
) -> None:
    kind = ahocorasick_rs.Implementation.DFA if fast else None
    assert _automaton(patterns, size) == kind


@pytest.mark.parametrize(
    "written",
    [
        VALUE,
        VALUE.lower(),
        VALUE.encode().hex(),
        base64.b64encode(VALUE.encode()).decode(),
        base64.b64encode(base64.b64encode(VALUE.encode())).decode(),
        # A value as it is has its JSON form, of which fewer characters are its own.
        'K9"QZ4LMX7PRTWQ9LS',
    ],
)
def test_less_than_twelve_characters_of_a_value_ask_for_no_check(written: str) -> None:
    search = SecretSearch([VALUE, 'k9"Qz4LmX7pRtWq9Ls'])
    for size in (11, 12):
        result = search.search(json.dumps([written[:size]]).encode(), is_json=True)
        assert (result is not None) is (size == 12)


def test_a_literal_that_also_begins_a_value_is_no_shape_among_known_values() -> None:
    search = SecretSearch(["token-7Qm2zXw9Lk4V"])
    text = b"token = Tr0ub4dor-and-more"
    assert search.search(text) is not None
    assert search.search(text, known_only=True) is None


def test_a_broken_value_is_looked_for_behind_the_literal_of_a_shape() -> None:
    broken = f"AKIA of {VALUE[:6]}\n{VALUE[6:]}"
    result = SecretSearch([VALUE]).search(broken.encode(), known_only=False)
    assert result is not None and VALUE in result.forms


@settings(max_examples=20)
@given(st.lists(st.text("abXY01-_ ", min_size=8, max_size=20), min_size=1, max_size=3), st.text())
def test_both_kinds_of_automaton_find_the_same(values: list[str], rest: str) -> None:
    data = encode([rest, *values, base64.b64encode(values[0].encode()).decode()])
    one, other = SecretSearch(values), SecretSearch(values, size=1 << 40)
    assert one.search(data, is_json=True) == other.search(data, is_json=True)
    assert one.places(data) == other.places(data)
