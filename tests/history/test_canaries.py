"""Fifty secrets through the formats of all tools into the store: none is in its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from secagg.config import Config
from secagg.pipeline.gate import plain_gate
from secagg.pipeline.origin import Origin
from secagg.pipeline.parse import parse_files
from secagg.pipeline.record import record_outcome
from tests.canaries import canaries, reports, survivors


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
