"""Asking for the version must not cost the price of a scan."""

from __future__ import annotations

import subprocess
import sys

import pytest

from secagg import __version__

HEAVY = ("httpx", "sqlmodel", "sqlalchemy", "sarif_om", "rich", "pydantic", "typer", "orjson")


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_loads_nothing_heavy(option: str) -> None:
    code = (
        "import sys; before = set(sys.modules); sys.argv = ['secagg', sys.argv[1]]\n"
        "from secagg.cli import main; main()\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, option], capture_output=True, text=True, check=True
    )
    version, loaded = done.stdout.splitlines()
    assert version == f"secagg {__version__}"
    assert "secagg" in loaded.split()
    assert not set(HEAVY) & set(loaded.split())


def test_help_loads_no_scanner_and_no_network_library() -> None:
    code = (
        "import sys; sys.argv = ['secagg', '--help']\n"
        "from secagg.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not {"httpx", "sqlmodel", "sarif_om", "rich", "secagg.scanners"} & loaded
