"""EPSS and KEV as they are published, and what must not pass for them."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path

import pytest

from secagg.errors import ConfigError, ReportError
from secagg.intel import (
    EPSS_NAME,
    KEV_NAME,
    Intel,
    IntelEntry,
    intel_directory,
    read_epss,
    read_kev,
)
from tests.intel.samples import EPSS, KEV, kev_json, put

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize("data", [EPSS, gzip.compress(EPSS), b"\xef\xbb\xbf" + EPSS])
def test_epss(data: bytes) -> None:
    epss = read_epss(data)
    assert epss.scores == {"CVE-2021-44228": 0.94358, "CVE-2020-0001": 0.0005}
    assert (epss.dated, epss.model) == (date(2026, 11, 20), "v2025.03.14")


def test_kev() -> None:
    kev = read_kev(KEV)
    assert kev.entries == {
        "CVE-2021-44228": IntelEntry(due=date(2021, 12, 24), ransomware=True),
        "CVE-2026-1000": IntelEntry(due=None, ransomware=None),
    }
    assert (kev.dated, kev.version) == (date(2026, 11, 20), "2026.11.20")


_HEAD = b"#model_version:v1,score_date:2026-11-20T00:00:00+0000\ncve,epss,percentile\n"
NO_EPSS = [
    b"",
    b"<html>blocked by the proxy</html>",
    _HEAD,
    _HEAD + b"CVE-2020-0001,1.5,0.1\n",
    _HEAD + b"CVE-2020-0001,nan,0.1\n",
    _HEAD + b"CVE-2020-0001\n",
    _HEAD + b"GHSA-1,0.5,0.1\n",
    b"cve,epss,percentile\nCVE-2020-0001,0.5,0.1\n",
    b"#model_version:v1,score_date:2026-13-40\ncve,epss,percentile\nCVE-2020-0001,0.5,0.1\n",
    gzip.compress(EPSS)[:-9],
    b"\x1f\x8bno gzip at all",
]


@pytest.mark.parametrize("data", NO_EPSS)
def test_what_is_no_epss_is_refused(data: bytes) -> None:
    with pytest.raises(ReportError):
        read_epss(data)


NO_KEV = [
    b"",
    b"[]",
    b"{}",
    kev_json(vulnerabilities=[]),
    kev_json(count=3),
    kev_json(vulnerabilities=[{"cveID": "log4j"}], count=1),
    kev_json(dateReleased="soon"),
]


@pytest.mark.parametrize("data", NO_KEV)
def test_what_is_no_kev_is_refused(data: bytes) -> None:
    with pytest.raises(ReportError):
        read_kev(data)


def test_what_is_known(tmp_path: Path) -> None:
    put(tmp_path)
    intel = Intel.load(tmp_path, TODAY)
    assert intel.notes == ()
    assert intel.epss("cve-2021-44228") == 0.94358
    assert intel.epss("CVE-1999-1") is None
    assert intel.kev("CVE-2021-44228") is True
    assert intel.kev("CVE-1999-1") is False


def test_missing_files_are_said(tmp_path: Path) -> None:
    intel = Intel.load(tmp_path / "none", TODAY)
    assert [note.partition(":")[0] for note in intel.notes] == [
        "There is no EPSS file",
        "There is no KEV file",
    ]
    assert intel.epss("CVE-2021-44228") is None
    assert intel.kev("CVE-2021-44228") is None


@pytest.mark.parametrize(
    ("today", "old"), [(date(2026, 11, 27), False), (date(2026, 11, 28), True)]
)
def test_old_files_are_used_and_said(tmp_path: Path, today: date, old: bool) -> None:
    put(tmp_path)
    intel = Intel.load(tmp_path, today)
    assert any("EPSS file, dated 2026-11-20, is 8 days old" in n for n in intel.notes) is old
    assert intel.epss("CVE-2021-44228") == 0.94358


def test_a_catalog_that_was_fetched_lately_is_not_old(tmp_path: Path) -> None:
    put(tmp_path)
    assert [n for n in Intel.load(tmp_path, date(2026, 11, 30)).notes if "KEV" in n] == []
    assert [n for n in Intel.load(tmp_path, date(2026, 12, 1)).notes if "KEV" in n]


@pytest.mark.parametrize("name", [EPSS_NAME, KEV_NAME])
def test_a_file_that_was_changed_is_refused(tmp_path: Path, name: str) -> None:
    put(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes().replace(b"CVE-2021-44228", b"CVE-2021-44229"))
    intel = Intel.load(tmp_path, TODAY)
    assert [n for n in intel.notes if "not what was downloaded and is not used" in n]
    unknown = intel.epss if name == EPSS_NAME else intel.kev
    assert unknown("CVE-2021-44228") is None


def test_a_file_put_there_by_hand_is_used_and_said(tmp_path: Path) -> None:
    (tmp_path / EPSS_NAME).write_bytes(EPSS)
    (tmp_path / KEV_NAME).write_bytes(b"{")
    intel = Intel.load(tmp_path, TODAY)
    assert intel.epss("CVE-2021-44228") == 0.94358
    assert any("EPSS file was put there by hand" in note for note in intel.notes)
    assert any("KEV catalog is not used" in note for note in intel.notes)


def test_a_record_that_is_broken_vouches_for_nothing(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "intel.json").write_text(json.dumps({"files": 1}))
    notes = Intel.load(tmp_path, TODAY).notes
    assert sum("by hand" in note for note in notes) == 2


def test_where_the_files_lie(tmp_path: Path) -> None:
    home = {"HOME": "/home/ada"}
    assert intel_directory(home) == Path("/home/ada/.cache/secagg/intel")
    cache = home | {"XDG_CACHE_HOME": "/cache"}
    assert intel_directory(cache) == Path("/cache/secagg/intel")
    assert intel_directory(home | {"XDG_CACHE_HOME": "relative"}) == intel_directory(home)
    assert intel_directory(cache | {"SECAGG_INTEL_DIR": "here"}) == Path("here")
    with pytest.raises(ConfigError, match="no place"):
        intel_directory({})
