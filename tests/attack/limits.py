"""Inputs of at most 1 MB that are made to take as much time and memory as they can."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

SIZE = 1_000_000

_RULES = [{"id": "r"}]


def sarif(results: list[Any], rules: list[Any] | None = None, **run: Any) -> bytes:
    """A SARIF log with one run."""
    driver = {"name": "CodeQL", "rules": _RULES if rules is None else rules}
    return _dumps(
        {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results, **run}]}
    )


def result(text: str = "m", uri: str = "a.py", line: int = 1, **more: Any) -> dict[str, Any]:
    region = {"startLine": line}
    place = {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}
    return {
        "ruleId": "r",
        "level": "error",
        "message": {"text": text},
        "locations": [place],
        **more,
    }


def many(one: Callable[[int], Any], size: int = SIZE - 20_000) -> list[Any]:
    """As many of ``one`` as fit into ``size`` bytes."""
    return [one(number) for number in range(size // (len(_dumps(one(99_999))) + 1))]


def _leaks(secrets: list[str], text: str) -> bytes:
    """A report of Gitleaks with ``secrets``, and with ``text`` as what is said of the first."""
    rows: list[dict[str, Any]] = [
        {"RuleID": "k", "File": "a", "StartLine": n, "Secret": secret}
        for n, secret in enumerate(secrets, 1)
    ]
    rows[0]["Description"] = text
    return _dumps(rows)


def _values(head: str, end: str = "") -> list[str]:
    """Values that begin or end in the same way."""
    return [f"{head}{n * 7919 % 100_000:05}Zk3f{end}" for n in range(7_000)]


def _dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _nested(opening: bytes, closing: bytes = b"", count: int = 400_000) -> bytes:
    return opening * count + closing * count


def _mentions(length: int = 100_000) -> dict[str, Any]:
    return result("{0}" * 10_000) | {
        "message": {"text": "{0}" * 10_000, "arguments": ["x" * length]}
    }


def _by_id(**rule: Any) -> bytes:
    results = many(lambda n: {"ruleId": "r", "message": {"id": "m"}}, SIZE // 2)
    return sarif(results, [{"id": "r", "messageStrings": {"m": {"text": "x " * 200_000}}, **rule}])


def _rule(**rule: Any) -> bytes:
    return sarif(many(lambda n: result(line=n + 1), SIZE // 2), [{"id": "r", **rule}])


REPORTS: Mapping[str, Callable[[], bytes]] = {
    "placeholders": lambda: sarif([_mentions()]),
    "placeholders-of-many": lambda: sarif(
        many(lambda n: {"ruleId": "r", "message": {"text": "{0}" * 100, "arguments": ["x" * 300]}})
    ),
    "messages-by-id": _by_id,
    "long-rule-name": lambda: _rule(name="n" * 400_000),
    "long-description": lambda: _rule(fullDescription={"text": "d " * 200_000}),
    "long-short-description": lambda: _rule(shortDescription={"text": "d " * 200_000}),
    "long-help": lambda: _rule(help={"text": "h " * 200_000, "markdown": "h " * 20_000}),
    "long-help-address": lambda: _rule(helpUri="https://e.example/" + "h" * 400_000),
    "many-tags": lambda: _rule(
        properties={"tags": [f"external/cwe/cwe-{n}" for n in range(18_000)]}
    ),
    "many-rules": lambda: sarif([], many(lambda n: {"id": f"r{n}"})),
    "long-tool-name": lambda: sarif(many(lambda n: result(line=n + 1), SIZE // 2)).replace(
        b"CodeQL", b"t" * 400_000
    ),
    "one-long-path": lambda: sarif(
        [*many(lambda n: result(uri=f"f{n}"), SIZE // 2), result(uri="p" * 400_000)]
    ),
    "deep-path": lambda: sarif(
        [*many(lambda n: result(uri=f"f{n}"), SIZE // 2), result(uri="p/" * 200_000)]
    ),
    "secret-in-a-deep-path": lambda: sarif([result(uri="p/" * 200_000 + f"ghp_{'aB3dE6' * 6}/x")]),
    "long-rule-text-of-a-credential": lambda: sarif(
        many(
            lambda n: {"ruleId": "hard-coded-key", "message": {"id": "m", "arguments": [f"a{n}"]}},
            SIZE // 4,
        ),
        [{"id": "hard-coded-key", "messageStrings": {"m": {"text": "'{0}' x" * 60_000}}}],
    ),
    "long-message-of-a-credential": lambda: sarif([{"message": {"text": "hard-coded" * 90_000}}]),
    "escaped-quotes-of-a-credential": lambda: sarif(
        [result('"\\' * 300_000)],
        [{"id": "r", "name": "hard-coded-password", "properties": {"tags": ["CWE-798"]}}],
    ),
    "parents-in-a-path": lambda: sarif([result(uri="../" * 300_000 + "x")]),
    "escapes-in-a-path": lambda: sarif([result(uri="%25" * 300_000)]),
    "many-small-results": lambda: sarif(many(lambda n: result(line=n + 1))),
    "empty-results": lambda: sarif([{}] * 320_000),
    "results-of-null": lambda: sarif([None] * 190_000),
    "empty-runs": lambda: _dumps({"version": "2.1.0", "runs": [{}] * 320_000}),
    "lists-in-properties": lambda: sarif([], properties={"x": [[]] * 320_000}),
    "many-locations": lambda: sarif(
        [result() | {"locations": many(lambda n: result(line=n + 1)["locations"][0])}]
    ),
    "many-flows": lambda: sarif(
        [
            result(
                codeFlows=[
                    {
                        "threadFlows": [
                            {
                                "locations": many(
                                    lambda n: {"location": result(line=n + 1)["locations"][0]}
                                )
                            }
                        ]
                    }
                ]
            )
        ]
    ),
    "many-fingerprints": lambda: sarif(
        [result(partialFingerprints={f"f{n}/v1": "x" for n in range(60_000)})]
    ),
    "many-suppressions": lambda: sarif([result(suppressions=[{"kind": "external"}] * 38_000)]),
    "same-name-twice": lambda: b'{"version":"2.1.0",' + b'"runs":[],' * 90_000 + b'"runs":[]}',
    "brackets-in-a-message": lambda: sarif([result("[\\" * 300_000 + "](")]),
    "links-in-a-message": lambda: sarif([result("[a](1)" * 150_000)]),
    "slashes-in-a-rule": lambda: sarif([result() | {"ruleId": "a/" * 450_000}]),
    "long-rule-id": lambda: sarif(
        many(
            lambda n: (
                {k: v for k, v in result(line=n + 1).items() if k != "ruleId"} | {"ruleIndex": 0}
            ),
            SIZE // 2,
        ),
        [{"id": "r" * 400_000}],
    ),
    "long-base": lambda: sarif(
        many(
            lambda n: (
                result()
                | {
                    "locations": [
                        {
                            "physicalLocation": {
                                "artifactLocation": {"uri": f"f{n}", "uriBaseId": "B"}
                            }
                        }
                    ]
                }
            ),
            SIZE // 2,
        ),
        originalUriBaseIds={"B": {"uri": "b/" * 200_000}},
    ),
    "one-artifact": lambda: sarif(
        many(
            lambda n: (
                result(f"m{n}")
                | {"locations": [{"physicalLocation": {"artifactLocation": {"index": 0}}}]}
            ),
            SIZE // 2,
        ),
        artifacts=[{"location": {"uri": "p/" * 200_000}}],
    ),
    "one-logical-location": lambda: sarif(
        many(
            lambda n: result(f"m{n}") | {"locations": [{"logicalLocations": [{"index": 0}]}]},
            SIZE // 2,
        ),
        logicalLocations=[{"fullyQualifiedName": "l." * 200_000}],
    ),
    "braces-in-a-message": lambda: sarif(
        [result("{" * 400_000) | {"message": {"text": "{" * 400_000, "arguments": ["x"]}}]
    ),
    "long-number": lambda: b'{"version":"2.1.0","runs":' + b"1" * 900_000 + b"}",
    "long-line-number": lambda: sarif([result()]).replace(
        b'"startLine":1', b'"startLine":' + b"9" * 900_000
    ),
    "large-line-number": lambda: sarif([result(line=2**62)]),
    "white-space": lambda: b" " * 900_000 + sarif([result()]),
    "not-utf-8": lambda: b'"' + b"\xff" * 900_000,
    "deep-lists": lambda: _nested(b"[", b"]"),
    "deep-objects": lambda: _nested(b'{"a":', b"", 190_000),
    "unclosed-lists": lambda: _nested(b"["),
    "one-text": lambda: _dumps("x" * 900_000),
    "other-names-in-a-message": lambda: sarif([result("also known as " * 64_000)]).replace(
        b"CodeQL", b"Grype"
    ),
    "requirements-in-paths": lambda: sarif(
        many(lambda n: result(uri="requirement-" * 330 + "x", line=n + 1))
    ).replace(b"CodeQL", b"Grype"),
    "quotes-in-one-text": lambda: _dumps('"' * 450_000),
    "gitleaks-of-nothing": lambda: _dumps([{}] * 320_000),
    "gitleaks": lambda: _dumps(
        many(
            lambda n: {
                "RuleID": "k",
                "Description": "d",
                "File": f"f{n}",
                "StartLine": n,
                "Secret": f"S{n:08}xyzQ",
                "Match": f"k=S{n:08}xyzQ",
            }
        )
    ),
    "broken-secret-many-times": lambda: _leaks(["Q7wK2zP9xYvR"], "Q7wK2zP9\\nxYvR;" * 50_000),
    "many-secrets-in-one-text": lambda: _leaks(_values(""), "; ".join(_values(""))),
    "secrets-of-one-beginning": lambda: _leaks(_values("kZ8fQm21vX9"), "kZ8fQm21vX90Tt " * 30_000),
    "secrets-of-one-end": lambda: _leaks(_values("", "kZ8fQm21vX9"), "0kZ8fQm21vX9x " * 30_000),
    # An address in each of which nothing ends the name and the password.
    "addresses-in-a-row": lambda: _leaks(["Q7wK2zP9xYvR"], "x://" * 220_000 + "@"),
    "encoded-addresses-in-a-row": lambda: _leaks(["Q7wK2zP9xYvR"], "%3A%2F%2F" * 100_000 + "%40"),
    "secret-of-one-letter": lambda: _leaks(["q7" + "a" * 400], ("a" * 199 + " ") * 2_500),
    "secrets-of-one-letter": lambda: _leaks(
        ["a" * 200_000 + "b", "a" * 200_000 + "c"], ("a" * 100_000 + "\n") * 5
    ),
    "trufflehog": lambda: b"\n".join(
        _dumps(
            {
                "SourceMetadata": {"Data": {"Filesystem": {"file": f"f{n}", "line": n}}},
                "DetectorName": "Aws",
                "Raw": f"AKIA{n:012}QQQQ",
                "Verified": False,
            }
        )
        for n in range(6_000)
    ),
    "trivy-of-nothing": lambda: _dumps(
        {"SchemaVersion": 2, "ArtifactType": "repository", "Results": [{}] * 320_000}
    ),
    "trivy": lambda: _dumps(
        {
            "SchemaVersion": 2,
            "ArtifactName": ".",
            "ArtifactType": "repository",
            "Results": [
                {
                    "Target": "package-lock.json",
                    "Class": "lang-pkgs",
                    "Type": "npm",
                    "Vulnerabilities": many(
                        lambda n: {
                            "VulnerabilityID": f"CVE-2024-{n}",
                            "PkgName": f"p{n}",
                            "InstalledVersion": "1",
                            "Severity": "HIGH",
                        }
                    ),
                }
            ],
        }
    ),
    "trivy-one-advisory": lambda: _dumps(
        {
            "SchemaVersion": 2,
            "ArtifactName": ".",
            "ArtifactType": "repository",
            "Results": [
                {
                    "Target": "package-lock.json",
                    "Class": "lang-pkgs",
                    "Type": "npm",
                    "Vulnerabilities": many(
                        lambda n: {
                            "VulnerabilityID": "CVE-2024-1",
                            "PkgName": "p",
                            "InstalledVersion": f"{n}",
                        }
                    ),
                }
            ],
        }
    ),
    "snyk-of-nothing": lambda: _dumps(
        {"ok": False, "packageManager": "npm", "path": "/x", "vulnerabilities": [{}] * 320_000}
    ),
}


def bundle(sarif_log: bytes) -> bytes:
    """A bundle of a fork with ``sarif_log`` in it."""
    head = _dumps(
        {"version": 1, "repository": "acme/shop", "commit": "1" * 40, "pull_number": 1, "sarif": 0}
    )
    return gzip.compress(head.replace(b'"sarif":0', b'"sarif":' + sarif_log))


BUNDLES: Mapping[str, Callable[[], bytes]] = {
    "empty-runs": lambda: bundle(b'{"version":"2.1.0","runs":[' + b"{}," * 20_000_000 + b"{}]}"),
    "empty-lists": lambda: bundle(
        b'{"version":"2.1.0","runs":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    ),
    "white-space": lambda: gzip.compress(b" " * 300_000_000),
    "one-text": lambda: bundle(b'{"version":"2.1.0","runs":[],"x":"' + b"x" * 200_000_000 + b'"}'),
    "numbers": lambda: bundle(b'{"version":"2.1.0","runs":[],"x":[' + b"1," * 15_000_000 + b"1]}"),
    "short-texts": lambda: bundle(
        b'{"version":"2.1.0","runs":[],"x":[' + b'"",' * 15_000_000 + b"1]}"
    ),
    "names": lambda: bundle(
        b'{"version":"2.1.0","runs":[],"x":{'
        + b",".join(b'"%d":0' % n for n in range(120_000))
        + b"}}"
    ),
    "two-members": lambda: gzip.compress(b"{") + gzip.compress(b" " * 200_000_000),
    "cut-off": lambda: bundle(sarif([result()]))[:-9],
    "not-gzip": lambda: b"\x1f\x8b" + b"\x00" * 1000,
}


YAML: Mapping[str, Callable[[], str]] = {
    "aliases": lambda: (
        "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    ),
    "deep-lists": lambda: "a: " + "[" * 100_000,
    "deep-mappings": lambda: "".join(f"{' ' * n}a:\n" for n in range(1_200)),
    "many-keys": lambda: "".join(f"key{n}: value\n" for n in range(50_000)),
    "one-line": lambda: "a: " + "x" * 900_000,
    "flow": lambda: "a: [" + "x," * 400_000 + "]",
    "quotes": lambda: 'a: "' + "\\x41" * 200_000 + '"',
    "anchors": lambda: "".join(f"k{n}: &a{n} x\n" for n in range(50_000)),
    "merge-keys": lambda: "a: &a {x: 1}\nb:\n" + "  <<: *a\n" * 50_000,
    "tags": lambda: "a: !!python/object/apply:os.system [true]\n",
    "number": lambda: "a: " + "9" * 900_000,
    "date": lambda: "a: 2026-01-01T00:00:00." + "9" * 900_000,
    "blanks": lambda: "a:" + " " * 900_000 + "b",
    "comments": lambda: "# c\n" * 240_000,
    "documents": lambda: "---\n" * 240_000,
}


def patterns() -> Iterator[str]:
    """Patterns of paths and names with as many wildcards as they can have."""
    yield "*a" * 1_000 + "b"
    yield "**/" * 1_000 + "b"
    yield "a*" * 1_500
    yield "?*" * 1_500 + "b"
    yield "[a-z]*" * 600 + "b"
    yield "**a**" * 700 + "b"
    yield "/" * 3_000
    yield "a/**/" * 700 + "b"
