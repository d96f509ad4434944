"""The pull requests that the script makes, and the gate's answer to some of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.realprs.__main__ import Pair, judged, pairs_of
from tests.realprs.make import make


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    directory = tmp_path_factory.mktemp("pull-requests")
    assert make(directory) >= 20
    return list(pairs_of(directory))


def test_each_pair_is_labelled(pairs: list[Pair]) -> None:
    assert {pair.label for pair in pairs} == {"pass", "fail", "incomplete"}
    assert len({(pair.repository, pair.head) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize("head", ["moved-secret", "secret-and-gone"])
def test_secrets_are_judged_by_the_change_alone(
    pairs: list[Pair], head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The scanners of the project's own environment.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    (pair,) = [pair for pair in pairs if pair.head == head]
    assert judged(pair, "--tool", "gitleaks").verdict == pair.label


def test_merges_stand_in_for_a_list(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "pairs.txt").unlink()
    assert list(pairs_of(tmp_path)) == []
