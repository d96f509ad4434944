"""The key by which secrets are hashed: given by the environment, or kept per installation."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from secagg.errors import ConfigError

VARIABLE = "SECAGG_HMAC_KEY"
_SHORTEST = 16


def load_key() -> bytes:
    """The key from ``SECAGG_HMAC_KEY`` (any text of 16 bytes or more), else from a file of this
    installation that only its user can read, which is made when there is none.

    Raises :class:`ConfigError` for a key that is too short or cannot be read or written.
    """
    given = os.environ.get(VARIABLE)
    if given is not None:
        if len(given.encode()) < _SHORTEST:
            raise ConfigError(
                f"{VARIABLE} is shorter than {_SHORTEST} bytes",
                hint="make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'",
            )
        return given.encode()
    path = key_file()
    try:
        return _read_or_make(path)
    except OSError as error:
        raise ConfigError(
            f"the key file {path} cannot be used: {error.strerror}",
            hint=f"set {VARIABLE}, or make its directory writable",
        ) from None


def key_file() -> Path:
    """Where this installation's key lies (XDG Base Directory: state)."""
    state = os.environ.get("XDG_STATE_HOME")
    base = Path(state) if state else Path.home() / ".local" / "state"
    return base / "secagg" / "hmac.key"


def _read_or_make(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        # Written aside and linked into place: of two that start at once, both use the first.
        aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
    key = path.read_bytes()
    if len(key) < _SHORTEST:
        raise ConfigError(f"the key file {path} is too short", hint="remove it: a new one is made")
    return key
