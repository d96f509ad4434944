"""Find the entry points of installed packages by their files.

importlib.metadata reads more of each package, and imports the email, csv and zipfile packages for
it, which takes as long as reading a small report. Source: PyPA specifications, "Entry points
specification": ``entry_points.txt`` beside a package's metadata has a section for each group.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

_METADATA = (".dist-info", ".egg-info")


def entry_points(group: str) -> dict[str, str]:
    """Return the entry points of ``group`` in the order of their names, as ``module:attribute``.

    Of two distributions of one name, and of two entry points of one name, the first on sys.path
    counts.
    """
    if any(os.path.isfile(place) for place in sys.path):
        # A package in an archive, which has no files to open.
        from importlib import metadata

        return {entry.name: entry.value for entry in sorted(metadata.entry_points(group=group))}
    values: dict[str, str] = {}
    for text in _texts():
        if group in text:
            for name, value in _entries(text, group):
                values.setdefault(name, value)
    return dict(sorted(values.items()))


def load(value: str) -> Any:
    """Import what an entry point names: ``module:attribute`` or a module."""
    module, _, attributes = value.partition("[")[0].strip().partition(":")
    loaded: Any = import_module(module)
    for name in filter(None, attributes.split(".")):
        loaded = getattr(loaded, name)
    return loaded


def _texts() -> Iterator[str]:
    """Yield the ``entry_points.txt`` of every distribution that has one."""
    distributions: set[str] = set()
    for place in sys.path:
        try:
            names = os.listdir(place or ".")
        except OSError:
            continue
        for name in names:
            distribution = name.partition("-")[0].lower().replace(".", "_")
            if not name.endswith(_METADATA) or distribution in distributions:
                continue
            distributions.add(distribution)
            try:
                with open(os.path.join(place, name, "entry_points.txt"), "rb") as file:
                    yield file.read().decode("utf-8", "replace")
            except OSError:
                continue


def _entries(text: str, group: str) -> Iterator[tuple[str, str]]:
    section = None
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[] ")
        elif section == group and line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()
