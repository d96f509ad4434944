"""``secagg intel``: from a server on this machine to a directory, or nothing."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from secagg.cli import intel
from secagg.cli.app import app
from secagg.errors import SecaggError
from secagg.github.download import DownloadError, download
from secagg.intel import EPSS_NAME, KEV_NAME, Record, checksum
from tests.intel.samples import EPSS, KEV

LIMIT = 1 << 20


class Files(ThreadingHTTPServer):
    """Serves ``files`` by path; a text is where to go instead."""

    files: dict[str, bytes | str]
    asked: list[dict[str, str]]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Files

    def do_GET(self) -> None:
        self.server.asked.append(dict(self.headers))
        content = self.server.files.get(self.path)
        if isinstance(content, str):
            self.send_response(302)
            self.send_header("Location", content)
            self.end_headers()
            return
        self.send_response(404 if content is None else 200)
        cut = self.path.endswith("/cut")
        self.send_header("Content-Length", str(len(content or b"") + cut))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[Files]:
    with Files(("127.0.0.1", 0), _Handler) as made:
        made.files = {"/epss": gzip.compress(EPSS), "/kev": KEV}
        made.asked = []
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("SECAGG_INTEL_DIR", str(tmp_path / "intel"))
    monkeypatch.setenv("GITHUB_TOKEN", "not-for-others")
    return tmp_path / "intel"


def test_both_files_come_with_their_checksums(
    server: Files, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files["/moved"] = server.url("/kev")
    assert intel.update_files(epss_url=server.url("/epss"), kev_url=server.url("/moved")) == 0
    record = msgspec.json.decode((directory / "intel.json").read_bytes(), type=Record)
    for name, entries in {EPSS_NAME: 2, KEV_NAME: 2}.items():
        assert record.files[name].sha256 == checksum((directory / name).read_bytes())
        assert record.files[name].entries == entries
    assert sorted(path.name for path in directory.iterdir()) == [
        EPSS_NAME,
        "intel.json",
        KEV_NAME,
    ]
    assert all("Authorization" not in headers for headers in server.asked)
    capsys.readouterr()
    intel.print_status()
    said = capsys.readouterr().out
    assert "EPSS: 2 scores of 2026-11-20, model v2025.03.14, fetched " in said
    assert "KEV: 2 entries of 2026-11-20, fetched " in said


@pytest.mark.parametrize("bad", [b"<html>", KEV[:-40], None])
def test_a_bad_file_leaves_everything_as_it_was(
    server: Files, directory: Path, bad: bytes | None
) -> None:
    urls = {"epss_url": server.url("/epss"), "kev_url": server.url("/kev")}
    intel.update_files(**urls)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    server.files["/epss"] = EPSS.replace(b"0.94358", b"0.1")
    if bad is None:
        del server.files["/kev"]
    else:
        server.files["/kev"] = bad
    with pytest.raises(SecaggError):
        intel.update_files(**urls)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_files_that_were_brought_along(tmp_path: Path, directory: Path) -> None:
    (tmp_path / "e.gz").write_bytes(gzip.compress(EPSS))
    (tmp_path / "k.json").write_bytes(KEV)
    sources = {"epss_url": str(tmp_path / "e.gz"), "kev_url": str(tmp_path / "k.json")}
    assert intel.update_files(**sources) == 0
    with pytest.raises(SecaggError, match="cannot read"):
        intel.update_files(epss_url=str(tmp_path / "none"), kev_url=sources["kev_url"])


def test_nothing_there_is_said(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert intel.print_status() == 1
    assert capsys.readouterr().out.count("note: ") == 2


def test_a_file_that_is_too_large(server: Files) -> None:
    server.files["/large"] = b"x" * (LIMIT + 1)
    with pytest.raises(DownloadError, match="larger than 1 MiB"):
        download(server.url("/large"), limit=LIMIT)


def test_a_transfer_that_breaks_off(server: Files) -> None:
    server.files["/cut"] = b"x" * 10
    with pytest.raises(DownloadError):
        download(server.url("/cut"), limit=LIMIT)


@pytest.mark.parametrize(
    "target",
    [
        "http://files.example/x",
        "file:///etc/passwd",
        "ftp://files.example/x",
        "https://me:pw@x.example/",
    ],
)
def test_only_https_is_spoken_also_after_a_redirect(server: Files, target: str) -> None:
    server.files["/away"] = target
    with pytest.raises(DownloadError) as error:
        download(server.url("/away"), limit=LIMIT)
    assert "pw" not in str(error.value)
    with pytest.raises(DownloadError):
        download(target, limit=LIMIT)


def test_a_circle_ends(server: Files) -> None:
    server.files["/round"] = server.url("/round")
    with pytest.raises(DownloadError, match="redirects too often"):
        download(server.url("/round"), limit=LIMIT)


def test_nobody_answers(directory: Path) -> None:
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1 could not be reached"):
        download("http://127.0.0.1:1/", limit=LIMIT)


def test_on_the_command_line(tmp_path: Path, directory: Path) -> None:
    (tmp_path / "e.csv").write_bytes(EPSS)
    (tmp_path / "k.json").write_bytes(KEV)
    run = CliRunner().invoke
    files = ["--epss-url", str(tmp_path / "e.csv"), "--kev-url", str(tmp_path / "k.json")]
    assert run(app, ["intel", "status"]).exit_code == 1
    ran = run(app, ["intel", "update", *files])
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert f"written to {directory}" in ran.stdout
    ran = run(app, ["intel", "update", "--epss-url", "http://files.example/x"])
    assert isinstance(ran.exception, DownloadError)
    assert ran.exception.hint == "give an https address"
