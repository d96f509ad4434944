"""That the benchmark measures what it says, and nothing that went wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench import floor, peers
from bench.commands import Made, check, growth
from bench.measure import Figure, Program, in_turn, run
from bench.workload import TRUTH


def _python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def test_a_program_is_measured_by_itself() -> None:
    held = bytearray(300_000_000)
    small = run(Program(_python("print('done')")))
    large = run(Program(_python("held = b'x' * 200_000_000; print(len(held))")))
    assert small.said == "done\n"
    assert len(held) / 1e6 > large.peak > 200 > small.peak
    assert small.seconds > 0


def test_a_program_that_fails_is_not_measured() -> None:
    failing = _python("import sys; sys.exit('no such thing')")
    with pytest.raises(RuntimeError, match="ended with 1: no such thing"):
        run(Program(failing))
    assert run(Program(failing, (0, 1))).said == ""


def test_programs_take_turns_after_a_round_that_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "import sys; open(sys.argv[1], 'a').write(sys.argv[2])"
    programs = {name: Program(_python(code, str(log), name)) for name in "ab"}
    assert [set(each) for each in in_turn(programs, 2)] == [{"a", "b"}] * 2
    assert log.read_text() == "ababab"


def test_the_floor_reads_every_line_of_trufflehog() -> None:
    floor.decode("codeql.sarif", b'{"a": 1}')
    floor.decode("/tmp/trufflehog.json", b'{"a": 1}\n{"b": 2}\n')
    with pytest.raises(json.JSONDecodeError):
        floor.decode("/tmp/trufflehog.json", b'{"a": 1}\n{"b": \n')


def _summary(made: Made, *, status: str = "complete", **counts: int) -> None:
    made.output.mkdir(exist_ok=True)
    (made.directory / TRUTH).write_text('{"findings": 10}')
    findings = {"total": 4, "merged": 5, "suppressed": 1, "reported": 10, "unreadable": 0, **counts}
    summary = {"findings": findings, "tools": [{"status": status}]}
    (made.output / "summary.json").write_text(json.dumps(summary))


def test_a_workload_that_is_not_read_completely_is_not_measured(tmp_path: Path) -> None:
    made = Made(tmp_path, 10, plain=False)
    _summary(made)
    check(made)
    for counts in ({"merged": 4}, {"reported": 9}, {"total": 3, "reported": 9}):
        _summary(made, status="complete", **counts)
        with pytest.raises(RuntimeError, match="do not add up"):
            check(made)
    for status, unreadable in (("complete", 1), ("failed", 0)):
        _summary(made, status=status, unreadable=unreadable)
        with pytest.raises(RuntimeError, match="not read completely"):
            check(made)


def test_growth_is_told_where_both_sizes_were_measured() -> None:
    one = Figure.of("peak memory of secagg parse, 100 findings", "", [40.0], "MB")
    plain = Figure.of("peak memory of secagg parse, 1,000 findings, plain", "", [80.0], "MB")
    other = Figure.of("peak memory of secagg parse, 1,000 findings", "", [100.0], "MB")
    assert list(growth([one, plain], 100, 1000)) == []
    ratio, more = growth([one, plain, other], 100, 1000)
    assert (ratio.median, ratio.unit, more.median, more.unit) == (2.5, "x", 60.0, "MB")


@pytest.mark.parametrize(("system", "machine"), [("linux", "aarch64"), ("freebsd14", "x86_64")])
def test_a_peer_that_cannot_run_is_left_out_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert peers.multitool() == (None, f"its npm package has no program for {system} on {machine}")
