"""The package list of a result: line numbers, directness, scope and dependency paths."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from secagg.jsonio.entries import is_list
from secagg_parsers.fields import Entry, listed, position
from secagg_parsers.masking import Masker

_EMPTY: Entry = {}


class PackageList:
    """``Packages`` of one result, by the ids that its vulnerabilities refer to.

    An entry of the list that is odd is as good as none: it only adds to what vulnerabilities
    say themselves.
    """

    def __init__(self, result: Entry, mask: Masker) -> None:
        packages = result.get("Packages")
        self._entries: Sequence[Any] = packages if is_list(packages) else ()
        self._mask = mask
        self._known: dict[str, Entry] | None = None
        self._above: dict[str, str] | None = None

    def of(self, uid: object, package_id: object, name: str, version: str | None) -> Entry:
        """The list's entry for a vulnerability's package; empty if there is none."""
        if not self._entries:
            return _EMPTY
        known = self._known
        if known is None:
            known = self._known = self._index()
        for key in (uid, package_id, f"{name}@{version}"):
            if isinstance(key, str) and key in known:
                return known[key]
        return _EMPTY

    def lines(self, package: Entry) -> tuple[int | None, int | None]:
        """The first place at which the lock file names a package: first and last line."""
        if not package:
            return None, None
        for place in listed(package, "Locations"):
            if isinstance(place, dict):
                return position(place, "StartLine"), position(place, "EndLine")
        return None, None

    def path(self, package: Entry) -> tuple[str, ...]:
        """The shortest way to a package, from a direct dependency; empty if it is not known."""
        here = package.get("ID")
        if not isinstance(here, str) or not here:
            return ()
        if self._above is None:
            self._above = self._walk()
        if here not in self._above:
            return ()
        steps = [here]
        while (here := self._above[here]) and len(steps) < 100:
            steps.append(here)
        return tuple([self._mask[step] for step in reversed(steps)])

    def _index(self) -> dict[str, Entry]:
        known: dict[str, Entry] = {}
        for package in self._entries:
            if not isinstance(package, dict):
                continue
            identifier = package.get("Identifier")
            if isinstance(identifier, dict) and isinstance(identifier.get("UID"), str):
                known.setdefault(identifier["UID"], package)
            if isinstance(package.get("ID"), str):
                known.setdefault(package["ID"], package)
            known.setdefault(f"{package.get('Name')}@{package.get('Version')}", package)
        return known

    def _walk(self) -> dict[str, str]:
        """For each package the one that brought it in, nearest first (empty: the project)."""
        needs: dict[str, list[str]] = {}
        starts: list[str] = []
        for package in self._entries:
            if not isinstance(package, dict) or not isinstance(package.get("ID"), str):
                continue
            below = package.get("DependsOn")
            needs[package["ID"]] = (
                [item for item in below if isinstance(item, str)] if isinstance(below, list) else []
            )
            if is_direct(package):
                starts.append(package["ID"])
        above = dict.fromkeys(starts, "")
        queue = deque(starts)
        while queue:
            here = queue.popleft()
            for item in needs.get(here, ()):
                if item not in above:
                    above[item] = here
                    queue.append(item)
        return above


def is_direct(package: Entry) -> bool | None:
    """True for a direct dependency, False for an indirect one, None where Trivy does not say."""
    relationship = package.get("Relationship")
    if relationship in ("root", "workspace", "direct"):
        return True
    if relationship == "indirect" or package.get("Indirect") is True:
        return False
    return None
