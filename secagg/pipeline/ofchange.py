"""A pull request's own files decide nothing: one question for ``scan``, ``gate`` and ``report``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from secagg.change.base import default_base
from secagg.change.controls import Controls
from secagg.errors import UsageError
from secagg.model.problem import TRIAGE_FILE
from secagg.pipeline.origin import ENVIRONMENT

_DEFAULT_STORE = ".secagg"
_NO_HISTORY = frozenset({TRIAGE_FILE, f"{_DEFAULT_STORE}/.gitignore"})


def controls_of(
    root: Path, store: str | None = None, environ: Mapping[str, str] = os.environ
) -> Controls:
    """The reader of files that decide over ``root``: in a pull request it reads the base's.

    Raises :class:`UsageError` where the base is not at hand, and where ``store`` (a path or URL;
    None for the default, empty for none) could hold a history that the change brings.
    """
    root = root.resolve()
    controls = Controls(root, default_base(root, environ))
    refuse_a_store_of_the_change(controls, root, store, environ)
    return controls


def refuse_a_store_of_the_change(
    controls: Controls, root: Path, store: str | None, environ: Mapping[str, str]
) -> None:
    """Raise :class:`UsageError` for a history in the repository: the change could write it."""
    if controls.base is None or store == "":
        return
    named = store or environ.get(ENVIRONMENT)
    if named and "://" in named and not named.startswith("sqlite:"):
        return
    if named:
        file = Path(_file_of(named)).absolute()
        # SQLite plays a log that lies beside its file (sqlite.org, "Write-Ahead Logging").
        places = [file, *(Path(f"{file}{suffix}") for suffix in ("-wal", "-shm", "-journal"))]
    else:
        places = [root / _DEFAULT_STORE]
    for name in (name for place in places for name in controls.tracked(place)):
        if name not in _NO_HISTORY:
            raise UsageError(
                f"{name} is part of the repository: a change could bring a history of its own",
                hint="take it out of git, or name another store with --store",
            )


def _file_of(store: str) -> str:
    """The path in ``sqlite:///path``, with more slashes or fewer, or the path itself."""
    if not store.startswith("sqlite:"):
        return store
    path = store.partition("://")[2].partition("?")[0]
    return path.removeprefix("/") or "."
