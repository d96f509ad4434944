"""A program is found, and trusted no further than its pin and its version go."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from secagg.errors import ConfigError, UsageError
from secagg.scanners import SCANNERS, make_scanners
from secagg.scanners.base import Status, ToolRun
from secagg.scanners.options import GitleaksOptions, TrivyOptions, read_options
from tests.scanners.conftest import Bench, Repo


def scan(bench: Bench, repo: Repo, **settings: Any) -> ToolRun:
    (run,) = bench.scan("trivy", repo.root, scanners=["misconfig"], **settings)
    return run


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_program_may_be_named(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("trivy")
    named = program.rename(program.with_name("trivy-of-ours"))
    assert scan(bench, repo).status is Status.FAILED
    assert scan(bench, repo, path=named).status is Status.COMPLETE


def test_a_path_is_relative_to_the_root(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("trivy")
    (repo.root / "tools").symlink_to(program.parent)
    bench.extra["PATH"] = "/usr/bin:/bin"
    assert scan(bench, repo, path="tools/trivy").status is Status.COMPLETE


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "does not exist"),
        (lambda path: path.write_text("text"), "is not executable"),
    ],
)
def test_a_named_program_that_cannot_run_is_a_failure(
    bench: Bench, repo: Repo, make: Any, reason: str
) -> None:
    path = bench.bin_dir / "mine"
    make(path)
    run = scan(bench, repo, path=path)
    assert run.status is Status.FAILED
    assert str(run.reason) == f"{path} {reason}"


def test_a_program_in_the_scanned_directory_is_not_found(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("trivy")
    program.rename(repo.root / "trivy")
    bench.extra["PATH"] = ".::/usr/bin:/bin"
    assert "is not installed" in str(scan(bench, repo).reason)


def test_a_file_that_is_no_program_is_a_failure(bench: Bench, repo: Repo) -> None:
    path = bench.bin_dir / "trivy"
    path.write_bytes(b"\x00\x01")
    path.chmod(0o755)
    run = scan(bench, repo)
    assert run.status is Status.FAILED
    assert "could not be started" in str(run.reason)


@pytest.mark.parametrize("written", ["{}", "sha256:{}"])
def test_a_pin_that_fits_lets_it_run(bench: Bench, repo: Repo, written: str) -> None:
    program = bench.stand_in("trivy")
    pin = written.format(sha256(program).upper() if ":" not in written else sha256(program))
    assert scan(bench, repo, sha256=pin).status is Status.COMPLETE


def test_a_pin_that_does_not_fit_keeps_it_from_being_started(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("trivy")
    started = program.with_name("started")
    program.write_text(f"#!/bin/sh\ntouch {started}\necho Version: 0.76.0\n")
    run = scan(bench, repo, sha256="0" * 64)
    assert run.status is Status.FAILED
    assert str(run.reason).startswith(f"{program} is not the pinned Trivy: its SHA-256 is")
    assert sha256(program) in str(run.reason)
    assert not started.exists()


def test_a_pin_holds_for_the_file_that_a_link_leads_to(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("trivy")
    pin = sha256(program)
    link = bench.bin_dir / "link"
    link.symlink_to(program)
    assert scan(bench, repo, path=link, sha256=pin).status is Status.COMPLETE
    program.write_text(program.read_text() + "# changed\n")
    assert scan(bench, repo, path=link, sha256=pin).status is Status.FAILED


def test_a_pin_is_checked_before_each_run_too(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("trivy")
    options = {"trivy": {"sha256": sha256(program), "scanners": ["misconfig"]}}
    (scanner,) = make_scanners(bench.context, ["trivy"])
    (job,) = scanner.plan(bench.request(repo.root, options))
    assert not isinstance(job, ToolRun)
    program.write_text(program.read_text() + "# changed after the plan\n")
    run = job.run()
    assert (run.status, run.reports) == (Status.FAILED, [])
    assert "is not the pinned Trivy" in str(run.reason)


def test_a_version_may_be_a_pre_release_of_a_supported_one(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("trivy")
    program.write_text(program.read_text().replace("0.76.0", "v0.77.1-rc.1"))
    assert scan(bench, repo).version == "0.77.1"


def test_too_new_a_major_version_is_not_supported(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("trivy")
    program.write_text(program.read_text().replace("0.76.0", "1.0.0"))
    assert "Trivy 1.0.0 is not supported (supported: " in str(scan(bench, repo).reason)


def test_a_cancelled_scan_fails(bench: Bench, repo: Repo) -> None:
    bench.stand_in("trivy")
    bench.cancellation.cancel()
    run = scan(bench, repo)
    assert run.status is Status.FAILED
    assert "cancelled" in str(run.reason)


def test_a_tool_that_uses_too_much_memory_is_told(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("trivy")
    hoard = "import time; hoard = b'x' * (200 << 20); time.sleep(600)\n"
    program.write_text(program.read_text().replace("output = next", f"{hoard}output = next"))
    run = scan(bench, repo, memory_megabytes=100)
    assert run.reason == "Trivy was stopped because it used more than 100 MB of memory"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scaners": []}, "tools.trivy.scaners: this key is unknown"),
        ({"images": ["--server=evil"]}, "tools.trivy.images.0: "),
        ({"images": [""]}, "tools.trivy.images.0: "),
        ({"sha256": "abc"}, "tools.trivy.sha256: "),
        ({"timeout": 0}, "tools.trivy.timeout: "),
        ({"scanners": []}, "tools.trivy.scanners: "),
        ({"scanners": ["secrets"]}, "tools.trivy.scanners.0: "),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_options(TrivyOptions, "trivy", given, tmp_path)
    assert str(caught.value).startswith(message)


def test_paths_in_options_are_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    given = {"cache_dir": "~/cache", "sboms": ["a.json", "/b.json"], "path": "bin/trivy"}
    options = read_options(TrivyOptions, "trivy", given, tmp_path)
    assert options.cache_dir == Path("/home/someone/cache")
    assert options.sboms == [tmp_path / "a.json", Path("/b.json")]
    assert options.path == tmp_path / "bin/trivy"
    assert read_options(GitleaksOptions, "gitleaks", {}, tmp_path).config is None


def test_scanners_are_made_in_their_order(bench: Bench) -> None:
    made = [scanner.name for scanner in make_scanners(bench.context)]
    assert made == list(SCANNERS)
    some = make_scanners(bench.context, ["gitleaks", "trivy"])
    assert [scanner.name for scanner in some] == ["trivy", "gitleaks"]


def test_an_unknown_scanner_is_an_error(bench: Bench) -> None:
    with pytest.raises(UsageError, match="unknown tool 'grype'"):
        make_scanners(bench.context, ["grype"])
