"""Addresses of tools and rules: viewers of SARIF make links of them, so only the web's are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_WEB = re.compile(r"https?://[^\s]", re.IGNORECASE)
# Of tool components (3.19) and of rules (3.49): what a viewer links to.
_ADDRESSES = ("informationUri", "downloadUri", "helpUri")
_LISTS = ("rules", "notifications", "taxa")


def is_web(address: Any) -> bool:
    """Tell whether ``address`` is one of ``http`` or ``https``."""
    return isinstance(address, str) and _WEB.match(address) is not None


def with_web_addresses(frame: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out of a run's ``tool`` every address of another scheme; itself where there is none."""
    tool = frame.get("tool")
    if not isinstance(tool, dict):
        return frame
    kept = {key: _component(value) for key, value in tool.items()}
    return frame if all(kept[key] is tool[key] for key in tool) else {**frame, "tool": kept}


def _component(value: Any) -> Any:
    if isinstance(value, list):
        items = [_component(item) for item in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    if not isinstance(value, dict):
        return value
    made = _stripped(value)
    for name in _LISTS:
        listed = made.get(name)
        if isinstance(listed, list):
            items = [_stripped(item) if isinstance(item, dict) else item for item in listed]
            if any(a is not b for a, b in zip(items, listed, strict=True)):
                made = {**made, name: items}
    return made


def _stripped(value: dict[str, Any]) -> dict[str, Any]:
    if all(key not in value or is_web(value[key]) for key in _ADDRESSES):
        return value
    return {key: item for key, item in value.items() if key not in _ADDRESSES or is_web(item)}
