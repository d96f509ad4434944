"""What must hold for a parser whatever it is given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from secagg.errors import ReportError
from secagg.model.finding import Finding, Kind, Severity
from secagg.parsing import ParseContext, ParsedReport, RawReport
from secagg.secrets.redactor import Redactor
from tests.parsers.reading import PARSERS
from tests.parsers.samples import SAMPLES

FIXTURES = Path(__file__).parents[2] / "fixtures" / "reports"
_LARGEST_SEED = 6000
# The redactor that inputs share, and how many have shared it.
_SHARING = 200
_shared: list[Any] = [Redactor(b"fuzz"), 0]


def seeds_of(tool: str) -> list[bytes]:
    """Small reports of ``tool``: the samples, and the project's fixtures cut down."""
    seeds = list(SAMPLES[tool])
    for path in sorted((FIXTURES / tool).glob("*")) if tool != "sarif" else _sarif_fixtures():
        if path.suffix in (".json", ".sarif", ".jsonl") and ".cdx" not in path.suffixes:
            data = path.read_bytes()
            try:
                seeds.append(_cut_down(json.loads(data)))
            except ValueError:
                seeds.append(b"".join(data.splitlines(keepends=True)[:3])[:_LARGEST_SEED])
    return list(dict.fromkeys(seeds))


def check(tool: str, data: bytes) -> bool:
    """Parse ``data`` as ``tool``; True if it was understood, False if refused by name.

    Raises whatever else the parser raises, and AssertionError where a report that was
    understood does not add up.
    """
    parser = PARSERS[tool]
    report = RawReport(name="fuzzed", data=data, tool=tool)
    confidence = parser.confidence(report)
    assert 0 <= confidence <= 100
    context = ParseContext(redactor=_redactor())
    try:
        parsed = parser.parse(report, context)
    except ReportError as error:
        refusal = error
    else:
        _check_report(parsed)
        return True
    assert refusal.report == "fuzzed"
    assert refusal.offset is None or 0 <= refusal.offset <= max(len(data), 1)
    return False


def _check_report(parsed: ParsedReport) -> None:
    assert parsed.balances
    assert min(parsed.reported, parsed.suppressed, parsed.merged) >= 0
    for finding in parsed.findings:
        _check_finding(finding)
    for problem in parsed.problems:
        assert problem.message


def _redactor() -> Redactor:
    """A redactor that some inputs share: to make one's search takes longer than most parsing."""
    if _shared[1] >= _SHARING:
        _shared[:] = [Redactor(b"fuzz"), 0]
    _shared[1] += 1
    made: Redactor = _shared[0]
    return made


def _check_finding(finding: Finding) -> None:
    place = finding.location
    assert isinstance(finding.kind, Kind)
    assert isinstance(finding.severity, Severity)
    assert all(isinstance(text, str) for text in (finding.rule_id, finding.title, finding.message))
    assert finding.rule_id
    assert finding.score is None or 0.0 <= finding.score <= 10.0
    lines = (place.start_line, place.end_line, place.start_column, place.end_column)
    assert all(line is None or (isinstance(line, int) and line >= 1) for line in lines)
    assert all(isinstance(url, str) for url in (*finding.references, *finding.cwes))
    assert (finding.secret is not None) == (finding.kind is Kind.SECRET)
    for rating in finding.ratings:
        assert rating.score is None or 0.0 <= rating.score <= 10.0


def _sarif_fixtures() -> list[Path]:
    return sorted(FIXTURES.glob("*/*.sarif"))


def _cut_down(document: Any) -> bytes:
    """A report with its lists and texts cut short, until it is small enough to be quick."""
    for longest in (3, 2, 1):
        data = json.dumps(_shorter(document, longest)).encode()
        if len(data) <= _LARGEST_SEED:
            break
    return data


def _shorter(value: Any, longest: int) -> Any:
    if isinstance(value, dict):
        return {key: _shorter(item, longest) for key, item in value.items()}
    if isinstance(value, list):
        return [_shorter(item, longest) for item in value[:longest]]
    return value[:200] if isinstance(value, str) else value
