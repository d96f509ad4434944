"""The secrets in an entry of TruffleHog: which value is its identity, and which to remember."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from secagg.secrets.identity import identify
from secagg.secrets.redactor import Redactor
from secagg_parsers.fields import Entry

# Parts of a credential that are no secret; scrubbed from all texts they would only hide words.
_PUBLIC_PARTS = frozenset(
    {"user", "username", "host", "hostname", "port", "region", "scheme", "domain", "database"}
)
_SECRET_WORDS = ("secret", "password", "passwd", "token", "key", "credential")
_PUBLIC_EXTRAS = ("guide", "_id", "name", "type", "fingerprint", "expir", "scope", "url")
_SHORTEST_REST = 8


def learn(entry: Entry, redactor: Redactor) -> str | None:
    """The id of an entry's secret; all its values are known to ``redactor`` afterwards.

    The identity is ``Raw``: of credentials in two parts (AWS) that is the key's id, which is
    what Gitleaks and Trivy report too, where ``RawV2`` adds the other part.
    """
    raw, both = _text(entry, "Raw"), _text(entry, "RawV2")
    if raw is None and both is None:
        return _learn_legacy(entry, redactor)
    if raw is not None and "DecoderName" not in entry and "RawV2" not in entry:
        raw = _decoded(raw)
    for value in dict.fromkeys(_others(entry, raw, both)):
        if value != raw:
            identify(redactor, value)
    return identify(redactor, raw or both)


def _others(entry: Entry, raw: str | None, both: str | None) -> Iterator[str]:
    if both is not None:
        rest = ""
        if raw is not None and both.startswith(raw):
            rest = both[len(raw) :].lstrip(":;|,& \n")
        # Where both halves are known, so is the whole.
        yield rest if len(rest) >= _SHORTEST_REST else both
    parts = entry.get("SecretParts")
    for name, value in parts.items() if isinstance(parts, dict) else ():
        if isinstance(value, str) and value and name.lower() not in _PUBLIC_PARTS:
            yield value
    extras = entry.get("ExtraData")
    for name, value in extras.items() if isinstance(extras, dict) else ():
        word = name.lower()
        if (
            isinstance(value, str)
            and any(known in word for known in _SECRET_WORDS)
            and not any(known in word for known in _PUBLIC_EXTRAS)
        ):
            yield value


def _learn_legacy(entry: Entry, redactor: Redactor) -> str | None:
    found = entry.get("stringsFound")
    texts = [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
    ids = [identify(redactor, text) for text in texts]
    return ids[0] if ids else None


def _decoded(raw: str) -> str:
    """The first versions of TruffleHog 3 wrote ``Raw`` in base64."""
    try:
        decoded = base64.b64decode(raw, validate=True).decode()
    except (binascii.Error, ValueError):
        return raw
    return decoded if all(c.isprintable() or c in "\r\n\t" for c in decoded) else raw


def _text(entry: Entry, key: str) -> str | None:
    value = entry.get(key)
    return value if isinstance(value, str) and value else None
