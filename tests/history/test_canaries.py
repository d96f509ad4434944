"""Fifty secrets through the formats of all tools into the store: none is in its file."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from secagg.config import Config
from secagg.pipeline.gate import plain_gate
from secagg.pipeline.origin import Origin
from secagg.pipeline.parse import parse_files
from secagg.pipeline.record import record_outcome
from tests.canaries import canaries, reports, survivors
from tests.cli.running import secagg

VALUE = "Zk3fW9qLx0TnB7vRp2YsQ8uH"


def test_none_is_in_the_file_nor_in_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "a key that is only for tests")
    planted = canaries()
    files = []
    for name, data in reports(planted).items():
        (tmp_path / name).write_bytes(data)
        files.append(str(tmp_path / name))
    outcome = parse_files(files, tool=None, root=tmp_path, gate=plain_gate(tmp_path, Config()))
    url = str(tmp_path / "history" / "store.db")
    origin = Origin(repository="acme/shop", branch="main", commit=None)
    done = record_outcome(outcome, url=url, root=tmp_path, origin=origin)
    assert done.new == len(outcome.merged.groups) > 100
    written = [path for path in (tmp_path / "history").iterdir() if path.is_file()]
    assert any(path.stat().st_size > 100_000 for path in written)
    for path in written:
        assert survivors(path.read_bytes(), planted) == [], path.name


def test_words_of_policy_and_configuration_are_not_in_it_either(tmp_path: Path) -> None:
    """Who reports from the store later, elsewhere, knows no value to mask."""
    leak = {"RuleID": "k", "Secret": VALUE, "Match": VALUE, "File": "a.py", "StartLine": 1}
    other = leak | {"RuleID": "other", "Secret": "Other1Secret2Value3", "File": "b.py"}
    rule = {
        "name": f"rule {VALUE}",
        "match": {"kind": "secret"},
        "action": "fail",
        "why": VALUE[::-1],
    }
    today = datetime.now(UTC).date()
    dates = {"created": str(today), "expires": str(today + timedelta(days=9))}
    files = {
        "gitleaks.json": [leak, other],
        "secagg.yaml": {"policy": "p.yaml", "owners": {"**": [f"@{VALUE}", "team"]}},
        "p.yaml": {"name": VALUE, "rules": [rule]},
        "secagg-exceptions.yaml": {
            "exceptions": [{"rule": "other", "reason": VALUE, "owner": VALUE, **dates}]
        },
    }
    for name, document in files.items():
        # JSON is YAML.
        (tmp_path / name).write_text(json.dumps(document))
    ran = secagg("parse", "gitleaks.json", bin_dir=tmp_path, home=tmp_path, cwd=tmp_path)
    assert ran.code == 1, ran
    store = tmp_path / ".secagg" / "secagg.db"
    data = store.read_bytes()
    assert b"team" in data and b"[redacted]" in data
    for written in (VALUE, VALUE[::-1]):
        assert written.encode() not in data
