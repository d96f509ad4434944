"""A decision that needs a second person acts nowhere before there is one, and everywhere then."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.github.test_commands import Cli, cli
from tests.matrix.places import PLACES
from tests.matrix.rows import BYSTANDER, Fate, Row
from tests.matrix.shop import Shop
from tests.matrix.sources import SOURCES, _entries, _yaml
from tests.standins.github_server import GitHubServer

__all__ = ["cli"]

POLICY = "name: own\nextends: default\napproval: {critical: 2, high: 2, medium: 2}\nrules: []\n"
TWO = "needs a second approval (1 of 2)"


@pytest.fixture
def shop(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    first = itertools.count(1, 10)
    rows = [Row(next(first), source.name, Fate.STAYS, source.reporter) for source in SOURCES]
    url = f"sqlite:///{tmp_path}/store.db"
    with GitHubServer(looks=0) as server:
        monkeypatch.setenv("SECAGG_STORE", url)
        monkeypatch.setenv("GITHUB_API_URL", server.url)
        for name in ("GITHUB_REF", "GITHUB_HEAD_REF", "GITHUB_EVENT_NAME"):
            monkeypatch.delenv(name, raising=False)
        made = Shop(tmp_path, url, cli, server, rows)
        (made.root / "own.yaml").write_text(POLICY)
        (made.root / "secagg.yaml").write_text("policy: own.yaml\n")
        (made.root / "CODEOWNERS").write_text("secagg-exceptions.yaml @bea bea@shelf.example\n")
        monkeypatch.chdir(made.root)
        yield made


def _counting(shop: Shop) -> dict[str, set[str]]:
    """By place, the sources whose rows count there."""
    table = shop.scan()
    counting = {}
    for place in PLACES:
        answers = place.read(shop, table)
        assert answers[BYSTANDER] is True
        counting[place.name] = {row.source for row in shop.rows if answers[row]}
    return counting


def _of(shop: Shop, *names: str) -> Sequence[Row]:
    return [row for row in shop.rows if row.source in names]


def test_one_person_is_not_enough_anywhere_and_two_are(shop: Shop) -> None:
    before = _counting(shop)
    for source in SOURCES:
        source.make(shop, _of(shop, source.name))
    after = _counting(shop)
    # What a person dismissed at GitHub stays dismissed there; it counts everywhere else.
    assert after.pop("upload") == before["upload"] - {"GitHub"}
    assert after == {name: sources for name, sources in before.items() if name != "upload"}
    decided = {row.source: finding for row, finding in shop.decided()}
    for source in SOURCES:
        (lapsed,) = decided[source.name]["lapsed"]
        assert TWO in lapsed["refusal"], source.name
    said = shop.secagg("report")
    in_store = _of(shop, "store", "page", "triage file", "exceptions")
    for row in in_store:
        shown = shop.secagg("show", shop.ids[row.number])
        assert TWO in shown, row.source
    assert said.count(TWO) >= len(in_store)
    page = shop.home / "report.html"
    shop.secagg("report", "--format", "html", "--output-file", page)
    assert page.read_text().count(TWO) >= len(in_store)

    ids = shop.of(_of(shop, "store", "page"))
    shop.secagg("triage", *ids, "--approve", "--by", "bea")
    shop.secagg("triage", *shop.of(_of(shop, "triage file")), "--approve", "--file", "--by", "bea")

    def approve(document: dict[str, Any]) -> None:
        for entry in _entries(document):
            if "cve" in entry:
                entry["approved_by"] = "bea@shelf.example"

    _yaml(shop, "secagg-exceptions.yaml", approve)
    agreed = {"exceptions", "triage file", "store", "page"}
    final = _counting(shop)
    assert final.pop("upload") == before["upload"] - agreed - {"GitHub"}
    assert final == {name: sources - agreed for name, sources in before.items() if name != "upload"}


def test_nobody_approves_their_own_decision(shop: Shop) -> None:
    shop.scan()
    (row,) = _of(shop, "store")
    said = ("--state", "accepted", "--reason", "a proxy", "--by", "ana")
    shop.secagg("triage", shop.ids[row.number], *said)
    shop.secagg("triage", shop.ids[row.number], "--approve", "--by", "Ana", code=2)
    # Of several none is approved, where one is the person's own.
    other = next(shop.ids[one.number] for one in shop.rows if one is not row)
    shop.secagg("triage", other, "--state", "accepted", "--reason", "a proxy", "--by", "bea")
    both = (other, shop.ids[row.number])
    shop.secagg("triage", *both, "--approve", "--by", "Ana", code=2)
    assert shop.secagg("triage", other, "--approve", "--by", "Ana").endswith(": approved\n")
    gate = json.loads(shop.secagg("gate", "--format", "json", *shop.vex(), code=None))
    (finding,) = (one for which, one in shop.matched(gate["findings"]) if which is row)
    assert finding["action"] == "fail"
    assert TWO in finding["lapsed"][0]["refusal"]
