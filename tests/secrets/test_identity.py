"""One secret has one identity, however tools quote it, and each way of writing is masked."""

from __future__ import annotations

import pytest

from secagg.secrets.patterns import MASK
from secagg.secrets.redactor import Redactor, Secret, identify, is_masked

BODY = ("MIIBVgIBADANBgkqhkiG9w0BAQEFAASCAUAwggE8AgEAAkEAq7BFUpkGp3+LQmlQ", "Yx2eqzDV+xeG8kx/")
KEY = "\n".join(("-----BEGIN PRIVATE KEY-----", *BODY, "-----END PRIVATE KEY-----"))


def redactor() -> Redactor:
    return Redactor(b"a key of a test")


@pytest.mark.parametrize(
    "written",
    [
        KEY,
        KEY.replace("\n", "\r\n"),
        KEY.replace("\n", "\r"),
        KEY.replace("\n", "\\n"),
        KEY.replace("\n", "\\r\\n"),
        KEY.replace("\n", "\n    "),
        f"\n\n{KEY}\n\n",
        KEY.replace("-----\n", "-----\n\n"),
    ],
)
def test_a_private_key_is_one_however_it_is_quoted(written: str) -> None:
    made = redactor()
    assert identify(made, written) == identify(made, KEY) == made.identify(Secret("\n".join(BODY)))
    other = redactor()
    identify(other, written)
    # The form in which it was read is known too, and so are its lines.
    for text in (written, KEY, "\n".join(BODY), BODY[0]):
        assert BODY[0] not in other.mask(f"x {text} x"), text


def test_a_key_of_which_the_tool_has_left_out_the_frame() -> None:
    made = redactor()
    bare = "\n  ".join(BODY)
    assert identify(made, bare, key=True) == identify(made, KEY)
    assert identify(redactor(), bare) != identify(redactor(), KEY)
    frame = "-----BEGIN PRIVATE KEY-----"
    assert identify(redactor(), frame) == redactor().identify(Secret(frame))


def test_line_ends_make_no_other_secret() -> None:
    made = redactor()
    assert identify(made, "one-line-9\r\ntwo-line-9") == identify(made, "one-line-9\ntwo-line-9")
    assert identify(made, "one-line-9\rtwo-line-9") == identify(made, "one-line-9\ntwo-line-9")
    assert identify(made, "one-line-9") != identify(made, "two-line-9")
    other = redactor()
    identify(other, "first.Part9\r\nsecond.Part9")
    assert other.mask("a first.Part9\r\nsecond.Part9 b") == f"a {MASK} b"


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("********", True),
        ("  ***  ", True),
        ("", True),
        ("REDACTED", True),
        ("[redacted]", True),
        ("<REDACTED>", True),
        ("removed", True),
        ("AKIA...", True),
        ("AKIA***", False),
        ("redacted1", False),
        ("...AKIA", False),
    ],
)
def test_what_a_tool_has_masked_is_no_value(value: str, masked: bool) -> None:
    assert is_masked(value) is masked
    assert (identify(redactor(), value) is None) is masked


def test_no_value_is_none() -> None:
    assert identify(redactor(), None) is None
