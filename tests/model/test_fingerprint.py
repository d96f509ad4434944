"""``primaryLocationLineHash``: codeql-action's vectors, and a slow second opinion."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secagg.model.finding import Finding, Kind, Location, Severity
from secagg.model.fingerprint import line_hashes_for, read_source
from secagg.model.identity import set_identities

_VECTORS = json.loads(
    (Path(__file__).parent.parent / "data" / "fingerprint-vectors.json").read_text()
)
# All 10,000 with SECAGG_ALL_FILES=1; a slice of them otherwise.
_FILES = 10_000 if os.environ.get("SECAGG_ALL_FILES") else 400


def line_hashes(data: bytes) -> list[str]:
    """Return the hashes of all lines of ``data``, in order."""
    return list(line_hashes_for(data, range(1, len(data) + 2)).values())


@pytest.mark.parametrize("vector", _VECTORS["vectors"])
def test_vectors_of_codeql_action(vector: dict[str, Any]) -> None:
    assert line_hashes(vector["input"].encode()) == vector["line_hashes"]


def rolled(data: bytes) -> list[str]:
    """The rule step by step: one unit after the other through a ring of a hundred."""
    encoded = data.decode("utf-8", "replace").encode("utf-16-le")
    units = [int.from_bytes(encoded[i : i + 2], "little") for i in range(0, len(encoded), 2)]
    window = [0] * 100
    line_of = [-1] * 100
    state = {"at": 0, "hash": 0, "new_line": True, "line": 0, "after_cr": False}
    out: dict[int, str] = {}
    times: Counter[str] = Counter()
    first = pow(37, 100, 1 << 64)

    def put(unit: int) -> None:
        at = state["at"]
        leaving = window[at]
        if line_of[at] != -1:
            value = f"{state['hash']:x}"
            times[value] += 1
            out[line_of[at]] = f"{value}:{times[value]}"
        line_of[at] = -1
        if state["new_line"]:
            state["new_line"] = False
            line_of[at] = state["line"]
            state["line"] += 1
        if unit == 10:
            state["new_line"] = True
        window[at] = unit
        state["hash"] = (37 * state["hash"] + unit - first * leaving) % (1 << 64)
        state["at"] = (at + 1) % 100

    for unit in units:
        if unit in (32, 9) or (unit == 10 and state["after_cr"]):
            state["after_cr"] = False
            continue
        state["after_cr"] = unit == 13
        put(10 if unit == 13 else unit)
    put(65535)
    for _ in range(100):
        if state["new_line"]:
            # Zeros flush the window; they open no line of their own.
            state["new_line"] = False
        put(0)
    return [out[line] for line in sorted(out)]


def made_file(seed: int) -> bytes:
    """A random file: code or noise, any line ending, lines from empty to very long."""
    made = random.Random(seed)
    alphabet = made.choice(
        ["abc", "ab \t", "x=1;\t (){}", "aä€😀\ufeff", "".join(map(chr, range(32, 127)))]
    )
    endings = made.choice([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n", "\r", "\r \n", "\n\r"]])
    longest = made.choice([0, 3, 40, 99, 100, 101, 400])
    repeated = "".join(made.choices(alphabet, k=longest))
    parts = []
    for _ in range(made.choice([0, 1, 2, 12, 150])):
        line = "".join(made.choices(alphabet, k=made.randint(0, longest)))
        parts.append(made.choice([line, repeated]))
        parts.append(made.choice(endings))
    data = "".join(parts[: len(parts) - made.randint(0, 1)]).encode()
    if made.random() < 0.2:
        data = bytes(made.choices(range(256), k=made.randint(0, 600)))
    return data


def test_random_files_agree_with_the_slow_reference() -> None:
    for seed in range(_FILES):
        data = made_file(seed)
        assert line_hashes(data) == rolled(data), seed


@settings(deadline=None)
@given(st.binary(max_size=800))
def test_any_bytes_agree_with_the_slow_reference(data: bytes) -> None:
    assert line_hashes(data) == rolled(data)


def test_blocks_join_without_a_seam() -> None:
    """Files longer than one block of prefix sums, with and without very long lines."""
    made = random.Random(7)
    short = "\n".join("".join(made.choices("abcdef", k=made.randint(0, 30))) for _ in range(3000))
    for text in (short, "x" * 30_000 + "\n" + short, short + "\n" + "y" * 9000 + "\nz"):
        assert line_hashes(text.encode()) == rolled(text.encode())


@settings(deadline=None)
@given(st.binary(max_size=400), st.lists(st.integers(-2, 30), max_size=6))
def test_chosen_lines_have_the_hashes_of_all(data: bytes, lines: list[int]) -> None:
    every = line_hashes(data)
    expected = {n: every[n - 1] for n in lines if 1 <= n <= len(every)}
    assert line_hashes_for(data, lines) == expected


# -- findings in a checkout -----------------------------------------------------------------


def _finding(uri: str | None, line: int | None, **place: Any) -> Finding:
    location = Location(uri=uri, start_line=line, **place)
    return Finding(
        tool="t", kind=Kind.CODE, rule_id="r", severity=Severity.LOW, title="t", location=location
    )


def test_findings_get_the_hash_of_their_line(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "c.py").write_bytes(b"x = 2\nx = 1\n")
    findings = [_finding("a b/c.py", line) for line in (1, 2, 3, 9, None)]
    given = _finding("a b/c.py", 1)
    given.line_hash = "from-the-tool:1"
    set_identities([*findings, given], tmp_path)
    assert [f.line_hash for f in findings] == [*line_hashes(b"x = 2\nx = 1\n"), None, None]
    assert given.line_hash == "from-the-tool:1"


def test_every_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text("x\n" * 50)
    opened: list[str] = []
    real = os.open

    def counted(path: str, *args: Any, **kwargs: Any) -> int:
        opened.append(path)
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", counted)
    set_identities([_finding("a.py", line) for line in range(1, 51)], tmp_path)
    assert len(opened) == 1


def test_places_without_a_line_in_the_work_tree_get_no_hash(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x\n")
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "pipe")
    findings = [
        _finding("missing.py", 1),
        _finding("d", 1),
        _finding("pipe", 1),
        _finding("a.py\0", 1),
        _finding(None, 1),
        _finding("a.py", 1, commit="0" * 40),
        _finding("a.py", 1, image="app:1"),
        _finding("https://example.com/a.py", 1),
    ]
    set_identities(findings, tmp_path)
    assert [f.line_hash for f in findings] == [None] * len(findings)


def test_nothing_outside_of_the_checkout_is_read(tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    root.mkdir()
    (tmp_path / "outside.py").write_text("x\n")
    (root / "inside.py").write_text("x\n")
    os.symlink(tmp_path / "outside.py", root / "link.py")
    os.symlink(root / "inside.py", root / "good.py")
    os.symlink(tmp_path, root / "up")
    outside = ["../outside.py", str(tmp_path / "outside.py"), "link.py", "up/outside.py"]
    findings = [_finding(uri, 1) for uri in [*outside, "good.py"]]
    set_identities(findings, root)
    assert [f.line_hash is None for f in findings] == [True] * 4 + [False]


def test_a_checkout_behind_a_link_is_read(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.py").write_text("x\n")
    os.symlink(tmp_path / "real", tmp_path / "named")
    finding = _finding("a.py", 1)
    set_identities([finding], tmp_path / "named")
    assert finding.line_hash == line_hashes(b"x\n")[0]


def test_a_huge_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"x" * 2000)
    assert read_source(tmp_path.resolve(), "a.bin", limit=1999) is None
    assert read_source(tmp_path.resolve(), "a.bin", limit=2000) == b"x" * 2000
