"""Find the digest of the wheel that secagg was installed from, for generated jobs' lock.

pip needs the digest in the lock, and a wheel cannot contain its own. A person names it, or pip has
recorded it for a wheel that it installed from a file or URL (PEP 610), or it is that of the wheel
in the package index, if its files are the installed ones.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from secagg import __version__
from secagg.errors import SecaggError, UsageError
from secagg.system.process import private_directory
from secagg.tools.installed import download_wheel

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_WHEEL_NAME = re.compile(r"secagg-(?P<version>[^-]+)-[\w.-]+\.whl")
_HINT = "secagg init --wheel secagg-VERSION-py3-none-any.whl, or --wheel sha256:DIGEST"


def pinned_digest(text: str) -> str | None:
    """Return the digest (``sha256:...``) in a pin (``VERSION DIGEST``) of this version, or None."""
    version, _, digest = text.partition(" ")
    return digest if version == __version__ and _DIGEST.fullmatch(digest) else None


def named_pin(wheel: str) -> str:
    """Return the pin for a wheel that a person names by its file or its ``sha256:`` digest.

    Raises :class:`UsageError` for anything else, and for the wheel of another version.
    """
    if _DIGEST.fullmatch(wheel):
        return f"{__version__} {wheel}"
    file = Path(wheel)
    name = _WHEEL_NAME.fullmatch(file.name)
    if name is None:
        raise UsageError(f"{wheel!r} is no wheel of secagg, and no digest", hint=_HINT)
    if name["version"] != __version__:
        raise UsageError(f"{file.name} is not of this version, which is {__version__}", hint=_HINT)
    try:
        return f"{__version__} {_digest(file)}"
    except OSError as error:
        raise UsageError(f"cannot read {wheel}: {error.strerror}") from error


def installed_pin() -> str:
    """Return the pin for the installed secagg.

    Raises :class:`SecaggError` if it is not known: for a checkout, or if the package index cannot
    be reached or has another wheel of this version.
    """
    try:
        installed = metadata.distribution("secagg")
    except metadata.PackageNotFoundError as error:
        raise SecaggError("no wheel was the source of this installation", hint=_HINT) from error
    origin = installed.read_text("direct_url.json")
    if origin is not None:
        return f"{__version__} {_recorded_digest(json.loads(origin))}"
    with private_directory() as directory:
        wheel = download_wheel("secagg", f"secagg=={__version__}", directory)
        if not _is_installed(wheel, installed):
            raise SecaggError(
                f"the wheel of secagg {__version__} in the package index is not what runs here",
                hint="find out which of the two is secagg's own",
            )
        return f"{__version__} {_digest(wheel)}"


def _recorded_digest(origin: Any) -> str:
    """Return the digest in a ``direct_url.json`` (PEP 610)."""
    address = urlsplit(str(origin.get("url", "")))
    archive = origin.get("archive_info")
    if archive is None or not address.path.endswith(".whl"):
        raise SecaggError("the source of this installation is a directory, not a wheel", hint=_HINT)
    digest = str(archive.get("hashes", {}).get("sha256") or "") or (
        str(archive.get("hash", "")).removeprefix("sha256=")
    )
    if _DIGEST.fullmatch(f"sha256:{digest}"):
        return f"sha256:{digest}"
    raise SecaggError("nothing recorded the digest of this secagg's wheel", hint=_HINT)


def _is_installed(wheel: Path, installed_distribution: metadata.Distribution) -> bool:
    """Tell whether the files in a wheel's RECORD are all installed, with the same hashes."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = {name for name in archive.namelist() if not name.endswith("/")}
            (record,) = (name for name in names if name.endswith(".dist-info/RECORD"))
            wheel_hashes = _hashes(archive.read(record).decode())
    except (zipfile.BadZipFile, ValueError, OSError):
        return False
    installed_hashes = _hashes(installed_distribution.read_text("RECORD") or "")
    return names == {*wheel_hashes, record} and wheel_hashes.items() <= installed_hashes.items()


def _hashes(record: str) -> dict[str, str]:
    return {row[0]: row[1] for row in csv.reader(io.StringIO(record)) if len(row) > 1 and row[1]}


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"
