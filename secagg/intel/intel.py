"""EPSS and KEV as a scan asks for them: loaded once, with a sentence on whatever is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from secagg.errors import ReportError
from secagg.intel.files import EPSS_NAME, KEV_NAME, Epss, IntelEntry, Kev, read_epss, read_kev
from secagg.intel.record import Record, checksum, read_record

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
            known = None if record is None else record.files.get(KEV_NAME)
            fetched = kev.dated if known is None else known.fetched_at.date()
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
    known = None if record is None else record.files.get(name)
    if known is None:
        notes.append(f"The {what} file was put there by hand: there is no checksum to hold it to")
    elif checksum(data) != known.sha256:
        notes.append(f"The {what} file is not what was downloaded and is not used; {_UPDATE}")
        return None
    return data


def _age(what: str, dated: date, today: date) -> list[str]:
    age = today - dated
    if age > STALE:
        return [f"{what}, dated {dated}, is {age.days} days old; {_UPDATE}"]
    return []
