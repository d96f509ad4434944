"""Run other programs with limits of time, output and memory. No other module does.

A program gets an argument list (never a shell), an allow-listed environment, a session of
its own, an empty standard input, and two files (mode 0600, in a private directory) for its
output. It ends by itself, or secagg ends it: SIGTERM to its process group, a grace period,
SIGKILL. Processes of its group that remain are ended too, and reaped.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path

from msgspec import Struct

from secagg.secrets.redactor import Redactor
from secagg.system.patterns import lazy
from secagg.system.processgroup import adopt_orphans, end_group, lower_priority, resident_bytes

_log = logging.getLogger(__name__)
MIB = 1024 * 1024
DEFAULT_OUTPUT_LIMIT = 512 * MIB
DEFAULT_GRACE = 5.0

# The directories that this process scans.
_SCANNED: set[Path] = set()

# The variables that every program gets. All others, tokens above all, are left out.
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
# Seconds after which a private directory is abandoned: without a lock file, longer than any scan;
# with a lock that no process holds, longer than its process needs to lock it.
_ABANDONED = 24 * 3600.0
_NEW = 60.0
_ERROR_LINE = lazy(r"\b(?:FATAL|ERROR|FTL|ERR)\b")
_TIMESTAMP = lazy(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*\s+")


class Cancellation:
    """A request to stop all running programs of a scan. It can be set from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask all programs to stop. Safe in a signal handler and when called again."""
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


class Command(Struct, frozen=True, kw_only=True):
    """A program to run, and its limits.

    ``argv[0]`` is an absolute path. ``timeout`` and ``grace`` are seconds. ``output_limit``
    (bytes) applies to each of standard output, standard error and the files in ``watched``.
    ``memory_limit`` (bytes, resident, the whole process group together) is measured instead of
    set as RLIMIT_AS: Go, Java and Node reserve many times the address space that they use, and
    would not start. It works on Linux and is ignored elsewhere.
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    timeout: float
    grace: float = DEFAULT_GRACE
    output_limit: int = DEFAULT_OUTPUT_LIMIT
    watched: Sequence[Path] = ()
    memory_limit: int | None = None


class ProcessResult(Struct, frozen=True, kw_only=True):
    """How a program ended.

    ``code`` is its exit code or ``signal`` the number of the signal that ended it. Both are None
    if it did not start; ``error`` is the reason. The files exist as long as the private
    directory that they are in.
    """

    ended: Ended
    stdout: Path
    stderr: Path
    seconds: float
    code: int | None = None
    signal: int | None = None
    error: str | None = None

    def exited(self, *codes: int) -> bool:
        """Tell whether it ended by itself with one of ``codes``."""
        return self.ended is Ended.EXITED and self.code in codes


@contextlib.contextmanager
def private_directory() -> Iterator[Path]:
    """Give a directory that only this user can read; remove it at the end.

    It will hold reports with raw secrets, and a process that is killed leaves it behind. So it
    is locked while in use, and the next process removes those without a lock.
    """
    path = Path(tempfile.mkdtemp(prefix=_PREFIX))
    descriptor = os.open(path / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _remove_abandoned(str(path.parent))
        yield path
    finally:
        _remove(path)
        os.close(descriptor)


@cache
def _remove_abandoned(parent: str) -> None:
    """Remove the private directories in ``parent`` whose processes have ended; once a process."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(parent)):
            if entry.name.startswith(_PREFIX) and _is_abandoned(entry):
                _remove(Path(entry.path))


def _is_abandoned(entry: os.DirEntry[str]) -> bool:
    """Tell whether ``entry`` is a private directory of ours that no process uses any more."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        # Its process has just removed it.
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
        # Its process has not made the lock file yet, or was killed before it did.
        return time.time() - status.st_mtime > _ABANDONED
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    # A new one may not be locked yet.
    return time.time() - status.st_mtime > _NEW


def environment(
    source: Mapping[str, str], own: Sequence[str] = (), extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Make the environment of a program from the allowed variables of ``source``.

    ``own`` names further variables to copy (its token); ``extra`` are variables to set.
    Relative entries of PATH are dropped: they would be looked up in the scanned tree.
    """
    names = [*ALLOWED, *(name for name in source if name.startswith("LC_")), *own]
    env = {name: source[name] for name in names if name in source}
    entries = env.get("PATH", os.defpath).split(os.pathsep)
    env["PATH"] = os.pathsep.join(entry for entry in entries if os.path.isabs(entry))
    return env | dict(extra or {})


def is_inside(path: Path, root: Path | None) -> bool:
    """Tell whether ``path`` is in the directory ``root``, with or without resolving links."""
    if root is None:
        return False
    roots = {os.path.join(spelling, "") for spelling in _spellings(root)}
    return any(
        os.path.join(spelling, "").startswith(inner)
        for spelling in _spellings(path)
        for inner in roots
    )


def _spellings(path: Path) -> tuple[str, str]:
    """Return the absolute path as it is written, and with links resolved."""
    return os.path.abspath(path), os.path.realpath(path)


def distrust_programs_in(directory: Path) -> None:
    """Never find a program on PATH in ``directory`` again, because it is scanned.

    The base of a change is scanned in a work tree elsewhere. There the programs of the change must
    not run either.
    """
    _SCANNED.add(directory.resolve())


def is_untrusted(path: Path, root: Path | None) -> bool:
    """Tell whether ``path`` is in ``root`` or in another directory that is scanned."""
    return is_inside(path, root) or any(is_inside(path, other) for other in _SCANNED)


def search_path_outside(search_path: str, root: Path | None) -> str:
    """Remove from ``search_path`` the entries in ``root`` or in another scanned directory."""
    entries = search_path.split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if not is_untrusted(Path(entry), root))


def run(command: Command, directory: Path, cancellation: Cancellation) -> ProcessResult:
    """Run ``command`` to its end; never raises for what the program does.

    ``stdout`` and ``stderr`` are written into the private ``directory`` (with a number if they
    exist), which is the program's TMPDIR unless its environment names another.
    """
    stdout, stderr = _unused_name(directory, "stdout"), _unused_name(directory, "stderr")
    env = {"TMPDIR": str(directory), **command.env}
    started = time.monotonic()
    with _private_file(stdout) as out, _private_file(stderr) as err:
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
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            _log.debug("%s was not started: %s", list(command.argv), reason)
            return ProcessResult(
                ended=Ended.NOT_STARTED,
                stdout=stdout,
                stderr=stderr,
                seconds=time.monotonic() - started,
                error=reason,
            )
        try:
            lower_priority(process.pid)
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


def last_lines(path: Path, redactor: Redactor, *, lines: int = 5, limit: int = 64 * 1024) -> str:
    """Return the last non-empty lines of a program's output, masked; read ``limit`` bytes at most.

    Lines before the first one that is marked as an error are left out. The text is untrusted: it
    must be escaped where it is shown.
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
    first_error = next((n for n, line in enumerate(last) if _ERROR_LINE.search(line)), 0)
    return "\n".join(_TIMESTAMP.sub("", line) for line in last[first_error:])


def _watch(
    process: subprocess.Popen[bytes],
    command: Command,
    files: Sequence[Path],
    cancellation: Cancellation,
) -> Ended:
    """Wait until the program has ended or must be ended; return the reason."""
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


def _unused_name(directory: Path, name: str) -> Path:
    number = 0
    while (path := directory / (f"{name}.{number}" if number else name)).exists():
        number += 1
    return path


@contextlib.contextmanager
def _private_file(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Remove a tree, even a read-only one, without following links."""
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        for parent, directories, _ in os.walk(path):
            for name in directories:
                entry = os.path.join(parent, name)
                if not os.path.islink(entry):
                    with contextlib.suppress(OSError):
                        os.chmod(entry, 0o700)
        shutil.rmtree(path, ignore_errors=True)
