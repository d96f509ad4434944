"""The key of the hashes of secrets: ``SECAGG_HMAC_KEY``, or a key file of this installation."""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from secagg.errors import ConfigError
from secagg.system.files import create_file
from secagg.system.userdirs import user_directory

VARIABLE = "SECAGG_HMAC_KEY"

_SHORTEST = 16
_HINT = (
    f"set {VARIABLE} to a text of at least {_SHORTEST} bytes; the same key in every place where "
    "scans of one repository are compared"
)


def load_key(environment: Mapping[str, str] | None = None) -> bytes:
    """Return the key: ``SECAGG_HMAC_KEY`` if it is set, else that of this installation.

    The variable may hold any text of at least 16 bytes, which is not decoded. The
    installation's key is in ``secagg/hmac.key`` below ``XDG_STATE_HOME`` (``~/.local/state``),
    readable by its owner only; the first call makes it. Raises :class:`ConfigError` if neither
    can be used; the error never holds a key.
    """
    environment = os.environ if environment is None else environment
    variable = environment.get(VARIABLE)
    if variable is None:
        return _installation_key(_key_file(environment))
    key = variable.strip().encode("utf-8", "surrogateescape")
    if len(key) < _SHORTEST:
        message = f"{VARIABLE} is too short: {len(key)} bytes"
        raise ConfigError(message, hint=_HINT)
    return key


def is_shared(environment: Mapping[str, str] | None = None) -> bool:
    """Tell whether the key comes from ``SECAGG_HMAC_KEY``, not from this installation."""
    return VARIABLE in (os.environ if environment is None else environment)


def keyed_hash(key: bytes, data: bytes) -> str:
    """Return the HMAC-SHA-256 of ``data`` under ``key``, in hexadecimal digits."""
    return hmac.digest(key, data, "sha256").hex()


def _key_file(environment: Mapping[str, str]) -> Path:
    state = user_directory("state", environment)
    if state is None:
        raise ConfigError("there is no home directory to keep the key for secrets in", hint=_HINT)
    return state / "secagg" / "hmac.key"


def _installation_key(path: Path) -> bytes:
    try:
        key = _read(path)
        if key is None:
            _create(path)
            key = _read(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(
            "the key for secrets cannot be used", where=str(path), hint=f"{reason}; {_HINT}"
        ) from None
    if key is None:
        raise ConfigError("the key for secrets has gone", where=str(path), hint=_HINT)
    return key


def _read(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise ConfigError(
                "the key for secrets must be a file that only its owner may read",
                where=str(path),
                hint=f"chmod 600 {path}",
            )
        text = file.read(4096)
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) < _SHORTEST:
        raise ConfigError(
            "the key for secrets is damaged",
            where=str(path),
            hint="remove the file to get a new key; known secrets will then get new identities",
        )
    return key


def _create(path: Path) -> None:
    """Write a new key, unless another process has just written one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_file(path, f"{secrets.token_hex(32)}\n".encode("ascii"))
