"""A word that no problem answers to is said, and not answered with nothing."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from secagg.report.filters import Filters, unmatched_filters
from tests.cli.running import Ran, secagg
from tests.history.test_reports_from_elsewhere import failed, trivy, vulnerable
from tests.report.make import problem

TODAY = datetime.date(2026, 11, 23)


@pytest.mark.parametrize(
    ("field", "word", "option"),
    [
        ("tools", "codeqll", "tool"),
        ("components", "servicee", "component"),
        ("owners", "nobody", "owner"),
        ("packages", "lodahs", "package"),
        ("ids", "CVE-1999-0001", "id"),
    ],
)
def test_each_kind_of_word(field: str, word: str, option: str) -> None:
    known = problem("one", owners=("@team",))
    given: dict[str, Any] = {field: frozenset({word})}
    (said,) = unmatched_filters(Filters(**given), [known], TODAY)
    assert said.startswith(f"no problem, in whatever state, has the {option} {word}")


def test_words_that_are_there_are_no_strangers_whatever_their_state() -> None:
    gone = problem("one", owners=("@team",), fixed_at=datetime.datetime.now(datetime.UTC))
    filters = Filters(
        tools=frozenset({"codeql"}),
        owners=frozenset({"team", "none"}),
        paths=("service/",),
        ids=frozenset({"py/one"}),
    )
    assert unmatched_filters(filters, [gone], TODAY) == []
    (said,) = unmatched_filters(Filters(tools=frozenset({"snyk"})), [gone], TODAY)
    assert said.endswith("(there are codeql)")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "trivy.json").write_text(trivy(failed("Dockerfile"), vulnerable("4.17.4")))
    assert call(tmp_path, "parse", "trivy.json").code == 1
    return tmp_path


def call(root: Path, *arguments: str) -> Ran:
    return secagg(*arguments, bin_dir=root / "bin", home=root)


def test_commands_say_so_beside_their_answer(shop: Path) -> None:
    decide = ("--state", "accepted", "--reason", "x", "--dry-run")
    for words in (
        ("report", "--owner", "nobody"),
        ("triage", "--owned-by", "nobody", *decide),
        ("gate", "--owner", "nobody"),
    ):
        done = call(shop, *words)
        assert done.code in (0, 1)
        assert "note: no problem, in whatever state, has the owner nobody" in done.stderr
    asked = call(shop, "report", "--path", "Dockerfile", "--format", "json")
    assert asked.stderr == ""
    assert len(json.loads(asked.stdout)["problems"]) == 1


def test_the_gates_listing_takes_the_reports_filters(shop: Path) -> None:
    every = call(shop, "gate")
    some = call(shop, "gate", "--kind", "vulnerability", "--package", "lodash")
    assert (some.code, "1 of 2 problems pass the filters" in some.stderr) == (1, True)
    assert "DS-0025" in every.stdout.partition("problems:")[0]
    assert "DS-0025" not in some.stdout.partition("problems:")[0]
    # The verdict is that of all rows.
    assert every.stdout.partition("problems:")[2] == some.stdout.partition("problems:")[2]
    refused = call(shop, "gate", "--kind", "vulnerability", "--format", "json")
    assert refused.code == 2 and "filters are for the listing" in refused.stderr
