"""A third party's parser is installed for real, and found."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[1] / "example_plugin"
ROOT = Path(__file__).parents[2]

_SCRIPT = """
import json, sys
from secagg.parsing import ParseContext, RawReport, installed_parsers, parse
from secagg.secrets.redactor import Redactor

report = RawReport(name="pins.json", data=sys.stdin.buffer.read())
parsed = parse(report, installed_parsers(), ParseContext(redactor=Redactor(b"key")))
print(json.dumps([parsed.tool, parsed.balances, len(parsed.problems),
                  [[f.rule_id, f.location.uri, f.message] for f in parsed.findings]]))
"""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory into which pip has installed the plug-in."""
    pytest.importorskip("pip")
    pytest.importorskip("hatchling")
    source = tmp_path_factory.mktemp("source") / "plugin"
    shutil.copytree(PLUGIN, source, ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("target")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    build = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    subprocess.run([*pip, *build, str(source)], check=True, timeout=150)
    return target


def test_it_is_found_by_its_entry_point_and_reads_its_reports(target: Path) -> None:
    token = "gh" + "p_" + "Zq9" * 12
    notes = [{"rule": "no-pins", "file": "a.py", "line": 3, "says": f"pinned {token}"}, {}]
    paths = [str(target), str(ROOT), str(ROOT / "parsers"), str(ROOT / "policies")]
    ran = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        input=json.dumps({"pinboard": 1, "notes": notes}),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    tool, balances, problems, findings = json.loads(ran.stdout)
    assert (tool, balances, problems) == ("pinboard", True, 1)
    assert findings == [["no-pins", "a.py", "pinned [redacted]"]]
