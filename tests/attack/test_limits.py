"""No input of 1 MB takes more than 300 MB of memory or a few seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from secagg.errors import ConfigError, ReportError
from secagg.github.bundle import UntrustedBundle, unpack
from secagg.sarif.reader import MOST_RUNS, read
from secagg.sarif.text import LONGEST_FILLED, fill, message_text, plain_links, shortened
from secagg.sarif.uris import LONGEST_PATH
from secagg.secrets.redactor import Redactor
from secagg.system.files import read_given, read_regular
from secagg.system.yamlfile import MOST_ENTRIES
from tests.attack import limits
from tests.attack.limitrun import run_input

# The others are run by `make attack`.
SLICE = [
    ("report", "placeholders"),
    ("report", "messages-by-id"),
    ("report", "many-tags"),
    ("report", "long-tool-name"),
    ("report", "empty-runs"),
    ("report", "brackets-in-a-message"),
    ("report", "slashes-in-a-rule"),
    ("report", "one-long-path"),
    ("report", "secrets-of-one-beginning"),
    ("bundle", "empty-runs"),
    ("bundle", "one-text"),
    ("yaml", "flow"),
    ("yaml", "aliases"),
    ("patterns", "all"),
]


@pytest.mark.parametrize(("kind", "name"), SLICE)
def test_within_the_limits(kind: str, name: str, tmp_path: Path) -> None:
    ended = run_input(kind, name, tmp_path)
    assert ended.well, ended


def test_filled_in_messages_are_cut_and_say_so() -> None:
    filled = fill("{0}" * 10_000, ["x" * 1_000])
    assert len(filled) <= 30_000 + 1_000
    assert filled.endswith("(cut)")
    assert fill("{0} and {1}, {{}}", ["a", "b"]) == "a and b, {}"
    assert fill("{0}", ["x" * 9_000]) == "x" * 9_000
    assert fill("{" + "9" * 9_000 + "}", ["a"]) == "{" + "9" * 9_000 + "}"


def test_messages_that_are_looked_up_are_cut() -> None:
    strings = {"m": {"text": "x" * 100_000}}
    assert len(message_text({"id": "m"}, strings, {})) == LONGEST_FILLED
    # What a result spells out itself may be as long as it is.
    assert len(message_text({"text": "x" * 100_000}, {}, {})) == 100_000


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("see [the source](1) and [the sink](2).", "see the source and the sink."),
        ("[a](b)", "[a](b)"),
        ("[[a](1)]", "[a]"),
        (r"[a\]b](1)", r"a\]b"),
        (r"\[a](1)", r"\[a](1)"),
        ("a](1) [b](2)", "a](1) b"),
        ("[](1)", ""),
        ("[a] (1)", "[a] (1)"),
    ],
)
def test_links_become_their_words(text: str, plain: str) -> None:
    assert plain_links(text) == plain


def test_shortened_names_stay_apart() -> None:
    first, second = "a" * 5_000 + "1", "a" * 5_000 + "2"
    keyed = Redactor(b"a key of 32 bytes for tests only").keyed
    assert shortened(first, 100, keyed) != shortened(second, 100, keyed)
    assert len(shortened(first, 100, keyed)) == 100
    assert shortened("a", 100, keyed) == "a"
    # Without a key, nothing is said of what is cut off.
    assert shortened(first, 100, None) == shortened(second, 100, None) == "a" * 99 + "\u2026"


def test_two_long_paths_are_two_findings(tmp_path: Path) -> None:
    file = tmp_path / "long.sarif"
    file.write_bytes(limits.sarif([limits.result(uri="p" * 20_000 + end) for end in "ab"]))
    uris = [finding.location.uri for finding in read(file).findings]
    assert len(set(uris)) == 2
    assert all(len(uri or "") == LONGEST_PATH for uri in uris)


def test_reports_of_too_many_runs_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "runs.sarif"
    file.write_bytes(limits.REPORTS["empty-runs"]())
    with pytest.raises(ReportError, match=f"more than {MOST_RUNS:,} runs"):
        read(file)


@pytest.mark.parametrize("name", ["empty-runs", "white-space", "one-text", "two-members"])
def test_bundles_that_grow_are_refused(name: str) -> None:
    with pytest.raises(UntrustedBundle, match="unpacks to more than 3"):
        unpack(limits.BUNDLES[name]())


@pytest.mark.parametrize("text", [limits.YAML["flow"](), limits.YAML["many-keys"]()])
def test_yaml_with_too_many_entries_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"more than {MOST_ENTRIES:,} lines and entries"):
        _config(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("owners:\n  " + limits.YAML["aliases"]().replace("\n", "\n  "), "aliases repeat too much"),
        ("owners: " + "[" * 200, "lists in each other"),
    ],
)
def test_yaml_that_grows_is_refused(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=why):
        _config(tmp_path, text)


def test_special_files_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "out").symlink_to("/etc/passwd")
    (tmp_path / "in").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"12345")
    for name, why in (
        ("pipe", "no regular file"),
        ("zero", "leads out of the repository"),
        ("out", "leads out of the repository"),
        (".", "no regular file"),
    ):
        with pytest.raises(OSError, match=why):
            read_regular(tmp_path / name, limit=10, within=tmp_path)
    assert read_regular(tmp_path / "in", limit=5, within=tmp_path) == b"12345"
    with pytest.raises(OSError, match="larger than"):
        read_regular(tmp_path / "in", limit=4, within=tmp_path)
    with pytest.raises(OSError, match="device"):
        read_given(Path("/dev/zero"), limit=10)


def test_a_named_pipe_that_the_user_gives_is_read() -> None:
    # As of a shell's <(command).
    code = "import sys; from pathlib import Path; from secagg.system.files import read_given; "
    code += "sys.stdout.buffer.write(read_given(Path('/dev/stdin'), limit=10))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=b"words",
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=True,
    )
    assert done.stdout == b"words"


def _config(directory: Path, text: str) -> None:
    from secagg.config import load_config

    file = directory / "secagg.yaml"
    file.write_text(text)
    load_config(directory, file)
