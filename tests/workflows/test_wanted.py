"""Which scanners the action asks for where its caller names none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from secagg.action import scanning
from secagg.action.inputs import Inputs
from secagg.action.preparing import installable_tools, tools_to_run
from secagg.tools.catalogue import load_catalogue, this_platform
from tests.workflows.act import git
from tests.workflows.composite import event_file


@pytest.fixture
def change(tmp_path: Path) -> tuple[Path, Mapping[str, str]]:
    """A pull request that switches Trivy off, and its environment."""
    tree = tmp_path / "tree"
    tree.mkdir()
    git(tree, "init", "-q", "-b", "main")
    (tree / "secagg.yaml").write_text("jobs: 1\n")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "first")
    base = git(tree, "rev-parse", "HEAD").strip()
    git(tree, "switch", "-q", "-c", "change")
    (tree / "secagg.yaml").write_text("tools: {trivy: {enabled: false}}\n")
    git(tree, "commit", "-q", "-a", "-m", "second")
    event = {"pull_request": {"number": 1, "base": {"sha": base}, "head": {"sha": "0" * 40}}}
    return tree, {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event_file(tmp_path / "event.json", event)),
    }


def test_a_change_switches_no_scanner_off(change: tuple[Path, Mapping[str, str]]) -> None:
    tree, environ = change
    assert "trivy" in tools_to_run(Inputs(path=str(tree)), environ)
    assert "trivy" not in tools_to_run(Inputs(path=str(tree)), {})


def test_what_is_installed_is_asked_for(change: tuple[Path, Mapping[str, str]]) -> None:
    tree, environ = change
    inputs = Inputs(path=str(tree), directory=str(tree.parent))
    arguments = scanning._arguments(inputs, environ)
    asked = [arguments[n + 1] for n, word in enumerate(arguments) if word == "--tool"]
    assert asked == installable_tools(tools_to_run(inputs, environ))
    catalogue, here = load_catalogue(), this_platform()
    assert all(catalogue.entry(name).offers(here) for name in asked) and "trivy" in asked
    path = scanning._arguments(Inputs(path=str(tree), tools_install="path"), environ)
    assert "--tool" not in path
