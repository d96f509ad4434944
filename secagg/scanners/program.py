"""The program of a scanner: find it, ask its version, run it, explain its exit."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from secagg.scanners.base import RunContext
from secagg.scanners.deciding import Unusable
from secagg.scanners.options import ToolOptions
from secagg.system.process import (
    DEFAULT_GRACE,
    DEFAULT_OUTPUT_LIMIT,
    Command,
    Ended,
    ProcessResult,
    environment,
    is_untrusted,
    last_lines,
    private_directory,
    run,
    search_path_outside,
)

_VERSION_TIMEOUT = 60.0


_VERSION_OUTPUT = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Make:
    """What is known about a tool as its vendor ships it.

    ``version_argv`` follows the program's name; ``version_pattern`` has one group.
    ``supported`` is a PEP 440 range; ``refused`` gives for a range of versions the reason why
    they must not run. ``inspect`` reads a version from the file itself, so that a refused
    one is never started, or answers None. ``own`` are the variables that it may know. ``builds``
    says that it runs the project's own build, for which it needs the tree's programs on PATH.
    """

    name: str
    title: str
    version_argv: Sequence[str]
    version_pattern: str
    supported: str
    install: str
    own: Sequence[str] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    inspect: Callable[[Path], str | None] | None = None
    builds: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that may be run. ``path`` is absolute, links not resolved."""

    make: Make
    path: Path
    context: RunContext
    options: ToolOptions
    version: str | None = None

    def check_pin(self) -> None:
        """Raise :class:`Unusable` unless the file is the one that the configuration pins."""
        if self.options.sha256 is None:
            return
        wanted = self.options.sha256.removeprefix("sha256:").lower()
        actual = digest(self.path)
        if actual != wanted:
            raise Unusable(
                f"{self.path} is not the pinned {self.make.title}: its SHA-256 is {actual}",
                "find out why it changed; if it is right, put the new value into "
                f"tools.{self.make.name}.sha256",
            )

    def command(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        timeout: float,
        watched: Sequence[Path] = (),
        extra: Mapping[str, str] | None = None,
    ) -> Command:
        """Return the command for one run of the program with its own environment."""
        megabytes = self.options.memory_megabytes
        env = environment(self.context.environ, self.make.own, {**self.make.extra, **(extra or {})})
        if not self.make.builds:
            env["PATH"] = search_path_outside(env["PATH"], self.context.root)
        return Command(
            argv=[str(self.path), *arguments],
            cwd=cwd,
            env=env,
            timeout=timeout,
            grace=DEFAULT_GRACE,
            output_limit=DEFAULT_OUTPUT_LIMIT,
            watched=watched,
            memory_limit=None if megabytes is None else megabytes * 1024 * 1024,
        )


class NotInstalled(Unusable):
    """A program that is not on PATH, and that nobody has named."""


def digest(path: Path) -> str:
    """Return the SHA-256 of the file that ``path`` leads to, in hexadecimal digits.

    Raises :class:`Unusable` if it cannot be read. Where a wrapper script stands in front of
    the real program, it is the script that is hashed: name the program itself by ``path``.
    """
    try:
        with path.resolve(strict=True).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}") from None


def locate(make: Make, options: ToolOptions, context: RunContext) -> Path:
    """Return where the program is. Raises :class:`Unusable` if it is nowhere.

    A program in the scanned tree could be the work of whoever wrote what is scanned: it is refused
    unless the configuration pins it, and on PATH one outside of the tree is preferred.
    """
    if options.path is not None:
        path = options.path.absolute()
        if not path.is_file():
            raise Unusable(f"{path} does not exist", f"correct tools.{make.name}.path or remove it")
        if not os.access(path, os.X_OK):
            raise Unusable(f"{path} is not executable", f"chmod +x {path}")
        _require_pin(make, options, path, context.root)
        return path
    everywhere = environment(context.environ)["PATH"]
    outside = search_path_outside(everywhere, context.root)
    program = shutil.which(make.name, path=everywhere if options.sha256 else outside)
    program = program or shutil.which(make.name, path=str(tools_directory(context.environ)))
    program = program or shutil.which(make.name, path=everywhere)
    if program is None:
        raise NotInstalled(
            f"{make.title} is not installed: no {make.name} on PATH",
            f"{make.install}; or disable it: tools: {{{make.name}: {{enabled: false}}}} in "
            "secagg.yaml",
        )
    path = Path(program).absolute()
    _require_pin(make, options, path, context.root)
    return path


def _require_pin(make: Make, options: ToolOptions, path: Path, root: Path | None) -> None:
    if options.sha256 is None and is_untrusted(path, root):
        raise Unusable(
            f"{path} is in the scanned tree and is not pinned",
            f"whoever changes the tree would choose the {make.title} that scans it: install it "
            f"elsewhere, or pin this one with tools.{make.name}.sha256: {digest(path)}",
        )


def find_program(make: Make, options: ToolOptions, context: RunContext) -> Program:
    """Return the program, located, its pin and version checked. Raises :class:`Unusable`.

    Before anything is known about it, it is not started; to say its version it gets neither
    a token nor the user's home directory.
    """
    path = locate(make, options, context)
    program = Program(make=make, path=path, context=context, options=options)
    program.check_pin()
    if make.inspect is not None and (embedded := make.inspect(path.resolve())) is not None:
        refuse(make, embedded)
    version = _ask_version(program)
    refuse(make, version)
    if _parsed(version) not in SpecifierSet(make.supported, prereleases=True):
        raise Unusable(
            f"{make.title} {version} is not supported (supported: {make.supported})",
            make.install,
        )
    return replace(program, version=version)


def explain(result: ProcessResult, program: Program) -> Unusable:
    """Why a run that should have gone well did not, in words, with its last words (masked)."""
    title = program.make.title
    message = last_lines(result.stderr, program.context.redactor)
    hint = f"it said: {message}" if message else "it said nothing on standard error"
    match result.ended:
        case Ended.NOT_STARTED:
            return Unusable(f"{title} could not be started: {result.error}", program.make.install)
        case Ended.DEADLINE:
            reason = f"{title} was stopped at its deadline after {result.seconds:.0f} s"
            hint = f"give it more time with --timeout or tools.{program.make.name}.timeout; {hint}"
        case Ended.CANCELLED:
            return Unusable(f"{title} was cancelled")
        case Ended.TOO_MUCH_OUTPUT:
            reason = f"{title} was stopped because it wrote too much output"
        case Ended.TOO_MUCH_MEMORY:
            limit = program.options.memory_megabytes
            reason = f"{title} was stopped because it used more than {limit} MB of memory"
        case Ended.SIGNALLED:
            reason = f"{title} was killed by signal {result.signal}"
            if result.signal == 9:
                hint = f"the system may have been out of memory; {hint}"
        case _:
            reason = f"{title} failed with exit code {result.code}"
    return Unusable(reason, hint)


def _ask_version(program: Program) -> str:
    make = program.make
    with private_directory() as directory:
        command = Command(
            argv=[str(program.path), *make.version_argv],
            cwd=directory,
            env=environment(program.context.environ, (), {**make.extra, "HOME": str(directory)}),
            timeout=_VERSION_TIMEOUT,
            output_limit=_VERSION_OUTPUT,
        )
        result = run(command, directory, program.context.cancellation)
        if not result.exited(0):
            failure = explain(result, program)
            raise Unusable(f"its version cannot be read: {failure.reason}", failure.hint)
        printed = "\n".join(  # TruffleHog says it on standard error
            stream.read_text("utf-8", "replace") for stream in (result.stdout, result.stderr)
        )
    match = re.search(make.version_pattern, printed)
    if match is None:
        raise Unusable(
            f"{program.path} does not answer like {make.title} when asked for its version",
            make.install,
        )
    return match.group(1)


def refuse(make: Make, version: str) -> None:
    """Raise :class:`Unusable` for a version that must not run."""
    for versions, why in make.refused.items():
        if _parsed(version) in SpecifierSet(versions, prereleases=True):
            raise Unusable(f"{make.title} {version} is refused: {why}", make.install)


def _parsed(version: str) -> Version:
    try:
        return Version(version)
    except InvalidVersion:
        return Version("0")


def tools_directory(environ: Mapping[str, str]) -> Path:
    """``SECAGG_TOOLS``, else ``secagg/tools`` in the user's data directory (XDG)."""
    if named := environ.get("SECAGG_TOOLS"):
        return Path(named).absolute()
    data = environ.get("XDG_DATA_HOME")
    home = Path(data) if data else Path(environ.get("HOME", "/")) / ".local" / "share"
    return home / "secagg" / "tools"
