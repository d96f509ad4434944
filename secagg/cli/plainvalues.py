"""Take the values of options that need no check without pydantic.

Typer checks each value of the command line, also one that is not given, by an adapter of pydantic;
importing pydantic takes longer than reading a small report. Texts, paths and the words of an enum
need no adapter. Everything else, and every wrong value, goes Typer's way, to its own messages. With
a version of Typer that has no adapters this changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

_NEEDS_TYPER = object()


def take_plain_values(params: Iterable[Any]) -> None:
    """Let ``params``, options and arguments of a command, take plain values as they are."""
    for param in params:
        if hasattr(param, "get_runtime_param") and not isinstance(param.get_runtime_param, _Reader):
            param.get_runtime_param = _Reader(param.get_runtime_param)


class _Reader:
    """Read a parameter's value; make Typer's own reader only for a value that needs it."""

    def __init__(self, make_typers_reader: Any) -> None:
        self._make_typers_reader = make_typers_reader

    def __call__(self) -> _Reader:
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the value that the command gets. Raises Typer's ``BadParameter``."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        plain = _NEEDS_TYPER
        if param.type_descriptor.parameter_info.parser is None:
            plain = _plain(param.type_descriptor, value)
        if plain is _NEEDS_TYPER:
            return self._make_typers_reader().coerce(value, param=param, ctx=ctx)
        return plain


def _plain(descriptor: Any, value: Any) -> Any:
    kind, settings = descriptor.annotation, descriptor.parameter_info
    if kind is str and isinstance(value, str):
        return value
    if kind == list[str] and not isinstance(value, str) and _are_texts(value):
        return list(value)
    if kind is Path and isinstance(value, str | Path) and not _has_checks(settings):
        # Typer says so where the user may not read it.
        return (
            Path(value) if not os.path.exists(value) or os.access(value, os.R_OK) else _NEEDS_TYPER
        )
    if isinstance(kind, type) and issubclass(kind, StrEnum) and value in list(kind):
        return kind(value)
    return _NEEDS_TYPER


def _are_texts(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _has_checks(settings: Any) -> bool:
    """Tell whether the declaration of a path asks for more than a path that may be read."""
    checks = settings.exists or settings.writable or settings.resolve_path or settings.allow_dash
    return bool(checks or settings.path_type or not (settings.file_okay and settings.dir_okay))
