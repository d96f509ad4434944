"""``secagg report`` as a process: from a JSON report to any other format, and what it loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from secagg.cli.report import ReportRequest, write_report
from secagg.report.formats import Format
from tests.cli.running import Ran
from tests.report.make import NOW, history

# What only some formats need: a table must not wait for it.
NOT_FOR_A_TABLE = {
    "jinja2",
    "sarif_om",
    "fastapi",
    "pydantic",
    "orjson",
    "sqlmodel",
    "httpx",
    "rich",
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in JSON."""
    path = tmp_path_factory.mktemp("command") / "report.json"
    request = ReportRequest(output_format="json", output_file=path, now=NOW, state=["all"])
    write_report(request, lambda: history(40))
    return path


def secagg(*arguments: str) -> Ran:
    return Ran.of(["report", *arguments], env=os.environ, cwd=Path.cwd())


@pytest.mark.parametrize("output_format", [f for f in Format if f is not Format.GITLAB])
def test_every_format_from_the_command_line(file: Path, output_format: str) -> None:
    done = secagg("--from", str(file), "--format", output_format)
    assert (done.code, done.stderr) == (0, "")
    assert len(done.stdout) > 200


def test_options_reach_the_question(file: Path) -> None:
    everything = json.loads(file.read_text())["problems"]
    done = secagg(
        *("--from", str(file), "--format", "jsonl", "--kind", "vulnerability", "-s", "medium"),
        *("--component", "web", "--state", "all", "--sort", "path"),
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    wanted = [
        p
        for p in everything
        if (p["kind"], p["severity"], p["component"]) == ("vulnerability", "medium", "web")
    ]
    assert wanted
    assert [p["uri"] for p in found] == sorted(p["uri"] for p in wanted)
    assert {p["identity"] for p in found} == {p["identity"] for p in wanted}


def test_exit_codes(file: Path, tmp_path: Path) -> None:
    assert secagg("--from", str(file), "--fail-on", "critical").code == 1
    none = secagg("--from", str(file), "--fail-on", "critical", "--search", "no such words")
    assert none.code == 0
    given = ["--from", str(file)]
    for wrong in (
        [*given, "--severity", "worst"],
        [*given, "--format", "gitlab"],
        ["--from", "missing.json"],
    ):
        done = secagg(*wrong)
        assert done.code == 2, done
        assert "hint:" in done.stderr
    assert secagg("--from", str(file), "-O", str(tmp_path / "no" / "where")).code == 2


def test_the_command_loads_no_configuration() -> None:
    code = (
        "import sys; sys.argv = ['secagg', 'report', '--from', 'missing.json']\n"
        "from secagg.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "secagg.cli.report" in loaded
    assert not {"secagg.config", "secagg.scanners.options", "ruamel.yaml"} & loaded


def test_a_table_loads_nothing_that_it_does_not_need() -> None:
    code = (
        "import sys\n"
        "from secagg.cli.report import ReportRequest, write_report as report\n"
        "from secagg.report.source import RecordedHistory\n"
        "report(ReportRequest(), RecordedHistory)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not NOT_FOR_A_TABLE & set(done.stdout.splitlines()[-1].split())
