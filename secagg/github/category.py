"""Give SARIF runs their categories: a new run replaces the last one of its tool and category.

GitHub reads ``automationDetails.id`` up to its last ``/`` as the category; what follows is the id
of one run. A file may hold only one run of each tool and category (GitHub changelog, July 2025).
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from secagg.github.limits import Tally
from secagg.jsonio.members import text_at

OUR_PREFIX = "secagg/"
"""The first characters of a category that secagg gives."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def tool_of(run: Mapping[str, Any]) -> str:
    """Return the name of the run's tool."""
    return str(run["tool"]["driver"]["name"])


def category_of(run: Mapping[str, Any]) -> str:
    """Return the run's category as GitHub reads it; empty where it has none."""
    identifier = text_at(run, "automationDetails", "id") or ""
    return identifier[: identifier.rfind("/") + 1]


def part_category(category: str, number: int) -> str:
    """Return the category of one part of a split run; the first part keeps that of the run."""
    return category if number == 1 else f"{category}part-{number}/"


def is_part_of(category: str, base: str) -> bool:
    """Return whether ``category`` is that of a further part of a run with the category ``base``."""
    part = category.removeprefix(base) if category.startswith(base) else ""
    return re.fullmatch(r"part-\d+/", part) is not None


def categorize(
    runs: Sequence[dict[str, Any]], sources: Sequence[str], override: str | None, tally: Tally
) -> None:
    """Give every run a category that no other run of its tool has, in place.

    ``sources`` are the names of the files that the runs came from. A run keeps its category; a run
    without one gets ``secagg/TOOL/FILE/``, with ``@COMPONENT/`` behind it. A category never depends
    on which other files there are or on their order: GitHub would close the alerts of a run whose
    category changes. ``override`` is the category on the command line: that of a single run, or a
    prefix for several.
    """
    names = _unique_names(runs, sources)
    for run, name in zip(runs, names, strict=True):
        current = category_of(run)
        if override is not None:
            new = _with_slash(override) + ("" if len(runs) == 1 else name.lstrip("/"))
        else:
            new = name if current else f"{OUR_PREFIX}{slug(tool_of(run))}/{name}"
        if not current:
            tally.mend("run without a category", new)
        elif name != current:
            tally.mend("category that several runs of one tool had", new)
        if new != current:
            run["automationDetails"] = {**(run.get("automationDetails") or {}), "id": new}


def slug(text: str) -> str:
    """Return ``text`` in lower case, with unsafe characters replaced."""
    return _UNSAFE.sub("-", text).strip("-").lower() or "run"


def _unique_names(runs: Sequence[Mapping[str, Any]], sources: Sequence[str]) -> list[str]:
    """Return a name for each run, with a suffix where several have the same."""
    names = [
        category_of(run) or f"{_path_name(source)}/{_component(run)}"
        for run, source in zip(runs, sources, strict=True)
    ]
    # Runs of several files differ by file; then runs of one file by the directory of their results.
    for by_file in (False, True):
        for indices in _groups_of_one_name(runs, names, sources if by_file else None):
            files = {sources[i] for i in indices}
            if by_file:
                _name_runs_apart(runs, names, indices)
            elif len(files) > 1:
                for i in indices:
                    names[i] += f"{_file_name(sources[i])}-{_digest(sources[i])}/"
    return names


def _groups_of_one_name(
    runs: Sequence[Mapping[str, Any]], names: Sequence[str], sources: Sequence[str] | None
) -> list[list[int]]:
    """Return the indices of runs that share tool and name (with ``sources``, and the file)."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, (run, name) in enumerate(zip(runs, names, strict=True)):
        key = (tool_of(run), name, *(() if sources is None else (sources[i],)))
        groups.setdefault(key, []).append(i)
    return [group for group in groups.values() if len(group) > 1]


def _name_runs_apart(
    runs: Sequence[Mapping[str, Any]], names: list[str], indices: Sequence[int]
) -> None:
    """Add the directory of its results, else a number, to the name of each run."""
    count_of_name: Counter[str] = Counter()
    for i in indices:
        directory = _directory(runs[i])
        name = f"{names[i]}{_safe_name(directory)}/" if directory else names[i]
        count_of_name[name] += 1
        names[i] = name if count_of_name[name] == 1 else f"{name}{count_of_name[name]}/"


def _directory(run: Mapping[str, Any]) -> str:
    """Return the directory of all files with results, for example that of a project."""
    directories = set()
    for result in run.get("results") or ():
        try:
            uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        except (KeyError, IndexError, TypeError):
            continue
        if isinstance(uri, str):
            directories.add(posixpath.dirname(uri.lstrip("/")))
    return posixpath.commonpath(directories) if directories else ""


def _path_name(source: str) -> str:
    """Return the path of the file ``source`` as a name, or only its name.

    Only its name outside of the working directory, where the path may change with every run.
    """
    path = os.path.normpath(source)
    if os.path.isabs(path):
        relative = os.path.relpath(path)
        path = os.path.basename(path) if relative.startswith("..") else relative
    parts = [part for part in PurePath(path).parent.parts if part != ".."]
    return "/".join([*map(_safe_name, parts), _file_name(source)])


def _file_name(source: str) -> str:
    return _safe_name(re.sub(r"(?:\.sarif)?(?:\.json|\.sarif)$", "", PurePath(source).name))


def _safe_name(text: str) -> str:
    """Return ``text`` as part of a category, with a digest where characters were replaced."""
    safe = "/".join(_UNSAFE.sub("-", part).strip("-") for part in text.split("/")).strip("/")
    return safe if safe == text else f"{safe}-{_digest(text)}".lstrip("-")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _component(run: Mapping[str, Any]) -> str:
    """Return the run's component by its ``secagg`` properties; empty for the whole tree."""
    component = text_at(run, "properties", "secagg", "component")
    # The name of a file never has an @, so that none looks like a component.
    return "" if component in (None, ".") else f"@{component}/"


def _with_slash(category: str) -> str:
    return category if category.endswith("/") else f"{category}/"
