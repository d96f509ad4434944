"""What of a scan may be uploaded: nothing of a tool that did not complete."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secagg.cli.upload import combined_exit_code
from secagg.config import Config
from secagg.errors import ExitCode
from secagg.github.preflight import RunToUpload
from secagg.pipeline.choices import View
from secagg.pipeline.gate import plain_gate
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.parse import parse_files
from secagg.pipeline.uploadruns import runs_from_scan
from secagg.pipeline.write import write_outputs
from tests.github.make import result, run


@pytest.fixture
def outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """One tool that completed, and one that failed after it had reported something."""
    monkeypatch.setenv("SECAGG_HMAC_KEY", "a key that is only for tests")
    failed = run([result(2)], tool="B", invocations=[{"executionSuccessful": False}])
    for name, one in (("a", run([result(1)])), ("b", failed)):
        (tmp_path / f"{name}.sarif").write_text(json.dumps({"version": "2.1.0", "runs": [one]}))
    files = [str(tmp_path / "a.sarif"), str(tmp_path / "b.sarif")]
    found = parse_files(files, tool=None, root=tmp_path, gate=plain_gate(tmp_path, Config()))
    for number, name in enumerate(("a", "b")):
        found.results[number].run.tool = name
    return found


def runs(outcome: Outcome, directory: Path, view: View = View.PER_TOOL) -> list[RunToUpload]:
    """Write ``outcome`` as a scan does, and take the runs of its file."""
    sarif = write_outputs(outcome, directory / "out", view)[0].read_bytes()
    return runs_from_scan(sarif, outcome, view)


def test_tool_that_failed_is_marked(outcome: Outcome, tmp_path: Path) -> None:
    marked = [given.incomplete is not None for given in runs(outcome, tmp_path)]
    assert sorted(marked) == [False, True]


def test_merged_view_of_a_failed_tool_is_incomplete_even_if_it_is_optional(
    outcome: Outcome, tmp_path: Path
) -> None:
    for result_ in outcome.results:
        result_.optional = True
    assert all(given.incomplete for given in runs(outcome, tmp_path, View.MERGED))


def test_nothing_of_an_interrupted_scan_is_complete(outcome: Outcome, tmp_path: Path) -> None:
    outcome.interrupted = True
    assert all(given.incomplete for given in runs(outcome, tmp_path))


@pytest.mark.parametrize(
    ("verdict", "uploaded", "code"),
    [
        (ExitCode.PASS, ExitCode.PASS, 0),
        (ExitCode.GATE_FAILED, ExitCode.PASS, 1),
        (ExitCode.GATE_FAILED, ExitCode.STORE_OR_UPLOAD, 4),
        (ExitCode.PASS, ExitCode.STORE_OR_UPLOAD, 4),
        (ExitCode.INCOMPLETE, ExitCode.STORE_OR_UPLOAD, 3),
        (ExitCode.INTERRUPTED, ExitCode.STORE_OR_UPLOAD, 130),
    ],
)
def test_exit_code_of_a_scan_with_an_upload(
    verdict: ExitCode, uploaded: ExitCode, code: int
) -> None:
    assert combined_exit_code(int(verdict), uploaded) == code
