"""Read decoded JSON that nobody has checked: a value of another type counts as absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_EMPTY: Mapping[str, Any] = {}


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return ``value`` if it is an object, else an empty one."""
    # Asking for the abstract class takes four times as long.
    return value if type(value) is dict or isinstance(value, Mapping) else _EMPTY


def as_list(value: Any) -> list[Any]:
    """Return ``value`` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str | None:
    """Return ``value`` if it is a text with at least one character, else None."""
    return value if isinstance(value, str) and value else None


def stripped_text(value: Any) -> str | None:
    """Return a text without white space around it; None for a blank one or another type."""
    return as_text(value.strip()) if isinstance(value, str) else None


def objects_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a list; nothing for another type."""
    items = as_list(value)
    return (item for item in items if type(item) is dict or isinstance(item, Mapping))


def value_at(value: Any, *keys: str) -> Any:
    """Return the value at a path of keys, or None."""
    for key in keys:
        value = as_mapping(value).get(key)
    return value


def mapping_at(value: Any, *keys: str) -> Mapping[str, Any]:
    """Return the object at a path of keys, or an empty one."""
    return as_mapping(value_at(value, *keys))


def text_at(value: Any, *keys: str) -> str | None:
    """Return the text at a path of keys; None if it is missing or empty."""
    return as_text(value_at(value, *keys))
