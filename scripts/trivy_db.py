"""Write a small vulnerability database for Trivy, so that it runs without a network.

``python -m scripts.trivy_db CACHE_DIR`` writes ``CACHE_DIR/db/trivy.db`` and ``metadata.json``
from fixtures/advisories.yaml; then::

    trivy fs --cache-dir CACHE_DIR --skip-db-update --offline-scan DIR

The form is that of Trivy's database version 2 (aquasecurity/trivy-db, pkg/types and
pkg/vulnsrc/ghsa), read by Trivy 0.76: a bbolt file with these buckets.

- ``data-source``: the name of each source's bucket -> its id, name and address
- ``<ecosystem>::<source>``: a bucket for each package, in it advisory id -> version ranges
- ``vulnerability``: advisory id -> title, severities, CVSS, CWEs, references
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from boltdb import BoltDB

from scripts.advisories import Advisory, load

# What Trivy calls an ecosystem -> what GitHub's advisory database calls it.
_SOURCES = {
    "pip": "pip",
    "npm": "npm",
    "cargo": "Rust",
    "go": "Go",
    "maven": "Maven",
}
_SEVERITIES = {"low": 1, "medium": 2, "high": 3, "critical": 4}
# Fixed times: the same advisories give the same file, and it never gets old.
_UPDATED = "2026-01-01T00:00:00Z"
_NEXT_UPDATE = "2099-01-01T00:00:00Z"

# The layout of a bbolt file (go.etcd.io/bbolt, internal/common/meta.go): each of the first two
# pages is a header of 16 bytes, the 56 bytes of the meta structure, and their FNV-1a sum.
_PAGE = 4096
_HEADER = 16
_META = 56


def build(cache_dir: Path, advisories: Iterable[Advisory] | None = None) -> Path:
    """Write the database into ``cache_dir`` (made if missing), in place of one that is there.

    Without ``advisories`` those of the fixture are taken. Returns the path of the database.
    """
    chosen = load() if advisories is None else list(advisories)
    directory = cache_dir / "db"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "trivy.db"
    path.unlink(missing_ok=True)
    _write_buckets(path, [advisory for advisory in chosen if "trivy" in advisory.sources])
    _write_checksums(path)
    metadata = {
        "Version": 2,
        "UpdatedAt": _UPDATED,
        "NextUpdate": _NEXT_UPDATE,
        "DownloadedAt": _UPDATED,
    }
    (directory / "metadata.json").write_text(json.dumps(metadata) + "\n", encoding="utf-8")
    return path


def fnv1a_64(data: bytes) -> int:
    """The 64-bit FNV-1a hash of ``data``."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def _write_buckets(path: Path, advisories: list[Advisory]) -> None:
    database = BoltDB(str(path))
    with database.update() as transaction:
        root = transaction.bucket()
        sources = root.create_bucket(b"data-source")
        details = root.create_bucket(b"vulnerability")
        for ecosystem in sorted({advisory.ecosystem for advisory in advisories}):
            bucket = f"{ecosystem}::GitHub Security Advisory {_SOURCES[ecosystem]}"
            sources.put(bucket.encode(), _encode(_source(ecosystem)))
            packages = root.create_bucket(bucket.encode())
            here = [advisory for advisory in advisories if advisory.ecosystem == ecosystem]
            for package in sorted({advisory.package for advisory in here}):
                entries = packages.create_bucket(package.encode())
                for advisory in here:
                    if advisory.package == package:
                        entries.put(advisory.id.encode(), _encode(_ranges(advisory)))
        for advisory in advisories:
            details.put(advisory.id.encode(), _encode(_details(advisory)))
    # boltdb closes when its object goes, and fails if it was closed by hand before.
    del database


def _write_checksums(path: Path) -> None:
    """Put in the checksums of the two meta pages, which Trivy verifies and boltdb leaves 0."""
    with path.open("r+b") as file:
        for page in range(2):
            file.seek(page * _PAGE + _HEADER)
            checksum = fnv1a_64(file.read(_META))
            file.seek(page * _PAGE + _HEADER + _META)
            file.write(checksum.to_bytes(8, "little"))


def _source(ecosystem: str) -> dict[str, str]:
    name = _SOURCES[ecosystem]
    return {
        "ID": "ghsa",
        "Name": f"GitHub Security Advisory {name}",
        "URL": f"https://github.com/advisories?query=type%3Areviewed+ecosystem%3A{name.lower()}",
    }


def _ranges(advisory: Advisory) -> dict[str, Any]:
    ghsa = [name for name in advisory.names if name.startswith("GHSA-") and name != advisory.id]
    return _without_empty(
        {
            "VendorIDs": ghsa,
            "VulnerableVersions": list(advisory.vulnerable),
            "PatchedVersions": list(advisory.patched),
        }
    )


def _details(advisory: Advisory) -> dict[str, Any]:
    severities = {"ghsa": _SEVERITIES[advisory.severity]}
    if "nvd" in advisory.ratings:
        severities["nvd"] = _band(advisory.ratings["nvd"].score)
    return _without_empty(
        {
            "Title": advisory.title,
            "Description": advisory.description,
            "Severity": advisory.severity.upper(),
            "VendorSeverity": severities,
            "CVSS": {
                source: {"V3Vector": rating.vector, "V3Score": rating.score}
                for source, rating in advisory.ratings.items()
            },
            "CweIDs": list(advisory.cwes),
            "References": list(advisory.references),
            "PublishedDate": f"{advisory.published.isoformat()}T00:00:00Z",
        }
    )


def _band(score: float) -> int:
    """The severity of a CVSS 3 score (CVSS 3.1, section 5), as Trivy numbers it."""
    if score >= 9.0:
        return 4
    if score >= 7.0:
        return 3
    return 2 if score >= 4.0 else 1


def _without_empty(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if item not in ([], {})}


def _encode(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m scripts.trivy_db CACHE_DIR")
    print(f"wrote {build(Path(sys.argv[1]))}")
