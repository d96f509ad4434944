"""A decision made anywhere acts everywhere, until it is over, taken back or overruled."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.github.test_commands import Cli, cli
from tests.history.conftest import postgres, url
from tests.matrix.document import document
from tests.matrix.places import PLACES
from tests.matrix.rows import BYSTANDER, Fate, Row
from tests.matrix.shop import Shop, git
from tests.matrix.sources import SOURCES, Source
from tests.standins.github_server import GitHubServer

__all__ = ["cli", "postgres", "url"]

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "decisions-in-force.md"
IN_STORE = tuple(source for source in SOURCES if source.origin in ("store", "github"))


@pytest.fixture
def shop(
    cli: Cli,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shop]:
    first = itertools.count(1, 10)
    rows = [row for source in SOURCES for row in source.rows(next(first))]
    with GitHubServer(looks=0) as server:
        monkeypatch.setenv("SECAGG_STORE", url)
        monkeypatch.setenv("GITHUB_API_URL", server.url)
        for name in ("GITHUB_REF", "GITHUB_HEAD_REF", "GITHUB_EVENT_NAME"):
            monkeypatch.delenv(name, raising=False)
        made = Shop(tmp_path, url, cli, server, rows)
        monkeypatch.chdir(made.root)
        yield made


Cells = dict[tuple[str, str], bool]
"""By source and place whether decisions act; a place that cannot speak of the rows is left out."""


def _look(shop: Shop, over: set[Fate]) -> Cells:
    """Look at every place; decisions on rows whose fate is ``over`` have to act no more."""
    table = shop.scan()
    wrong, cells = [], Cells()
    for place in PLACES:
        answers = place.read(shop, table)
        assert answers[BYSTANDER] is True, f"the bystander does not count in {place.name}"
        for row in shop.rows:
            counts = answers[row]
            if counts is None:
                continue
            cells[row.source, place.name] = True
            if counts is not (row.fate in over):
                said = "counts" if counts else "does not count"
                wrong.append(f"{place.name}: {row.source}, {row.fate}: {said}")
    assert wrong == []
    return cells


def _of(shop: Shop, source: Source, *fates: Fate) -> list[Row]:
    return [row for row in shop.rows if row.source == source.name and row.fate in fates]


def test_the_matrix(shop: Shop) -> None:
    _look(shop, over=set(Fate))
    for source in SOURCES:
        source.make(shop, _of(shop, source, *Fate))
    cells = _look(shop, over=set())
    for source in SOURCES:
        if source.end is not None:
            source.end(shop, _of(shop, source, Fate.ENDS))
        source.undo(shop, _of(shop, source, Fate.UNDONE))
    overruled = [row for row in shop.rows if row.fate is Fate.OVERRULED]
    said = ("--state", "confirmed", "--reason", "it is one", "--by", "bea")
    shop.secagg("triage", *shop.of(overruled), *said)
    shop.secagg("sync", "--newer-wins")
    again = _look(shop, over={Fate.ENDS, Fate.UNDONE, Fate.OVERRULED})
    assert again == cells
    text = document(cells)
    if os.environ.get("SECAGG_WRITE_DOCUMENTS"):
        DOCUMENT.write_text(text)
    assert DOCUMENT.read_text() == text, "run with SECAGG_WRITE_DOCUMENTS=1, and read it"


def test_a_pull_request_does_not_decide_on_itself(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.scan()
    base = git(shop.root, "rev-parse", "HEAD")
    git(shop.root, "checkout", "-q", "-b", "change")
    brought = [source for source in SOURCES if source not in IN_STORE]
    for source in brought:
        source.make(shop, _of(shop, source, *Fate))
    head = shop.commit()
    event = tmp_path / "event.json"

    def counting(base: str, *options: str) -> set[str]:
        """The sources on whose rows the gate of a pull request against ``base`` fails."""
        event.write_text(json.dumps({"pull_request": {"base": {"sha": base}}}))
        with monkeypatch.context() as within:
            within.setenv("GITHUB_EVENT_NAME", "pull_request")
            within.setenv("GITHUB_EVENT_PATH", str(event))
            gate = ("gate", *shop.reports(), "--policy", "pr-gate", "--baseline", "none")
            printed = shop.secagg(*gate, "--format", "json", *options, code=None)
        findings = json.loads(printed)["findings"]
        found = {row.source: set[bool]() for row in shop.rows}
        for row, finding in shop.matched(findings):
            if row is not BYSTANDER:
                found[row.source].add(finding["action"] == "fail")
            if row.source == "suppression":
                (lapsed,) = finding["lapsed"]
                assert "pr-gate does not trust suppressions in reports" in lapsed["refusal"]
        assert all(len(answers) == 1 for answers in found.values())
        return {name for name, (counts,) in found.items() if counts}

    every = {source.name for source in SOURCES}
    assert counting(base) == every
    assert counting(base, *shop.vex()) == every
    # The store is not the change's; it speaks of what was uploaded from the branch.
    shop.secagg("upload", "secagg-out/findings.sarif", "--no-journal", "--ref", "refs/heads/trunk")
    for source in IN_STORE:
        source.make(shop, _of(shop, source, *Fate))
    assert counting(base) == {source.name for source in brought}
    assert counting(head, *shop.vex()) == {"suppression"}
