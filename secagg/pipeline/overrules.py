"""People's decisions on merging: a file in the repository, reviewed like any other."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from secagg.errors import ConfigError
from secagg.merge import Join, Overrule, Split
from secagg.merge.overrule_file import read_overrules, write_overrules
from secagg.secrets.lastfilter import run_redactor
from secagg.system.files import replace_file

NAME = "secagg-merge.yaml"


def read_text_overrules(text: str | None) -> list[Overrule]:
    """The overrules in the ``text`` of a ``secagg-merge.yaml``; none where it is None."""
    return [] if text is None else read_overrules(text, name=NAME)


def load_overrules(root: Path) -> list[Overrule]:
    """The overrules in ``secagg-merge.yaml`` of ``root``; none where there is no such file.

    Raises :class:`ConfigError` naming file, line and key.
    """
    file = root / NAME
    return read_overrules(_read(file), name=NAME) if file.is_file() else []


def split(root: Path, identity: str, *, reason: str, apart: tuple[str, ...] = ()) -> Path:
    """Write down that a group is not one problem; returns the file."""
    return _add(root, Split(identity=identity, reason=_masked(reason), apart=apart))


def join(root: Path, identities: tuple[str, ...], *, reason: str) -> Path:
    """Write down that several groups are one problem; returns the file."""
    return _add(root, Join(identities=identities, reason=_masked(reason)))


def _masked(reason: str) -> str:
    """``reason`` without the secret that it may quote."""
    return run_redactor().mask(reason)


def _add(root: Path, overrule: Overrule) -> Path:
    file = root / NAME
    before = _read(file) if file.is_file() else ""
    after = write_overrules(before, overrule, date=datetime.datetime.now(datetime.UTC).date())
    # What was written must be readable, or the next scan would end with a usage error.
    read_overrules(after, name=NAME)
    try:
        # A link stays one.
        replace_file(Path(os.path.realpath(file)), after.encode())
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=NAME) from None
    return file


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read ({type(error).__name__})", where=NAME) from None
