"""Known values in a text: masked wholly, with nothing around them, in every way of writing."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import urllib.parse
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secagg.secrets.encodings import changed_forms, forms_of, is_distinctive, parts_of
from secagg.secrets.patterns import MASK
from secagg.secrets.redactor import Redactor
from secagg.secrets.values import KnownValues, _places

VALUE = "Zk3fW9qLx0TnB7vRp2YsQ8uH"


ASSIGNED = "password=Tr0ub4dor3 and more"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def known(*values: str) -> KnownValues:
    made = KnownValues()
    for value in values:
        made.add(value)
    return made


# A value that every way of writing changes, and how programs write it.
ODD = "k9'Q/z\"4&L<m>X é=7+p ~x@c:Y"
WAYS = {
    "itself": ODD,
    "JSON": json.dumps(ODD)[1:-1],
    "JSON of UTF-8": json.dumps(ODD, ensure_ascii=False)[1:-1],
    "JSON in JSON": json.dumps(json.dumps(ODD))[1:-1].removeprefix('\\"').removesuffix('\\"'),
    "JSON in JSON of UTF-8": json.dumps(
        json.dumps(ODD, ensure_ascii=False)[1:-1], ensure_ascii=False
    )[1:-1],
    "single quotes": ODD.replace("'", "\\'"),
    "JavaScript": ODD.replace("/", "\\/"),
    "a URL's path": urllib.parse.quote(ODD),
    "a URL's part": urllib.parse.quote(ODD, safe=""),
    "a URL as it is": urllib.parse.quote(ODD, safe="/:@=&?+,;$!*'()"),
    "a URL in small letters": re.sub(
        "%[0-9A-F]{2}", lambda m: m[0].lower(), urllib.parse.quote(ODD, safe="")
    ),
    "a form": urllib.parse.quote_plus(ODD),
    "HTML": html.escape(ODD),
    "HTML's text": html.escape(ODD, quote=False),
    "HTML by numbers": html.escape(ODD).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_written_value_is_one_mask(way: str) -> None:
    assert known(ODD).mask(f"<{WAYS[way]}>") == f"<{MASK}>"


@pytest.mark.parametrize(
    "value", ["first line 9x\nsecond/line-9\n  third line\n", "a9x\r\nb/8-y\r\nc"]
)
def test_a_value_of_several_lines_is_one_mask(value: str) -> None:
    made = known(value.strip())
    for ends in ("\n", "\r\n"):
        text = value.strip().replace("\r\n", "\n").replace("\n", ends)
        for written in (text, json.dumps(text)[1:-1], json.dumps(json.dumps(text)[1:-1])[1:-1]):
            assert made.mask(f"<{written}>") == f"<{MASK}>", written


def test_each_longer_line_of_a_value_is_masked() -> None:
    made = known(
        "-----BEGIN THIS-----\n  MIIBVgIBADANBg\r\nshort\nq9/Wm2+x8ZtL\n-----END THIS-----"
    )
    text = "MIIBVgIBADANBg short q9/Wm2+x8ZtL -----BEGIN THIS----- -----END THIS-----"
    assert made.mask(text) == f"{MASK} short {MASK} {MASK} -----END THIS-----"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Tr0ub4dor-x", {"tr0ub4dor-x", "TR0UB4DOR-X", "tR0UB4DOR-X", "Tr0ub4dor-X"}),
        ("zoNe9-kIng", {"ZoNe9-kIng", "Zone9-king", "Zone9-King", "zone9-king", "gnIk-9eNoz"}),
        # Cut at both ends, down to half of it, and to six characters.
        ("Q7wK2zP9", {"7wK2zP9", "wK2zP9", "Q7wK2zP", "Q7wK2z", "7wK2zP", "9Pz2Kw7Q"}),
        # The bytes, as a debugger prints them.
        ("Q7wK2zP9", {"51:37:77:4b:32:7a:50:39", "51 37 77 4b 32 7a 50 39"}),
    ],
)
def test_a_changed_value_is_looked_for(value: str, expected: set[str]) -> None:
    forms = set(changed_forms(value))
    assert expected <= forms
    assert value not in forms and all(len(form) >= 6 for form in forms)


@pytest.mark.parametrize("mask", ["***", "****", "...", "…", "•••", "xxx"])
def test_what_is_left_beside_a_mask_is_masked(mask: str) -> None:
    """Six capitals may be a word of prose, but not beside a mask."""
    values = KnownValues()
    values.add("Qk7PHWEWXZ")
    values.add("HWEWXZQk7P")
    for text in (f"key {mask}HWEWXZ.", f"key HWEWXZ{mask}."):
        assert "HWEWXZ" not in values.mask(text)
    assert values.mask("key HWEWXZ.") == "key HWEWXZ."


def test_no_change_of_a_value_is_a_word() -> None:
    assert set(changed_forms("nothings9")) & {"nothings", "nothing", "othings"} == set()
    assert "hings9" in set(changed_forms("nothings9"))
    assert list(changed_forms("two lines\nof a value")) == []
    # Of sixteen characters parts are looked for in another way.
    whole = "Q7wK2zP9Q7wK2zP8"
    assert {len(form) for form in changed_forms(whole)} == {16, 16 * 3 - 1}
    assert len({len(form) for form in changed_forms(whole[1:])}) > 2


@pytest.mark.parametrize(
    ("text", "distinctive"),
    [
        ("password", False),
        ("Password", False),
        ("elevenwords", False),
        ("twelvewordsx", True),
        ("passw0rd", True),
        ("passWord", True),
        ("pAssword", True),
        ("PASSWORd", True),
        ("PASSWORD", False),
        ("pass-ord", True),
        ("pass-Word", True),
        ("12345678", True),
        ("123.4567", True),
        # One vowel in so many letters.
        ("rhbtdlk", True),
        ("rhatdlk", True),
        ("rhatdl", False),
        ("rhbt", True),
        ("XBCD", True),
    ],
)
def test_what_may_be_a_word(text: str, distinctive: bool) -> None:
    assert is_distinctive(text) is distinctive


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("Q7wK2zP9Q7wK2zP", []),
        ("Q7wK2zP9Q7wK2zP8", [5, 8]),
        ("x" * 19, [5, 10, 11]),
        ("x" * 512, [*range(5, 504, 5), 504]),
        ("x" * 513, []),
        ("https://host.example/x", []),
        ("four words in here", []),
    ],
)
def test_the_parts_by_which_a_value_is_found(value: str, parts: list[int]) -> None:
    assert parts_of(value) == parts


_ALPHABET = st.text(
    "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=16, max_size=60
)


@given(_ALPHABET.filter(lambda v: len(set(v)) > 12), st.data())
def test_half_of_a_value_is_masked_and_nothing_beside_it(value: str, data: st.DataObject) -> None:
    least = max(12, (len(value) + 1) // 2)
    start = data.draw(st.integers(0, len(value) - least))
    end = data.draw(st.integers(start + least, len(value)))
    text = f"see ~{value[start:end]}~ and ~{value[start:end]}~"
    assert known(value).mask(text) == f"see ~{MASK}~ and ~{MASK}~"


@given(_ALPHABET.filter(lambda v: len(set(v)) > 12), st.data())
def test_a_value_broken_anywhere_is_one_mask(value: str, data: st.DataObject) -> None:
    breaks = st.sampled_from(["\n", " ", "\r\n  ", "\\n", "\\r\\n\\t"])
    places = data.draw(st.lists(st.integers(1, len(value) - 1), min_size=1, max_size=3))
    written = value
    for place in sorted(set(places), reverse=True):
        written = written[:place] + data.draw(breaks) + written[place:]
    text = f"see <{written}> and\nanother <{value}> (<{written}>)."
    assert known(value).mask(text) == f"see <{MASK}> and\nanother <{MASK}> (<{MASK}>)."


def test_a_short_value_is_not_looked_for_over_line_ends() -> None:
    """Its characters may follow one another by chance; nine are too few."""
    assert known("Q7wK2zP9x").mask("Q7wK\n2zP9x") == "Q7wK\n2zP9x"
    assert known("Q7wK2zP9xY").mask("Q7wK\n2zP9xY") == MASK
    assert known("onlyawords").mask("only\nawords") == "only\nawords"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Q7wK2zP9", MASK),
        ("(Q7wK2zP9)", f"({MASK})"),
        ("_Q7wK2zP9_", f"_{MASK}_"),
        ("-Q7wK2zP9.Q7wK2zP9-", f"-{MASK}.{MASK}-"),
        ("xQ7wK2zP9", "xQ7wK2zP9"),
        ("Q7wK2zP91", "Q7wK2zP91"),
        ("Q7wK2zP9é", "Q7wK2zP9é"),
        ("xQ7wK2zP9 Q7wK2zP9", f"xQ7wK2zP9 {MASK}"),
    ],
)
def test_a_short_value_is_masked_where_it_is_a_word(text: str, expected: str) -> None:
    made = KnownValues()
    made.add("Q7wK2zP9")
    assert made.mask(text) == expected


def test_a_value_ends_in_a_character_that_no_word_has() -> None:
    assert known("$7wK2zP!").mask("x$7wK2zP!y") == f"x{MASK}y"


def test_how_much_of_the_beginning_of_a_value_is_enough() -> None:
    """Sixteen characters, or twelve if they are two fifths of the value."""
    long = "é9-" * 15
    for value, enough in ((long, 16), (long[:31], 13), (long[:30], 12)):
        made = known(f"{value} and more words" if value == long else value)
        assert made.mask(f"<{value[:enough]}>") == f"<{MASK}>"
        assert made.mask(f"<{value[: enough - 1]}>") == f"<{value[: enough - 1]}>"


def test_what_is_too_short_or_too_common_is_no_value() -> None:
    made = KnownValues()
    assert [made.add(value) for value in ("Q7wK2", "Password", "default", "Q7wK2z", "Q7wK2z")] == [
        False,
        False,
        False,
        True,
        False,
    ]
    assert len(made) == 1


_MADE = [hashlib.sha256(bytes([number])).hexdigest()[:20] + "z" for number in range(24)]


@settings(max_examples=30)
@given(st.lists(st.sampled_from([*_MADE, "mask", "compact"]), max_size=24))
def test_it_matters_not_when_a_value_was_learned(steps: list[str]) -> None:
    made = KnownValues()
    values = [step for step in steps if step in _MADE]
    for step in steps:
        if step == "mask":
            made.mask("nothing")
        elif step == "compact":
            made.compact(1000)
        else:
            made.add(step)
    text = " ".join(_MADE)
    expected = " ".join(MASK if value in values else value for value in _MADE)
    assert made.mask(text) == expected
    encoded = [made.search(value.encode().hex().encode()) for value in _MADE]
    assert [found is not None for found in encoded] == [value in values for value in _MADE]
    viewed = made.search(f'"{_MADE[0][:9]}" + "{_MADE[0][9:]}"'.encode())
    assert (viewed is not None and viewed.viewed) is (_MADE[0] in values)


def test_values_of_several_searches_are_all_in_one_text() -> None:
    made = KnownValues()
    for value in _MADE[:16]:
        made.add(value)
    made.mask("")
    made.add(VALUE)
    short = "Q7wK2zP9"
    made.add(short)
    assert made.mask(f"{_MADE[3]} {short} {VALUE}") == f"{MASK} {MASK} {MASK}"
    assert made.mask(f"{short} {short.lower()} {short[1:]}") == f"{MASK} {MASK} {MASK}"
    for first, second in ((_MADE[3], VALUE), (VALUE, _MADE[3])):
        encoded = second.encode().hex()
        broken = f'"{second[:9]}" + "{second[9:]}"'
        text = f"a {first[:14]} b {encoded} c {broken} d {second[6:]} e {first}"
        masked = made.mask(f"{text} password=Tr0ub4dor3")
        assert (
            masked == f'a {MASK} b {MASK} c "{MASK}" + "{MASK}" d {MASK} e {MASK} password={MASK}'
        )


_LINES = st.lists(
    st.sampled_from(["", "a line", VALUE, f"a {VALUE} b {VALUE}", "token: Tr0ub4dor-3x", "é"]),
    max_size=8,
)


@given(_LINES)
def test_the_lines_of_secrets_are_numbered_from_one(lines: list[str]) -> None:
    expected = {n for n, line in enumerate(lines, 1) if VALUE in line or "token" in line}
    assert known(VALUE).lines("\n".join(lines)) == expected


def test_a_secret_over_several_lines_is_on_each_of_them() -> None:
    text = f"a\n{VALUE[:12]}\n{VALUE[12:]}\nb\nc {VALUE}\n{VALUE[:9]}\\\n"
    assert known(VALUE).lines(text) == {2, 3, 5}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Nothing but known values is masked without shapes.
        (f"password=Tr0ub4dor3 {VALUE}", f"password=Tr0ub4dor3 {MASK}"),
        ("cGFzc3dvcmQ9VHIwdWI0ZG9yMyBhbmQgbW9yZQ==", "cGFzc3dvcmQ9VHIwdWI0ZG9yMyBhbmQgbW9yZQ=="),
        ("'pass' + 'word=Tr0ub4dor3'", "'pass' + 'word=Tr0ub4dor3'"),
        # The base64 of a known value is decoded, and the one of a shape stays beside it.
        (f"{_base64(VALUE)} {_base64(ASSIGNED)}", f"{MASK} {_base64(ASSIGNED)}"),
        (
            f"{_percent(_base64(VALUE))} {_percent(_base64(ASSIGNED))}",
            f"{MASK} {_percent(_base64(ASSIGNED))}",
        ),
        (
            f"{_base64(_base64(VALUE))} {_base64(_base64(ASSIGNED))}",
            f"{MASK} {_base64(_base64(ASSIGNED))}",
        ),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_shapes_may_be_left_out(text: str, expected: str, late: bool) -> None:
    """Also where a value that was learned later has a search of its own."""
    made = known(VALUE)
    if late:
        made = known(*_MADE[:8])
        made.mask("")
        made.add(VALUE)
    assert made.mask(text, shapes=False) == expected
    assert made.mask(text) != expected
    clean = "a clean text"
    assert made.mask(clean) is made.mask(clean, shapes=False) is clean


def test_base64_of_random_bytes_has_no_shape() -> None:
    """Bytes that are no ASCII match a shape by chance; a known value in them counts."""
    data = b"\xff\xfe\x80 password=Tr0ub4dor3 and more"
    run = base64.b64encode(data).decode()
    assert known().mask(f"a {run} b") == f"a {run} b"
    assert known().mask(f"a {base64.b64encode(data[3:]).decode()} b") == f"a {MASK} b"
    assert known("d=Tr0ub4dor3 and more").mask(f"a {run} b") == f"a {MASK} b"


@pytest.mark.parametrize("start", ["x", "xy", "xyz", "wxyz", "0123456789ab", "g0123456789abc"])
def test_base64_is_decoded_behind_whatever_it_is_written(start: str) -> None:
    """What is before it decodes to nothing of interest, or to a few bytes."""
    run = base64.b64encode(f"a: {VALUE}".encode()).decode()
    assert known(VALUE).mask(f"a {start}{run} b") == f"a {MASK} b"


def test_values_learned_one_by_one_need_few_searches() -> None:
    made = KnownValues()
    for value in _MADE:
        made.add(value)
        made.mask("")
    sizes = [len(values) for _, values in made._searches]
    assert sum(sizes) == len(_MADE)
    assert all(larger >= 4 * smaller for larger, smaller in pairwise(sizes))


def _in_pieces(text: str) -> str:
    """Write ``text`` as pieces of a literal, each too short to tell what it is."""
    return "'" + "' + '".join(text[at : at + 6] for at in range(0, len(text), 6)) + "'"


# Values whose base64 has a plus or a slash near its beginning, wherever the value begins.
@pytest.mark.parametrize("value", ["~~~>>>???Zk3fW9qLx0", "k>~?z4LmX7pRtWq9Ls", VALUE])
@pytest.mark.parametrize("user", ["", "u:", "us:", "user:"])
@pytest.mark.parametrize(
    "write",
    [
        lambda run: urllib.parse.quote(run, safe=""),
        lambda run: urllib.parse.quote(run, safe="").replace("%2B", "%2b").replace("%2F", "%2f"),
        lambda run: urllib.parse.quote(urllib.parse.quote(run, safe=""), safe=""),
        # As PHP writes JSON.
        lambda run: run.replace("/", "\\/"),
        lambda run: run.replace("+", "\\u002b").replace("/", "\\u002F"),
        lambda run: run.replace("+", "&#43;").replace("/", "&#x2F;"),
        _percent,
        _in_pieces,
    ],
    ids=["URL", "url", "URL-in-URL", "PHP", "JSON", "HTML", "percent", "pieces"],
)
def test_escaped_base64_is_decoded(value: str, user: str, write: Callable[[str], str]) -> None:
    run = base64.b64encode(f"{user}{value} and the rest".encode()).decode().rstrip("=")
    text = f"see <{write(run)}> there"
    shown = known(value).mask(text)
    assert re.findall("[A-Za-z0-9]+", shown.replace(MASK, "")) == ["see", "there"]
    assert known(value).mask(text, shapes=False) == shown
    assert known().mask(text) == text


def test_base64_of_base64_is_decoded() -> None:
    run = VALUE
    for _ in range(2):
        run = _base64(run)
        assert known(VALUE).mask(f"a {run} b") == f"a {MASK} b"
    # Once more is decoded where a text has other base64; and no more often, whatever it holds.
    once, deeper = _base64(VALUE), _base64(run)
    assert known(VALUE).mask(f"{once} {deeper}") == f"{MASK} {MASK}"
    deepest = _base64(deeper)
    assert known(VALUE).mask(f"{once} {deepest}") == f"{MASK} {deepest}"


@pytest.mark.parametrize("size", range(8, 16))
def test_half_of_a_short_value_is_masked_at_either_end(size: int) -> None:
    """And six characters at least; less tells little, and may stand in any text."""
    value = "Q7wK2zP9xY4vB3c"[:size]
    least = max(6, (size + 1) // 2)
    made = known(value)
    for part in (value[:least], value[-least:]):
        assert made.mask(f"see {part} there") == f"see {MASK} there"
    for part in (value[: least - 1], value[1 - least :]):
        assert made.mask(f"see {part} there") == f"see {part} there"


def test_a_text_that_only_looks_like_a_secret_stays_the_same_object() -> None:
    """The last filter writes such a text as it is."""
    value = f"{VALUE}-and-more-of-it"
    for text in (
        f"the beginning {value[:13]}",
        f"base64 of it {_base64(value[:14])}",
        f"escaped {_percent(value[:13])}",
        f"broken {value[:6]}\n{value[6:13]}",
        f"a part {value[10:20]}",
    ):
        made = known(value)
        assert made.search(text.encode(), known_only=True) is not None, text
        assert made.mask(text) is text


def test_a_short_value_has_forms_of_its_encodings() -> None:
    """Its base64 and hexadecimal are no run that is long enough to be decoded."""
    assert [*forms_of(VALUE)] == [VALUE]
    for value in ("Q7wK2zP9", "Q7wK2zP9Q7wK2zP"):
        made = known(value)
        for shift in range(3):
            run = base64.b64encode(bytes(shift) + value.encode() + b"\0\0\0").decode()
            assert MASK in made.mask(f"a {run[:20]} b"), shift
        assert made.mask(f"<{value.encode().hex()}>") == f"<{MASK}>"
        assert made.mask(f"<{value.encode().hex().upper()}>") == f"<{MASK}>"


@given(st.lists(st.text("ab9", max_size=6), min_size=1, max_size=40, unique=True), st.data())
def test_values_that_begin_alike_are_told_apart(ends: list[str], data: st.DataObject) -> None:
    """Each is masked to its own end, also broken, and where many of them are in one text."""
    values = [f"kZ8fQm21vX90Tt47{end}" for end in ends]
    made = known(*values)
    value = data.draw(st.sampled_from(values))
    broken = f"{value[:5]}\n{value[5:]}"
    rest = data.draw(st.sampled_from(["", "!", "z"]))
    assert made.mask(f"<{value}{rest}>\n<{broken}{rest}>") == f"<{MASK}{rest}>\n<{MASK}{rest}>"
    assert made.mask("\n".join(f"<{value}>" for value in values)) == "\n".join(
        f"<{MASK}>" for value in values
    )


def test_a_value_beside_a_longer_one_that_it_begins() -> None:
    made = known("kZ8fQm21vX90Tt47", "kZ8fQm21vX90Tt47and9", "kZ8fQm21vX90Tt47and9more")
    for value in ("kZ8fQm21vX90Tt47", "kZ8fQm21vX90Tt47and9"):
        assert made.mask(f"see {value[:9]}\n{value[9:]} at") == f"see {MASK} at"


def test_a_text_made_of_beginnings_is_masked_as_a_whole() -> None:
    """To compare each of them with the values would take hours."""
    made = known("a" * 3000 + "b", "a" * 3000 + "c")
    assert made.mask("a" * 2000 + "\n" + "a" * 2000 + " x") == MASK
    # A part that more values share than the text has characters.
    shared = known(*(f"{end * 5}kZ8fQm21{end * 5}" for end in "BCDEFGHJKLMN"))
    assert shared.mask("(kZ8fQm21)") == f"({MASK})"
    assert known("BBBBBkZ8fQm21BBBBB").mask("(kZ8fQm21)") == "(kZ8fQm21)"


@pytest.mark.parametrize("value", ["hunter2x", "Q7wK2zP9", "Zk3fW9", "Zk3fW9qL7"])
@pytest.mark.parametrize("name", ["a", "me", "ci", "bot", "user"])
def test_a_short_password_behind_a_name_is_masked_in_base64(name: str, value: str) -> None:
    made = known(value)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        run = encode(f"{name}:{value}".encode()).decode()
        for written in (run, run.rstrip("=")):
            masked = made.mask(f'"auth": "{written}"')
            assert MASK in masked and run[4:10] not in masked
    # Words of prose and of code are no base64.
    assert made.mask("PackageName, of dependencies") == "PackageName, of dependencies"


@pytest.mark.parametrize("more", [0, 40])
@pytest.mark.parametrize("text", ["abc", "xabcx", "xxabc", "abcabc", "ab", "", "xbcdabcd"])
def test_pieces_are_found_wherever_they_are(text: str, more: int) -> None:
    """Also at the end, whether there are few pieces or many."""
    pieces = {"abc", "bcd", *(f"piece {number}" for number in range(more))}
    naive = {
        (at, piece) for piece in pieces for at in range(len(text)) if text.startswith(piece, at)
    }
    assert set(_places(text, pieces)) == naive


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("curl -u bot:Zk3fW9qLx0 https://a", f"curl -u bot:{MASK} https://a"),
        ("-H 'Bearer Zk3fW9qLx0TnB7vRp2Ys'", f"-H 'Bearer {MASK}'"),
    ],
)
def test_only_the_secret_of_a_shape_is_masked(text: str, masked: str) -> None:
    assert Redactor(b"a key of 32 bytes for tests only").mask(text) == masked
