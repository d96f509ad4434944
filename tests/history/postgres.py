"""A PostgreSQL server of the tests' own: in a temporary directory, on a socket, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# PostgreSQL refuses to run as root.
_USER = "postgres"


def programs() -> Path | None:
    """The directory with ``initdb`` and ``postgres``, the newest version's."""
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    found = sorted(debian, key=lambda p: int(p.parent.name) if p.parent.name.isdigit() else 0)
    if found:
        return found[-1]
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


@contextmanager
def server() -> Iterator[str]:
    """Start a server; gives the URL of its database ``postgres``, for psycopg 3."""
    found = programs()
    if found is None:
        raise RuntimeError(
            "no PostgreSQL here: install Debian's postgresql package, "
            "or leave these tests out with SECAGG_TEST_POSTGRES=off"
        )
    # A socket's path may be 107 bytes long: pytest's own directories can be too deep.
    directory = Path(tempfile.mkdtemp(prefix="secagg-pg-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            account = pwd.getpwnam(_USER)
            os.chown(directory, account.pw_uid, account.pw_gid)
        data = directory / "data"
        how = ["-U", "secagg", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
        _run([found / "initdb", "-D", data, *how])
        options = f"-c listen_addresses= -c unix_socket_directories={directory} -c fsync=off"
        options += " -c max_connections=80 -c shared_buffers=64MB"
        log = directory / "log"
        _run([found / "pg_ctl", "-D", data, "-w", "-l", log, "-o", options, "start"])
        try:
            yield f"postgresql+psycopg://secagg@/postgres?host={directory}"
        finally:
            _run([found / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _run(argv: Sequence[str | Path]) -> None:
    user = _USER if os.geteuid() == 0 else None
    done = subprocess.run(
        [str(part) for part in argv],
        user=user,
        group=user,
        extra_groups=[] if user else None,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{argv[0]} failed: {done.stderr.decode(errors='replace')}")
