"""An installed scanner: found, its version read, its file checked, and refused if need be."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from secagg.process import Cancellation, Ending, Finished, Limits, Workplace, run
from secagg.redact import Redactor
from secagg.scanners.options import ToolOptions

_VERSION_TIMEOUT = 60.0
_TAIL_LINES = 4
_TAIL_WIDTH = 300
Version = tuple[int, ...]


class Refused(Exception):
    """The tool cannot or must not be used: ``reason`` says why, ``hint`` what to do."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of a tool beforehand.

    ``supported`` is the lowest version that works and the first that does not (``None``: all
    later ones are expected to); ``bad`` are ranges of releases, ends included, that must never
    run. ``variables`` are names of its own environment variables, its token among them.
    """

    name: str
    version_arguments: Sequence[str]
    supported: tuple[Version, Version | None]
    install: str
    bad: Sequence[tuple[Version, Version]] = ()
    variables: Sequence[str] = ()


@dataclass(slots=True, kw_only=True)
class Tool:
    """A scanner that may be run: every run of it goes through :meth:`run`."""

    about: About
    path: Path
    version: str
    options: ToolOptions
    cancellation: Cancellation
    redactor: Redactor
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(
        self,
        arguments: Sequence[str | Path],
        *,
        workplace: Workplace,
        timeout: float,
        outputs: Sequence[Path] = (),
        cwd: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run the tool, after looking once more that its file is the pinned one.

        Raises :class:`Refused` if the file has changed.
        """
        check_pin(self.path, self.options.sha256)
        memory = self.options.memory_mb
        return run(
            [self.path, *arguments],
            workplace=workplace,
            limits=Limits(
                timeout=self.options.timeout or timeout,
                memory=memory * 1024 * 1024 if memory else None,
            ),
            cancellation=self.cancellation,
            variables={**self.variables, **(variables or {})},
            outputs=outputs,
            cwd=cwd,
        )

    def why(self, finished: Finished) -> str:
        """How a failed run ended, with the last lines it wrote on standard error, masked."""
        return finished.told() + last_words(finished.stderr, self.redactor)


def last_words(stderr: bytes, redactor: Redactor) -> str:
    """The last lines of ``stderr`` as the end of a sentence; empty if it was silent."""
    text = redactor.mask(stderr.decode("utf-8", "replace"))
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    words = " / ".join(line[:_TAIL_WIDTH] for line in lines[-_TAIL_LINES:])
    return f": {words}" if words else ""


def find(
    about: About,
    options: ToolOptions,
    *,
    cancellation: Cancellation,
    redactor: Redactor,
    variables: Mapping[str, str],
) -> Tool:
    """The installed tool. Raises :class:`Refused` if there is none or it must not run."""
    path = _path(about, options)
    check_pin(path, options.sha256)
    with Workplace() as workplace:
        asked = run(
            [path, *about.version_arguments],
            workplace=workplace,
            limits=Limits(timeout=_VERSION_TIMEOUT, output=1024 * 1024),
            cancellation=cancellation,
        )
    if asked.ending is Ending.CANCELLED:
        raise Refused("was stopped", "run it again")
    if not asked.ok:
        raise Refused(
            f"its version could not be read: it {asked.told()}"
            + last_words(asked.stderr, redactor),
            f"see whether {path.name} {' '.join(about.version_arguments)} works",
        )
    version = _version(about, asked)
    return Tool(
        about=about,
        path=path,
        version=version,
        options=options,
        cancellation=cancellation,
        redactor=redactor,
        variables=variables,
    )


def check_pin(path: Path, sha256: str | None) -> None:
    """Raise :class:`Refused` unless the file has the pinned SHA-256 (if one is pinned)."""
    if sha256 is None:
        return
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Refused(f"its file cannot be read: {error.strerror}", "check the file") from None
    if found != sha256:
        raise Refused(
            f"its file has SHA-256 {found[:12]}..., not the pinned {sha256[:12]}...",
            "find out who changed it; only then pin the new value in secagg.yaml",
        )


def _path(about: About, options: ToolOptions) -> Path:
    name = options.path or about.name
    found = shutil.which(name)
    if found is None:
        where = f"at {options.path}" if options.path else "on PATH"
        raise Refused(f"not found {where}", about.install)
    return Path(found).resolve()


def _version(about: About, asked: Finished) -> str:
    text = (asked.stdout + b"\n" + asked.stderr).decode("utf-8", "replace")
    match = re.search(r"\b(\d+)\.(\d+)(?:\.(\d+))?", text)
    if match is None:
        raise Refused("does not say its version", about.install)
    version = tuple(int(part) for part in match.groups("0"))
    shown = ".".join(str(part) for part in version)
    for first, last in about.bad:
        if first <= version <= last:
            raise Refused(
                f"version {shown} is known to have been tampered with",
                "remove it, treat the machine's secrets as stolen, and install another release",
            )
    lowest, beyond = about.supported
    if version < lowest or (beyond is not None and version >= beyond):
        least = ".".join(str(part) for part in lowest)
        most = "" if beyond is None else " and below " + ".".join(str(part) for part in beyond)
        raise Refused(f"version {shown} is not supported", f"install {least} or later{most}")
    return shown
