"""Read advisory ids, and choose the one that names a problem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from secagg.system.patterns import lazy

# Databases of advisories, the preferred first.
_PREFERRED = ("CVE", "GHSA", "RUSTSEC", "PYSEC", "GO", "MAL", "OSV", "SNYK")
# The ranks of databases whose ids name one problem, not an update of a distribution.
RANKS = {database: rank for rank, database in enumerate(_PREFERRED)}
# The ranks by the first five characters, for speed: most ids need no further reading.
_RANKS_BY_PREFIX = {
    text: RANKS[text.partition("-")[0]]
    for text in ("CVE-1", "CVE-2", "GHSA-", "GO-20", "MAL-2", "OSV-2", "SNYK-")
}
_CVE = lazy(r"(?:[A-Z]+-)?(CVE-(\d{4})-(\d+))")

# A notice of a distributor covers all problems that an update fixes, usually several CVEs.
_NOTICE = lazy(
    r"(?:RHSA|RHBA|RHEA|DSA|DLA|USN|ALAS\w*|ELSA|ELBA|RLSA|RLBA|ALSA|ALBA|SUSE-\w+|OPENSUSE-\w+"
    r"|FEDORA|MGASA|GLSA|PHSA|AZL|CESA|VMSA)[-_:]"
)
OTHER_RANK = len(_PREFERRED)
NOTICE_RANK = OTHER_RANK + 1
# Faster than the constructor of the named tuple.
_new = tuple.__new__


class Advisory(NamedTuple):
    """One advisory id. The best name for a problem sorts first: the oldest CVE."""

    rank: int
    year: int
    number: int
    id: str


class Advisories(dict[str, Advisory]):
    """A cache of advisory ids by the texts that tools write."""

    def __missing__(self, text: str) -> Advisory:
        result = self[text] = advisory(text)
        return result

    def canonical(self, aliases: Iterable[str]) -> Advisory:
        """Return the one id that stands for a set of aliases, whatever tools they come from."""
        return min(map(self.__getitem__, aliases))


def advisory(text: str) -> Advisory:
    """Read an id; case and blanks around it do not count.

    A distribution's id of a CVE (``DEBIAN-CVE-2020-8285``) is that CVE.
    """
    name = text.strip().upper()
    database, _, rest = name.partition("-")
    rank = RANKS.get(database)
    if rank:
        return _new(Advisory, (rank, 0, 0, name))
    if rank == 0 and rest[4:5] == "-" and rest[:4].isdecimal() and rest[5:].isdecimal():
        return _new(Advisory, (0, int(rest[:4]), int(rest[5:]), name))
    cve = _CVE.fullmatch(name)
    if cve is not None:
        return Advisory(0, int(cve[2]), int(cve[3]), cve[1])
    if rank is not None:
        return Advisory(rank, 0, 0, name)
    return Advisory(NOTICE_RANK if _NOTICE.match(name) else OTHER_RANK, 0, 0, name)


def is_plain_id(text: str) -> bool:
    """Tell whether ``text`` is surely the id of the :func:`advisory` that it names, no notice."""
    return text[:5] in _RANKS_BY_PREFIX and text.isupper() and not text[-1].isspace()


def plain_name(aliases: Sequence[str]) -> str | None:
    """Return the id that stands for ``aliases`` where only one is of the best database.

    It equals :meth:`Advisories.canonical` and is faster. None where the ids must be read: several
    ids of the best database, an id or notice of a distribution, an unusual spelling.
    """
    best, best_rank = "", len(RANKS)
    for text in aliases:
        rank = _RANKS_BY_PREFIX.get(text[:5])
        if rank is None:
            database, hyphen, _ = text.partition("-")
            rank = RANKS.get(database) if hyphen else None
            if rank is None:
                return None
        if rank < best_rank:
            best, best_rank = text, rank
        elif rank == best_rank:
            return None
    name = best.strip()
    return name if name.isupper() else name.upper() or None
