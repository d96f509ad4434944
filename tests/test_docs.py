"""What the documents name exists: tests of the security model, commands and their options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from secagg.cli.app import app
from secagg.cli.commands import COMMANDS, load

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "docs" / "security-model.md"
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
TESTS = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", MODEL.read_text())
# A command as documents write it: in code, up to the end of its line or of its part of a pipe.
COMMAND = re.compile(r"(?:`|^ {4,}|\$ |- run: )secagg ([^`\n;&#]+)", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
SECAGG: Any = typer.main.get_command(app)
SECAGG.commands.update({name: load(name) for name in COMMANDS})


def defined(path: Path) -> set[str]:
    """The functions of a module."""
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_of_the_security_model_exists() -> None:
    assert len(TESTS) > 50
    assert [test for file, test in TESTS if test not in defined(ROOT / file)] == []


def test_the_model_names_no_test_in_another_way() -> None:
    """What is written otherwise would be looked for by nobody."""
    named = {name for file, test in TESTS for name in (Path(file).stem, test)}
    assert set(re.findall(r"\btest_\w+", MODEL.read_text())) - named == {"test_docs"}


def written(text: str) -> Iterator[tuple[str, list[str]]]:
    """The commands in a document, each with the options that it is given."""
    for match in COMMAND.finditer(text):
        line = match[1].partition(" | ")[0].strip()
        yield line, line.split()


def options_of(words: list[str]) -> set[str] | None:
    """The options of the command that ``words`` begin with; None where there is no such command."""
    command = SECAGG
    options = {"--help", *(option for given in SECAGG.params for option in given.opts)}
    for number, word in enumerate(words):
        below = getattr(command, "commands", {})
        # The alternatives of a list: secagg except add|list|prune.
        names = word.split("|")
        if not below or not set(names) <= set(below):
            # A command, or a subcommand of one that does nothing by itself, in small letters.
            is_name = word.isalpha() and word.islower()
            unknown = number == 0 or (below and is_name and not command.invoke_without_command)
            return None if unknown and not word.startswith("-") else options
        command = below[names[0]]
        for parameter in command.params:
            options |= {*parameter.opts, *parameter.secondary_opts}
    return options


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_and_option_exists(path: Path) -> None:
    wrong = []
    for line, words in written(path.read_text()):
        options = options_of(words)
        if options is None or not options.issuperset(OPTION.findall(line)):
            wrong.append(line)
    assert wrong == []


def test_a_command_that_does_not_exist_is_seen() -> None:
    text = "Say `secagg scan --nothing` or\n\n    secagg show ID --policy daily | head\n"
    lines = list(written(text))
    assert [line for line, _ in lines] == ["scan --nothing", "show ID --policy daily"]
    assert options_of(["scan"]).isdisjoint({"--nothing"})  # type: ignore[union-attr]
    assert options_of(["nothing"]) is None
    assert options_of(["intel", "nothing"]) is None
    assert "--gap" in (options_of(["except", "add"]) or ())
