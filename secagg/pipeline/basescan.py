"""Scan the base of a change with the same tools and databases, as an exact baseline.

The change brought what its scan finds and the scan of its base does not: neither a newer database
nor a newer rule can be the cause.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from secagg import __version__
from secagg.errors import UsageError
from secagg.pipeline.basecache import (
    base_of,
    cache_directory,
    cache_file,
    database_of,
    display_name,
    read_cached_scan,
    save_scan,
)
from secagg.pipeline.baseline import BaselineReport, ToolVersion
from secagg.pipeline.gate import Gate, plain_gate
from secagg.pipeline.outcome import gaps_of
from secagg.pipeline.scan import ScanOptions, scan
from secagg.policy.gaps import gap_key
from secagg.scanners.base import JobEvent, Status
from secagg.scanners.options import OPTIONS, path_fields
from secagg.secrets.key import load_key
from secagg.system.files import has_files
from secagg.system.git import checked, git
from secagg.system.process import private_directory

# Options that name things outside of the repository: no scan tells whether the change made those.
_NOT_IN_REPOSITORY = ("images",)
_OFFLINE_TOOLS = frozenset({"trivy", "gitleaks", "codeql"})
# Part of a cached file's name: raise it when the format of these files changes.
_CACHE_FORMAT = "4"


def scan_base(
    gate: Gate,
    options: ScanOptions,
    on_event: Callable[[JobEvent], None],
    tool_versions: Sequence[ToolVersion],
) -> BaselineReport:
    """Scan the merge base of the change in a temporary work tree.

    ``options`` and ``tool_versions`` are those of the scan of the change. A scan of the same commit
    with the same versions, databases and settings comes from the cache. Raises
    :class:`UsageError` where this clone does not hold the base.
    """
    commit = base_of(gate)
    cache = _cache_path(gate, options, commit, tool_versions)
    name = display_name(commit)
    cached = None if cache is None else read_cached_scan(cache, gate)
    if cached is not None:
        return replace(cached, name=name)
    prefix = checked(gate.root, "rev-parse", "--show-prefix").text
    with _work_tree(gate.root, commit) as checkout:
        root = checkout / prefix
        if not root.is_dir() or not has_files(root):
            return BaselineReport((), exact=frozenset(OPTIONS), name=name)
        outcome = scan(
            replace(
                options,
                root=root,
                components=[name for name in options.components if (root / name).is_dir()],
                since=None if options.since is None else commit,
                tool_options=_tool_options(gate, root),
            ),
            plain_gate(root, gate.config),
            on_event,
        )
        if outcome.interrupted:
            raise UsageError("the scan of the base was interrupted")
        failed = {result.run.tool for result in outcome.results if result.broken}
        tools = {
            result.run.tool for result in outcome.results if result.run.status is not Status.SKIPPED
        }
        gaps = {
            gap_key(gap.message): gap.message
            for result in outcome.results
            for gap in gaps_of(result)
            if gap.fatal
        }
        exact = frozenset(tools - failed)
        base = BaselineReport(outcome.merged.groups, gaps=gaps, exact=exact, name=name)
        # The answers of Snyk and other services change from one moment to the next.
        if cache is not None and not failed and exact <= _OFFLINE_TOOLS:
            save_scan(cache, outcome, base, database_of(gate))
    return base


@contextmanager
def _work_tree(root: Path, commit: str) -> Iterator[Path]:
    """Check out ``commit`` in a private directory; no hook of the repository runs."""
    with private_directory() as directory:
        checkout = directory / "base"
        checked(
            root,
            "-c",
            f"core.hooksPath={os.devnull}",
            "worktree",
            "add",
            "--quiet",
            "--detach",
            str(checkout),
            commit,
        )
        try:
            yield checkout
        finally:
            git(root, "worktree", "remove", "--force", str(checkout))


def _tool_options(gate: Gate, root: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return the tools' options for the base at ``root``.

    A path that the base lacks (a cache, for example) is that of the change's checkout.
    """
    options: dict[str, Mapping[str, Any]] = {}
    for tool, configured in gate.config.tool_options().items():
        values = {
            name: setting for name, setting in configured.items() if name not in _NOT_IN_REPOSITORY
        }
        for name in path_fields(OPTIONS[tool]) & set(values):
            setting = values[name]
            if isinstance(setting, list):
                values[name] = [name for name in setting if (root / str(name)).exists()]
            elif isinstance(setting, str | Path) and not (root / setting).exists():
                values[name] = str(gate.root / Path(setting).expanduser())
        options[tool] = values
    return options


def _cache_path(
    gate: Gate, options: ScanOptions, commit: str, tool_versions: Sequence[ToolVersion]
) -> Path | None:
    """Return the cache file for the scan of ``commit``; None where there is no cache.

    Its name hashes everything that the scan depends on, under the key for secrets.
    """
    directory = cache_directory()
    if directory is None:
        return None
    parts = [
        __version__,
        commit,
        str(options.since is None),
        database_of(gate),
        *(" ".join(version) for version in tool_versions),
        *sorted(options.tools),
        *sorted(options.components),
        _CACHE_FORMAT,
        repr(gate.config),
    ]
    digest = hmac.new(load_key(), "\0".join(parts).encode(), hashlib.sha256).hexdigest()
    return cache_file(directory, commit, digest)
