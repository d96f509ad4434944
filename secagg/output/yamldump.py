"""Values as YAML that is safe to show: what a terminal would obey stands as an escape."""

from __future__ import annotations

import io
import re
import unicodedata
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_WIDTH = 100
_ASCII = re.compile(r"[\n\x20-\x7e]*")


def yaml_text(document: dict[str, Any]) -> str:
    """``document`` (of plain values) as YAML, in its own order, ending in a newline."""
    yaml = YAML(typ="rt")
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(_quoted(document), out)
    text = out.getvalue()
    if _ASCII.fullmatch(text):
        return text
    return "".join(_escape(c) if c != "\n" and _is_unsafe(c) else c for c in text)


def _quoted(value: Any) -> Any:
    """Texts with unsafe letters get the quotes in which YAML knows escapes."""
    if isinstance(value, dict):
        return {_quoted(key): _quoted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_quoted(inner) for inner in value]
    if isinstance(value, str) and any(map(_is_unsafe, value)):
        return DoubleQuotedScalarString(value)
    return value


def _is_unsafe(letter: str) -> bool:
    return unicodedata.category(letter) in _UNSAFE


def _escape(letter: str) -> str:
    code = ord(letter)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
