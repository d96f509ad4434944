"""A baseline as files hold it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secagg.change.baseline import compare
from secagg.change.model import Diff
from secagg.errors import ReportError, UsageError
from secagg.merge import merge
from secagg.model.identity import set_identities
from secagg.pipeline.baseline import BaselineReport, read_baseline
from secagg.policy.decision import BaselineState
from secagg.policy.gaps import gap_key
from tests.merge.make import code


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "a key that is only for tests")


def _sarif(*results: dict[str, Any], **run: Any) -> bytes:
    driver = {"driver": {"name": "CodeQL", "rules": [{"id": "py/sql-injection"}]}}
    runs = [{"tool": driver, "results": list(results), **run}]
    return json.dumps({"version": "2.1.0", "runs": runs}).encode()


def _result(line: int, **members: Any) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": "app/db.py"}, "region": {"startLine": line}}
    return {
        "ruleId": "py/sql-injection",
        "message": {"text": "Bad query"},
        "locations": [{"physicalLocation": place}],
        **members,
    }


def test_the_checkout_is_not_asked_what_the_baseline_saw(tmp_path: Path) -> None:
    """A flaw was replaced by another on its line: by today's file, the old one would be the new."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/db.py").write_text("execute(query + another_value_of_the_request)\n")
    old = _result(1, partialFingerprints={"primaryLocationLineHash": "0123456789abcdef:1"})
    baseline = read_baseline([("base.sarif", _sarif(old))], root=tmp_path)
    finding = code("codeql", uri="app/db.py", line=1, message="Bad query")
    set_identities([finding], tmp_path)
    found = compare(merge([finding]), baseline.groups)
    assert list(found.states.values()) == [BaselineState.NEW]


def test_a_baseline_that_was_not_complete_is_said(tmp_path: Path) -> None:
    data = _sarif(invocations=[{"executionSuccessful": False}])
    baseline = read_baseline([("base.sarif", data)], root=tmp_path)
    assert baseline.groups == []
    (doubt,) = baseline.doubts(())
    assert doubt.startswith("the baseline is incomplete, so old problems may be called new")
    # The scan itself has the same gap: nothing is new for want of it.
    assert list(baseline.doubts(baseline.gaps)) == []


def test_what_is_not_understood_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not every entry of the baseline"):
        read_baseline([("base.sarif", _sarif(_result(1), {"locations": 7}))], root=tmp_path)
    with pytest.raises(ReportError):
        read_baseline([("base.sarif", b"{")], root=tmp_path)


def test_a_gap_goes_by_the_new_name_of_its_file() -> None:
    said = "{} has dependencies but no lock file: they were not checked"
    named = [said.format(name) for name in ("old/setup.py", "older/old/setup.py", "old/setup.py2")]
    baseline = BaselineReport((), gaps={gap_key(each): each for each in named})
    diff = Diff(base="b", head="h", renames={"old/setup.py": r"new\1/setup.py"})
    moved = gap_key(said.format(r"new\1/setup.py"))
    assert baseline.gaps_after(diff) == {*map(gap_key, named), moved}
    assert baseline.gaps_after(None) == set(map(gap_key, named))
