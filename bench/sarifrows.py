"""Results of code scanners as SARIF (CodeQL, Snyk Code, Semgrep), all of them made up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.packages import hash_of
from bench.secretwords import LINES, MESSAGES


@dataclass(frozen=True)
class Weakness:
    """What CodeQL, Snyk Code and Semgrep all look for, with their rules for it."""

    codeql: str
    snyk: str
    semgrep: str
    cwe: int


WEAKNESSES = (
    Weakness("py/sql-injection", "python/Sqli", "tainted-sql-string", 89),
    Weakness("py/command-line-injection", "python/CommandInjection", "dangerous-system-call", 78),
    Weakness("py/path-injection", "python/PT", "path-traversal-open", 23),
    Weakness("py/reflective-xss", "python/XSS", "directly-returned-format-string", 79),
    Weakness("py/full-ssrf", "python/Ssrf", "ssrf-requests", 918),
    Weakness("py/unsafe-deserialization", "python/Deserialization", "avoid-pickle", 502),
)
_RULE_INDEX = {weakness.codeql: number for number, weakness in enumerate(WEAKNESSES)}
_SEMGREP = "python.lang.security.audit."
_CALL = "    rows = connection.execute(query)\n"
_BEFORE = "    name = request.args.get('name')\n"


@dataclass(frozen=True)
class Place:
    """A line of a file, and whether what is said of it holds a secret word."""

    uri: str
    line: int
    worded: bool = False

    @property
    def number(self) -> int:
        """A number that goes with the place, whatever is said of it."""
        return hash_of(f"{self.uri}:{self.line}")

    def message(self, text: str) -> str:
        """``text``, with a sentence that holds a secret word for half of those that need one."""
        wanted = self.worded and self.number % 2
        return text + MESSAGES[self.number // 2 % len(MESSAGES)] if wanted else text

    def context(self) -> dict[str, Any]:
        """The lines around the place, with a secret word for the other half."""
        wanted = self.worded and not self.number % 2
        first = LINES[self.number // 2 % len(LINES)] if wanted else _BEFORE
        start = max(1, self.line - 1)
        return {"startLine": start, "endLine": start + 1, "snippet": {"text": first + _CALL}}


def codeql_result(weakness: Weakness, place: Place, *, suppressed: bool) -> dict[str, Any]:
    """A path problem of CodeQL; ``suppressed`` by an alert that someone dismissed."""
    result = {
        "ruleId": weakness.codeql,
        "rule": {
            "id": weakness.codeql,
            "index": _RULE_INDEX[weakness.codeql],
            "toolComponent": {"index": 0},
        },
        "message": {"text": place.message("This query depends on a [user-provided value](1).")},
        "locations": [
            {
                "physicalLocation": {
                    **_physical(place.uri, place.line, 20, 31),
                    "contextRegion": place.context(),
                }
            }
        ],
        "partialFingerprints": {
            "primaryLocationLineHash": f"{place.number:016x}:1",
            "primaryLocationStartColumnFingerprint": "11",
        },
        "codeFlows": [_flow(place)],
        "relatedLocations": [
            {
                "id": 1,
                "physicalLocation": _physical(place.uri, max(1, place.line - 6), 9, 21),
                "message": {"text": "user-provided value"},
            }
        ],
    }
    if suppressed:
        result["suppressions"] = [{"kind": "external", "justification": "used in tests only"}]
    return result


def snyk_code_result(weakness: Weakness, place: Place) -> dict[str, Any]:
    """A result of Snyk Code; it marks the call, CodeQL the argument."""
    text = "Unsanitized input from an HTTP parameter flows into execute, which runs it."
    markdown = "Unsanitized input from {0} {1} into {2}, where it is used."
    words = MESSAGES[place.number // 2 % len(MESSAGES)] if place.worded else ""
    hashes = (f"{hash_of(f'{place.uri}{n}') & 0xFFFFFFFF:08x}" for n in range(16))
    return {
        "ruleId": weakness.snyk,
        "level": "error",
        "message": {
            "text": text + words,
            "markdown": markdown + words,
            "arguments": ["[an HTTP parameter](0)", "[flows](1),(2)", "[execute](3)"],
        },
        "locations": [{"physicalLocation": _physical(place.uri, place.line, 5, 19)}],
        "fingerprints": {"0": f"{hash_of(place.uri):064x}", "1": ".".join(hashes)},
        "codeFlows": [_flow(place)],
        "properties": {"priorityScore": 812, "isAutofixable": False},
    }


def semgrep_result(weakness: Weakness, place: Place, *, suppressed: bool) -> dict[str, Any]:
    """A result of Semgrep, which marks the whole line; ``suppressed`` by a comment in it."""
    location = _physical(place.uri, place.line, 5, 36)
    location["region"]["endLine"] = place.line
    location["region"]["snippet"] = {"text": place.context()["snippet"]["text"]}
    result = {
        "ruleId": _SEMGREP + weakness.semgrep,
        "message": {"text": place.message("Input reaches a call that runs it.")},
        "locations": [{"physicalLocation": location}],
        "fingerprints": {"matchBasedId/v1": "requires login"},
        "properties": {},
    }
    if suppressed:
        result["suppressions"] = [{"kind": "inSource"}]
    return result


def semgrep_rule(weakness: Weakness) -> str:
    """The id of Semgrep's rule as its results name it."""
    return _SEMGREP + weakness.semgrep


def codeql_run(notified: int) -> dict[str, Any]:
    """A run of CodeQL without its results, with ``notified`` notifications on its files."""
    rules = [
        {
            "id": weakness.codeql,
            "name": weakness.codeql,
            "shortDescription": {"text": weakness.codeql},
            "defaultConfiguration": {"enabled": True, "level": "error"},
            "properties": {
                "tags": ["security", f"external/cwe/cwe-{weakness.cwe:03d}"],
                "precision": "high",
                "security-severity": "8.8",
            },
        }
        for weakness in WEAKNESSES
    ]
    notifications = [
        {
            "descriptor": {"id": "py/diagnostics/successfully-extracted-files", "index": 0},
            "level": "none",
            "message": {"text": ""},
            "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": f"src/{n}.py"}}},
            ],
            "properties": {"formattedMessage": {"text": ""}},
        }
        for n in range(notified)
    ]
    notifications.append(
        {
            "descriptor": {"id": "py/diagnostics/extraction-warnings", "index": 1},
            "level": "warning",
            "message": {"text": "A file is larger than the extractor reads."},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/large.py"}}}],
        }
    )
    described = ("successfully-extracted-files", "extraction-warnings")
    return {
        "tool": {
            "driver": {
                "name": "CodeQL",
                "semanticVersion": "2.23.3",
                "notifications": [{"id": f"py/diagnostics/{name}"} for name in described],
            },
            "extensions": [{"name": "codeql/python-queries", "rules": rules}],
        },
        "invocations": [
            {"executionSuccessful": True, "toolExecutionNotifications": notifications},
        ],
    }


def snyk_code_run() -> dict[str, Any]:
    """A run of Snyk Code without its results."""
    rules = [
        {
            "id": weakness.snyk,
            "shortDescription": {"text": weakness.snyk},
            "defaultConfiguration": {"level": "error"},
            "properties": {"tags": ["python", "security"], "cwe": [f"CWE-{weakness.cwe}"]},
        }
        for weakness in WEAKNESSES
    ]
    return {"tool": {"driver": {"name": "SnykCode", "semanticVersion": "1.0.0", "rules": rules}}}


def semgrep_run() -> dict[str, Any]:
    """A run of Semgrep without its results."""
    rules = [
        {
            "id": semgrep_rule(weakness),
            "name": semgrep_rule(weakness),
            "shortDescription": {"text": f"Semgrep Finding: {semgrep_rule(weakness)}"},
            "fullDescription": {"text": "Input reaches a call that runs it."},
            "defaultConfiguration": {"level": "error"},
            "properties": {
                "precision": "very-high",
                "tags": [f"CWE-{weakness.cwe}: A weakness", "HIGH CONFIDENCE", "security"],
            },
        }
        for weakness in WEAKNESSES
    ]
    driver = {"name": "Semgrep OSS", "semanticVersion": "1.99.0", "rules": rules}
    invocation = {"executionSuccessful": True, "toolExecutionNotifications": []}
    return {"tool": {"driver": driver}, "invocations": [invocation]}


def _flow(place: Place) -> dict[str, Any]:
    steps = [
        {
            "location": {
                "id": n,
                "physicalLocation": _physical(place.uri, max(1, place.line - 6 + n), 9, 21),
            }
        }
        for n in range(4)
    ]
    return {"threadFlows": [{"locations": steps}]}


def _physical(uri: str, line: int, start: int, end: int) -> dict[str, Any]:
    return {
        "artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": line, "startColumn": start, "endColumn": end},
    }
