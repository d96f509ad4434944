"""The two files, as FIRST and CISA publish them.

Sources: FIRST, "EPSS data and statistics" (a comment line ``#model_version:...,score_date:...``,
then ``cve,epss,percentile``; gzip); CISA, "Known Exploited Vulnerabilities Catalog", JSON schema.
"""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from secagg.errors import ReportError
from secagg.jsonio.text import loads

EPSS_NAME, KEV_NAME = "epss_scores.csv", "known_exploited_vulnerabilities.json"
LARGEST = 256 * 1024 * 1024
_GZIP = b"\x1f\x8b"
_CVE = re.compile(r"CVE-\d{4}-\d{4,}")
_ABOUT = re.compile(r"#\s*model_version:(?P<model>[^,\s]+),\s*score_date:(?P<date>\d{4}-\d\d-\d\d)")
_HINT = "download it again: secagg intel update"


@dataclass(frozen=True, slots=True)
class Epss:
    """Probabilities (0.0 to 1.0) of exploitation in the next 30 days, by CVE."""

    scores: Mapping[str, float]
    dated: date
    model: str


@dataclass(frozen=True, slots=True)
class IntelEntry:
    """What the KEV catalog says of a CVE; ``ransomware`` is True where its use is known."""

    due: date | None = None
    ransomware: bool | None = None


@dataclass(frozen=True, slots=True)
class Kev:
    """The catalog of what is known to be exploited, by CVE."""

    entries: Mapping[str, IntelEntry]
    dated: date
    version: str


def read_epss(data: bytes) -> Epss:
    """Read FIRST's CSV, compressed or not. Raises :class:`ReportError` for anything else."""
    text = _unpacked(data).decode("utf-8", "replace")
    first, _, rest = text.removeprefix("\ufeff").partition("\n")
    about = _ABOUT.match(first)
    if about is None:
        raise _bad(EPSS_NAME, "its first line does not give model_version and score_date")
    rows = csv.reader(io.StringIO(rest))
    if [name.strip() for name in next(rows, [])][:2] != ["cve", "epss"]:
        raise _bad(EPSS_NAME, "its columns are not cve,epss,percentile")
    scores: dict[str, float] = {}
    for number, row in enumerate(rows, start=3):
        if not row:
            continue
        try:
            cve, score = row[0].strip().upper(), float(row[1])
        except (IndexError, ValueError):
            raise _bad(EPSS_NAME, f"line {number} is no score") from None
        if not _CVE.fullmatch(cve) or not 0.0 <= score <= 1.0:
            raise _bad(EPSS_NAME, f"line {number} is no score")
        scores[cve] = score
    if not scores:
        raise _bad(EPSS_NAME, "it holds no score")
    return Epss(scores, _date(about["date"], EPSS_NAME), about["model"])


def read_kev(data: bytes) -> Kev:
    """Read CISA's JSON. Raises :class:`ReportError` for anything else."""
    document = loads(_unpacked(data), report=KEV_NAME)
    listed = document.get("vulnerabilities") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not listed:
        raise _bad(KEV_NAME, "it holds no list of vulnerabilities")
    count = document.get("count")
    if isinstance(count, int) and count != len(listed):
        raise _bad(KEV_NAME, f"it says that it holds {count} entries and holds {len(listed)}")
    entries = {}
    for number, item in enumerate(listed):
        cve = item.get("cveID") if isinstance(item, dict) else None
        if not isinstance(cve, str) or not _CVE.fullmatch(cve.strip().upper()):
            raise _bad(KEV_NAME, f"entry {number} has no cveID")
        entries[cve.strip().upper()] = _entry(item)
    released = str(document.get("dateReleased", ""))[:10]
    return Kev(entries, _date(released, KEV_NAME), str(document.get("catalogVersion", "")))


def _entry(item: Mapping[str, Any]) -> IntelEntry:
    due = item.get("dueDate")
    try:
        day = date.fromisoformat(due) if isinstance(due, str) else None
    except ValueError:
        day = None
    use = item.get("knownRansomwareCampaignUse")
    return IntelEntry(due=day, ransomware={"Known": True, "Unknown": None}.get(str(use)))


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    try:
        unpacker = zlib.decompressobj(wbits=31)
        text = unpacker.decompress(data, LARGEST)
    except zlib.error:
        raise _bad(EPSS_NAME, "it is damaged gzip data") from None
    if not unpacker.eof:
        why = "it is larger than it can be" if len(text) >= LARGEST else "it is cut off"
        raise _bad(EPSS_NAME, why)
    return text


def _date(text: str, name: str) -> date:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise _bad(name, "it has no date") from None


def _bad(name: str, why: str) -> ReportError:
    return ReportError(why, report=name, hint=_HINT)
