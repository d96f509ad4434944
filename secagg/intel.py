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
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from secagg.errors import ConfigError, ReportError
from secagg.jsonio.reading import loads
from secagg.system.files import replace_file

__all__ = ["Intel", "IntelEntry"]

NAME = "intel.json"


VARIABLE = "SECAGG_INTEL_DIR"


class FileRecord(BaseModel):
    """One file: ``sha256`` of its bytes as they lie there, ``dated`` by its maker (a day)."""

    model_config = ConfigDict(extra="ignore")

    url: str
    sha256: str
    dated: str
    fetched_at: datetime
    entries: int


class Record(BaseModel):
    """The whole of ``intel.json``; files by name."""

    model_config = ConfigDict(extra="ignore")

    version: int = 1
    files: dict[str, FileRecord] = {}


def intel_directory(environ: Mapping[str, str]) -> Path:
    """``SECAGG_INTEL_DIR``, else ``secagg/intel`` below ``XDG_CACHE_HOME`` (``~/.cache``).

    Raises :class:`ConfigError` where there is neither that nor a home.
    """
    given = environ.get(VARIABLE)
    if given:
        return Path(given)
    cache = environ.get("XDG_CACHE_HOME")
    if cache and Path(cache).is_absolute():
        return Path(cache) / "secagg" / "intel"
    home = environ.get("HOME")
    if not home:
        raise ConfigError("there is no place for EPSS and KEV files", hint=f"set {VARIABLE}")
    return Path(home) / ".cache" / "secagg" / "intel"


def read_record(directory: Path) -> Record | None:
    """The record of a directory; None if there is none, or none that can be read."""
    try:
        return Record.model_validate_json((directory / NAME).read_bytes())
    except (OSError, ValidationError):
        return None


def write_record(directory: Path, record: Record) -> None:
    """Write ``intel.json`` in one step."""
    replace_file(directory / NAME, record.model_dump_json(indent=2).encode() + b"\n")


def checksum(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


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


# A file older than this is used, and called old.
STALE = timedelta(days=7)


_UPDATE = "run secagg intel update"


_NOT_KNOWN = "what rules ask of it is not known, and counts as the stricter answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intel:
    """What the files say; ``notes`` are sentences on what is missing, old or was refused."""

    epss_file: Epss | None = None
    kev_file: Kev | None = None
    notes: Sequence[str] = ()

    @classmethod
    def load(cls, directory: Path, today: date) -> Intel:
        """Read the files in ``directory``; ``today`` is in UTC. Never raises for what is there.

        A file whose checksum is not the recorded one is refused, as is one that cannot be read:
        then nothing is known, and a note says so.
        """
        notes: list[str] = []
        record = read_record(directory)
        data = _checked(directory, EPSS_NAME, "EPSS", record, notes)
        epss = kev = None
        try:
            epss = None if data is None else read_epss(data)
        except ReportError as error:
            notes.append(f"EPSS scores are not used: {error.message}; {_UPDATE}")
        data = _checked(directory, KEV_NAME, "KEV", record, notes)
        try:
            kev = None if data is None else read_kev(data)
        except ReportError as error:
            notes.append(f"The KEV catalog is not used: {error.message}; {_UPDATE}")
        if epss is not None:
            notes += _age("The EPSS file", epss.dated, today)
        if kev is not None:
            # The catalog is only dated anew when something is added to it.
            file_record = None if record is None else record.files.get(KEV_NAME)
            fetched = kev.dated if file_record is None else file_record.fetched_at.date()
            notes += _age("The KEV catalog", max(kev.dated, fetched), today)
        return cls(epss_file=epss, kev_file=kev, notes=tuple(notes))

    def epss(self, cve: str) -> float | None:
        """The probability (0.0 to 1.0) that a CVE is exploited within 30 days, if known."""
        return None if self.epss_file is None else self.epss_file.scores.get(cve.strip().upper())

    def kev(self, cve: str) -> bool | None:
        """Whether a CVE is known to be exploited; None without the catalog."""
        return None if self.kev_file is None else self.kev_entry(cve) is not None

    def kev_entry(self, cve: str) -> IntelEntry | None:
        """The catalog's entry on a CVE."""
        return None if self.kev_file is None else self.kev_file.entries.get(cve.strip().upper())


def _checked(
    directory: Path, name: str, what: str, record: Record | None, notes: list[str]
) -> bytes | None:
    """The bytes of a file that is as it was recorded; else None, and a note."""
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
