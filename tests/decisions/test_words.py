"""What is said of each decision of a scanner's file or a VEX document: whom it is of, why it fails."""

from __future__ import annotations

import json

import pytest

from secagg.policy.decision import PolicyException
from tests.decisions.make import loaded, row, sources
from tests.merge.make import vulnerability

COMMIT = "8882f65768542c501a898f555e0baa8b4fe651c6"


def only(name: str, text: str) -> PolicyException:
    (found,) = loaded({name: text}, vex=(name,) if name.endswith(".vex.json") else ()).all()
    return found


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        (f"{COMMIT}:a.py:rule:3", None),
        (f"{COMMIT}{'0' * 24}:a.py:rule:3", None),
        ("a.py:rule:999999999", None),
        ("a.py:rule", "is no fingerprint (file:rule:line, with or without commit: before it)"),
        ("a:b:c:d:1", "is no fingerprint (file:rule:line, with or without commit: before it)"),
        (
            f"{COMMIT[1:]}:a.py:rule:3",
            "names no whole commit, so that Gitleaks would not honour it either",
        ),
        (
            f"{COMMIT.upper()}:a.py:rule:3",
            "names no whole commit, so that Gitleaks would not honour it either",
        ),
        ("a.py:rule:x", "ends in no line number"),
        ("a.py:rule:\u0663", "ends in no line number"),
        ("a.py:rule:1000000000", "ends in no line number"),
        (":rule:3", "names no file or no rule"),
        ("a.py::3", "names no file or no rule"),
    ],
)
def test_a_fingerprint_of_gitleaks(line: str, refusal: str | None) -> None:
    found = only(".gitleaksignore", f"# why\n# indeed\n{line}\n")
    assert (found.target, found.refusal) == (f"leak {line}", refusal)
    assert (found.source, found.reason) == (".gitleaksignore:3", "why indeed")


def test_a_reason_is_right_above_its_line() -> None:
    text = "# of nothing\n\na:b:1\nc:d:2\n# of e\ne:f:3\n"
    assert [e.reason for e in loaded({".gitleaksignore": text}).all()] == [None, None, "of e"]
    text = "# of nothing\n\nCVE-1-1\n# of two\nCVE-1-2\nCVE-1-3 # its own\nCVE-1-4\n"
    found = loaded({".trivyignore": text}).all()
    assert [e.reason for e in found] == [None, "of two", "its own", "of two"]
    assert [e.target for e in found] == [f"CVE-1-{n} of trivy" for n in range(1, 5)]
    assert [e.source for e in found] == [f".trivyignore:{n}" for n in (3, 5, 6, 7)]


@pytest.mark.parametrize(
    ("line", "expires", "refusal"),
    [
        ("CVE-1-1 exp:2026-03-09", "2026-03-08", None),
        ("CVE-1-1 word exp:2026-03-09 exp:2026-03-10", "2026-03-08", None),
        ("CVE-1-1 exp:soon", None, "has an expiry date that is none (exp:YYYY-MM-DD is expected)"),
        ("CVE-1-1 expires", None, None),
    ],
)
def test_an_end_in_trivy_s_file(line: str, expires: str | None, refusal: str | None) -> None:
    """From that day on Trivy reports again."""
    found = only(".trivyignore", f"{line}\n")
    assert (found.expires and found.expires.isoformat(), found.refusal) == (expires, refusal)


def test_whom_an_entry_of_trivy_s_yaml_is_of() -> None:
    text = """vulnerabilities:
  - id: CVE-1-1
    paths: [a, b]
    purls: ["pkg:npm/x@1", "pkg:npm/y"]
    statement: because
licenses:
  - id: GPL
misconfigurations:
  - id: AVD-1
    paths: [c]
    until: never
  - {id: AVD-2, expired_at: soon}
"""
    found = loaded({".trivyignore.yaml": text}).all()
    assert [(e.source, e.target, e.reason) for e in found] == [
        (
            ".trivyignore.yaml:2",
            "vulnerability CVE-1-1 of trivy in pkg:npm/x@1 or pkg:npm/y at a or b",
            "because",
        ),
        (".trivyignore.yaml:7", "license GPL of trivy", None),
        (".trivyignore.yaml:9", "misconfiguration AVD-1 of trivy at c", None),
        (".trivyignore.yaml:12", "misconfiguration AVD-2 of trivy", None),
    ]
    assert found[0].refusal is None and found[1].refusal is None
    assert found[2].refusal == "cannot be understood: has keys that are not known: until"
    assert (found[3].refusal or "").startswith("cannot be understood: ")


def cyclonedx(*vulnerabilities: object, **more: object) -> str:
    components = [
        {"bom-ref": "first", "name": "no purl"},
        "no object",
        {
            "bom-ref": "outer",
            "purl": "pkg:npm/outer@1",
            "components": [
                {"bom-ref": "lodash", "purl": "pkg:npm/lodash@4.17.20"},
            ],
        },
    ]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "components": components,
        "vulnerabilities": list(vulnerabilities),
        **more,
    }
    return json.dumps(document)


def statement(**analysis: object) -> dict[str, object]:
    return {"id": "CVE-2021-1", "analysis": analysis, "affects": [{"ref": "lodash"}]}


@pytest.mark.parametrize("state", ["not_affected", "false_positive", "resolved"])
def test_a_statement_of_cyclonedx_reaches_nested_components(state: str) -> None:
    said = statement(state=state, justification="code_not_reachable", detail=" why ")
    text = cyclonedx(said, {"id": "CVE-2", "affects": []})
    found = only("a.vex.json", text)
    assert found.source == "a.vex.json: vulnerability 1"
    assert found.reason == "code_not_reachable: why"
    group = row(vulnerability("trivy", "CVE-2021-1", package="lodash", version="4.17.20"))
    assert sources(loaded({"a.vex.json": text}, vex=("a.vex.json",)), group) == [
        "a.vex.json: vulnerability 1"
    ]


def test_the_later_statement_of_cyclonedx_counts() -> None:
    """By its own time, else by that of the document."""
    group = row(vulnerability("trivy", "CVE-2021-1", package="lodash", version="4.17.20"))
    for key, time, covers in (
        ("lastUpdated", "2026-01-03T00:00:00Z", False),
        ("firstIssued", "2026-01-03T00:00:00Z", False),
        ("lastUpdated", "2026-01-01T00:00:00Z", True),
        ("firstIssued", "2026-01-01T00:00:00Z", True),
    ):
        text = cyclonedx(
            statement(state="not_affected", firstIssued="2026-01-02T00:00:00Z"),
            statement(state="exploitable", **{key: time}),
        )
        assert bool(sources(loaded({"a.vex.json": text}, vex=("a.vex.json",)), group)) is covers, (
            key,
            time,
        )
