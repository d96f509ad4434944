"""The settings of each scanner under ``tools.<name>`` in ``secagg.yaml``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

from msgspec.structs import asdict, replace

from secagg.errors import ConfigError
from secagg.system.dates import seconds
from secagg.system.validation import FileModel, before, key, limited, validate

_SHA256 = r"^(sha256:)?[0-9a-fA-F]{64}$"


def _checked_digest(value: object) -> object:
    if isinstance(value, str) and re.search(_SHA256, value) is None:
        raise ValueError("a SHA-256 has 64 hexadecimal digits")
    return value


Sha256 = Annotated[str, limited(pattern=_SHA256), before(_checked_digest)]
# A value that becomes an argument of a scanner, and must not look like an option.
ArgumentText = Annotated[str, limited(min_length=1, pattern=r"^[^-\s\x00][^\x00]*$")]


class ToolOptions(FileModel, kw_only=True):
    """The settings of every scanner.

    ``path`` is the program (by default the one on PATH); ``sha256`` pins that file, with links
    resolved; ``timeout`` (seconds, or 90s, 15m) is the tool's own deadline;
    ``trust_target_config`` makes the tool use its configuration and ignore files in the scanned
    repository.
    """

    enabled: bool = True
    optional: bool = key(
        default=False, description="true: a failure is shown, but the scan still counts as complete"
    )
    path: Path | None = None
    sha256: Sha256 | None = None
    timeout: Annotated[float, before(seconds)] | None = None
    memory_megabytes: Annotated[int, limited(ge=64)] | None = None
    trust_target_config: bool = False


class TrivyOptions(ToolOptions, kw_only=True):
    """``scanners`` are Trivy's names; ``images`` and ``sboms`` are scanned besides the tree.

    ``offline`` neither updates the databases nor asks any service. ``allow_unread_manifests``
    and ``allow_end_of_life`` accept manifests that Trivy does not report, and operating systems
    without advisories. A database that is more than ``max_database_age`` days old makes the scan
    incomplete; the default is the policy's, else 7.
    """

    scanners: list[Literal["vuln", "misconfig", "secret", "license"]] = key(
        default=["vuln", "misconfig", "secret"], min_length=1
    )
    images: list[ArgumentText] = key(default=[])
    sboms: list[Path] = key(default=[])
    cache_dir: Path | None = None
    offline: bool = False
    include_dev_dependencies: bool = False
    allow_unread_manifests: bool = False
    allow_end_of_life: bool = False
    max_database_age: Annotated[int, limited(ge=1)] | None = None
    skip_dirs: list[ArgumentText] = key(default=[])


class SnykOptions(ToolOptions, kw_only=True):
    """``modes`` are the products to run; ``containers`` are image names for ``container``.

    ``org`` and ``api`` (of another region) are passed to the CLI. There is no filter by severity:
    the policy decides.
    """

    modes: list[Literal["test", "code", "iac"]] = key(default=["test", "code", "iac"])
    containers: list[ArgumentText] = key(default=[])
    org: ArgumentText | None = None
    api: ArgumentText | None = None
    dev: bool = False
    allow_unread_manifests: bool = False


class CodeqlOptions(ToolOptions, kw_only=True):
    """``languages`` replaces detection; ``build_modes`` and ``suite`` are CodeQL's names.

    ``threads`` and ``ram`` (megabytes) depend on the machine by default. ``packs`` are further
    query packs; ``offline`` downloads none. ``allow_builds`` lets CodeQL execute the project's
    code, as autobuild and the Rust extractor (build scripts) do.
    """

    languages: list[ArgumentText] = key(default=[])
    suite: ArgumentText = "security-extended"
    build_modes: dict[str, Literal["none", "autobuild"]] = key(default={})
    packs: list[ArgumentText] = key(default=[])
    threads: Annotated[int, limited(ge=0)] | None = None
    ram: Annotated[int, limited(ge=1024)] | None = None
    offline: bool = False
    allow_builds: bool = True


class GitleaksOptions(ToolOptions, kw_only=True):
    """``config`` is a file that replaces Gitleaks' default rules.

    ``allow_shallow`` accepts that a shallow clone lacks a part of the history.
    """

    modes: list[Literal["git", "dir"]] = key(default=["git", "dir"], min_length=1)
    config: Path | None = None
    max_target_megabytes: Annotated[int, limited(ge=0)] | None = None
    allow_shallow: bool = False


class TrufflehogOptions(ToolOptions, kw_only=True):
    """``verify`` sends candidate secrets to the services that may have issued them."""

    modes: list[Literal["git", "filesystem"]] | None = None
    verify: bool = False
    allow_shallow: bool = False
    concurrency: Annotated[int, limited(ge=1)] | None = None


OPTIONS: dict[str, type[ToolOptions]] = {
    "trivy": TrivyOptions,
    "snyk": SnykOptions,
    "codeql": CodeqlOptions,
    "gitleaks": GitleaksOptions,
    "trufflehog": TrufflehogOptions,
}

# The types of settings that are paths.
_PATHS = (Path | None, list[Path])
_Options = TypeVar("_Options", bound=ToolOptions)


def read_options(
    kind: type[_Options], tool: str, settings: Mapping[str, Any], root: Path
) -> _Options:
    """Check the settings of ``tool``, and make the paths in them absolute (from ``root``).

    Raises :class:`ConfigError` that names the first wrong key.
    """
    options = kind()
    defaults = asdict(options)
    if any(name not in defaults or value != defaults[name] for name, value in settings.items()):
        options = _checked(kind, tool, settings)
    paths = {name: _absolute(getattr(options, name), root) for name in path_fields(kind)}
    return replace(options, **paths)


def _checked(kind: type[_Options], tool: str, settings: Mapping[str, Any]) -> _Options:
    from pydantic import ValidationError

    from secagg.system.mistakes import in_words

    try:
        return validate(kind, dict(settings))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in ("tools", tool, *first["loc"]))
        raise ConfigError(f"{name}: {in_words(first)}") from None


def path_fields(kind: type[ToolOptions]) -> set[str]:
    """Return the names of the settings that are paths."""
    return {name for name, type_ in get_type_hints(kind).items() if type_ in _PATHS}


def _absolute(value: Any, root: Path) -> Any:
    if isinstance(value, list):
        return [_absolute(item, root) for item in value]
    return root / value.expanduser() if isinstance(value, Path) else value
