"""Exception files are read from the work tree without leaving it, and never passed over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secagg.decisions import load_exceptions, work_tree
from secagg.errors import ConfigError
from tests.decisions.make import TODAY, loaded

NAMES = ["secagg-exceptions.yaml", ".trivyignore", ".trivyignore.yaml", ".gitleaksignore", ".snyk"]


def test_no_files_no_exceptions(tmp_path: Path) -> None:
    assert load_exceptions(tmp_path, today=TODAY).all() == []


def test_files_of_the_work_tree_are_read(tmp_path: Path) -> None:
    (tmp_path / ".trivyignore").write_text("CVE-2021-1111\n")
    assert [e.source for e in load_exceptions(tmp_path, today=TODAY).all()] == [".trivyignore:1"]


@pytest.mark.parametrize("name", NAMES)
def test_link_out_of_the_tree_is_refused(name: str, tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.write_text("")
    (root / name).symlink_to(outside)
    with pytest.raises(ConfigError, match="leads out of the repository") as caught:
        load_exceptions(root, today=TODAY)
    assert str(caught.value).startswith(name)


def test_link_within_the_tree_is_followed(tmp_path: Path) -> None:
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci/ignored").write_text("CVE-2021-1111\n")
    (tmp_path / ".trivyignore").symlink_to("ci/ignored")
    assert len(load_exceptions(tmp_path, today=TODAY).all()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(ConfigError):
        load_exceptions(tmp_path, today=TODAY)


def test_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".trivyignore")
    with pytest.raises(ConfigError, match="no regular file"):
        load_exceptions(tmp_path, today=TODAY)


def test_dangling_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".snyk").symlink_to("nowhere")
    with pytest.raises(ConfigError, match=r"^\.snyk: cannot be read"):
        load_exceptions(tmp_path, today=TODAY)


@pytest.mark.parametrize("name", NAMES)
def test_huge_and_binary_files_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        loaded({name: b"#" * ((1 << 20) + 1)})
    with pytest.raises(ConfigError, match=rf"^{name}:3: not UTF-8"):
        loaded({name: b"#\n#\n\xff\n"})


def test_path_above_the_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "vex.json").write_text("{}")
    with pytest.raises(ConfigError, match="leads out"):
        work_tree(tmp_path / "root")("../vex.json")


def test_texts_are_masked_and_cut() -> None:
    text = f"# {'x' * 2000} hunter2\nCVE-2021-1111\n# hunter2\nCVE-2021-2222\n"
    one, other = loaded(
        {".trivyignore": text}, mask=lambda text: text.replace("hunter2", "***")
    ).all()
    assert len(one.reason or "") == 500
    assert other.reason == "***"
