"""Advisory ids: which of them name one problem, and which name a whole update."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# The order in which a problem's ids are preferred as its name.
_PREFERRED = ("CVE", "GHSA", "RUSTSEC", "PYSEC", "GO", "MAL", "OSV", "SNYK")
# The databases of which an id is no update's or distribution's own, best first.
RANKS = {database: rank for rank, database in enumerate(_PREFERRED)}
# How the ids of most databases begin; all other ids are taken apart.
_BEGINNINGS = {
    text: RANKS[text.partition("-")[0]]
    for text in ("CVE-1", "CVE-2", "GHSA-", "GO-20", "MAL-2", "OSV-2", "SNYK-")
}
_CVE = re.compile(r"(?:[A-Z]+-)?(CVE-(\d{4})-(\d+))")

# A distributor's notice covers all that one update repairs: several CVEs as a rule.
_NOTICE = re.compile(
    r"(?:RHSA|RHBA|RHEA|DSA|DLA|USN|ALAS\w*|ELSA|ELBA|RLSA|RLBA|ALSA|ALBA|SUSE-\w+|OPENSUSE-\w+"
    r"|FEDORA|MGASA|GLSA|PHSA|AZL|CESA|VMSA)[-_:]"
)
OTHER_RANK = len(_PREFERRED)
NOTICE_RANK = OTHER_RANK + 1


# A named tuple's own constructor takes longer than all else here.
_new = tuple.__new__


class Advisory(NamedTuple):
    """One id. Sorted, the best name for a problem comes first: the oldest CVE."""

    rank: int
    year: int
    number: int
    id: str


class Advisories(dict[str, Advisory]):
    """``advisories[text]`` is the id that a tool wrote as ``text``, read once however often."""

    def __missing__(self, text: str) -> Advisory:
        found = self[text] = advisory(text)
        return found

    def canonical(self, aliases: Iterable[str]) -> Advisory:
        """Return the one id that stands for a set of aliases, whichever tools contributed them."""
        return min(map(self.__getitem__, aliases))


def advisory(text: str) -> Advisory:
    """Read an id: case and space do not matter.

    A distribution's own name for a CVE (``DEBIAN-CVE-2020-8285``) is that CVE.
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


def plain_name(aliases: Sequence[str]) -> str | None:
    """The id that stands for ``aliases`` where their databases tell: the only CVE, else GHSA, ...

    None where it takes reading them: several ids of the best database, a distribution's own
    id, a notice, an unusual spelling. It is what :meth:`Advisories.canonical` would give.
    """
    best, best_rank = "", len(RANKS)
    for text in aliases:
        rank = _BEGINNINGS.get(text[:5])
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
