"""The log says what was decided and why, on standard error, and leaks nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from secagg.cli import app as cli
from secagg.output.logs import show_logs

SECRET = "ghp_" + "Zx9Kq2Lm7Vb4Nc8Td1Wf6Yh3Rj5Ps0Ga2Be"
REPORT = [
    {
        "RuleID": "github-pat",
        "Description": "A GitHub token",
        "StartLine": 3,
        "EndLine": 3,
        "StartColumn": 9,
        "EndColumn": 48,
        "Match": SECRET,
        "Secret": SECRET,
        "File": "deploy/run.sh",
        "SymlinkFile": "",
        "Commit": "",
        "Entropy": 4.9,
        "Author": "",
        "Email": "",
        "Date": "",
        "Message": "",
        "Tags": [],
        "Fingerprint": "deploy/run.sh:github-pat:3",
    }
]


@pytest.fixture(autouse=True)
def _quiet_afterwards() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("secagg", "secagg_parsers")]
    yield
    for logger in loggers:
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


def secagg(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr("sys.argv", ["secagg", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.run()
    return ended.value.code


@pytest.mark.parametrize("by_variable", [False, True])
def test_debug_says_what_was_decided_and_why(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    by_variable: bool,
) -> None:
    report = tmp_path / "gitleaks.json"
    report.write_text(json.dumps(REPORT))
    if by_variable:
        monkeypatch.setenv("SECAGG_LOG", "debug")
    options = [] if by_variable else ["--debug"]
    output = ["--root", str(tmp_path), "-o", str(tmp_path / "out"), "--no-store"]
    code = secagg(monkeypatch, *options, "parse", str(report), *output)
    lines = capsys.readouterr().err.splitlines()
    assert code == 1
    assert "secagg: debug: pipeline.parse: gitleaks.json is a report of gitleaks" in lines
    assert any("policy default; deciding files of the work tree" in line for line in lines)
    assert any("(high): fail by rule" in line or "(critical): fail" in line for line in lines)
    assert any("verdict of policy default: fail" in line for line in lines)
    assert SECRET not in "\n".join(lines)


def test_without_it_nothing_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "gitleaks.json"
    report.write_text("[]")
    monkeypatch.delenv("SECAGG_LOG", raising=False)
    output = ["--root", str(tmp_path), "-o", str(tmp_path / "out"), "--no-store"]
    secagg(monkeypatch, "parse", str(report), *output)
    assert "debug" not in capsys.readouterr().err


def test_an_unknown_level_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SECAGG_LOG", "loud")
    assert secagg(monkeypatch, "policy", "list") == 2
    assert "levels: debug, info, warning, error" in capsys.readouterr().err


def test_a_line_is_masked_and_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_logs("debug")
    logging.getLogger("secagg.anything").debug("token %s\n::error::\x1b[31m obeyed?", SECRET)
    logging.getLogger("httpx").debug("Authorization: %s", SECRET)
    text = capsys.readouterr().err
    assert SECRET not in text
    assert [line.startswith("secagg: debug: anything: ") for line in text.splitlines()] == [
        True
    ] * 2
    assert "\x1b" not in text


def test_a_line_that_cannot_be_made_leaks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show_logs("debug")
    logging.getLogger("secagg.anything").debug("%d", SECRET)
    text = capsys.readouterr().err
    assert text == "secagg: error: a line of the log of secagg.anything cannot be shown\n"


def test_an_internal_error_shows_its_masked_words_and_how_to_report_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**options: object) -> None:
        raise RuntimeError(f"cannot read {SECRET}\n::error::of a report")

    monkeypatch.setattr(cli, "app", broken)
    assert secagg(monkeypatch, "scan") == 70
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("secagg: internal error: RuntimeError: cannot read ")
    assert SECRET not in "\n".join(lines)
    assert not any(line.startswith("::") for line in lines)
    assert any(line.strip().startswith("secagg ") and "Python 3" in line for line in lines)
    assert "secagg --debug" in lines[-1]
