"""The last filter over all that leaves the process: it knows every secret value of this run.

Texts are masked where they are read. This stands behind that, for a reason, a hint, a note, a name
in a policy or a branch, a tool's version, the words of an error: standard output and standard
error, every file that is written, and what is sent to GitHub pass through it. It looks for known
values, in each of their forms, and not for shapes: what secagg writes itself is full of words like
``secret:``. A path of the checkout stays where it is a JSON text of its own: rules, baselines and
people look for it.

The command line switches it on (:func:`switch_on`). Nothing is loaded before a value is known.

A scanner that fails may quote the token that it was given, and a database's driver its address.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar
from urllib.parse import quote

from secagg.secrets.encodings import is_telling

if TYPE_CHECKING:
    from pathlib import Path

    from secagg.secrets.redactor import Redactor


class _Run:
    """What the filter knows: None until it is switched on."""

    redactors: ClassVar[list[Redactor] | None] = None
    paths: ClassVar[set[str]] = set()
    environment_read = False


# What a variable or an argument with a secret in it has: nothing more is loaded without.
_MAYBE_SECRET = re.compile(r"(?i:token|pass|secret|credential|key|_pat|_pwd|_auth)")


def run_redactor(tree: Path | None = None) -> Redactor:
    """Make a redactor for this run: it knows what secagg holds, and the filter what it learns.

    The names of what is in the scanned ``tree`` are no secrets.
    """
    from secagg.secrets.key import load_key
    from secagg.secrets.redactor import Redactor, Secret

    key = load_key()
    redactor = Redactor(key, tree)
    redactor.know(Secret(key.hex()))
    _know_own(redactor)
    if _Run.redactors is not None:
        _Run.redactors.append(redactor)
    return redactor


def keep_paths(paths: Iterable[str]) -> None:
    """Let the ``paths`` of findings leave as they are, though a secret has the same name."""
    redactors = _redactors()
    if not redactors:
        return
    distinct = set(paths)
    joined = "\n".join(distinct)
    if any(redactor.mask_known(joined) is not joined for redactor in redactors):
        for path in distinct:
            if filtered(path) != path:
                _Run.paths.update((path, quote(path)))


def filtered(text: str) -> str:
    """Mask the known values in a text that leaves."""
    for redactor in _redactors():
        text = redactor.mask_known(text)
    return text


def filtered_error(text: str) -> str:
    """Mask the known values, and the shapes of secrets, in the words of an error."""
    from secagg.secrets.redactor import Redactor

    redactor = Redactor(os.urandom(32))
    _know_own(redactor)
    return redactor.mask(filtered(text))


def filtered_json(data: bytes) -> bytes:
    """Mask the known values in JSON, or in a part of a JSON text that cuts no string in two."""
    for redactor in _redactors():
        data = redactor.mask_known_json(data, _Run.paths)
    return data


def filtered_bytes(data: bytes) -> bytes:
    """Mask the known values in a text of any other format."""
    if not _redactors():
        return data
    text = data.decode("utf-8", "surrogateescape")
    masked = filtered(text)
    return data if masked is text else masked.encode("utf-8", "surrogateescape")


def switch_on() -> None:
    """Switch the filter on for all that this process prints, writes and sends."""
    if _Run.redactors is None:
        _Run.redactors = []


@contextmanager
def filtering() -> Iterator[None]:
    """Switch the filter on for files and requests; for callers of the pipeline, and for tests."""
    before = _Run.redactors, _Run.paths, _Run.environment_read
    _Run.redactors, _Run.paths, _Run.environment_read = [], set(), False
    try:
        yield
    finally:
        _Run.redactors, _Run.paths, _Run.environment_read = before


class FilteredFile:
    """A binary file through which a document is written; its first byte tells JSON from text."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._filter = None if _Run.redactors is None else _undecided

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, data: bytes) -> int:
        """Write ``data`` without the known values."""
        if self._filter is _undecided and data.strip():
            self._filter = filtered_json if data.lstrip()[:1] in b"{[" else filtered_bytes
        self._file.write(data if self._filter is None else self._filter(data))
        return len(data)

    def writelines(self, lines: Iterable[bytes]) -> None:
        """Write ``lines`` one by one."""
        for line in lines:
            self.write(line)


def _undecided(data: bytes) -> bytes:
    return data


def _redactors() -> list[Redactor]:
    """The redactors of this run; one of the environment alone where there is none yet."""
    if _Run.redactors is None:
        return []
    if not _Run.redactors and not _Run.environment_read:
        _Run.environment_read = True
        if _may_hold_secrets():
            from secagg.secrets.redactor import Redactor

            redactor = Redactor(os.urandom(32))
            _know_own(redactor)
            _Run.redactors.append(redactor)
    return _Run.redactors


def _may_hold_secrets() -> bool:
    texts = (*os.environ.values(), *sys.argv[1:])
    return any(map(_MAYBE_SECRET.search, os.environ)) or any("://" in text for text in texts)


def _know_own(redactor: Redactor) -> None:
    from secagg.secrets.redactor import Secret

    for value in own_secrets(os.environ, sys.argv[1:]):
        redactor.know(Secret(value))


_SHORTEST = 6


# Of nothing but small letters, or nothing but digits, what is shorter is a word or a number.
_SHORTEST_PLAIN = 16


# SNYK_TOKEN, TRIVY_PASSWORD, SECAGG_HMAC_KEY, AWS_ACCESS_KEY_ID; no name of a file or a header.
_NAMED_SO = re.compile(
    r"(?:TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIALS?|KEY|KEY_ID|_PAT|_PWD|_AUTH)\d{0,2}$",
    re.IGNORECASE,
)


_CREDENTIALS = re.compile(
    r"://(?P<user>[^\s/:@?#]{0,256}):(?P<password>[^\s/@]{1,512})@"
    r"|\bpass(?:word|wd)=(?P<assigned>[^\s&;\"']{1,512})",
    re.IGNORECASE,
)


def own_secrets(environ: Mapping[str, str], arguments: Iterable[str] = ()) -> Iterator[str]:
    """Yield the secrets in an environment and a command line.

    They are the values of variables that are named as secrets are, and the passwords in addresses
    of any variable or argument. A word is left out: masked, it would be gone from every text.
    """
    for name, value in environ.items():
        if _NAMED_SO.search(name) and _is_value(value):
            yield value.strip()
    for text in (*environ.values(), *arguments):
        for match in _CREDENTIALS.finditer(text):
            password = match["password"] or match["assigned"]
            if password != match["user"] and _is_value(password):
                yield password


def _is_value(text: str) -> bool:
    text = text.strip()
    if len(text) < _SHORTEST or text.startswith("/"):
        return False
    plain = text.isdigit() or (text.isalpha() and text.islower())
    return len(text) >= _SHORTEST_PLAIN or (not plain and is_telling(text))
