"""Names with any byte that git allows: no verdict changes, and nothing falls over."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.attack.changes import Change

# What a byte alone does not show.
NAMES = (
    b"docs\\evil.py",
    b"C:\\evil.py",
    b"dir\\/evil.py",
    b"dir\n/evil.py",
    b"d\xff/evil.py",
    b"caf\xc3\xa9.py",
    b"caf\xe9.py",
    b"\xf0\x9f\x98.py",
    b"\xe2\x80\xaeyp.live",
    b"new\nline.py",
    b"end\n",
    b" lead.py",
    b"trail.py ",
    b"percent%2Fslash.py",
    b"%41.py",
    b"docs%2Fevil.py",
    b":(top)x.py",
    b"-dash.py",
    b"http:x.py",
    b"file:x.py",
    b"...",
    b"$(id).py",
    b"[redacted]",
    b"src/\\.py",
)
EVERY_BYTE = tuple(b"x" + bytes([byte]) + b"y" for byte in range(1, 256) if byte != ord("/"))
# Everything in docs is let pass: no name outside of it may end up there.
POLICY = (
    "name: ours\nrules:\n"
    "  - {name: docs, match: {path: 'docs/**'}, action: ignore, why: docs}\n"
    "  - {name: new, match: {in_diff: true}, action: fail, why: new}\n"
)


def lossy(name: bytes) -> str:
    """A name as Go's and most tools' JSON has it."""
    return name.decode("utf-8", "replace")


def change_with(place: Path, names: Sequence[bytes]) -> Change:
    """A change that adds a file of each name."""
    change = Change.make(place, {"policy.yaml": POLICY, "docs/right.md": "x\n"}, {"app.py": "x\n"})
    for name in names:
        path = os.path.join(os.fsencode(change.root), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"one\ntwo\n")
    change.git("add", "--all", "--force")
    change.git("commit", "-q", "-m", "Add names")
    return change


def gitleaks(names: Sequence[bytes], root: Path | None) -> Any:
    prefix = "" if root is None else f"{root}/"
    return [
        {
            "RuleID": "generic-api-key",
            "Description": "d",
            "StartLine": 2,
            "EndLine": 2,
            "Match": "",
            "Secret": f"value-of-{number}-Zk3fW9qLx0Tn",
            "File": f"{prefix}{lossy(name)}",
            "Commit": "",
            "Fingerprint": "",
        }
        for number, name in enumerate(names)
    ]


def sarif(uris: Sequence[str]) -> Any:
    results = [
        {
            "ruleId": "python.exec",
            "level": "error",
            "message": {"text": f"exec of input {number}"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": uri},
                        "region": {"startLine": 2},
                    }
                }
            ],
        }
        for number, uri in enumerate(uris)
    ]
    driver = {"name": "Semgrep OSS", "rules": [{"id": "python.exec"}]}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


WRITERS: dict[str, Callable[[Sequence[bytes], Path], Any]] = {
    "gitleaks": lambda names, root: gitleaks(names, None),
    "gitleaks, absolute": gitleaks,
    "sarif, encoded": lambda names, root: sarif([quote(name) for name in names]),
    "sarif, as it is": lambda names, root: sarif([lossy(name) for name in names]),
    "sarif, file URIs": lambda names, root: sarif(
        [f"file://{root}/{quote(name)}" for name in names]
    ),
}


@pytest.mark.parametrize("names", [NAMES, EVERY_BYTE], ids=["names", "bytes"])
def test_a_new_finding_fails_whatever_its_file_is_called(
    names: Sequence[bytes], tmp_path: Path
) -> None:
    change = change_with(tmp_path, names)
    for writer, write in WRITERS.items():
        report = tmp_path / "report.json"
        report.write_text(json.dumps(write(names, change.root)))
        options = ("--policy", "policy.yaml", "--diff", "origin/main...HEAD", "--output", "out")
        ran = change.run("gate", report, *options)
        assert ran.code == 1, (writer, ran.stdout[-3000:], ran.stderr[-3000:])
        decided = json.loads((change.root / "out/decision.json").read_text())
        passed = [f["path"] for f in decided["findings"] if f["action"] != "fail"]
        assert passed == [], writer
        assert len(decided["findings"]) >= len({lossy(name) for name in names}), writer


def test_controls_of_any_name_are_said(tmp_path: Path) -> None:
    change = change_with(tmp_path, [b"a\nb.vex.json", b"docs\xff.vex.json"])
    report = tmp_path / "report.json"
    report.write_text(json.dumps(sarif(["app.py"])))
    ran = change.run("gate", report, "--policy", "policy.yaml", "--output", "out")
    assert ran.code in (0, 1), ran.stderr
    decided = json.loads((change.root / "out/decision.json").read_text())
    assert "a\nb.vex.json" in decided["change"]["controls_changed"]


def test_a_store_of_any_name_is_refused(tmp_path: Path) -> None:
    change = change_with(tmp_path, [b".secagg/\xff\n"])
    report = tmp_path / "report.json"
    report.write_text(json.dumps(sarif(["app.py"])))
    ran = change.run("gate", report, "--policy", "policy.yaml")
    assert ran.code == 2, ran.stderr
    assert "could bring a history of its own" in ran.stderr


def test_a_component_of_any_name_is_scanned_and_reported(tmp_path: Path) -> None:
    names = [b"d\xff/package.json", b"d\n/pyproject.toml", b"d\\/Cargo.toml", b"d\x1b[2J/go.mod"]
    change = change_with(tmp_path, names)
    report = tmp_path / "report.json"
    report.write_text(json.dumps(gitleaks(names, None)))
    ran = change.run("parse", report, "--policy", "policy.yaml", "-o", "out")
    assert ran.code in (0, 1), ran.stderr
    assert "\x1b[2J" not in ran.stdout + ran.stderr
    summary = json.loads((change.root / "out/summary.json").read_text())
    assert summary["findings"]["total"] >= len(names) - 1
