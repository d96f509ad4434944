"""What each command loads: nothing that it does not use, since importing is most of a small run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from secagg import __version__
from tests.parsers.samples import SAMPLES

# What every command needs, and what Typer brings along.
CLI = {"annotated_doc", "shellingham", "typer", "typing_extensions"}
SCREEN = CLI | {"ahocorasick_rs", "msgspec", "orjson"}
JUDGE = SCREEN | {"packageurl"}
# A store of SQLite, without migrations, a driver or models.
STORE = {"sqlalchemy"}
# Of the standard library, what takes long to import.
SLOW = {"asyncio", "concurrent", "email", "http", "multiprocessing", "pydoc", "ssl", "zipfile"}

_CODE = """
import sys
before = set(sys.modules)
sys.argv = ["secagg", *sys.argv[1:]]
from secagg.cli import main
try:
    main()
except SystemExit as ended:
    print(ended.code, file=sys.stderr)
print(*sorted(set(sys.modules) - before), file=sys.stderr)
"""


def _loaded(place: Path, *arguments: str) -> tuple[str, set[str]]:
    """Run a command in ``place``; return its output and the modules that it loads."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("SECAGG")}
    done = subprocess.run(
        [sys.executable, "-c", _CODE, *arguments],
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
        env={**variables, "SECAGG_HMAC_KEY": "a key that is only for this test"},
    )
    *_, modules = done.stderr.splitlines()
    return done.stdout, set(modules.split())


def _foreign(modules: set[str]) -> set[str]:
    """Return the packages of others, without those of the standard library and of Cython."""
    names = {module.partition(".")[0] for module in modules}
    return {
        name
        for name in names - sys.stdlib_module_names
        if not name.startswith(("secagg", "_", "cython_runtime"))
    }


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout with a recorded scan of one report."""
    place = tmp_path_factory.mktemp("scanned")
    (place / "trivy.json").write_bytes(SAMPLES["trivy"][0])
    _loaded(place, "parse", "trivy.json")
    return place


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_loads_no_library(option: str, tmp_path: Path) -> None:
    output, modules = _loaded(tmp_path, option)
    assert output == f"secagg {__version__}\n"
    assert "secagg" in modules
    assert not _foreign(modules)


COMMANDS = {
    "--help": CLI,
    "parse --help": JUDGE,
    "parse --no-store trivy.json": JUDGE,
    "parse trivy.json": JUDGE | STORE,
    "scan --help": JUDGE,
    "scan --no-store --tool trufflehog --output again": JUDGE | {"packaging"},
    "gate": JUDGE | STORE,
    "gate --store=": JUDGE,
    "report": SCREEN | STORE | {"packaging"},
    "show {id}": JUDGE | STORE,
    "explain {id}": JUDGE | STORE,
    "doctor": JUDGE | {"packaging"},
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_loads_the_libraries_that_it_uses(command: str, scanned: Path) -> None:
    decision = json.loads((scanned / "secagg-out" / "decision.json").read_bytes())
    identity = decision["findings"][0]["id"]
    output, modules = _loaded(scanned, *command.format(id=identity).split())
    assert output
    assert _foreign(modules) <= COMMANDS[command]
    assert "sqlalchemy.dialects.postgresql" not in modules
    if "sqlalchemy" not in modules:
        # SQLAlchemy imports some of these itself.
        assert not SLOW & modules


def test_the_store_and_the_network_are_loaded_on_use(scanned: Path) -> None:
    _, modules = _loaded(scanned, "parse", "--no-store", "trivy.json")
    packages = {".".join(module.split(".")[:2]) for module in modules}
    unused = {"action", "history", "init", "notify", "policycheck", "policytest", "serve", "tools"}
    assert not packages & {f"secagg.{name}" for name in unused}
    assert not modules & {"secagg.github.client", "secagg.scanners.trivy", "secagg.system.yamlfile"}
    # The classes of the history, and parsers of other reports.
    assert not modules & {"secagg.model.problem", "secagg_parsers.bandit", "secagg_parsers.snyk"}
