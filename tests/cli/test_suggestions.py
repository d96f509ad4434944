"""What messages and hints tell people to type exists: commands, and their options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.test_docs import OPTION, SECAGG, options_of

ROOT = Path(__file__).parents[2] / "secagg"
# A command in a sentence ends with the sentence's part.
COMMAND = re.compile(r"(?<!/)\bsecagg ([a-z][^.,;:()\n`\"']*)")
# What follows the name in sentences that are about secagg itself.
PROSE = {"a", "and", "by", "can", "cannot", "did", "does", "found", "has", "in", "is", "itself", "made", "makes",
         "not", "once", "or", "so", "that", "until", "which", "writes", "wrote"}  # fmt: skip
# Options of other programs, that hints name too.
FOREIGN = {"--unshallow", "--no-tags"}


def texts_of(path: Path) -> Iterator[tuple[ast.AST, str]]:
    """Every string of a module that is no documentation; a value in it is written as ``X``."""
    tree = ast.parse(path.read_text("utf-8"))
    parts: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            parts.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            parts.update(id(value) for value in node.values)
            pieces = [v.value if isinstance(v, ast.Constant) else "X" for v in node.values]
            yield node, "".join(map(str, pieces))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node, node.value


def hints_of(path: Path) -> Iterator[str]:
    """The hints of errors, and the strings that are called so."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        given: list[Any] = []
        if isinstance(node, ast.keyword) and node.arg == "hint":
            given = [node.value]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if any("HINT" in name for name in names):
                given = [node.value]
        for value in given:
            yield " ".join(
                part.value
                for part in ast.walk(value)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )


def all_options(command: Any = SECAGG) -> set[str]:
    """The options of every command."""
    found = {"--help"}
    for parameter in command.params:
        found |= {*parameter.opts, *parameter.secondary_opts}
    for below in getattr(command, "commands", {}).values():
        found |= all_options(below)
    return found


MODULES = sorted(ROOT.rglob("*.py"))


def test_every_command_in_a_message_exists_with_its_options() -> None:
    wrong, seen = [], set()
    for path in MODULES:
        for _, text in texts_of(path):
            for match in COMMAND.finditer(text):
                words = match[1].split()
                if words[0] in PROSE:
                    continue
                seen.add(words[0])
                known = options_of(words)
                if known is None or not known.issuperset(OPTION.findall(match[1])):
                    wrong.append(f"{path.relative_to(ROOT)}: secagg {match[1]}")
    assert wrong == []
    assert {"scan", "db", "runs", "intel"} <= seen


def test_every_option_in_a_hint_exists() -> None:
    known = all_options() | FOREIGN
    wrong, seen = [], 0
    for path in MODULES:
        for hint in hints_of(path):
            options = re.findall(r"(?<![\w-])--[a-z][\w-]+", hint)
            seen += len(options)
            wrong += [f"{path.relative_to(ROOT)}: {name}" for name in options if name not in known]
    assert wrong == []
    assert seen > 30


def test_what_does_not_exist_is_seen() -> None:
    assert options_of(["frobnicate"]) is None
    assert "--frobnicate" not in all_options()
    (said,) = (text for _, text in texts_of_text('say = f"run secagg db {x} --now first"'))
    assert COMMAND.findall(said) == ["db X --now first"]


def texts_of_text(text: str) -> list[tuple[ast.AST, str]]:
    node = ast.parse(text).body[0].value  # type: ignore[attr-defined]
    pieces = [v.value if isinstance(v, ast.Constant) else "X" for v in node.values]
    return [(node, "".join(map(str, pieces)))]
