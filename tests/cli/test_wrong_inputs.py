"""What is told of a wrong option, file or setting: what is expected, in no library's words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from secagg.system.mistakes import message_in_words
from tests.cli.running import secagg

# Terms of pydantic, Typer and Python, and forms that only programs read.
_LIBRARY = re.compile(
    r"Value error|Input should|pydantic|dictionary|instance|NoneType|Traceback|%Y|\^\[|\(s\)|errno",
    re.IGNORECASE,
)
_OPTIONS = [
    (("triage", "abcdef", "--state", "acepted", "--reason", "x"), "is not one of open, confirmed,"),
    (("report", "--format", "pdf"), "'pdf' is not one of full, concise,"),
    (("report", "--limit", "-4"), "at least 0 is expected"),
    (("report", "--limit", "many"), "a whole number is expected"),
    (("serve", "--port", "70000"), "at most 65535 is expected"),
    (("gate", "--today", "31.12.2026"), "'31.12.2026' is no day such as 2026-12-31"),
    (("scan", "--timeout", "soon"), "a number with s, m or h behind it"),
    (("sync", "badword"), "badword is not expected here"),
    (("report", "--severity", "hgh"), "one of critical, high,"),
    (("scan", "--tool", "trvy"), "known: trivy,"),
    (("upload", "no.sarif"), "--repo OWNER/NAME"),
]
_FILES = [
    ("secagg.yaml", "tools: {snyk: true}", "keys with values are expected, such as {enabled"),
    ("secagg.yaml", "tools: {trivy: {enabled: maybe}}", "true or false is expected"),
    ("secagg.yaml", "tools: {gitleaks: {sha256: xyz}}", "a SHA-256 has 64 hexadecimal digits"),
    ("secagg.yaml", "tools: {trivvy: {}}", "did you mean trivy?"),
    ("secagg.yaml", "jobs: many", "a whole number is expected"),
    ("policy.yaml", "name: p\nrules: 5", "a list is expected"),
    (
        "policy.yaml",
        "name: p\nrules: [{name: a, match: {not: 5}, action: fail}]",
        "match.not: keys",
    ),
    ("policy.yaml", "name: p\nmax_age: {high: soon}", "a number of days is written 30d"),
]


@pytest.mark.parametrize(("words", "told"), _OPTIONS)
def test_a_wrong_option_is_told_in_plain_words(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    ran = secagg(*words, bin_dir=tmp_path, home=tmp_path)
    assert ran.code == 2
    text = " ".join(ran.stderr.split())
    assert told in text
    assert _LIBRARY.search(text) is None, text


@pytest.mark.parametrize(("name", "text", "told"), _FILES)
def test_a_wrong_file_is_told_in_plain_words(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    (tmp_path / name).write_text(text + "\n")
    words = ("config", "show") if name == "secagg.yaml" else ("policy", "check", name)
    ran = secagg(*words, bin_dir=tmp_path, home=tmp_path)
    assert ran.code == 2
    said = " ".join((ran.stderr + ran.stdout).split())
    assert told in said
    assert f"{name}:" in said
    assert _LIBRARY.search(said) is None, said


def test_a_message_without_such_words_stays_as_it_is() -> None:
    assert message_in_words("No such option: --frobnicate") == "No such option: --frobnicate"
