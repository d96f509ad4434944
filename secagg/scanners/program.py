"""The program of a scanner: find it, check its version, run it, explain its failures."""

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
from secagg.scanners.configuration import Unusable
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
from secagg.system.userdirs import user_directory

_VERSION_TIMEOUT = 60.0
_VERSION_OUTPUT = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """How to find, check and run a tool.

    ``version_argv`` are the arguments that print the version, in which ``version_pattern`` finds
    it by its one group. ``supported`` is a PEP 440 range; ``refused`` has the reasons why ranges
    of versions must not run. ``inspect`` reads the version from the file, so that a refused one
    is never started; it may return None. ``variables`` are those of the environment that the tool
    gets, ``extra`` those that are set for it. ``builds`` says that it runs the project's build,
    which needs the tree's programs on PATH. ``install`` is the command or advice for who lacks it.
    """

    name: str
    title: str
    version_argv: Sequence[str]
    version_pattern: str
    supported: str
    install: str
    variables: Sequence[str] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    inspect: Callable[[Path], str | None] | None = None
    builds: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that may be run; ``path`` is absolute, and links in it are not resolved."""

    spec: ToolSpec
    path: Path
    context: RunContext
    options: ToolOptions
    version: str | None = None

    def check_pin(self) -> None:
        """Raise :class:`Unusable` if the configuration pins another file."""
        if self.options.sha256 is None:
            return
        pinned = self.options.sha256.removeprefix("sha256:").lower()
        actual = digest(self.path)
        if actual != pinned:
            raise Unusable(
                f"{self.path} is not the pinned {self.spec.title}: its SHA-256 is {actual}",
                "find out why it changed; if it is right, put the new value into "
                f"tools.{self.spec.name}.sha256",
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
        """Make the command of one run of the program, with the tool's environment."""
        megabytes = self.options.memory_megabytes
        env = environment(
            self.context.environ, self.spec.variables, {**self.spec.extra, **(extra or {})}
        )
        if not self.spec.builds:
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
    """The program is not on PATH, and the configuration does not name it."""


def digest(path: Path) -> str:
    """Return the SHA-256 of the file at ``path``, links resolved, in hexadecimal digits.

    Of a wrapper script it is the digest of the script, not of the program that it starts. Raises
    :class:`Unusable` if the file cannot be read.
    """
    try:
        with path.resolve(strict=True).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}") from None


def locate(spec: ToolSpec, options: ToolOptions, context: RunContext) -> Path:
    """Find the program. Raises :class:`Unusable` if there is none, or it must not run.

    A program in the scanned tree may be malicious: it is refused unless the configuration pins
    it, and a program outside of the tree is preferred.
    """
    if options.path is not None:
        path = options.path.absolute()
        if not path.is_file():
            raise Unusable(f"{path} does not exist", f"correct tools.{spec.name}.path or remove it")
        if not os.access(path, os.X_OK):
            raise Unusable(f"{path} is not executable", f"chmod +x {path}")
        _require_pin(spec, options, path, context.root)
        return path
    search_path = environment(context.environ)["PATH"]
    outside = search_path_outside(search_path, context.root)
    program = shutil.which(spec.name, path=search_path if options.sha256 else outside)
    program = program or shutil.which(spec.name, path=str(tools_directory(context.environ)))
    program = program or shutil.which(spec.name, path=search_path)
    if program is None:
        raise NotInstalled(
            f"{spec.title} is not installed: no {spec.name} on PATH",
            f"{spec.install}; or leave it out: tools: {{{spec.name}: {{enabled: false}}}} in "
            "secagg.yaml",
        )
    path = Path(program).absolute()
    _require_pin(spec, options, path, context.root)
    return path


def find_program(spec: ToolSpec, options: ToolOptions, context: RunContext) -> Program:
    """Find the program and check its pin and version. Raises :class:`Unusable`.

    Its pin is checked before it is started, and for printing its version it gets neither a token
    nor the user's home directory.
    """
    path = locate(spec, options, context)
    program = Program(spec=spec, path=path, context=context, options=options)
    program.check_pin()
    if spec.inspect is not None and (embedded := spec.inspect(path.resolve())) is not None:
        require_allowed(spec, embedded)
    version = _read_version(program)
    require_allowed(spec, version)
    if _parse_version(version) not in SpecifierSet(spec.supported, prereleases=True):
        raise Unusable(
            f"{spec.title} {version} is not supported (supported: {spec.supported})",
            other_version(spec),
        )
    return replace(program, version=version)


def explain(result: ProcessResult, program: Program) -> Unusable:
    """Make the error for a run that failed, with the end of its standard error, masked."""
    title = program.spec.title
    message = last_lines(result.stderr, program.context.redactor)
    hint = f"it said: {message}" if message else "it said nothing on standard error"
    match result.ended:
        case Ended.NOT_STARTED:
            return Unusable(
                f"{title} could not be started: {result.error}", other_version(program.spec)
            )
        case Ended.DEADLINE:
            reason = f"{title} was stopped at its deadline after {result.seconds:.0f} s"
            hint = f"give it more time with --timeout or tools.{program.spec.name}.timeout; {hint}"
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


def require_allowed(spec: ToolSpec, version: str) -> None:
    """Raise :class:`Unusable` for a version that must not run."""
    for versions, why in spec.refused.items():
        if _parse_version(version) in SpecifierSet(versions, prereleases=True):
            raise Unusable(f"{spec.title} {version} is refused: {why}", other_version(spec))


def other_version(spec: ToolSpec) -> str:
    """Return what to do about an installed program that cannot be used.

    Installing another one does not help by itself: the one on PATH comes first.
    """
    return f"update it, or name another one by tools.{spec.name}.path"


def tools_directory(environ: Mapping[str, str]) -> Path:
    """Return ``SECAGG_TOOLS``, else ``secagg/tools`` in the user's data directory."""
    if path := environ.get("SECAGG_TOOLS"):
        return Path(path).absolute()
    data = user_directory("data", environ) or Path(os.sep, ".local", "share")
    return data / "secagg" / "tools"


def _require_pin(spec: ToolSpec, options: ToolOptions, path: Path, root: Path | None) -> None:
    if options.sha256 is None and is_untrusted(path, root):
        raise Unusable(
            f"{path} is in the scanned tree and is not pinned",
            f"whoever changes the tree would choose the {spec.title} that scans it: install it "
            f"elsewhere, or pin this one with tools.{spec.name}.sha256: {digest(path)}",
        )


def _read_version(program: Program) -> str:
    spec = program.spec
    with private_directory() as directory:
        command = Command(
            argv=[str(program.path), *spec.version_argv],
            cwd=directory,
            env=environment(program.context.environ, (), {**spec.extra, "HOME": str(directory)}),
            timeout=_VERSION_TIMEOUT,
            output_limit=_VERSION_OUTPUT,
        )
        result = run(command, directory, program.context.cancellation)
        if not result.exited(0):
            failure = explain(result, program)
            raise Unusable(f"its version cannot be read: {failure.reason}", failure.hint)
        output = "\n".join(  # TruffleHog prints its version on standard error.
            stream.read_text("utf-8", "replace") for stream in (result.stdout, result.stderr)
        )
    match = re.search(spec.version_pattern, output)
    if match is None:
        raise Unusable(
            f"{program.path} does not answer like {spec.title} when asked for its version",
            other_version(spec),
        )
    return match.group(1)


def _parse_version(version: str) -> Version:
    try:
        return Version(version)
    except InvalidVersion:
        return Version("0")
