"""Redaction: no value survives in any form, and harmless text stays as it is."""

from __future__ import annotations

import base64
import copy
import html
import json
import os
import pickle
import random
import string
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from secagg.errors import ConfigError
from secagg.jsonio.value import encode, unescaped
from secagg.model.finding import Finding, Kind, Severity
from secagg.secrets.key import VARIABLE, load_key
from secagg.secrets.patterns import MASK
from secagg.secrets.redactor import Redactor, Secret
from tests.canaries import Canary, canaries, survivors

HARMLESS = Path(__file__).parent.parent / "data" / "harmless.txt"
KEY = b"a key for the tests only"

# Shapes that nobody could know for a secret from the line alone.
_UNKNOWABLE = {"json inside json"}


@pytest.fixture
def redactor() -> Redactor:
    return Redactor(KEY)


def test_there_are_fifty_shapes() -> None:
    assert len({canary.name for canary in canaries()}) == 50


@pytest.mark.parametrize("canary", canaries(), ids=lambda canary: canary.name)
def test_a_line_with_a_secret_is_masked_without_knowing_it(
    canary: Canary, redactor: Redactor
) -> None:
    if canary.name not in _UNKNOWABLE:
        assert survivors(redactor.mask(canary.line).encode(), [canary]) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_known_value_survives_in_no_form(seed: int, redactor: Redactor) -> None:
    planted = canaries(seed)
    for canary in planted:
        redactor.identify(Secret(canary.value))
    for canary in planted:
        for written in _written(canary.value):
            masked = redactor.mask(f"before {written} after")
            assert survivors(masked.encode(), [canary]) == []
            assert masked.startswith("before ") and masked.endswith(" after")


def _written(value: str) -> list[str]:
    raw = value.encode()
    encoded = base64.b64encode(b"user:" + raw + b":rest").decode()
    return [
        value,
        f"x{value}y",
        json.dumps(value),
        json.dumps(json.dumps(value)),
        json.dumps({"k": value}, ensure_ascii=False),
        urllib.parse.quote(value),
        urllib.parse.quote(value, safe=""),
        urllib.parse.quote_plus(value),
        html.escape(value),
        raw.hex(),
        raw.hex().upper(),
        *(base64.b64encode(b"\0" * shift + raw).decode() for shift in range(3)),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        "\n".join(encoded[i : i + 20] for i in range(0, len(encoded), 20)),
        value.replace("\n", "\r\n"),
        value.replace("\n", "\\n"),
        value.replace("\n", "\n    "),
    ]


def test_a_value_broken_over_lines_is_masked(redactor: Redactor) -> None:
    value = "".join(random.Random(1).choices(string.ascii_letters, k=60))
    redactor.identify(Secret(value))
    assert value[25:] not in redactor.mask(f"k: {value[:30]}\n      {value[30:]}")
    assert redactor.mask(f"{value[:30]}\n  {value[30:]}") == MASK


def test_the_beginning_of_a_value_is_masked_where_the_text_was_cut(redactor: Redactor) -> None:
    value = "".join(random.Random(2).choices(string.ascii_letters, k=40))
    redactor.identify(Secret(value))
    assert redactor.mask(f"token {value[:20]}...") == f"token {MASK}..."


def test_a_short_value_is_masked_as_a_word_only(redactor: Redactor) -> None:
    redactor.identify(Secret("hunter2"))
    redactor.identify(Secret("abc"))
    masked = redactor.mask("hunter2 is not hunter25; abc stays")
    assert masked == f"{MASK} is not hunter25; abc stays"


def test_a_common_word_is_no_value_to_look_for(redactor: Redactor) -> None:
    redactor.identify(Secret("password"))
    assert redactor.mask("Improper password check") == "Improper password check"


@pytest.mark.parametrize(
    "line",
    [
        'password = os.environ["DB_PASSWORD"]',
        'token = os.environ.get("API_TOKEN_V2")',
        "secret = config.get_secret_value1(name)",
        "password: ${DB_PASSWORD}",
        "password: {{ vault_password }}",
        'api_key = "<your-api-key>"',
        "max_tokens: 4096",
        "token_type: bearer",
        "PASSWORD=$(cat /run/secrets/db)",
        "const token = await getToken2(session)",
        "secretKeyRef: {name: db, key: password}",
        "https://example.com:8080/a@b/c",
        "git@github.com:acme/engine.git",
        "pkg:npm/%40scope/name@1.0.0",
        "sha512-LCG9Pd9u1Bm2eVn8TKwEAbLhWJ4cCRKn6vXsbWuKGdSvK9zFVb+8MX8Ws4XmCqfNw5sDkXhA2pRj1w==",
        "key: value",
        "The private key must be kept secret: see the manual.",
        "Authorization: the header was missing",
        "skip-this-thing and task-list-item-number-fourteen-of-many",
    ],
)
def test_harmless_code_stays(line: str, redactor: Redactor) -> None:
    assert redactor.mask(line) == line


def test_descriptions_of_advisories_stay(redactor: Redactor) -> None:
    for text in HARMLESS.read_text(encoding="utf-8").splitlines():
        assert redactor.mask(text) == text


def test_a_truncated_key_is_masked(redactor: Redactor) -> None:
    key = next(canary for canary in canaries() if canary.name == "rsa key").value
    lines = key.split("\n")
    for part in (lines[:4], lines[2:], [*lines[:2], lines[2][:30]]):
        for joint in ("\n", "\\n", '\\n" +\n  "'):
            masked = redactor.mask(f"key = '{joint.join(part)}'")
            assert lines[1] not in masked and lines[3] not in masked


def test_the_same_value_has_one_id_and_another_key_another(redactor: Redactor) -> None:
    identity = redactor.identify(Secret("s3cr3t-value"))
    assert identity == redactor.identify(Secret("s3cr3t-value\n"))
    assert identity != redactor.identify(Secret("s3cr3t-valuf"))
    assert identity != Redactor(KEY + b"!").identify(Secret("s3cr3t-value"))
    assert identity.startswith("hmac-sha256:")


def test_a_secret_cannot_be_printed_or_stored() -> None:
    secret = Secret("s3cr3t-value")
    for text in (repr(secret), str(secret), f"{secret}", f"{secret:>30}"):
        assert "s3cr3t" not in text
    for store in (pickle.dumps, json.dumps, copy.deepcopy):
        with pytest.raises(TypeError) as caught:
            store(secret)
        assert "s3cr3t" not in str(caught.value)
    with pytest.raises(TypeError, match=r"^a Secret cannot be serialized$"):
        pickle.dumps(secret)


def test_a_redactor_shows_no_value(redactor: Redactor) -> None:
    redactor.identify(Secret("s3cr3t-value"))
    assert "s3cr3t" not in repr(redactor)
    with pytest.raises(TypeError, match=r"^a Redactor cannot be serialized$"):
        pickle.dumps(redactor)


def test_what_holds_nothing_stays_the_same_object(redactor: Redactor) -> None:
    value = {"a": ["text", {"b": 1.5, "c": None}], "d": True}
    assert redactor.mask_json(value) is value


def test_json_is_masked_in_keys_and_depth(redactor: Redactor) -> None:
    redactor.identify(Secret("s3cr3t-value-of-mine"))
    deep: object = "s3cr3t-value-of-mine"
    for _ in range(300):
        deep = [deep]
    masked = redactor.mask_json({"s3cr3t-value-of-mine": deep, "n": 1})
    assert "s3cr3t" not in json.dumps(masked)


@settings(deadline=None)
@given(
    st.lists(st.text(min_size=12, max_size=60), min_size=1, max_size=8),
    st.text(max_size=40),
    st.text(max_size=40),
)
def test_no_known_value_survives(values: list[str], before: str, after: str) -> None:
    redactor = Redactor(KEY)
    values = [value for value in (v.strip() for v in values) if len(value) >= 12]
    for value in values:
        redactor.identify(Secret(value))
    for value in values:
        masked = redactor.mask(before + value + after)
        assert value not in masked
        assert redactor.mask(masked) == masked or value not in redactor.mask(masked)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_masking_twice_is_masking_once(text: str) -> None:
    redactor = Redactor(KEY)
    once = redactor.mask(text)
    assert redactor.mask(once) == once


_PIECES = st.sampled_from(
    [
        "Tr0ub4dor-and-3",
        "Tr0ub4\ndor-and-3",
        base64.b64encode(b"a Tr0ub4dor-and-3 b").decode(),
        "db_password = 'hunter22hunter'",
        "https://user:pa55word@host.example/",
        "https://host.example/@scope/x",
        "ghp_" + "aB3" * 12,
        "\n",
        "\\",
        " token ",
    ]
)


# Most texts of these pieces are not clean.
@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(st.lists(st.lists(_PIECES | st.text(max_size=8), max_size=4).map("".join), max_size=6))
def test_what_is_clean_as_a_whole_is_clean_text_by_text(texts: list[str]) -> None:
    redactor = Redactor(KEY)
    redactor.identify(Secret("Tr0ub4dor-and-3"))
    assume(redactor.is_clean(encode({"rows": [{"a": text} for text in texts]})))
    assert [redactor.mask(text) for text in texts] == texts


def test_values_learned_between_texts_are_masked_at_once(redactor: Redactor) -> None:
    made = random.Random(3)
    for _ in range(300):
        value = "".join(made.choices(string.ascii_letters, k=20))
        redactor.identify(Secret(value))
        assert redactor.mask(f"a {value} b") == f"a {MASK} b"


_LONG = 20_000
_KEY_BEGINS, _KEY_ENDS = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    [
        "A", "A" * 64 + "\n", "+ ", " ", "\\n", "-", '"', _KEY_BEGINS, _KEY_BEGINS + "A" * 20,
        "password", "password=", 'password = "', "token:\n", "PASSWORD=", "pwd" + " " * 20 + "=",
        "://", "://a:", "://a:b@", "x://", "%3A%2F%2F", "http://aaaaaaaaaaaaaaaaaaaa ", "eyJ",
        "eyJaaaaaaaaaaaa.",
        "bearer ", "authorization: ", 'key="', "<password>", "</password>a", "-u a:", "sk-", "SG.",
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["", "!", _KEY_ENDS, "@", "="])
def test_no_text_stalls_the_search(piece: str, end: str, redactor: Redactor) -> None:
    """Patterns that backtrack would take hours here, and the test would run into its limit."""
    redactor.identify(Secret("A" * 40))
    text = piece * (_LONG // len(piece)) + end
    assert isinstance(redactor.mask(text), str)


# -- the key ------------------------------------------------------------------------------


def test_the_key_may_be_given() -> None:
    assert load_key({VARIABLE: "sixteen bytes at least\n"}) == b"sixteen bytes at least"


def test_a_short_key_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        load_key({VARIABLE: "short-key"})
    assert "short-key" not in str(caught.value) and caught.value.hint


def test_an_installation_gets_one_key_for_itself(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    key = load_key(environment)
    assert len(key) == 32
    assert load_key(environment) == key
    file = tmp_path / "secagg" / "hmac.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["hmac.key"]
    assert load_key({"HOME": str(tmp_path)}) != key


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    load_key(environment)
    file = tmp_path / "secagg" / "hmac.key"
    file.chmod(0o644)
    with pytest.raises(ConfigError) as caught:
        load_key(environment)
    assert "chmod 600" in str(caught.value.hint)


def test_a_damaged_key_is_refused_without_being_shown(tmp_path: Path) -> None:
    file = tmp_path / "secagg" / "hmac.key"
    file.parent.mkdir()
    file.touch(0o600)
    for content in ("", "no hexadecimal", "abcd"):
        file.write_text(content)
        with pytest.raises(ConfigError) as caught:
            load_key({"XDG_STATE_HOME": str(tmp_path)})
        assert "damaged" in str(caught.value)


def test_no_place_for_a_key_is_an_error_with_a_hint(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    for environment in ({}, {"XDG_STATE_HOME": str(blocked)}):
        with pytest.raises(ConfigError) as caught:
            load_key(environment)
        assert VARIABLE in str(caught.value.hint)


def test_a_link_in_the_key_s_place_is_refused(tmp_path: Path) -> None:
    load_key({"XDG_STATE_HOME": str(tmp_path / "a")})
    (tmp_path / "b" / "secagg").mkdir(parents=True)
    os.symlink(tmp_path / "a/secagg/hmac.key", tmp_path / "b/secagg/hmac.key")
    with pytest.raises(ConfigError):
        load_key({"XDG_STATE_HOME": str(tmp_path / "b")})


def test_the_key_that_came_first_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes at once: the second finds the first one's key in its place."""
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    file = tmp_path / "secagg" / "hmac.key"
    real = os.link

    def link(source: str, target: Path) -> None:
        file.write_text("ab" * 32)
        file.chmod(0o600)
        real(source, target)

    monkeypatch.setattr(os, "link", link)
    assert load_key(environment) == bytes.fromhex("ab" * 32)


_VALUE = "S3cr'et\\n0w \x1b\u00e9/tail-4711-end"
_WRITTEN = [
    _VALUE,
    _VALUE.encode().hex(),
    base64.b64encode(_VALUE.encode()).decode(),
    "PlainCanary81\\r\\nTail4711",
    "Plain\\nCanary81Tail4711",
    "Plain\n  Canary81Tail4711",
]


@given(
    before=st.text(st.sampled_from('a \n\t"\\\u00e9n\x1f'), max_size=4),
    written=st.sampled_from(_WRITTEN),
    after=st.text(st.sampled_from(' \n"\\\u00e9'), max_size=3),
)
def test_json_is_masked_as_its_texts_are(before: str, written: str, after: str) -> None:
    text = f"{before}{written}{after}"
    redactor = Redactor(b"key")
    redactor.identify(Secret(_VALUE))
    redactor.identify(Secret("PlainCanary81Tail4711"))
    masked = redactor.mask(text)
    assert redactor.mask_json({"text": [text]}) == {"text": [masked]}
    entry = {"number": 1, "text": text, "other": ["nothing"]}
    expected = {**entry, "text": masked}
    assert redactor.mask_entry(entry, encode(entry)) == (expected, encode(expected))


@given(st.lists(st.text(), max_size=3))
def test_unescaped_json_holds_its_texts(texts: list[str]) -> None:
    data = unescaped(encode(texts))
    assert all(text.encode("utf-8", "surrogatepass") in data for text in texts)


def _finding(message: str) -> Finding:
    return Finding(
        tool="t",
        kind=Kind.CODE,
        rule_id="r",
        severity=Severity.LOW,
        title="t",
        message=message,
    )


def test_secrets_that_overlap_are_masked_as_one(redactor: Redactor) -> None:
    """A known value at the beginning of a longer secret does not hide the rest of it."""
    redactor.identify(Secret("kZ8f-Qm21-vX90-Tt47"))
    text = 'PASSWORD="kZ8f-Qm21-vX90-Tt47/and#more" see kZ8f-Qm21-vX90-Tt47.'
    assert redactor.mask(text) == f'PASSWORD="{MASK}" see {MASK}.'
    entry = {"a": [text], "password": "kept"}
    assert redactor.mask_json(entry) == {**entry, "a": [redactor.mask(text)]}


def test_each_of_many_secrets_in_a_text_is_masked(redactor: Redactor) -> None:
    text = " ".join(f"https://user:hidden{n}@host/{n}" for n in range(3000))
    masked = redactor.mask(text)
    assert "hidden" not in masked and masked.count(MASK) == 3000
    assert masked.endswith(f"https://{MASK}@host/2999")


@pytest.mark.parametrize("value", ["CGQ56rTy", "9sAzH1RHP", "nqj84uwz-4", "kZ8fQm21vX90Tt47"])
@pytest.mark.parametrize("before", ["", "; ", "filler "])
def test_a_short_value_is_found_in_longer_base64(
    redactor: Redactor, value: str, before: str
) -> None:
    redactor.identify(Secret(value))
    run = base64.b64encode(f"{before}{value} filler filler".encode()).decode()
    masked = redactor.mask(f"see {run} there")
    inner = base64.b64encode(f"{before}{value}".encode()).decode()[-8:-4]
    assert MASK in masked and inner not in masked
    assert redactor.mask_json({"a": f"see {run} there"}) == {"a": masked}


def test_less_than_half_of_a_value_tells_little_and_stays(redactor: Redactor) -> None:
    value = "Zk3fW9qLx0TnB7vRp2YsQ8uHd4JmC6eGa1KbN5tX"
    redactor.identify(Secret(value))
    assert redactor.mask(f"a {value[10:30]} b") == f"a {MASK} b"
    assert redactor.mask(f"a {value[10:29]} b") == f"a {value[10:29]} b"


def test_the_key_is_in_the_user_s_state_directory(tmp_path: Path) -> None:
    load_key({"HOME": str(tmp_path)})
    assert (tmp_path / ".local/state/secagg/hmac.key").is_file()
    load_key({"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")})
    assert (tmp_path / "state/secagg/hmac.key").is_file()
