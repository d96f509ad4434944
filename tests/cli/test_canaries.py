"""Fifty secrets through the command line, in all tools' formats: none may come out anywhere."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.canaries import canaries, reports, survivors
from tests.cli.running import Ran, secagg, summary

VIEWS = ("per-tool", "merged")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


def leaks(out: Path, ran: Ran) -> list[str]:
    """What of the canaries stands in anything that was written or printed."""
    planted = canaries()
    written = {str(path): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    written |= {"stdout": ran.stdout.encode(), "stderr": ran.stderr.encode()}
    return [
        f"{name}: {leak}" for name, data in written.items() for leak in survivors(data, planted)
    ]


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize("view", VIEWS)
def test_none_survives(home: Path, view: str, output: str) -> None:
    files = []
    for name, data in reports(canaries()).items():
        (home / name).write_bytes(data)
        files.append(home / name)
    options = ("--output", home / "out", "--verbose", "--view", view, "--format", output)
    ran = secagg("parse", *files, *options, bin_dir=home, home=home)
    assert ran.code in (1, 3), ran.stderr
    assert summary(home / "out")["findings"]["by_kind"]["secret"] >= 50
    assert leaks(home / "out", ran) == []


@pytest.mark.parametrize("name", sorted(reports(canaries())))
def test_none_survives_of_a_report_that_was_cut_off(home: Path, name: str) -> None:
    data = reports(canaries())[name]
    (home / name).write_bytes(data[: len(data) * 3 // 5])
    options = ("--output", home / "out", "--verbose", "--format", "json")
    ran = secagg("parse", home / name, *options, bin_dir=home, home=home)
    assert ran.code == 3, ran.stderr
    assert leaks(home / "out", ran) == []


def test_none_survives_of_a_report_that_is_taken_for_another_tools(home: Path) -> None:
    cases = list(
        itertools.product(reports(canaries()), ("trivy", "gitleaks", "trufflehog", "snyk"))
    )
    for name, data in reports(canaries()).items():
        (home / name).write_bytes(data)
    for name, tool in cases:
        options = ("--output", home / "out" / name / tool, "--verbose")
        ran = secagg("parse", home / name, "--as", tool, *options, bin_dir=home, home=home)
        out = home / "out" / name / tool
        assert ran.code in (1, 3), ran.stderr
        assert (out / "summary.json").is_file()
        assert leaks(out, ran) == [], (name, tool)
