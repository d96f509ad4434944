"""Secrets in JSON: masked in every text and key, and nothing else is changed."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secagg.jsonio.value import decode, encode
from secagg.secrets.patterns import MASK
from secagg.secrets.redactor import Redactor, Secret

VALUE = "Zk3fW9qLx0TnB7vRp2YsQ8uH"
OTHER = "q7'K\"2/zP9 é\n0xTn"


def redactor(*values: str) -> Redactor:
    made = Redactor(b"a key of a test")
    for value in values:
        made.learn(Secret(value))
    return made


def mapped(value: Any, change: Any) -> Any:
    """``value`` with ``change`` applied to its texts and to the names of its members."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(key): mapped(item, change) for key, item in value.items()}
    return [mapped(item, change) for item in value] if isinstance(value, list) else value


_PATH = f"deploy/{VALUE}/a.py"
_TEXTS = st.sampled_from(
    [
        "",
        "a",
        VALUE,
        f"x {VALUE} y",
        OTHER,
        f"{OTHER};{VALUE}",
        VALUE.encode().hex(),
        "\\",
        '"',
        "\n",
    ]
) | st.sampled_from([_PATH, "deploy", f"see {_PATH}"])
_JSON = st.recursive(
    _TEXTS | st.none() | st.integers(0, 9) | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(_JSON)
def test_known_values_are_masked_in_each_text_of_a_document(document: Any) -> None:
    made = redactor(VALUE, OTHER)
    masked = made.mask_known_json(encode(document))
    assert json.loads(masked) == mapped(document, made.mask_known)
    assert (masked == encode(document)) is (MASK not in masked.decode())


@given(_JSON)
def test_public_paths_stay_in_a_document(document: Any) -> None:
    made = redactor(VALUE, OTHER)

    def change(text: str) -> str:
        return text if text in (_PATH, f"see {_PATH}") else made.mask_known(text)

    masked = made.mask_known_json(encode(document), [_PATH, "deploy"])
    assert json.loads(masked) == mapped(document, change)


@given(_JSON)
def test_a_report_s_entry_is_masked_text_by_text(document: Any) -> None:
    made = redactor(VALUE, OTHER)
    entry = {"message": document}
    masked, encoded = made.mask_entry(entry, encode(entry))
    expected = made.mask_json(entry)
    assert masked == expected and decode(encoded) == expected
    assert VALUE not in json.dumps(masked, ensure_ascii=False)
    # What holds nothing is what was given.
    assert (masked is entry) is (expected == entry)


def test_what_is_no_dict_and_no_list_is_masked_too() -> None:
    made = redactor(VALUE)
    inner = ["clean"]
    masked = made.mask_json({"a": (inner, VALUE), "b": inner, "c": 1})
    assert masked == {"a": [["clean"], MASK], "b": ["clean"], "c": 1}
    assert masked["b"] is inner
    view = MappingProxyType({"a": VALUE, "b": "c"})
    assert made.mask_entry(view, encode(dict(view)))[0] == {"a": MASK, "b": "c"}
    assert made.mask_json(VALUE) == MASK
    assert made.mask_json([VALUE, 1, None, 2.5, True]) == [MASK, 1, None, 2.5, True]


def test_a_name_of_a_member_is_a_name() -> None:
    made = redactor("locations", VALUE)
    masked = made.mask_json({"locations": {"text": "locations"}, f"a {VALUE}": 1})
    assert masked["locations"] == {"text": MASK}
    (other,) = [name for name in masked if name != "locations"]
    assert other.startswith("a [redacted-") and VALUE not in other


def test_paths_and_names_of_a_report_keep_apart() -> None:
    """A secret in a path becomes a hash, in a name as well; in any other text the mask."""
    made = redactor(VALUE)
    entry = {"uri": f"a/{VALUE}", "ruleId": f"r-{VALUE}", "text": VALUE, "tags": [VALUE, "x"]}
    masked = made.mask_json(entry)
    assert masked["uri"].startswith("a/[redacted-") and masked["ruleId"].startswith("r-[redacted-")
    assert masked["text"] == MASK
    assert masked["tags"][0].startswith("[redacted-") and masked["tags"][1] == "x"


@pytest.mark.parametrize("learn", ["learn", "identify"])
def test_a_value_that_is_learned_late_is_masked_from_then_on(learn: str) -> None:
    made = redactor(OTHER)
    entry = {"text": f"a {VALUE} b", "password": f"password={OTHER}"}
    assert made.mask_json(entry)["text"] == f"a {VALUE} b"
    getattr(made, learn)(Secret(f"  {VALUE}\n"))
    assert made.mask_json(entry)["text"] == f"a {MASK} b"
    assert made.mask_json(entry)["text"] == f"a {MASK} b"


def test_hashes_stay_the_same_in_each_version() -> None:
    """Baselines, stores and other machines hold them. The first is of RFC 4231."""
    made = Redactor(b"Jefe")
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert made.identify(Secret("what do ya want for nothing?")) == f"hmac-sha256:{digest}"
    value = "Zk3f9-token"
    made.learn(Secret(value))

    def hashed(text: str) -> str:
        return hmac.new(b"Jefe", text.encode(), "sha256").hexdigest()

    assert made.keyed(value) == hashed(f"text\0{value}")
    assert made.key_name == hashed("secagg: the name of this key")[:16]
    digest = hashed(f"name\0{value}")
    assert made.shown_path(f"a/{value}") == f"a/[redacted-{digest[:12]}]"


def test_an_identity_is_a_hash_under_the_key() -> None:
    made = redactor()
    identity = made.identify(Secret(VALUE))
    kind, _, digest = identity.partition(":")
    assert kind == "hmac-sha256" and len(bytes.fromhex(digest)) == 32
    assert made.identify(Secret(f" {VALUE} ")) == identity
    # A lone surrogate is no character of UTF-8, and is hashed all the same.
    assert made.identify(Secret("\udc80" + VALUE)) != identity
    assert made.keyed(VALUE) != digest and made.keyed(VALUE) == redactor().keyed(VALUE)
    assert len(made.key_name) == 16 and made.key_name == redactor().key_name
    assert made.key_name != Redactor(b"another key").key_name
    assert made.keyed("\udc80") != made.keyed("\udc81")


def test_a_lone_surrogate_hides_nothing() -> None:
    made = redactor(VALUE, "\udc80" + OTHER)
    for text in (
        f"\udc80 {VALUE}",
        f'\udc80 "{VALUE[:9]}" + "{VALUE[9:]}"',
        f"\ud800%5a{VALUE[1:]}",
    ):
        masked = made.mask(text)
        assert MASK in masked and VALUE[2:9] not in masked and VALUE[9:] not in masked
        assert made.mask_json({"a": [text]}) == {"a": [masked]}
    assert made.mask(f"x \udc80{OTHER} y") == f"x {MASK} y"


@settings(max_examples=25)
@given(st.lists(st.sampled_from([VALUE, "a", f"x {VALUE}"]), max_size=4))
def test_what_is_clean_is_told(texts: list[str]) -> None:
    made = redactor(VALUE)
    made.prepare(1000)
    assert made.is_clean(encode(texts)) is not any(VALUE in text for text in texts)
    assert made.mask_json(texts) == [text.replace(VALUE, MASK) for text in texts]


def test_many_texts_are_masked_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than are kept in memory, and longer ones than are kept."""
    monkeypatch.setattr("secagg.secrets.redactor._MOST_CACHED", 7)
    made = redactor(VALUE)
    texts = [f"{number} {VALUE}" for number in range(20)] + ["x" * 300 + VALUE] * 2
    assert made.mask_json(texts) == [text.replace(VALUE, MASK) for text in texts]
    assert 0 < len(made._masked) <= 7 and max(map(len, made._masked)) < 300


@pytest.mark.parametrize(
    "value", ['k9"Qz4LmX7p', "k9\\Qz4LmX7p", "k\t9Qz4LmX7pé", 'k9Qz4LmX7pRt"x']
)
def test_a_changed_value_is_found_in_json_as_in_its_text(value: str) -> None:
    made = redactor(value)
    for changed in (value.upper(), value.swapcase(), value[::-1], value.capitalize()):
        text = f"see {changed} there"
        assert made.mask(text) == f"see {MASK} there"
        assert made.mask_json({"a": text}) == {"a": f"see {MASK} there"}
        assert not made.is_clean(encode({"a": text}))
