"""The pinned scanners where ``secagg tools install`` puts them, so that no index is asked."""

from __future__ import annotations

import shutil
from pathlib import Path

from secagg.tools.catalogue import load_catalogue, this_platform
from secagg.tools.installed import Receipt, _write_receipts
from tests.workflows.act import BIN


def install_pinned(directory: Path) -> None:
    """Have Trivy and Gitleaks of the tests' environment in a directory, with their receipts."""
    directory.mkdir(parents=True)
    known, made = load_catalogue(), {}
    for tool in ("trivy", "gitleaks"):
        source = known.entry(tool).wheel
        assert source is not None
        digest = source.platforms[this_platform()].program
        (directory / tool).symlink_to(shutil.which(tool, path=str(BIN)) or "")
        made[tool] = Receipt(version=source.version, source="wheel", digest=digest or "")
    _write_receipts(directory, made)
