"""Entry points: those that the standard library finds, without its cost."""

from __future__ import annotations

import os
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from secagg.system.entrypoints import entry_points, load


def _install(place: Path, name: str, entries: bytes) -> None:
    info = place / f"{name}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.partition('-')[0]}\n")
    (info / "entry_points.txt").write_bytes(entries)


@pytest.mark.parametrize("group", ["secagg.parsers", "console_scripts", "pytest11", "no.such"])
def test_they_are_those_of_the_standard_library(group: str) -> None:
    expected = {entry.name: entry.value for entry in metadata.entry_points(group=group)}
    assert entry_points(group) == expected
    assert bool(expected) is (group != "no.such")


def test_sections_comments_and_extras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"[other]\nb = no:no\n[ours]\n# c = no:no\n a=os:path.join [extra]\n\n[last]\nd=no:no\n"
    _install(tmp_path, "plug_in-1.0", text)
    monkeypatch.syspath_prepend(tmp_path)
    (value,) = entry_points("ours").values()
    assert load(value) is os.path.join


def test_the_first_distribution_of_a_name_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path / "old", "plug.in-1.0", b"[ours]\na = old:a\nb = old:b\n")
    _install(tmp_path / "new", "Plug_In-2.0", b"[ours]\na = new:a\n")
    monkeypatch.syspath_prepend(tmp_path / "old")
    monkeypatch.syspath_prepend(tmp_path / "new")
    assert entry_points("ours") == {"a": "new:a"}


def test_archives_on_the_path_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "plugins.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("zipped-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: zipped\n")
        out.writestr("zipped-1.0.dist-info/entry_points.txt", "[ours]\nz = zipped:z\n")
    monkeypatch.syspath_prepend(archive)
    assert entry_points("ours") == {"z": "zipped:z"}
