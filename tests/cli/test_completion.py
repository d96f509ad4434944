"""What Tab offers: from the last scan, nothing that a shell evaluates, and never an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from secagg.cli import completion
from secagg.cli.app import app
from secagg.pipeline import write
from secagg.system.files import OUTPUT_DIRECTORY

ROWS: list[dict[str, Any]] = [
    {"id": "b" * 32, "action": "ignore", "severity": "low", "rule": "KSV-1", "path": "a.yaml"},
    {"id": "a" * 32, "action": "fail", "severity": "high", "rule": "CVE-2026-1", "path": None},
]
REST: dict[str, Any] = {"component": "web", "package": "lodash", "owners": ["@acme/web"]}


def _scan(directory: Path, rows: list[dict[str, Any]]) -> Path:
    out = directory / OUTPUT_DIRECTORY
    out.mkdir(parents=True, exist_ok=True)
    (out / completion.DECISION_NAME).write_text(
        json.dumps({"findings": [REST | row for row in rows]})
    )
    return directory


def _offered(line: str, monkeypatch: pytest.MonkeyPatch, shell: str = "bash") -> list[str]:
    words = line.split(" ")
    given = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_SECAGG_COMPLETE": f"complete_{shell}",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    ran = CliRunner().invoke(app, prog_name="secagg", env=given)
    assert ran.exit_code == 0, ran.output
    return ran.output.split()


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("secagg triage ", ["a" * 10, "b" * 10]),
        ("secagg show b", ["b" * 10]),
        ("secagg report --id a", ["a" * 10]),
        ("secagg report --component ", ["web"]),
        ("secagg report --package lo", ["lodash"]),
        ("secagg triage --owned-by ", ["@acme/web", "none"]),
        ("secagg scan --tool tr", ["trivy", "trufflehog"]),
        ("secagg report --tool che", ["checkov"]),
        ("secagg gate --policy pr", ["pr-gate"]),
        ("secagg report --at-least c", ["critical"]),
        ("secagg report --kind s", ["secret"]),
        ("secagg report --state a", ["accepted", "all"]),
    ],
)
def test_words_are_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, wanted: list[str]
) -> None:
    monkeypatch.chdir(_scan(tmp_path, ROWS))
    assert _offered(line, monkeypatch) == wanted


def test_policy_files_are_offered_and_subfolders_find_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _scan(tmp_path, ROWS)
    (tmp_path / ".git").mkdir()
    below = tmp_path / "web"
    (below / "policies").mkdir(parents=True)
    (below / "policies" / "prod.yaml").touch()
    monkeypatch.chdir(below)
    assert _offered("secagg triage a", monkeypatch) == ["a" * 10]
    assert _offered("secagg gate --policy policies/", monkeypatch) == ["policies/prod.yaml"]


@pytest.mark.parametrize(
    "text", [None, "", "[", "[]", '{"findings": [{}]}', '{"findings": 3}', "\xff"]
)
def test_nothing_is_offered_where_nothing_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    if text is not None:
        (tmp_path / OUTPUT_DIRECTORY).mkdir()
        (tmp_path / OUTPUT_DIRECTORY / completion.DECISION_NAME).write_text(text, "latin-1")
    monkeypatch.chdir(tmp_path)
    for option in ("triage ", "report --component ", "report --package "):
        assert _offered(f"secagg {option}", monkeypatch) == []


_EVIL = st.text(
    st.characters(codec="utf-8") | st.sampled_from("$`'\";|&<>()\\\n\r\x1b{}*?~ "), max_size=30
)


@given(_EVIL, _EVIL)
def test_no_shell_finds_anything_to_obey(name: str, rule: str) -> None:
    rows = [{**ROWS[0], **REST, "component": name, "package": name, "owners": [name], "rule": rule}]
    context = typer.Context(typer.main.get_command(app))
    offers = (completion.components, completion.packages, completion.owners, completion.identities)
    with patch.object(completion, "_last_decision", lambda _: {"findings": rows}):
        for offer in offers:
            for value, told in offer(context, ""):
                assert set(value + told).isdisjoint("$`'\";|&<>()\\\n\r\x1b{}*?~!#")


def test_the_file_is_the_one_that_scans_write() -> None:
    assert completion.DECISION_NAME == write.DECISION_NAME
