"""Give scanners their configuration from the base of a change, not from the change.

A scanner opens its files itself, so it gets private copies, read from the base by
:class:`secagg.change.controls.Controls`. A change must not touch what cannot be copied, such as a
directory of queries or a cache. A program in the scanned tree runs only if it is pinned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from secagg.errors import SecaggError, UsageError
from secagg.system.tomltext import loads_toml

# Files of rules that may extend each other in a chain.
_MOST_EXTENDED = 5


class Unusable(Exception):
    """A program cannot be used, or its run failed; ``hint`` says what to do."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class _AddedByChange(Unusable):
    """The change adds the file."""


class ControlReader(Protocol):
    """The reader of files that control the scan; ``base`` is None outside of a change."""

    base: str | None

    def read(self, name: str) -> bytes | None: ...

    def touched(self, path: Path | str) -> list[str]: ...

    def refuse_touched(self, path: Path | str, setting: str) -> None: ...

    def adds_words(self, words: Sequence[bytes]) -> bool: ...


def in_change(controls: ControlReader | None) -> bool:
    """Tell whether a change is scanned, whose files must not control the scan."""
    return controls is not None and controls.base is not None


def copy_control(controls: ControlReader | None, path: Path, directory: Path, setting: str) -> Path:
    """Copy the file ``path``, which ``setting`` names, to ``directory``; return the copy's path.

    In a change the copy is of the base. Raises :class:`Unusable` where there is no such file, or
    it must not be used.
    """
    copy = directory / path.name
    copy.write_bytes(_read(controls, path, setting))
    return copy


def copy_existing(
    controls: ControlReader | None, paths: Sequence[Path], directory: Path
) -> list[Path]:
    """Copy the existing files among ``paths`` to ``directory``; in a change, those of the base."""
    copies = []
    for path in paths:
        try:
            data = _read_if_there(controls, path)
        except _AddedByChange:
            continue
        if data is not None:
            copies.append(directory / path.name)
            copies[-1].write_bytes(data)
    return copies


def require_untouched(controls: ControlReader | None, path: Path, setting: str) -> None:
    """Raise :class:`Unusable` if the change touches the file or directory ``path``."""
    if controls is not None:
        try:
            controls.refuse_touched(path, setting)
        except UsageError as error:
            raise Unusable(error.message, error.hint) from None


def require_base_only(controls: ControlReader | None, rules: Path, cwd: Path, root: Path) -> None:
    """Make sure that Gitleaks' rules extend no file that the change touches.

    Gitleaks follows ``extend.path`` of ``rules`` from ``cwd`` (its README, "Configuration"), so
    the files of ``root`` are copied there. Raises :class:`Unusable` for a touched file.
    """
    for _ in range(_MOST_EXTENDED):
        try:
            extend = loads_toml(rules.read_text("utf-8")).get("extend")
        except (OSError, ValueError):
            return  # Gitleaks reports the error.
        name = extend.get("path") if isinstance(extend, dict) else None
        if not isinstance(name, str) or not name:
            return
        rules = cwd / name
        if not in_change(controls):
            return
        if rules.is_relative_to(cwd) and ".." not in Path(name).parts:
            rules.parent.mkdir(parents=True, exist_ok=True)
            rules.write_bytes(_read(controls, root / name, "extend.path"))
        else:
            require_untouched(controls, rules, "extend.path")
    raise Unusable(f"rules of Gitleaks extend one another more than {_MOST_EXTENDED} times")


def paths_outside(file: Path) -> Iterator[str]:
    """Yield every text in a YAML ``file`` that may be a path outside of the file's directory.

    Raises :class:`Unusable` for a file that is not YAML.
    """
    from secagg.system.yamlfile import load_placed

    try:
        yield from _outside(load_placed(file, dict, name=file.name).document)
    except SecaggError as error:
        raise Unusable(error.message, error.hint) from None


def _outside(settings: Any) -> Iterator[str]:
    if isinstance(settings, str):
        if settings.startswith(("/", "~")) or ".." in settings.split("/"):
            yield settings
    elif isinstance(settings, Mapping):
        for item in settings.values():
            yield from _outside(item)
    elif isinstance(settings, list):
        for item in settings:
            yield from _outside(item)


def _read(controls: ControlReader | None, path: Path, setting: str) -> bytes:
    data = _read_if_there(controls, path)
    if data is None:
        raise Unusable(f"{path} does not exist", f"correct {setting} or remove it")
    return data


def _read_if_there(controls: ControlReader | None, path: Path) -> bytes | None:
    try:
        if controls is not None:
            return controls.read(str(path))
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except UsageError as error:
        raise _AddedByChange(error.message, error.hint) from None
    except SecaggError as error:
        raise Unusable(error.message, error.hint) from None
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}") from None
