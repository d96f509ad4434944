"""Paths of another machine, moved to where they are in the checkout because a person says so.

A scanner that ran in a container or on a runner names its files from there. Most of these paths are
resolved without help (:mod:`secagg.model.foreignpaths`); where the files are not in this checkout,
or several could be meant, ``path_map`` in ``secagg.yaml`` and ``--strip-prefix`` say what is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_FILE = "file://"


class PathMap:
    """Prefixes of paths as tools write them, and what stands there in the checkout.

    A prefix ends at the end of a name: ``/src`` is one of ``/src/a.py``, not of ``/srcs/a.py``. The
    longest one counts. A backslash is read as a slash.
    """

    def __init__(
        self, prefixes: Mapping[str, str] | None = None, stripped: Iterable[str] = ()
    ) -> None:
        given = {**(prefixes or {}), **dict.fromkeys(stripped, "")}
        pairs = ((_plain(old).rstrip("/"), _plain(new).strip("/.")) for old, new in given.items())
        self._pairs = sorted(pairs, key=lambda pair: -len(pair[0]))

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def apply(self, path: str) -> str:
        """Move ``path``; itself where no prefix fits."""
        if not self._pairs:
            return path
        plain = _plain(path)
        for old, new in self._pairs:
            if plain.startswith(f"{old}/"):
                rest = plain[len(old) + 1 :].lstrip("/")
                return f"{new}/{rest}" if new else rest
        return path


NO_MAP = PathMap()


def _plain(path: str) -> str:
    path = path.strip()
    if path.lower().startswith(_FILE):
        path = path[len(_FILE) :]
    return path.replace("\\", "/").removeprefix("./")
