"""The base of a change scanned with the same tools and databases: a baseline that is exact.

What this scan finds and the scan of the base does not, the change has brought: neither a newer
database nor a newer rule can be the cause.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from secagg import __version__
from secagg.errors import UsageError
from secagg.pipeline.baseline import BaselineReport
from secagg.pipeline.gate import Gate, plain_gate
from secagg.pipeline.keptbase import (
    base_of,
    database_of,
    directory,
    file_of,
    keep,
    name_of,
    read_kept,
)
from secagg.pipeline.outcome import gaps_of
from secagg.pipeline.scan import ScanOptions, scan
from secagg.policy.gaps import gap_key
from secagg.scanners.base import JobEvent, Status
from secagg.scanners.options import OPTIONS, path_fields
from secagg.secrets.key import load_key
from secagg.system.files import has_files
from secagg.system.git import checked, git
from secagg.system.process import private_directory

# Of what is not in the repository nobody can tell whether the change has made it.
_NOT_OF_THE_BASE = ("images",)
_LOCAL = frozenset({"trivy", "gitleaks", "codeql"})
# Of the files that are kept: another form is another name.
_FORM = "3"


def scan_base(
    gate: Gate,
    options: ScanOptions,
    on_event: Callable[[JobEvent], None],
    ran_with: Sequence[str],
) -> BaselineReport:
    """Scan where the change left its base, in a work tree of its own that is taken away again.

    ``options`` are those of the scan of the change, and ``ran_with`` are its tools and versions. A
    scan of the same commit with the same versions, databases and settings is read from the cache.
    Raises :class:`UsageError` where the base is not in this clone.
    """
    commit = base_of(gate)
    cached = _cache(gate, options, commit, ran_with)
    name = name_of(commit)
    kept = None if cached is None else read_kept(cached, gate)
    if kept is not None:
        return replace(kept, name=name)
    prefix = checked(gate.root, "rev-parse", "--show-prefix").text
    with _work_tree(gate.root, commit) as top:
        root = top / prefix
        if not root.is_dir() or not has_files(root):
            return BaselineReport((), exact=frozenset(OPTIONS), name=name)
        outcome = scan(
            replace(
                options,
                root=root,
                components=[name for name in options.components if (root / name).is_dir()],
                since=None if options.since is None else commit,
                tool_options=_settings(gate, root),
            ),
            plain_gate(root, gate.config),
            on_event,
        )
        if outcome.interrupted:
            raise UsageError("the scan of the base was interrupted")
        failed = {r.run.tool for r in outcome.results if r.broken}
        complete = {r.run.tool for r in outcome.results if r.run.status is not Status.SKIPPED}
        gaps = {
            gap_key(gap.message): gap.message
            for result in outcome.results
            for gap in gaps_of(result)
            if gap.fatal
        }
        exact = frozenset(complete - failed)
        base = BaselineReport(outcome.merged.groups, gaps=gaps, exact=exact, name=name)
        # Snyk's and other services' answers are of their moment.
        if cached is not None and not failed and exact <= _LOCAL:
            keep(cached, outcome, base, database_of(gate))
    return base


@contextmanager
def _work_tree(root: Path, commit: str) -> Iterator[Path]:
    """The files of ``commit`` in a private directory; no hook of the repository runs."""
    with private_directory() as directory:
        top = directory / "base"
        checked(
            root,
            "-c",
            f"core.hooksPath={os.devnull}",
            "worktree",
            "add",
            "--quiet",
            "--detach",
            str(top),
            commit,
        )
        try:
            yield top
        finally:
            git(root, "worktree", "remove", "--force", str(top))


def _settings(gate: Gate, root: Path) -> Mapping[str, Mapping[str, Any]]:
    """The tools' settings for the base: what is not part of it is the checkout's (a cache)."""
    settings: dict[str, Mapping[str, Any]] = {}
    for tool, given in gate.config.tool_options().items():
        own = {key: value for key, value in given.items() if key not in _NOT_OF_THE_BASE}
        for key in path_fields(OPTIONS[tool]) & set(own):
            value = own[key]
            if isinstance(value, list):
                own[key] = [name for name in value if (root / str(name)).exists()]
            elif isinstance(value, str | Path) and not (root / value).exists():
                own[key] = str(gate.root / Path(value).expanduser())
        settings[tool] = own
    return settings


def _cache(gate: Gate, options: ScanOptions, commit: str, ran_with: Sequence[str]) -> Path | None:
    """Where the scan of ``commit`` is kept; None without a place for it.

    The name stands for all that the scan depends on, the key of secrets among it.
    """
    place = directory()
    if place is None:
        return None
    parts = [
        __version__,
        commit,
        str(options.since is None),
        database_of(gate),
        *ran_with,
        *sorted(options.tools),
        *sorted(options.components),
        _FORM,
        gate.config.model_dump_json(),
    ]
    digest = hmac.new(load_key(), "\0".join(parts).encode(), hashlib.sha256).hexdigest()
    return file_of(place, commit, digest)
