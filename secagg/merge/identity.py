"""The identity of a group (``secagg/v1``): by what a problem is known in the next scan too.

It rests on what the members agree on whichever tools ran: the canonical advisory, the
weakness rather than one tool's rule, the place rather than one tool's file. Where two groups
of one scan would share it (two versions of a package in one lock file, one weakness twice on
one line), the first in a fixed order keeps it and the others are told apart by what differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from secagg import ids
from secagg.merge.groups import Group
from secagg.model.finding import Kind
from secagg.model.identity import SCHEME
from secagg.packages.bucket import SEPARATOR

# What the texts that are hashed begin with.
PREFIX = {kind: f"{SCHEME}{SEPARATOR}{kind.value}{SEPARATOR}" for kind in Kind}
_sha256 = hashlib.sha256


def identity_of(kind: Kind, *parts: str) -> str:
    """32 hexadecimal digits (a GUID without its hyphens) for what ``parts`` say of a problem."""
    return hashed(PREFIX[kind] + SEPARATOR.join(parts))


def hashed(text: str) -> str:
    """The identity for a text that was put together as :func:`identity_of` does."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogatepass")
    return _sha256(data).hexdigest()[:32]


class Ordinals:
    """Tells what would go by one text apart by its order: equal lines of a file, say."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def told(self, text: str) -> str:
        """``text`` the first time, and with its number behind it from then on."""
        if text not in self._seen:
            self._seen[text] = 1
            return text
        self._seen[text] += 1
        return f"{text}{SEPARATOR}{self._seen[text]}"


def known_as(group: Group) -> tuple[str, ...]:
    """Every identity by which ``group`` may have been known before: its own comes first.

    The others are those of its members on their own (:mod:`secagg.model.identity`): a decision
    made when fewer tools ran, or when no tool knew the CVE yet, is found by them.
    """
    if group.names is not None:
        return group.names
    found = dict.fromkeys([group.identity])
    found.update(dict.fromkeys(f.identity for f in group.members if f.identity))
    return tuple(found)


def find_group(groups: Sequence[Group], given: str, *, option: str = "") -> Group:
    """Find the only group that goes by the id ``given``, or by an id that begins so.

    Besides its own id and those of its members, a group goes by the ids that its report recorded
    of them: the files that ids rest on may have changed since. ``option`` is where the id was
    given. Raises :class:`secagg.errors.UsageError` (see :func:`secagg.ids.resolve`).
    """
    named = ((group.identity, (*known_as(group), *_recorded(group))) for group in groups)
    identity = ids.resolve(given, named, option=option)
    return next(group for group in groups if group.identity == identity)


def _recorded(group: Group) -> list[str]:
    return [f.fingerprints[SCHEME] for f in group.members if SCHEME in f.fingerprints]
