"""Files and programs that decide what a scanner reports: which of them may act in a change.

A scanner opens its files itself, so it gets a private copy of each, made by whoever knows the base
(:class:`secagg.change.controls.Controls`). What cannot be copied, such as a directory of queries or
a cache, must be untouched by the change. A program in the scanned tree runs only when it is pinned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from secagg.errors import SecaggError, UsageError
from secagg.system.tomltext import loads_toml
from secagg.system.yamlfile import load_placed

_DEEPEST = 5


class Unusable(Exception):
    """A program cannot be used, or its run failed: ``reason``, and ``hint`` what to do."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class _OfTheChange(Unusable):
    """A file that only the change has."""


class Deciding(Protocol):
    """The reader of files that decide something; ``base`` is None outside of a change."""

    base: str | None

    def read(self, name: str) -> bytes | None: ...

    def touched(self, path: Path | str) -> list[str]: ...

    def refuse_touched(self, path: Path | str, what: str) -> None: ...

    def adds_words(self, words: Sequence[bytes]) -> bool: ...


def in_change(controls: Deciding | None) -> bool:
    """Return whether what is scanned is a change whose own files must not decide on it."""
    return controls is not None and controls.base is not None


def copied(controls: Deciding | None, path: Path, directory: Path, what: str) -> Path:
    """Return a copy in ``directory`` of the file ``path``, which the setting ``what`` names.

    In a change it is the base's. Raises :class:`Unusable` where there is no such file or it must
    not be used.
    """
    target = directory / path.name
    target.write_bytes(_read(controls, path, what))
    return target


def copied_if_there(
    controls: Deciding | None, paths: Sequence[Path], directory: Path
) -> list[Path]:
    """Copies in ``directory`` of those ``paths`` that there are: in a change, at its base."""
    copies = []
    for path in paths:
        try:
            data = _bytes(controls, path)
        except _OfTheChange:
            continue
        if data is not None:
            copies.append(directory / path.name)
            copies[-1].write_bytes(data)
    return copies


def require_untouched(controls: Deciding | None, path: Path, what: str) -> None:
    """Raise :class:`Unusable` if the change touches the file or directory ``path``."""
    if controls is not None:
        try:
            controls.refuse_touched(path, what)
        except UsageError as error:
            raise Unusable(error.message, error.hint) from None


def require_base_only(controls: Deciding | None, rules: Path, cwd: Path, root: Path) -> None:
    """Raise :class:`Unusable` if rules of Gitleaks extend a file that the change touches.

    ``rules`` is read in ``cwd``, from which Gitleaks follows ``extend.path`` (its README,
    "Configuration"). Where that leads to nothing, what ``root`` has there is put in its place.
    """
    for _ in range(_DEEPEST):
        try:
            extend = loads_toml(rules.read_text("utf-8")).get("extend")
        except (OSError, ValueError):
            return  # Gitleaks says what is wrong with it
        named = extend.get("path") if isinstance(extend, dict) else None
        if not isinstance(named, str) or not named:
            return
        rules = cwd / named
        if not in_change(controls):
            return
        if rules.is_relative_to(cwd) and ".." not in Path(named).parts:
            rules.parent.mkdir(parents=True, exist_ok=True)
            rules.write_bytes(_read(controls, root / named, "extend.path"))
        else:
            require_untouched(controls, rules, "extend.path")
    raise Unusable(f"rules of Gitleaks extend one another more than {_DEEPEST} times")


def paths_out_of(file: Path) -> Iterator[str]:
    """Every text in a YAML ``file`` that could be a path to somewhere outside of its directory.

    Raises :class:`Unusable` for a file that is no YAML.
    """
    try:
        yield from _paths_out(load_placed(file, _Settings, name=file.name).document)
    except SecaggError as error:
        raise Unusable(error.message, error.hint) from None


class _Settings(BaseModel):
    """Any settings."""

    model_config = ConfigDict(extra="allow")


def _paths_out(settings: Any) -> Iterator[str]:
    if isinstance(settings, str):
        if settings.startswith(("/", "~")) or ".." in settings.split("/"):
            yield settings
    elif isinstance(settings, Mapping):
        for item in settings.values():
            yield from _paths_out(item)
    elif isinstance(settings, list):
        for item in settings:
            yield from _paths_out(item)


def _read(controls: Deciding | None, path: Path, what: str) -> bytes:
    data = _bytes(controls, path)
    if data is None:
        raise Unusable(f"{path} does not exist", f"correct {what} or remove it")
    return data


def _bytes(controls: Deciding | None, path: Path) -> bytes | None:
    try:
        if controls is not None:
            return controls.read(str(path))
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except UsageError as error:
        raise _OfTheChange(error.message, error.hint) from None
    except SecaggError as error:
        raise Unusable(error.message, error.hint) from None
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}") from None
