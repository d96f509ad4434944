"""Cache scans of base commits: ``secagg scan`` writes them, ``secagg gate`` reads them."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from secagg.change.diff import merge_base
from secagg.errors import SecaggError
from secagg.pipeline.baseline import BaselineReport, ToolVersion, read_baseline
from secagg.pipeline.gate import Gate
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.sarifruns import sarif_runs
from secagg.sarif import write as write_sarif
from secagg.secrets.key import load_key
from secagg.secrets.lastfilter import filtered
from secagg.system.files import PRIVATE, replacing
from secagg.system.git import resolve, short_commit
from secagg.system.userdirs import user_directory

# A gate tries so many of the newest scans of one commit.
_MOST_FILES = 5


class _Metadata(msgspec.Struct):
    """The file beside the SARIF of a base scan: what a gate must know before it uses the scan.

    ``exact`` and ``gaps`` are as in :class:`BaselineReport`. ``database`` is when Trivy's database
    was made. ``mac`` is the HMAC of this file and of the SARIF file: without the key nobody can
    plant a base scan in the cache.
    """

    exact: list[str]
    gaps: dict[str, str]
    tool_versions: list[ToolVersion]
    database: str
    mac: str = ""

    def hmac_with(self, sarif: bytes) -> str:
        """Return the HMAC under the key of this machine or of ``SECAGG_HMAC_KEY``."""
        encoded = msgspec.json.encode(msgspec.structs.replace(self, mac=""))
        return hmac.new(load_key(), encoded + b"\0" + sarif, hashlib.sha256).hexdigest()


def cache_directory() -> Path | None:
    """Return the directory of cached base scans; None where the environment names no cache."""
    cache = user_directory("cache", os.environ)
    return None if cache is None else cache / "secagg" / "bases"


def base_of(gate: Gate) -> str:
    """Return the merge base of HEAD and the gate's base commit.

    Raises :class:`UsageError` if this clone does not hold it.
    """
    base = resolve(gate.root, gate.controls.base or "HEAD")
    return merge_base(gate.root, base, resolve(gate.root, "HEAD"))


def cache_file(directory: Path, commit: str, digest: str) -> Path:
    """Return the file for the scan of ``commit``.

    ``digest`` is a hash of everything else that the scan depends on.
    """
    return directory / f"{short_commit(commit)}-{digest[:20]}.sarif"


def display_name(commit: str) -> str:
    """Describe a scan of ``commit`` as a baseline, for the verdict."""
    return f"a scan of its base {short_commit(commit)}"


def save_scan(path: Path, outcome: Outcome, report: BaselineReport, database: str) -> None:
    """Write ``outcome`` as SARIF to ``path``, and its metadata beside it.

    ``database`` is when Trivy's database was made.
    """
    runs = [result.run for result in outcome.results]
    metadata = _Metadata(
        exact=sorted(report.exact),
        gaps={key: filtered(gap) for key, gap in report.gaps.items()},
        tool_versions=sorted({ToolVersion(run.tool, run.version or "") for run in runs}),
        database=database,
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(path, mode=PRIVATE) as out:
            write_sarif(out, sarif_runs(outcome))
        metadata.mac = metadata.hmac_with(path.read_bytes())
        with replacing(path.with_suffix(".json"), mode=PRIVATE) as out:
            out.write(msgspec.json.encode(metadata))
    except OSError:
        # A cache that cannot be written costs only time.
        return


def read_cached_scan(path: Path, gate: Gate) -> BaselineReport | None:
    """Return what :func:`save_scan` wrote to ``path``; None if it is missing or was altered."""
    metadata = _read_metadata(path)
    if metadata is None or gate.controls.tracked(path):
        # A change could have added a file that git tracks.
        return None
    try:
        report = path.read_bytes()
        if not hmac.compare_digest(metadata.mac, metadata.hmac_with(report)):
            return None
        baseline = read_baseline([(path.name, report)], root=gate.root, overrules=gate.overrules)
    except (OSError, SecaggError):
        return None
    return replace(baseline, exact=frozenset(metadata.exact), gaps=metadata.gaps)


def cached_base_scan(gate: Gate, tool_versions: Sequence[ToolVersion]) -> BaselineReport | None:
    """Return the newest cached scan of the base by at least the tools in ``tool_versions``.

    For a gate, which runs no scanner. The scan is exact for tools of the same version, and for
    Trivy only with the database that is installed now. None where there is no such scan.
    """
    directory = cache_directory()
    if directory is None:
        return None
    commit = base_of(gate)
    current = {ToolVersion(version.tool, version.version) for version in tool_versions}
    for path in _newest(directory, commit):
        metadata = _read_metadata(path)
        if metadata is None or not _tool_names(metadata.tool_versions) >= _tool_names(current):
            continue
        cached = read_cached_scan(path, gate)
        if cached is None:
            continue
        exact = _tool_names(current.intersection(metadata.tool_versions))
        if metadata.database != database_of(gate):
            exact -= {"trivy"}
        return replace(cached, exact=cached.exact & exact, name=display_name(commit))
    return None


def database_of(gate: Gate) -> str:
    """Return when Trivy's database was made, as text."""
    # Imported here, so that a gate without a baseline loads no scanner.
    from secagg.scanners.options import TrivyOptions, read_options
    from secagg.scanners.trivydb import cache_directory as trivy_cache
    from secagg.scanners.trivydb import database_time

    configured = gate.config.tool_options().get("trivy", {})
    options = read_options(TrivyOptions, "trivy", configured, gate.root)
    return f"{database_time(trivy_cache(options, os.environ))}"


def _read_metadata(path: Path) -> _Metadata | None:
    try:
        return msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=_Metadata)
    except (OSError, msgspec.MsgspecError):
        return None


def _newest(directory: Path, commit: str) -> list[Path]:
    try:
        files = list(directory.glob(f"{short_commit(commit)}-*.sarif"))
        return sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)[:_MOST_FILES]
    except OSError:
        return []


def _tool_names(tool_versions: Iterable[ToolVersion]) -> set[str]:
    return {version.tool for version in tool_versions}
