"""A short slice of the fuzzing that ``python -m tests.fuzz`` does at length."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secagg.parsing import ParsedReport
from tests.fuzz import __main__ as fuzz
from tests.fuzz import target
from tests.fuzz.mutate import Mutator
from tests.parsers.reading import PARSERS

_NAMES = st.sampled_from(
    ["Results", "Vulnerabilities", "Secrets", "Target", "Class", "Type", "SchemaVersion",
     "vulnerabilities", "applications", "filtered", "id", "from", "packageName", "ok", "error",
     "RuleID", "Secret", "File", "StartLine", "offender", "findings", "DetectorName", "Raw",
     "SourceMetadata", "Data", "Git", "stringsFound", "reason", "runs", "results", "tool",
     "driver", "name", "rules", "ruleId", "message", "text", "locations", "version"]
)  # fmt: skip
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2**40) | st.text(max_size=12)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(_NAMES | st.text(max_size=5), inner, max_size=6),
    max_leaves=30,
)  # fmt: skip


@pytest.mark.parametrize("tool", sorted(PARSERS))
def test_mutated_reports_are_read_or_refused_by_name(tool: str) -> None:
    mutator = Mutator(target.seeds_of(tool), seed=20)
    understood = sum(target.check(tool, mutator.next()) for _ in range(400))
    # Mutations that break every report, or none, would test nothing.
    assert 40 < understood < 400


@pytest.mark.parametrize("tool", sorted(PARSERS))
@settings(deadline=None, max_examples=60)
@given(document=_JSON)
def test_any_json_is_read_or_refused_by_name(tool: str, document: Any) -> None:
    target.check(tool, json.dumps(document).encode())
    target.check(
        tool, json.dumps({"SchemaVersion": 2, "runs": document, "Results": document}).encode()
    )


@pytest.mark.parametrize("tool", sorted(PARSERS))
@settings(deadline=None, max_examples=60)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_by_name(tool: str, data: bytes) -> None:
    target.check(tool, data)


def test_the_same_seed_gives_the_same_inputs() -> None:
    seeds = target.seeds_of("gitleaks")
    first, second, other = Mutator(seeds, 1), Mutator(seeds, 1), Mutator(seeds, 2)
    inputs = [first.next() for _ in range(50)]
    assert inputs == [second.next() for _ in range(50)]
    assert inputs != [other.next() for _ in range(50)]


def test_the_command_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["codeql", "--runs", "20", "--seed", "3"]) == 0
    assert "codeql: 20 inputs" in capsys.readouterr().out


def test_an_input_that_breaks_a_parser_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        tool = "trivy"

        def confidence(self, report: Any) -> int:
            return 100

        def parse(self, report: Any, context: Any) -> ParsedReport:
            return ParsedReport(tool=self.tool, reported=1)

    monkeypatch.setitem(PARSERS, "trivy", Broken())
    assert fuzz.main(["trivy", "--runs", "5", "--failures", str(tmp_path)]) == 1
    assert "input 1 raised AssertionError" in capsys.readouterr().out
    assert len(list(tmp_path.iterdir())) == 1
