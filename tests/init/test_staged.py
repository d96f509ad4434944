"""``secagg staged`` sees what is about to be committed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from secagg.cli.app import app
from tests.canaries import canaries
from tests.workflows.act import BIN, git


def test_what_is_staged_is_judged_and_not_what_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{BIN}:/usr/bin:/bin")
    secret = next(c.value for c in canaries() if c.value.startswith("ghp_"))
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "config.py").write_text("token = 1\n")
    git(tmp_path, "add", "config.py")
    (tmp_path / "config.py").write_text(f'token = "{secret}"\n')
    assert CliRunner().invoke(app, ["staged", str(tmp_path)]).exit_code == 0
    git(tmp_path, "add", "config.py")
    (tmp_path / "config.py").write_text("token = 1\n")
    result = CliRunner().invoke(app, ["staged", str(tmp_path)])
    assert result.exit_code == 1
    assert "config.py:1" in result.output
    assert secret not in result.output
