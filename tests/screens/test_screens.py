"""The screens are as they are kept; ``python -m tests.screens`` writes them anew."""

from __future__ import annotations

import pytest

from tests.screens.take import GOLDEN, take

# Some sixty commands: on a machine that is busy they take longer than one test may.
pytestmark = pytest.mark.timeout(600)
# A line of a CI log is no longer, unless a path or an id is.
LONGEST = 160
MOST_LINES = 25


@pytest.fixture(scope="module")
def screens() -> dict[str, str]:
    return take()


def test_every_screen_is_as_it_is_kept(screens: dict[str, str]) -> None:
    kept = {path.name: path.read_text() for path in GOLDEN.glob("*.txt")}
    assert screens.keys() == kept.keys()
    for name, text in screens.items():
        assert text == kept[name], f"{name}: python -m tests.screens writes it anew"


def test_each_screen_is_kept_at_every_width_and_in_a_log(screens: dict[str, str]) -> None:
    names = ["scan-pass", "scan-fail", "scan-incomplete", "scan-first-run", "gate", "report"]
    names += ["triage", "doctor", "show", "runs", "help"]
    wanted = {f"{name}-{surface}.txt" for name in names for surface in ("80", "120", "200", "ci")}
    assert wanted - screens.keys() == set()


def test_no_line_is_wider_than_its_screen(screens: dict[str, str]) -> None:
    for name, text in screens.items():
        surface = name.removesuffix(".txt").rpartition("-")[2]
        if surface == "summary":
            continue
        width = LONGEST if surface == "ci" else int(surface)
        lines = [
            line
            for line in text.splitlines()[1:]
            if not line.startswith(("::error ", "::warning "))
        ]
        assert [line for line in lines if len(line) > width] == [], name


def test_a_pull_request_with_one_failing_row_is_a_short_log(screens: dict[str, str]) -> None:
    lines = screens["scan-pull-request-ci.txt"].splitlines()[1:]
    assert lines[-1] == "exit code 1"
    assert any(" fail, " in line for line in lines)
    assert len(lines) <= MOST_LINES


def test_the_verdict_stands_last_in_every_scan(screens: dict[str, str]) -> None:
    for name, text in screens.items():
        if name.startswith(("scan", "gate")) and not name.endswith("summary.txt"):
            verdicts = ("PASS", "FAIL", "INCOMPLETE")
            at = max(i for i, line in enumerate(text.splitlines()) if line.startswith(verdicts))
            assert "code was not analysed" in text.splitlines()[at + 1], name
            assert not any(
                line.startswith(("complete", "skipped", "note:")) for line in text.splitlines()[at:]
            ), name


def test_a_first_run_is_no_wall_and_no_false_pass(screens: dict[str, str]) -> None:
    first = screens["scan-first-run-80.txt"]
    assert first.endswith("exit code 1\n")
    assert "INCOMPLETE" not in first
    assert "enabled: false" in first
    nothing = screens["scan-nothing-installed-80.txt"]
    assert nothing.endswith("exit code 3\n")
    assert "nothing looked for vulnerable dependencies" in " ".join(nothing.split())
