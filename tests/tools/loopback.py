"""Servers on this machine that stand in for release pages and the npm registry, with made files."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

GITLEAKS = b"#!/bin/sh\necho 8.30.1\n"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tar_gz(files: Mapping[str, bytes]) -> bytes:
    """An archive as release pages have it."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(plain.getvalue(), mtime=0)


def wheel(directory: Path, member: str, data: bytes) -> bytes:
    """A wheel of the package ``made-gitleaks`` 1.0 that holds one program."""
    info = "made_gitleaks-1.0.dist-info"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        out.writestr(member, data)
        out.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: made-gitleaks\nVersion: 1.0\n"
        )
        out.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        out.writestr(f"{info}/RECORD", "")
    (directory / "made_gitleaks-1.0-py3-none-any.whl").write_bytes(packed.getvalue())
    return packed.getvalue()


def npm_files(url: str, package: bytes, integrity: str) -> dict[str, bytes]:
    """What a registry answers for the package ``snyk`` 1.1307.4."""
    version = {
        "name": "snyk",
        "version": "1.1307.4",
        "dist": {"tarball": f"{url}/snyk/-/snyk-1.1307.4.tgz", "integrity": integrity},
    }
    packument = {
        "name": "snyk",
        "dist-tags": {"latest": "1.1307.4"},
        "versions": {"1.1307.4": version},
    }
    return {"/snyk": json.dumps(packument).encode(), "/snyk/-/snyk-1.1307.4.tgz": package}


def npm_lock(directory: Path, integrity: str) -> None:
    """A package.json and its lock with the package ``snyk``."""
    directory.mkdir()
    root = {"name": "made", "dependencies": {"snyk": "1.1307.4"}}
    (directory / "package.json").write_text(json.dumps(root))
    locked = {"version": "1.1307.4", "integrity": integrity}
    packages = {"": root, "node_modules/snyk": locked}
    lock = {"name": "made", "lockfileVersion": 3, "requires": True, "packages": packages}
    (directory / "package-lock.json").write_text(json.dumps(lock))


def integrity(data: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[str]:
    """The address of a server that has ``files`` by path; what is added later it has too."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = files.get(self.path)
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *args: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
