"""The category of a run: what GitHub replaces when the next one of its kind arrives.

An analysis is a tool, a category and a ref. GitHub reads ``automationDetails.id`` up to its
last ``/`` as the category; what follows is the id of one run. A file may hold one run only of
each tool and category (GitHub changelog, July 2025).
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

# What categories begin with that secagg gives.
OURS = "secagg/"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def tool_of(run: Mapping[str, Any]) -> str:
    """Return the name of the run's tool."""
    return str(run["tool"]["driver"]["name"])


def category_of(run: Mapping[str, Any]) -> str:
    """Return the run's category as GitHub reads it; empty where it has none."""
    details = run.get("automationDetails")
    given = details.get("id") if isinstance(details, Mapping) else None
    return given[: given.rfind("/") + 1] if isinstance(given, str) else ""


def part_category(category: str, number: int) -> str:
    """Return the category of one part of a run that had to be split; the first keeps its own."""
    return category if number == 1 else f"{category}part-{number}/"


def is_part_of(category: str, of: str) -> bool:
    """Return whether ``category`` is that of a further part of the run with the category ``of``."""
    return re.fullmatch(r"part-\d+/", category.removeprefix(of)) is not None and (
        category.startswith(of)
    )


def categorize(
    runs: Sequence[dict[str, Any]], sources: Sequence[str], asked: str | None, tally: Tally
) -> None:
    """Give every run a category that no other run of its tool has, in place.

    ``sources`` are the names of the files that the runs came from. A run keeps the category of
    its own; the others are called ``secagg/TOOL/FILE/``, with ``@COMPONENT/`` behind it. A name
    never depends on which other files there are, or in which order: were one run's category
    another's tomorrow, GitHub would close its alerts.

    ``asked`` is the category that the user wants. It is that of a single run; before the names
    of several it becomes a prefix.
    """
    names = _names(runs, sources)
    for run, name in zip(runs, names, strict=True):
        own = category_of(run)
        if asked is not None:
            wanted = _slashed(asked) if len(runs) == 1 else _slashed(asked) + name.lstrip("/")
        else:
            wanted = name if own else f"{OURS}{slug(tool_of(run))}/{name}"
        if not own:
            tally.mend("run without a category", wanted)
        elif name != own:
            tally.mend("category that several runs of one tool had", wanted)
        if wanted != own:
            run["automationDetails"] = {**(run.get("automationDetails") or {}), "id": wanted}


def _names(runs: Sequence[Mapping[str, Any]], sources: Sequence[str]) -> list[str]:
    """What each run is called by itself, and what tells apart those that are called the same."""
    names = [
        category_of(run) or f"{_place_of(source)}/{_component(run)}"
        for run, source in zip(runs, sources, strict=True)
    ]
    # First runs of several files, by their files; then runs of one file, by what they looked at.
    for of_one_file in (False, True):
        for alike in _alike(runs, names, sources if of_one_file else None):
            files = {sources[i] for i in alike}
            if of_one_file:
                _tell_runs_apart(runs, names, alike)
            elif len(files) > 1:
                for i in alike:
                    names[i] += f"{_file_name(sources[i])}-{_digest(sources[i])}/"
    return names


def _alike(
    runs: Sequence[Mapping[str, Any]], names: Sequence[str], sources: Sequence[str] | None
) -> list[list[int]]:
    """The runs of one tool (and one file, with ``sources``) that have one name, where several."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, (run, name) in enumerate(zip(runs, names, strict=True)):
        key = (tool_of(run), name, *(() if sources is None else (sources[i],)))
        groups.setdefault(key, []).append(i)
    return [group for group in groups.values() if len(group) > 1]


def _tell_runs_apart(
    runs: Sequence[Mapping[str, Any]], names: list[str], alike: Sequence[int]
) -> None:
    """Name runs of one file by the directory of their results, else number them."""
    taken: Counter[str] = Counter()
    for i in alike:
        directory = _directory(runs[i])
        name = f"{names[i]}{_safe(directory)}/" if directory else names[i]
        taken[name] += 1
        names[i] = name if taken[name] == 1 else f"{name}{taken[name]}/"


def _directory(run: Mapping[str, Any]) -> str:
    """The directory that all files with results are in: that of a manifest, of a project."""
    directories = set()
    for result in run.get("results") or ():
        try:
            uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        except (KeyError, IndexError, TypeError):
            continue
        if isinstance(uri, str):
            directories.add(posixpath.dirname(uri.lstrip("/")))
    return posixpath.commonpath(directories) if directories else ""


def _place_of(source: str) -> str:
    """The file ``source`` by its path as given, so that equal names in two directories differ.

    What lies outside of the working directory is called by its name only: where it lies may
    change with every run.
    """
    path = os.path.normpath(source)
    if os.path.isabs(path):
        below = os.path.relpath(path)
        path = os.path.basename(path) if below.startswith("..") else below
    parts = [part for part in PurePath(path).parent.parts if part != ".."]
    return "/".join([*map(_safe, parts), _file_name(source)])


def _file_name(source: str) -> str:
    return _safe(re.sub(r"(?:\.sarif)?(?:\.json|\.sarif)$", "", PurePath(source).name))


def _safe(text: str) -> str:
    """``text`` as part of a category; what had to be changed is told apart by a digest."""
    safe = "/".join(_UNSAFE.sub("-", part).strip("-") for part in text.split("/")).strip("/")
    return safe if safe == text else f"{safe}-{_digest(text)}".lstrip("-")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _component(run: Mapping[str, Any]) -> str:
    """The component that secagg says the run is of, with a slash; empty for the whole tree."""
    properties = run.get("properties")
    ours = properties.get("secagg") if isinstance(properties, Mapping) else None
    component = ours.get("component") if isinstance(ours, Mapping) else None
    # No file's name keeps an @, so none is taken for a file with a component.
    return f"@{component}/" if isinstance(component, str) and component != "." else ""


def _slashed(category: str) -> str:
    return category if category.endswith("/") else f"{category}/"


def slug(text: str) -> str:
    """``text`` in lower case, with nothing in it that a category should not have."""
    return _UNSAFE.sub("-", text).strip("-").lower() or "run"
