"""EPSS scores and the KEV catalog of exploited vulnerabilities, read from files.

Sources: FIRST, "EPSS data and statistics" (a comment line ``#model_version:...,score_date:...``,
then ``cve,epss,percentile``; gzip); CISA, "Known Exploited Vulnerabilities Catalog", JSON schema.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from secagg.errors import ConfigError, ReportError
from secagg.jsonio.members import as_list, value_at
from secagg.jsonio.output import indented
from secagg.jsonio.reading import loads
from secagg.system.files import replace_file
from secagg.system.userdirs import user_directory

__all__ = ["Intel", "IntelEntry"]

NAME = "intel.json"
VARIABLE = "SECAGG_INTEL_DIR"
EPSS_NAME, KEV_NAME = "epss_scores.csv", "known_exploited_vulnerabilities.json"
# Bytes of an unpacked file.
LARGEST = 256 * 1024 * 1024
# An older file is used, with a note.
STALE = timedelta(days=7)

_GZIP = b"\x1f\x8b"
_CVE = re.compile(r"CVE-\d{4}-\d{4,}")
_EPSS_HEADER = re.compile(
    r"#\s*model_version:(?P<model>[^,\s]+),\s*score_date:(?P<date>\d{4}-\d\d-\d\d)"
)
_HINT = "download it again: secagg intel update"
_UPDATE = "run secagg intel update"
_NOT_KNOWN = "what rules ask of it is not known, and counts as the stricter answer"


class FileRecord(msgspec.Struct, kw_only=True):
    """A downloaded file: ``sha256`` of its bytes as stored, ``dated`` is its publisher's day."""

    url: str
    sha256: str
    dated: str
    fetched_at: datetime
    entries: int


class Record(msgspec.Struct, kw_only=True):
    """The contents of ``intel.json``: the downloaded files by name."""

    version: int = 1
    files: dict[str, FileRecord] = {}


def intel_directory(environ: Mapping[str, str]) -> Path:
    """Return ``SECAGG_INTEL_DIR``, else ``secagg/intel`` in the user's cache directory.

    Raises :class:`ConfigError` without that variable and without a home directory.
    """
    if directory := environ.get(VARIABLE):
        return Path(directory)
    cache = user_directory("cache", environ)
    if cache is None:
        raise ConfigError("there is no place for EPSS and KEV files", hint=f"set {VARIABLE}")
    return cache / "secagg" / "intel"


def read_record(directory: Path) -> Record | None:
    """Return the record of a directory; None if there is none, or it cannot be read."""
    try:
        return msgspec.json.decode((directory / NAME).read_bytes(), type=Record)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError):
        return None


def write_record(directory: Path, record: Record) -> None:
    """Write ``intel.json`` atomically."""
    replace_file(directory / NAME, indented(record))


def checksum(data: bytes) -> str:
    """Return the SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


class Epss(Struct, frozen=True):
    """Probabilities (0.0 to 1.0) of exploitation in the next 30 days, by CVE."""

    scores: Mapping[str, float]
    dated: date
    model: str


class IntelEntry(Struct, frozen=True):
    """The KEV catalog's entry of a CVE; ``ransomware`` is True if such use is known."""

    due: date | None = None
    ransomware: bool | None = None


class Kev(Struct, frozen=True):
    """The catalog of known exploited vulnerabilities, by CVE."""

    entries: Mapping[str, IntelEntry]
    dated: date
    version: str


def read_epss(data: bytes) -> Epss:
    """Read FIRST's CSV, compressed or not. Raises :class:`ReportError` for anything else."""
    text = _unpacked(data).decode("utf-8", "replace")
    first_line, _, rest = text.removeprefix("\ufeff").partition("\n")
    header = _EPSS_HEADER.match(first_line)
    if header is None:
        raise _error(EPSS_NAME, "its first line does not give model_version and score_date")
    rows = csv.reader(io.StringIO(rest))
    if [name.strip() for name in next(rows, [])][:2] != ["cve", "epss"]:
        raise _error(EPSS_NAME, "its columns are not cve,epss,percentile")
    scores: dict[str, float] = {}
    for number, row in enumerate(rows, start=3):
        if not row:
            continue
        try:
            cve, score = row[0].strip().upper(), float(row[1])
        except (IndexError, ValueError):
            raise _error(EPSS_NAME, f"line {number} is no score") from None
        if not _CVE.fullmatch(cve) or not 0.0 <= score <= 1.0:
            raise _error(EPSS_NAME, f"line {number} is no score")
        scores[cve] = score
    if not scores:
        raise _error(EPSS_NAME, "it holds no score")
    return Epss(scores, _date(header["date"], EPSS_NAME), header["model"])


def read_kev(data: bytes) -> Kev:
    """Read CISA's JSON. Raises :class:`ReportError` for anything else."""
    document = loads(_unpacked(data), report=KEV_NAME)
    vulnerabilities = as_list(value_at(document, "vulnerabilities"))
    if not vulnerabilities:
        raise _error(KEV_NAME, "it holds no list of vulnerabilities")
    count = document.get("count")
    if isinstance(count, int) and count != len(vulnerabilities):
        raise _error(
            KEV_NAME, f"it says that it holds {count} entries and holds {len(vulnerabilities)}"
        )
    entries = {}
    for number, item in enumerate(vulnerabilities):
        cve = value_at(item, "cveID")
        if not isinstance(cve, str) or not _CVE.fullmatch(cve.strip().upper()):
            raise _error(KEV_NAME, f"entry {number} has no cveID")
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
        raise _error(EPSS_NAME, "it is damaged gzip data") from None
    if not unpacker.eof:
        reason = "it is larger than it can be" if len(text) >= LARGEST else "it is cut off"
        raise _error(EPSS_NAME, reason)
    return text


def _date(text: str, name: str) -> date:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise _error(name, "it has no date") from None


def _error(name: str, reason: str) -> ReportError:
    return ReportError(reason, report=name, hint=_HINT)


class Intel(Struct, frozen=True, kw_only=True):
    """EPSS and KEV data; ``notes`` are sentences on missing, old and refused files."""

    epss_file: Epss | None = None
    kev_file: Kev | None = None
    notes: Sequence[str] = ()

    @classmethod
    def load(cls, directory: Path, today: date) -> Intel:
        """Read the files in ``directory``; ``today`` is in UTC. Never raises for bad files.

        A file that cannot be read, or does not have the recorded checksum, is refused with a note.
        """
        notes: list[str] = []
        record = read_record(directory)
        data = _read_checked(directory, EPSS_NAME, "EPSS", record, notes)
        epss = kev = None
        try:
            epss = None if data is None else read_epss(data)
        except ReportError as error:
            notes.append(f"EPSS scores are not used: {error.message}; {_UPDATE}")
        data = _read_checked(directory, KEV_NAME, "KEV", record, notes)
        try:
            kev = None if data is None else read_kev(data)
        except ReportError as error:
            notes.append(f"The KEV catalog is not used: {error.message}; {_UPDATE}")
        if epss is not None:
            notes += _age("The EPSS file", epss.dated, today)
        if kev is not None:
            # The catalog gets a new date only when an entry is added.
            file_record = None if record is None else record.files.get(KEV_NAME)
            fetched = kev.dated if file_record is None else file_record.fetched_at.date()
            notes += _age("The KEV catalog", max(kev.dated, fetched), today)
        return cls(epss_file=epss, kev_file=kev, notes=tuple(notes))

    def epss(self, cve: str) -> float | None:
        """Return the probability (0.0 to 1.0) that a CVE is exploited within 30 days, if known."""
        return None if self.epss_file is None else self.epss_file.scores.get(cve.strip().upper())

    def kev(self, cve: str) -> bool | None:
        """Tell whether a CVE is known to be exploited; None without the catalog."""
        return None if self.kev_file is None else self.kev_entry(cve) is not None

    def kev_entry(self, cve: str) -> IntelEntry | None:
        """Return the catalog's entry of a CVE, if there is one."""
        return None if self.kev_file is None else self.kev_file.entries.get(cve.strip().upper())


def _read_checked(
    directory: Path, name: str, what: str, record: Record | None, notes: list[str]
) -> bytes | None:
    """Return the bytes of a file, or None and a note if it is missing or not as recorded."""
    try:
        data = (directory / name).read_bytes()
    except FileNotFoundError:
        notes.append(f"There is no {what} file: {_NOT_KNOWN}; {_UPDATE}")
        return None
    except OSError as error:
        notes.append(f"The {what} file cannot be read ({error.strerror}); {_UPDATE}")
        return None
    file_record = None if record is None else record.files.get(name)
    if file_record is None:
        notes.append(f"The {what} file was put there by hand: there is no checksum to hold it to")
    elif checksum(data) != file_record.sha256:
        notes.append(f"The {what} file is not what was downloaded and is not used; {_UPDATE}")
        return None
    return data


def _age(what: str, dated: date, today: date) -> list[str]:
    age = today - dated
    if age > STALE:
        return [f"{what}, dated {dated}, is {age.days} days old; {_UPDATE}"]
    return []
