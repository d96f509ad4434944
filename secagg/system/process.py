"""The one place that runs other programs: bounded in time, output and memory, and cleaned up.

A program gets an argument list (never a shell), an allow-listed environment, a session of
its own, an empty standard input, and two files (mode 0600, in a private directory) for what
it prints. It ends by itself, or it is ended: SIGTERM to its process group, a grace period,
SIGKILL. Whatever is left of its group afterwards is ended too, and reaped.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import shutil
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from secagg.secrets.redactor import Redactor
from secagg.system.processgroup import adopt_orphans, be_modest, end_group, resident_bytes

_log = logging.getLogger(__name__)
MIB = 1024 * 1024
DEFAULT_OUTPUT_LIMIT = 512 * MIB
DEFAULT_GRACE = 5.0

# The directories that this process scans.
_DISTRUSTED: set[Path] = set()

# What any program may know of ours. Everything else (tokens above all) stays here.
ALLOWED = (
    "PATH",
    "HOME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
)

_POLL = 0.05
_PREFIX = "secagg-"
_LOCK = "lock"
# In seconds: a private directory without a lock file is left behind if it is older than the
# longest scan; one with a lock that nobody holds, if its maker must have come to locking it.
_ABANDONED = 24 * 3600.0
_NEW = 60.0


class Cancellation:
    """A request to stop that every running program of a scan sees. Set once, from anywhere."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask everything to stop. Safe in a signal handler, and to call again."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep up to ``seconds``; True as soon as (or if already) cancelled."""
        return self._event.wait(seconds)


class Ended(StrEnum):
    """Why a program is no longer running."""

    EXITED = "exited"
    SIGNALLED = "killed by a signal"
    DEADLINE = "ran into its deadline"
    CANCELLED = "cancelled"
    TOO_MUCH_OUTPUT = "wrote too much output"
    TOO_MUCH_MEMORY = "used too much memory"
    NOT_STARTED = "could not be started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to run and its bounds.

    ``argv[0]`` is an absolute path. ``timeout`` and ``grace`` are seconds. ``output_limit``
    (bytes) holds for each of standard output, standard error and the files in ``watched``.
    ``memory_limit`` (bytes, resident, the whole process group together) is watched rather
    than set as RLIMIT_AS: Go, Java and Node reserve many times the address space that they
    use, and would not start under such a limit. It holds on Linux, elsewhere it is ignored.
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    timeout: float
    grace: float = DEFAULT_GRACE
    output_limit: int = DEFAULT_OUTPUT_LIMIT
    watched: Sequence[Path] = ()
    memory_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessResult:
    """How a program ended.

    ``code`` is its exit code, ``signal`` the number of the signal that ended it (one of the
    two is None, both are if it never started; ``error`` then says why). The files live as
    long as the private directory that they are in.
    """

    ended: Ended
    stdout: Path
    stderr: Path
    seconds: float
    code: int | None = None
    signal: int | None = None
    error: str | None = None

    def exited(self, *codes: int) -> bool:
        """True if it ended by itself with one of ``codes``."""
        return self.ended is Ended.EXITED and self.code in codes


@contextlib.contextmanager
def private_directory() -> Iterator[Path]:
    """Give a directory that only this user can read, gone with all in it at the end.

    Reports with raw secrets are in it. A process that is killed leaves it behind: it is locked
    while it is in use, and the next process that makes one removes those that nobody locks.
    """
    path = Path(tempfile.mkdtemp(prefix=_PREFIX))
    descriptor = os.open(path / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _sweep_once(str(path.parent))
        yield path
    finally:
        _remove(path)
        os.close(descriptor)


@cache
def _sweep_once(parent: str) -> None:
    """Remove the private directories in ``parent`` whose processes are gone, once a process."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(parent)):
            if entry.name.startswith(_PREFIX) and _is_left_behind(entry):
                _remove(Path(entry.path))


def _is_left_behind(entry: os.DirEntry[str]) -> bool:
    """Tell whether ``entry`` is a private directory of ours that no process holds any more."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        # Its process has removed it meanwhile.
        return False
    try:
        if (
            not stat.S_ISDIR(status.st_mode)
            or status.st_uid != os.geteuid()
            or stat.S_IMODE(status.st_mode) != 0o700
        ):
            return False
        lock = os.path.join(entry.path, _LOCK)
        descriptor = os.open(lock, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        # Another process is about to lock it, or it is older than locks are.
        return time.time() - status.st_mtime > _ABANDONED
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    # Locked a moment after it was made: one that is as new may not be locked yet.
    return time.time() - status.st_mtime > _NEW


def environment(
    source: Mapping[str, str], own: Sequence[str] = (), extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment for a program: the allowed part of ``source``, and what is its own.

    ``own`` names further variables to copy (its token), ``extra`` holds variables to set.
    Relative entries of PATH are dropped: they would be looked up in the scanned tree.
    """
    names = [*ALLOWED, *(name for name in source if name.startswith("LC_")), *own]
    env = {name: source[name] for name in names if name in source}
    entries = env.get("PATH", os.defpath).split(os.pathsep)
    env["PATH"] = os.pathsep.join(entry for entry in entries if os.path.isabs(entry))
    return env | dict(extra or {})


def is_inside(path: Path, root: Path | None) -> bool:
    """Return whether ``path`` is in the directory ``root``, by its name or by where it leads."""
    if root is None:
        return False
    roots = {Path(os.path.abspath(root)), Path(os.path.realpath(root))}
    ways = (Path(os.path.abspath(path)), Path(os.path.realpath(path)))
    return any(way.is_relative_to(one) for way in ways for one in roots)


def distrust(directory: Path) -> None:
    """Run no program of ``directory`` by its name on PATH in this process any more.

    It is what is scanned. The base of a change is scanned in a work tree elsewhere, where the
    programs that the change brings must not run either.
    """
    _DISTRUSTED.add(directory.resolve())


def is_untrusted(path: Path, root: Path | None) -> bool:
    """Tell whether ``path`` is in ``root`` or in another directory that is scanned."""
    return is_inside(path, root) or any(is_inside(path, other) for other in _DISTRUSTED)


def search_path_outside(search_path: str, root: Path | None) -> str:
    """Leave out of ``search_path`` what is in ``root`` or another directory that is scanned."""
    entries = search_path.split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if not is_untrusted(Path(entry), root))


def run(command: Command, directory: Path, cancellation: Cancellation) -> ProcessResult:
    """Run ``command`` to its end, whatever that is; never raises for what the program does.

    ``directory`` is private; it receives ``stdout`` and ``stderr`` (numbered if it has them
    already) and is the program's TMPDIR unless its environment names another.
    """
    stdout, stderr = _fresh(directory, "stdout"), _fresh(directory, "stderr")
    env = {"TMPDIR": str(directory), **command.env}
    started = time.monotonic()
    with _private(stdout) as out, _private(stderr) as err:
        if cancellation.cancelled:
            return ProcessResult(ended=Ended.CANCELLED, stdout=stdout, stderr=stderr, seconds=0.0)
        adopt_orphans()
        try:
            process = subprocess.Popen(
                list(command.argv),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=command.cwd,
                env=env,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            _log.debug("%s was not started: %s", list(command.argv), why)
            return ProcessResult(
                ended=Ended.NOT_STARTED,
                stdout=stdout,
                stderr=stderr,
                seconds=time.monotonic() - started,
                error=why,
            )
        try:
            be_modest(process.pid)
            ended = _watch(process, command, (stdout, stderr, *command.watched), cancellation)
            grace = command.grace
        except BaseException:
            grace = 0.0
            raise
        finally:
            end_group(process, grace)
    code = process.returncode
    if ended is Ended.EXITED and code < 0:
        ended = Ended.SIGNALLED
    # The environment may hold tokens and is not logged.
    _log.debug("%s in %s: %s with code %d", list(command.argv), command.cwd, ended.value, code)
    return ProcessResult(
        ended=ended,
        stdout=stdout,
        stderr=stderr,
        seconds=time.monotonic() - started,
        code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
    )


_GRAVE = re.compile(r"\b(?:FATAL|ERROR|FTL|ERR)\b")
_TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*\s+")


def last_lines(path: Path, redactor: Redactor, *, lines: int = 5, limit: int = 64 * 1024) -> str:
    """The last non-empty lines of a file of output, masked; at most ``limit`` bytes are read.

    Of a log that marks what is fatal or an error, what comes before the first such line is left
    out. The text is untrusted: whoever shows it escapes it.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit))
            data = file.read()
    except OSError:
        return ""
    text = redactor.mask(data.decode("utf-8", "replace"))
    last = [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]
    grave = next((n for n, line in enumerate(last) if _GRAVE.search(line)), 0)
    return "\n".join(_TIMESTAMP.sub("", line) for line in last[grave:])


def _watch(
    process: subprocess.Popen[bytes],
    command: Command,
    files: Sequence[Path],
    cancellation: Cancellation,
) -> Ended:
    """Wait until the program has ended by itself or has to be ended, and say why."""
    deadline = time.monotonic() + command.timeout
    memory_due = 0.0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL)
        if any(_size(path) > command.output_limit for path in files):
            return Ended.TOO_MUCH_OUTPUT
        if process.returncode is not None:
            return Ended.EXITED
        if cancellation.cancelled:
            return Ended.CANCELLED
        now = time.monotonic()
        if now >= deadline:
            return Ended.DEADLINE
        if command.memory_limit is not None and now >= memory_due:
            memory_due = now + 10 * _POLL
            if resident_bytes(process.pid) > command.memory_limit:
                return Ended.TOO_MUCH_MEMORY


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _fresh(directory: Path, name: str) -> Path:
    number = 0
    while (path := directory / (f"{name}.{number}" if number else name)).exists():
        number += 1
    return path


@contextlib.contextmanager
def _private(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Remove a tree, also one that a tool has made read-only, without following links."""
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        for parent, directories, _ in os.walk(path):
            for name in directories:
                entry = os.path.join(parent, name)
                if not os.path.islink(entry):
                    with contextlib.suppress(OSError):
                        os.chmod(entry, 0o700)
        shutil.rmtree(path, ignore_errors=True)
