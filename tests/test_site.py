"""The documentation site: what is made for it is right, and every page can be reached."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scripts.site import with_links, write_site
from secagg.cli.app import app
from secagg.cli.commands import COMMANDS
from secagg.errors import ExitCode

ROOT = Path(__file__).parents[1]
RECIPES = re.findall(
    r"^## (.+?)$.*?```yaml\n(.+?)```",
    (ROOT / "docs/policy-cookbook.md").read_text(),
    re.MULTILINE | re.DOTALL,
)


def pages(nav: Any) -> Iterator[str]:
    for entry in nav:
        for value in entry.values():
            if isinstance(value, str):
                yield value
            else:
                yield from pages(value)


def test_every_page_is_in_the_menu_once(tmp_path: Path) -> None:
    write_site(tmp_path / "site", {})
    settings = tomllib.loads((tmp_path / "site" / "zensical.toml").read_text())["project"]
    made = {path.name for path in (tmp_path / "site" / settings["docs_dir"]).glob("*.md")}
    listed = list(pages(settings["nav"]))
    assert set(listed) == made
    assert len(listed) == len(made)
    commands = (tmp_path / "site" / "docs" / "commands.md").read_text()
    assert {name for name in COMMANDS if f"## secagg {name}" not in commands} == set()
    # With what stands in a command's own module, which is loaded when it is called.
    for words in ("## secagg runs show", "| `--tool`, `-t` |", "    secagg scan --policy pr-gate"):
        assert words in commands


@pytest.mark.parametrize(
    ("text", "environ", "wanted"),
    [
        ("[a](init.md#b) [c](https://x.example/y)", {}, "[a](init.md#b) [c](https://x.example/y)"),
        ("[action.yml](../action.yml)", {}, "action.yml"),
        (
            "[action.yml](../action.yml#L1)",
            {"GITHUB_REPOSITORY": "acme/secagg", "GITHUB_SHA": "abc"},
            "[action.yml](https://github.com/acme/secagg/blob/abc/action.yml#L1)",
        ),
        ("[why](decisions/)", {"GITHUB_REPOSITORY": "acme/secagg"}, "why"),
    ],
)
def test_links_lead_to_pages_or_to_the_repository(
    text: str, environ: dict[str, str], wanted: str
) -> None:
    assert with_links(text, Path("index.md"), environ) == wanted


@pytest.mark.parametrize(("title", "policy"), RECIPES, ids=[title for title, _ in RECIPES])
def test_every_recipe_is_a_policy_without_mistakes(title: str, policy: str, tmp_path: Path) -> None:
    path = tmp_path / "team.yaml"
    path.write_text(policy)
    for name in ("services/payments/package.json", "tests/fixtures/token.txt"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("{}")
    done = CliRunner().invoke(app, ["policy", "check", str(path), "--root", str(tmp_path)])
    assert done.exit_code == 0, done.output


def test_there_are_recipes_and_every_exit_code_is_explained() -> None:
    assert len(RECIPES) > 5
    rows = re.findall(r"^\| (\d+) \|", (ROOT / "docs/exit-codes.md").read_text(), re.MULTILINE)
    assert [int(row) for row in rows] == sorted(ExitCode)
