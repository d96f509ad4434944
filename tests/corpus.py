"""Read a folder of real reports and compare with what its manifest says is in them.

    python -m tests.corpus DIR

``DIR/MANIFEST.json`` is a list of objects with ``file``, ``tool`` and ``expected``; a row is
printed for each file, and the exit code is 1 if anything differs. What is compared is what the
manifest gives: ``findings`` and ``by_kind`` (licences apart), ``severity`` in the tool's own
words, ``distinct``, ``sample``, ``raw_rows``, ``projects``, ``other_lines``, ``verified``, and
for SARIF ``runs``, ``tools``, ``level_as_written``, ``suppressed``, ``without_location`` and
``with_code_flows``. An ``expected`` with an ``error`` wants the report to be refused. Besides,
every report must balance, and must be recognized as its tool's from its content.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from secagg_parsers.places import Places

from secagg.errors import ReportError
from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding, Kind
from secagg.parsing import ParseContext, ParsedReport, RawReport, choose
from secagg.secrets.redactor import Redactor
from tests.parsers.reading import PARSERS

# Only where a report's content could be several tools' may its name decide.
_AMBIGUOUS = (b"", b"null", b"[]")


def differences(path: Path, tool: str, expected: Mapping[str, Any]) -> list[str]:
    """What the report at ``path`` has otherwise than ``expected``; empty if nothing."""
    context = ParseContext(redactor=Redactor(b"the corpus is public"))
    report = RawReport(name=f"{tool}/{path.name}", data=path.read_bytes(), tool=tool)
    try:
        parsed = PARSERS[tool].parse(report, context)
    except ReportError as error:
        return [] if "error" in expected else [f"refused: {error}"]
    if "error" in expected:
        return ["not refused"]
    compare = _sarif if "level_as_written" in expected else _native
    found = [*_detected(report, tool), *_balance(parsed), *compare(report, parsed, expected)]
    return [f"{what}: {got!r}, not {wanted!r}" for what, got, wanted in found if got != wanted]


def main(arguments: list[str]) -> int:
    """Compare every file of the manifest; 1 if any differs, 2 if there is no manifest."""
    if len(arguments) != 1 or not (manifest := Path(arguments[0], "MANIFEST.json")).is_file():
        print("usage: python -m tests.corpus DIR (with a MANIFEST.json)", file=sys.stderr)
        return 2
    entries = json.loads(manifest.read_text(encoding="utf-8"))
    failed = 0
    for entry in entries:
        expected = entry["expected"]
        found = differences(manifest.parent / entry["file"], entry["tool"], expected)
        failed += bool(found)
        state = "differs" if found else "ok"
        print(f"{state:8}{expected.get('findings', '-'):>6}  {entry['file']}")
        for line in found:
            print(f"{'':16}{line}")
    print(f"{len(entries) - failed} of {len(entries)} files as the manifest says")
    return 1 if failed else 0


_Row = tuple[str, Any, Any]


def _detected(report: RawReport, tool: str) -> Iterator[_Row]:
    if report.data.strip() in _AMBIGUOUS:
        return
    free = RawReport(name="report", data=report.data)
    chosen = choose(free, PARSERS).tool
    # A tool's own SARIF is read by its own parser, wherever it was filed.
    known = {tool, chosen} if tool == "sarif" and chosen in PARSERS else {tool}
    yield "recognized as", chosen in known, True


def _balance(parsed: ParsedReport) -> Iterator[_Row]:
    yield "balance", parsed.balances, True
    yield "problems", [problem.message for problem in parsed.problems], []


def _native(report: RawReport, parsed: ParsedReport, expected: Mapping[str, Any]) -> Iterator[_Row]:
    # Programs outside of any package manager are no rows of Snyk's report.
    findings = [f for f in parsed.findings if f.location.logical != "binaries"]
    apart = [f for f in findings if f.kind is Kind.LICENSE] if parsed.tool == "trivy" else []
    counted = [f for f in findings if f not in apart] if apart else findings
    yield "findings", len(counted), expected["findings"]
    if "by_kind" in expected:
        kinds = Counter(finding.kind.value for finding in findings)
        yield "by_kind", dict(kinds), expected["by_kind"]
    if "severity" in expected:
        yield "severity", _words(counted), _lower(expected["severity"])
    if "distinct" in expected:
        rows = {
            (finding.rule_id, finding.package and finding.package.name, _target(finding))
            for finding in counted
        }
        yield "distinct", len(rows), expected["distinct"]
    if "raw_rows" in expected:
        yield "raw_rows", parsed.reported - parsed.suppressed, expected["raw_rows"]
    if "projects" in expected:
        document = report.document
        projects = list(document) if is_list(document) else [document]
        inner = [a for p in projects for a in p.get("applications") or []]
        yield "projects", len(projects) + len(inner), expected["projects"]
    if "verified" in expected:
        verified = sum(f.secret is not None and f.secret.verified is True for f in findings)
        yield "verified", verified, expected["verified"]
    if "other_lines" in expected:
        lines = [line for line in report.data.splitlines() if line.strip()]
        yield "other_lines", len(lines) - parsed.reported, expected["other_lines"]
    for row in expected.get("sample", ()):
        yield f"sample {row}", any(_is_sample(finding, row) for finding in findings), True


def _sarif(report: RawReport, parsed: ParsedReport, expected: Mapping[str, Any]) -> Iterator[_Row]:
    results = [f.sarif.result for f in parsed.findings if f.sarif is not None]
    frames = list(parsed.runs)
    yield "findings", len(parsed.findings), expected["findings"]
    yield "version", report.document.get("version"), expected["version"]
    yield "runs", len(frames), expected["runs"]
    drivers = [run["tool"]["driver"]["name"] for run in frames]
    yield "tools", drivers, expected["tools"]
    levels = Counter(result.get("level", "(default)") for result in results)
    yield "level_as_written", dict(levels), expected["level_as_written"]
    yield "suppressed", sum(bool(r.get("suppressions")) for r in results), expected["suppressed"]
    if "without_location" in expected:
        without = sum(not result.get("locations") for result in results)
        yield "without_location", without, expected["without_location"]
    with_flows = sum(bool(result.get("codeFlows")) for result in results)
    yield "with_code_flows", with_flows, expected["with_code_flows"]
    sample = list(expected.get("sample", ()))
    rules = [_written_rule(result) for result in results[: len(sample)]]
    yield "sample", rules, sample


def _written_rule(result: Mapping[str, Any]) -> Any:
    rule = result.get("rule")
    return result.get("ruleId") or (rule.get("id") if isinstance(rule, Mapping) else None)


def _words(findings: list[Finding]) -> dict[str, int]:
    """Severities in the words that the tools use, lower case."""
    return dict(Counter(f.severity.value if f.severity_known else "unknown" for f in findings))


def _lower(words: Mapping[str, int]) -> dict[str, int]:
    return {word.lower(): count for word, count in words.items()}


def _target(finding: Finding) -> str | None:
    place = finding.location
    return place.logical or place.uri


def _is_sample(finding: Finding, row: list[Any]) -> bool:
    """Whether a row of the manifest names ``finding``; its columns differ by tool."""
    known = {
        finding.rule_id,
        *(finding.misconfiguration.checks if finding.misconfiguration else ()),
    }
    place, package = finding.location, finding.package
    # The manifest quotes paths as they are written, findings have them tidied.
    tidy = Places(None)
    row = [tidy[item] if isinstance(item, str) and "/" in item else item for item in row]
    places = (place.uri, place.logical, tidy.optional(place.logical))
    if row[0] is not None and row[0] not in known:
        return False
    match finding.tool:
        case "trivy":
            name = package.name if package else None
            return name == row[1] and row[2] in places
        case "snyk":
            return package is not None and [package.name, package.version] == row[1:3]
        case "gitleaks":
            return [place.uri, place.start_line] == row[1:3]
        case _:
            return row[1] in places


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
