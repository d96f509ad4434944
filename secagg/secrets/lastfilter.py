"""The last filter for everything that leaves the process: it masks every known secret value.

Reports are masked when they are read. Secrets may also be in other texts: a reason, a hint, a note,
the name of a policy or a branch, a tool's version, an error of a scanner that quotes its token.
So standard output, standard error, every written file and every request to GitHub pass through
this filter. It masks known values, in each of their forms, and no shapes: the output of secagg is
full of words like ``secret:``. A path of the checkout is not masked if it is a JSON string of its
own, because rules, baselines and people look for it.

The command line switches the filter on (:func:`switch_on`). The redactor is imported only when
there is a value to mask.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar
from urllib.parse import quote

from secagg.secrets.encodings import is_distinctive
from secagg.system.patterns import lazy

if TYPE_CHECKING:
    from pathlib import Path

    from secagg.secrets.redactor import Redactor


class _Run:
    """The state of the filter. ``redactors`` is None until it is switched on."""

    redactors: ClassVar[list[Redactor] | None] = None
    paths: ClassVar[set[str]] = set()
    environment_read = False


# Characters of a value that counts as a secret, and of one of lower-case letters or digits only.
_SHORTEST = 6
_SHORTEST_PLAIN = 16
# Bytes of data that may be written again, and how many such are remembered for each file.
_LARGE = 1 << 12
_MOST_WRITTEN = 32
# A quick look at names of variables, before the redactor is imported.
_MAYBE_SECRET = lazy(r"(?i:token|pass|secret|credential|key|_pat|_pwd|_auth)")
# SNYK_TOKEN, TRIVY_PASSWORD, SECAGG_HMAC_KEY, AWS_ACCESS_KEY_ID; no name of a file or a header.
_SECRET_VARIABLE = lazy(
    r"(?:TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIALS?|KEY|KEY_ID|_PAT|_PWD|_AUTH)\d{0,2}$",
    re.IGNORECASE,
)
_CREDENTIALS = lazy(
    r"://(?P<user>[^\s/:@?#]{0,256}):(?P<password>[^\s/@]{1,512})@"
    r"|\bpass(?:word|wd)=(?P<assigned>[^\s&;\"']{1,512})",
    re.IGNORECASE,
)


def run_redactor(tree: Path | None = None) -> Redactor:
    """Make a redactor for this run and add it to the filter.

    It knows the secrets of the environment and the command line. Names of files in the scanned
    ``tree`` are no secrets.
    """
    from secagg.secrets.key import load_key
    from secagg.secrets.redactor import Redactor, Secret

    key = load_key()
    redactor = Redactor(key, tree)
    redactor.learn(Secret(key.hex()))
    _learn_own_secrets(redactor)
    if _Run.redactors is not None:
        _Run.redactors.append(redactor)
    return redactor


def keep_paths(paths: Iterable[str]) -> None:
    """Do not mask the ``paths`` of findings, even if a secret has the same name."""
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
    """Mask the known values in a text."""
    for redactor in _redactors():
        text = redactor.mask_known(text)
    return text


def filtered_error(text: str) -> str:
    """Mask the known values, and the shapes of secrets, in the message of an error."""
    from secagg.secrets.redactor import Redactor

    redactor = Redactor(os.urandom(32))
    _learn_own_secrets(redactor)
    return redactor.mask(filtered(text))


def filtered_json(data: bytes) -> bytes:
    """Mask the known values in JSON, or in a piece of it that cuts no string in two."""
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
    """Switch the filter on for everything that this process prints, writes and sends."""
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
    """A binary file that filters what is written; the first byte tells JSON from other text."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._filter = None if _Run.redactors is None else _unknown_format
        # Large data that was written, and what the filter made of it, by the data's id.
        self._written: dict[int, tuple[bytes, bytes]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, data: bytes) -> int:
        """Write ``data`` with the known values masked; search it once if it is written again."""
        if len(data) < _LARGE:
            self._file.write(self._filtered(data))
        else:
            if id(data) not in self._written:
                if len(self._written) == _MOST_WRITTEN:
                    self._written.clear()
                self._written[id(data)] = data, self._filtered(data)
            self._file.write(self._written[id(data)][1])
        return len(data)

    def writelines(self, lines: Iterable[bytes]) -> None:
        """Write ``lines`` one by one."""
        for line in lines:
            self._file.write(self._filtered(line))

    def _filtered(self, data: bytes) -> bytes:
        if self._filter is _unknown_format and data.strip():
            self._filter = filtered_json if data.lstrip()[:1] in b"{[" else filtered_bytes
        return data if self._filter is None else self._filter(data)


def _unknown_format(data: bytes) -> bytes:
    return data


def _redactors() -> list[Redactor]:
    """Return the redactors of this run; before there is any, one for the environment only."""
    if _Run.redactors is None:
        return []
    if not _Run.redactors and not _Run.environment_read:
        _Run.environment_read = True
        if _may_hold_secrets():
            from secagg.secrets.redactor import Redactor

            redactor = Redactor(os.urandom(32))
            _learn_own_secrets(redactor)
            _Run.redactors.append(redactor)
    return _Run.redactors


def _may_hold_secrets() -> bool:
    texts = (*os.environ.values(), *sys.argv[1:])
    return any(map(_MAYBE_SECRET.search, os.environ)) or any("://" in text for text in texts)


def _learn_own_secrets(redactor: Redactor) -> None:
    from secagg.secrets.redactor import Secret

    for value in own_secrets(os.environ, sys.argv[1:]):
        redactor.learn(Secret(value))


def own_secrets(environ: Mapping[str, str], arguments: Iterable[str] = ()) -> Iterator[str]:
    """Yield the secrets in an environment and a command line.

    They are the values of variables with names of secrets, and the passwords in addresses of any
    variable or argument. A value that is a common word is left out: it would be masked in every
    text.
    """
    for name, value in environ.items():
        if _SECRET_VARIABLE.search(name) and _is_secret_value(value):
            yield value.strip()
    for text in (*environ.values(), *arguments):
        for match in _CREDENTIALS.finditer(text):
            password = match["password"] or match["assigned"]
            if password != match["user"] and _is_secret_value(password):
                yield password


def _is_secret_value(text: str) -> bool:
    text = text.strip()
    if len(text) < _SHORTEST or text.startswith("/"):
        return False
    plain = text.isdigit() or (text.isalpha() and text.islower())
    return len(text) >= _SHORTEST_PLAIN or (not plain and is_distinctive(text))
