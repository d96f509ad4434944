"""Scans of bases in the user's cache: what ``secagg scan`` keeps and ``secagg gate`` takes."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from secagg.change.diff import merge_base
from secagg.errors import SecaggError
from secagg.pipeline.baseline import BaselineReport, read_baseline
from secagg.pipeline.gate import Gate
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.sarifruns import sarif_runs
from secagg.sarif import write as write_sarif
from secagg.secrets.key import load_key
from secagg.secrets.lastfilter import filtered
from secagg.system.files import PRIVATE, replacing
from secagg.system.git import resolve
from secagg.system.userdirs import user_directory

_NEWEST = 5
_SHOWN = 12


class _Beside(msgspec.Struct):
    """What the SARIF file does not say as exactly.

    ``exact`` and ``gaps`` are as in :class:`BaselineReport`; ``ran_with`` are tools and versions,
    and ``database`` says when Trivy's was made. ``mac`` is the HMAC of all of it and of the SARIF
    file: who can write here without the key makes no base.
    """

    exact: list[str]
    gaps: dict[str, str]
    ran_with: list[str]
    database: str
    mac: str = ""

    def signed(self, sarif: bytes) -> str:
        """Return the HMAC under this machine's key, or that of ``SECAGG_HMAC_KEY``."""
        said = msgspec.json.encode(msgspec.structs.replace(self, mac=""))
        return hmac.new(load_key(), said + b"\0" + sarif, hashlib.sha256).hexdigest()


def directory() -> Path | None:
    """Return where scans of bases are kept; None without a place for them."""
    cache = user_directory("cache", os.environ)
    return None if cache is None else cache / "secagg" / "bases"


def base_of(gate: Gate) -> str:
    """The commit where the change left its base. Raises :class:`UsageError` if it is not here."""
    base = resolve(gate.root, gate.controls.base or "HEAD")
    return merge_base(gate.root, base, resolve(gate.root, "HEAD"))


def file_of(place: Path, commit: str, digest: str) -> Path:
    """Return the file for the scan of ``commit``; ``digest`` stands for what else it depends on."""
    return place / f"{commit[:_SHOWN]}-{digest[:20]}.sarif"


def name_of(commit: str) -> str:
    """Return how a scan of ``commit`` is called where something was compared with it."""
    return f"a scan of its base {commit[:_SHOWN]}"


def keep(path: Path, outcome: Outcome, report: BaselineReport, database: str) -> None:
    """Write the outcome as SARIF, and beside it what that does not say as exactly."""
    runs = [result.run for result in outcome.results]
    beside = _Beside(
        exact=sorted(report.exact),
        gaps={key: filtered(gap) for key, gap in report.gaps.items()},
        ran_with=sorted({f"{run.tool} {run.version or ''}" for run in runs}),
        database=database,
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(path, mode=PRIVATE) as out:
            write_sarif(out, sarif_runs(outcome))
        beside.mac = beside.signed(path.read_bytes())
        with replacing(path.with_suffix(".json"), mode=PRIVATE) as out:
            out.write(msgspec.json.encode(beside))
    except OSError:
        # A cache that cannot be written costs time, and nothing else.
        return


def read_kept(path: Path, gate: Gate) -> BaselineReport | None:
    """Return what :func:`keep` wrote; None where it is not there or not whole."""
    beside = _beside(path)
    if beside is None or gate.controls.tracked(path):
        # A file that git knows is of the repository, and may be of the change.
        return None
    try:
        report = path.read_bytes()
        if not hmac.compare_digest(beside.mac, beside.signed(report)):
            return None
        known = read_baseline([(path.name, report)], root=gate.root, overrules=gate.overrules)
    except (OSError, SecaggError):
        return None
    return replace(known, exact=frozenset(beside.exact), gaps=beside.gaps)


def kept_base(gate: Gate, ran_with: Sequence[str]) -> BaselineReport | None:
    """Return the newest scan of the base that is kept and that had the tools of ``ran_with``.

    For a gate that runs no scanner. It is exact for tools that ran with the same version, and for
    Trivy with the database that is there now. None where there is none.
    """
    place = directory()
    if place is None:
        return None
    commit = base_of(gate)
    # A mode or a report's name may stand between tool and version.
    here = {f"{named.split(' ')[0]} {named.split(' ')[-1]}" for named in ran_with}
    for path in _newest(place, commit):
        beside = _beside(path)
        if beside is None or not _tools(beside.ran_with) >= _tools(here):
            continue
        kept = read_kept(path, gate)
        if kept is None:
            continue
        same = _tools(here.intersection(beside.ran_with))
        if beside.database != database_of(gate):
            same -= {"trivy"}
        return replace(kept, exact=kept.exact & same, name=name_of(commit))
    return None


def _beside(path: Path) -> _Beside | None:
    try:
        return msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=_Beside)
    except (OSError, msgspec.MsgspecError):
        return None


def database_of(gate: Gate) -> str:
    """Return when Trivy's database was made, as a text."""
    # A gate loads none of the scanners where there is nothing to compare.
    from secagg.scanners.options import TrivyOptions, read_options
    from secagg.scanners.trivydb import cache_directory, database_time

    given = gate.config.tool_options().get("trivy", {})
    trivy = read_options(TrivyOptions, "trivy", given, gate.root)
    return f"{database_time(cache_directory(trivy, os.environ))}"


def _newest(place: Path, commit: str) -> list[Path]:
    try:
        found = list(place.glob(f"{commit[:_SHOWN]}-*.sarif"))
        return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[:_NEWEST]
    except OSError:
        return []


def _tools(ran_with: Iterable[str]) -> set[str]:
    return {named.partition(" ")[0] for named in ran_with}
