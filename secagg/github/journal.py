"""Keep a journal of uploads, each written before it is sent, so that none is sent twice."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from secagg.system.files import PRIVATE, replace_file
from secagg.system.userdirs import user_directory

_MOST_ENTRIES = 2_000


class UploadState(StrEnum):
    """The last known state of an upload."""

    SENDING = "sending"
    SENT = "sent"
    COMPLETE = "complete"
    FAILED = "failed"


class JournalEntry(BaseModel):
    """The last upload of one tool and category on one ref. ``at`` is seconds since 1970."""

    model_config = ConfigDict(extra="ignore")

    ref: str
    commit: str
    tool: str
    category: str
    digest: str
    results: int
    state: UploadState
    at: float
    sarif_id: str | None = None

    @property
    def key(self) -> str:
        return "\0".join((self.ref, self.tool, self.category))


class _JournalFile(BaseModel):
    entries: list[JournalEntry] = []


class Journal:
    """The entries of one repository at one GitHub, in a file that only this user can read.

    A journal that cannot be read counts as empty. One that cannot be written is kept in memory,
    with the reason in ``broken``: a journal only saves uploads.
    """

    def __init__(self, directory: Path | None, api_url: str, repository: str) -> None:
        name = hashlib.sha256(f"{api_url}\0{repository.lower()}".encode()).hexdigest()[:24]
        self._path = None if directory is None else directory / f"{name}.json"
        self.broken: str | None = None
        self._memory: dict[str, JournalEntry] = {}

    def find(self, ref: str, tool: str, category: str) -> JournalEntry | None:
        """Return the last upload of ``tool`` and ``category`` on ``ref``, or None."""
        return self._read().get("\0".join((ref, tool, category)))

    def uploads_since(self, moment: float) -> int:
        """Count the files that GitHub took since ``moment`` (seconds since 1970)."""
        entries = self._read().values()
        return len({entry.sarif_id for entry in entries if entry.sarif_id and entry.at >= moment})

    def write(self, *entries: JournalEntry) -> None:
        """Write ``entries`` to disk before this returns."""
        with self._locked():
            by_key = self._read()
            for entry in entries:
                by_key[entry.key] = entry
            newest = sorted(by_key.values(), key=lambda entry: entry.at)[-_MOST_ENTRIES:]
            self._memory = {entry.key: entry for entry in newest}
            if self._path is not None and self.broken is None:
                with self._catching_errors():
                    replace_file(
                        self._path,
                        _JournalFile(entries=newest).model_dump_json().encode(),
                        mode=PRIVATE,
                    )

    def _read(self) -> dict[str, JournalEntry]:
        if self._path is None or self.broken is not None:
            return self._memory
        try:
            file = _JournalFile.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return {}
        return {entry.key: entry for entry in file.entries}

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        if self._path is None:
            yield
            return
        lock = None
        with self._catching_errors():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            if lock is not None:
                os.close(lock)

    @contextlib.contextmanager
    def _catching_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.broken = error.strerror or type(error).__name__


def journal_directory(environ: Mapping[str, str]) -> Path | None:
    """Return ``secagg/uploads`` in the user's state directory; None without a home directory."""
    state = user_directory("state", environ)
    return None if state is None else state / "secagg" / "uploads"
