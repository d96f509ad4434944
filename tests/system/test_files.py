"""Files written in one step: old or new, never half, and never more readable than meant."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from secagg.system.files import PRIVATE, create_file, part_of, replace_file, replacing


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")

    def fail_half_way() -> None:
        with replacing(file) as out:
            out.write(b"half")
            assert file.read_text() == "old"
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert (file.read_text(), os.listdir(tmp_path)) == ("old", ["a.txt"])
    with replacing(file, durable=True) as out:
        out.write(b"new")
    assert (file.read_text(), os.listdir(tmp_path), mode(file)) == ("new", ["a.txt"], 0o640)


def test_directories_are_made_and_modes_kept_narrow(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b.txt"
    replace_file(file, b"x", mode=PRIVATE)
    assert (file.read_bytes(), mode(file)) == (b"x", 0o600)


def test_who_comes_first_keeps_the_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    assert create_file(file, b"first")
    assert not create_file(file, b"second")
    assert (file.read_bytes(), mode(file), os.listdir(tmp_path)) == (b"first", 0o600, ["key"])


def test_a_part_is_gone_unless_it_was_moved(tmp_path: Path) -> None:
    target = tmp_path / "backup"
    (tmp_path / "backup.part").symlink_to("/etc/passwd")

    with part_of(target) as part:
        assert not part.is_symlink() and mode(part) == 0o600
    assert os.listdir(tmp_path) == []
    with part_of(target) as part:
        part.replace(target)
    assert os.listdir(tmp_path) == ["backup"]
