"""The sample monorepo, scanned by the real tools and uploaded: alerts stay the same alerts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import sample_repo, trivy_db
from tests.cli.running import Ran, secagg
from tests.cli.test_sample import TOOLS
from tests.standins.github_server import REPOSITORY, TOKEN, GitHubServer


@pytest.mark.parametrize("view", ["merged", "per-tool"])
def test_thirty_lines_above_every_finding_open_and_close_nothing(tmp_path: Path, view: str) -> None:
    sample_repo.build(tmp_path / "repo")
    trivy_db.build(tmp_path / "cache")
    config = tmp_path / "secagg.yaml"
    names = ("snyk", "codeql", "trufflehog")
    others = "".join(f", {name}: {{enabled: false}}" for name in names)
    cache = tmp_path / "cache"
    config.write_text(f"tools: {{trivy: {{offline: true, cache_dir: {cache}}}{others}}}\n")

    with GitHubServer(looks=0) as server:

        def scan() -> Ran:
            return secagg(
                *("scan", tmp_path / "repo", "--config", config, "--view", view, "--upload"),
                *("--output", tmp_path / "out"),
                bin_dir=TOOLS,
                home=tmp_path,
                extra={
                    "GITHUB_API_URL": server.url,
                    "GITHUB_REPOSITORY": REPOSITORY,
                    "GITHUB_TOKEN": TOKEN,
                    "PYTHONPATH": os.pathsep.join(sys.path),
                },
            )

        first = scan()
        assert first.code == 1, first.stderr + first.stdout
        upload = json.loads((tmp_path / "out" / "summary.json").read_bytes())["upload"]
        assert upload["shown"] == upload["given"] == sum(a["results"] for a in upload["analyses"])
        assert len(server.open_alerts()) > 20
        opened, lines = len(server.events), {a.number: a.line for a in server.alerts}

        _move_everything_down(tmp_path / "repo", {a.path for a in server.alerts})
        second = scan()
        assert second.code == 1, second.stderr
        again = json.loads((tmp_path / "out" / "summary.json").read_bytes())["upload"]
        assert {a["fate"] for a in again["analyses"]} <= {"uploaded", "already there"}
        assert "uploaded" in {a["fate"] for a in again["analyses"]}
        moved = [a for a in server.alerts if a.line == lines[a.number] + 30]
        assert len(moved) > 10
        assert server.events[opened:] == []


def _move_everything_down(repo: Path, paths: set[str]) -> None:
    """Thirty empty lines at the top of every file that has a finding, as a new commit."""
    for path in sorted(paths):
        if (repo / path).is_file():
            (repo / path).write_bytes(b"\n" * 30 + (repo / path).read_bytes())
    git = ["git", "-C", str(repo), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "commit", "-qam", "Move everything down"], check=True)
