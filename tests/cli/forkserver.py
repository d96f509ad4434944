"""Load secagg once, and fork a process for each command that a test runs.

What a command loads takes most of its time. The server is a process of its own, without threads,
so that a fork of it is as good as a new process: its own directory, environment, streams, signals
and exit code. ``python -m tests.cli.forkserver`` reads requests, one JSON line each, from standard
input and answers with the exit code.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

# Programs of their own, and what few commands need.
_NOT_LOADED = ("__main__", ".migrations.", ".serve")
STREAMS = ("stdin", "stdout", "stderr")


class ForkServer:
    """The server of this process's tests, started with the first command."""

    _server: ClassVar[subprocess.Popen[bytes] | None] = None

    @classmethod
    def run(
        cls,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        stdin: bytes = b"",
        timeout: float = 120,
        piped: bool = False,
        entry: str = "secagg.cli:main",
    ) -> tuple[int, bytes, bytes]:
        """Run ``secagg ARGUMENTS`` and return its exit code, standard output and error.

        The exit code is negative for a signal. Standard output is a file, or with ``piped`` a pipe,
        as in the log of a workflow. ``entry`` is the function that is called, as
        ``module:name``. Raises :class:`TimeoutError` after ``timeout``
        seconds.
        """
        server = cls._started()
        assert server.stdin is not None
        assert server.stdout is not None
        with tempfile.TemporaryDirectory() as directory:
            paths = {name: Path(directory, name) for name in STREAMS}
            paths["stdin"].write_bytes(stdin)
            read: list[bytes] = []
            reader = threading.Thread(
                target=lambda: read.append(paths["stdout"].read_bytes()), daemon=True
            )
            if piped:
                os.mkfifo(paths["stdout"])
                reader.start()
            request = {
                "arguments": [*arguments],
                "env": dict(env),
                "cwd": str(cwd),
                "entry": entry,
                "streams": {name: str(path) for name, path in paths.items()},
            }
            server.stdin.write(json.dumps(request).encode() + b"\n")
            server.stdin.flush()
            if not select.select([server.stdout], [], [], timeout)[0]:
                cls._stop()
                raise TimeoutError(f"secagg {' '.join(arguments)} did not end")
            answer = server.stdout.readline()
            assert answer, "the server of forks has died"
            if piped:
                reader.join(timeout)
            else:
                reader.run()
            return int(answer), read[0], paths["stderr"].read_bytes()

    @classmethod
    def _started(cls) -> subprocess.Popen[bytes]:
        if cls._server is None:
            paths = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
            cls._server = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": paths, "LANG": "C.UTF-8"},
            )
            atexit.register(cls._stop)
        return cls._server

    @classmethod
    def _stop(cls) -> None:
        if cls._server is not None:
            cls._server.kill()
            cls._server.communicate()
            cls._server = None


def _load() -> None:
    import secagg
    from secagg.parsing import installed_parsers

    for module in pkgutil.walk_packages(secagg.__path__, "secagg."):
        if not any(part in module.name for part in _NOT_LOADED):
            importlib.import_module(module.name)
    installed_parsers()
    gc.freeze()


def _serve() -> None:
    # The child's standard streams are files; the server's are kept apart from them.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    for line in requests:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            os.close(answers)
            _run(request)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(answers, b"%d\n" % code)


def _run(request: dict[str, object]) -> None:
    """Be the command; never returns."""
    code = 70
    try:
        streams, env, arguments = request["streams"], request["env"], request["arguments"]
        assert isinstance(streams, dict)
        assert isinstance(env, dict)
        assert isinstance(arguments, list)
        flags = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
        for descriptor, name in enumerate(STREAMS):
            os.dup2(os.open(streams[name], flags[descriptor], 0o600), descriptor)
        os.chdir(str(request["cwd"]))
        os.environ.clear()
        os.environ.update(env)
        sys.argv[:] = ["secagg", *arguments]
        module, _, name = str(request["entry"]).partition(":")
        getattr(importlib.import_module(module), name)()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        # To take down all that is loaded takes longer than the command.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _load()
    _serve()
