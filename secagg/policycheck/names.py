"""Find names and globs in policies that match nothing in the repository."""

from __future__ import annotations

import difflib
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from secagg.packages.components import IMAGE, ROOT, find_components
from secagg.policy.load import Layer
from secagg.policy.model import Match, Policy
from secagg.policy.selectors import component_test, path_test, rooted
from secagg.policy.subject import known_tools
from secagg.system.git import git
from secagg.system.globs import is_ignored_pattern

Loc = tuple[int | str, ...]

_ADDED_FILES = (
    *("log", "--all", "-m", "--no-renames", "--diff-filter=A"),
    *("--name-only", "--pretty=format:", "-z", "--relative"),
)
_STARS = re.compile(r"\*+|\?")
# An unclosed bracket extends to the end, so that a pattern is searched once only.
_WILDCARDS = re.compile(rf"{_STARS.pattern}|\[[^\]]*\]?")
# How similar the name of a tool is to one that was meant (0 to 1).
_SIMILAR = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMessage:
    """One mistake in a policy: ``where`` is ``file:line:column``, ``advice`` what to do."""

    where: str
    code: str
    text: str
    advice: str


class Tree:
    """The files of the checkout at ``root``, present and past; each list is made when needed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def has(self, pattern: str) -> bool:
        """Tell whether ``pattern`` (as in .gitignore, without ``!``) matches a file, now or before.

        Files are those of the checkout, tracked or not, and those of the history in this clone.
        A pattern for what git ignores counts as a match: a build may make it.
        """
        matches = path_test([pattern])
        present = _any(matches, self._tracked) or _any(matches, self._present)
        # Git may fail to read a history in time: that one may hold anything.
        return (
            present or self._past is None or _any(matches, self._past) or self._is_ignored(pattern)
        )

    @property
    def is_empty(self) -> bool:
        """Whether the checkout has no files to compare with."""
        return not self._tracked and not self._present

    @cached_property
    def components(self) -> list[str]:
        """The directories of the components, the root included."""
        return [component.path for component in find_components(self._root)] or [ROOT]

    @cached_property
    def _tracked(self) -> list[str]:
        return _names(git(self._root, "ls-files", "-z").out)

    @cached_property
    def _present(self) -> list[str]:
        present = []
        for directory, subdirectories, files in os.walk(self._root, followlinks=False):
            subdirectories[:] = [name for name in subdirectories if name != ".git"]
            base = Path(directory).relative_to(self._root).as_posix()
            present += [name if base == "." else f"{base}/{name}" for name in files]
        return present

    @cached_property
    def _past(self) -> list[str] | None:
        log = git(self._root, *_ADDED_FILES)
        return None if log.code is None and shutil.which("git") else _names(log.out)

    def _is_ignored(self, pattern: str) -> bool:
        """Whether git ignores a sample of ``pattern``, as a file or as a directory."""
        sample = _WILDCARDS.sub(_sample_name, rooted(pattern)).strip("/")
        return git(self._root, "check-ignore", "--", sample, f"{sample}/x").code == 0


def check_names(layer: Layer, policy: Policy, tree: Tree) -> Iterator[CheckMessage]:
    """Find globs and names in ``layer`` that match nothing; ``policy`` is the effective policy."""
    layer_policy = layer.file.value
    tools = known_tools(policy)
    for number, name in enumerate(layer_policy.optional_tools):
        similar = _similar_tool(name, tools)
        if similar is not None:
            yield CheckMessage(
                where=_value_place(layer, ("optional_tools",), number),
                code="unknown-tool",
                text=f"no tool is called {name!r}, so none is optional by it",
                advice=f"write {similar}",
            )
    for number, rule in enumerate(layer_policy.rules):
        for match, loc in _nested_matches(rule.match, ("rules", number, "match")):
            yield from _paths(layer, match, loc, tree)
            yield from _components(layer, match, loc, tree)
            yield from _tools(layer, match, loc, tools)


def _sample_name(wildcard: re.Match[str]) -> str:
    """A name for a wildcard. An unclosed bracket is literal; wildcards after it are not."""
    text = wildcard[0]
    if text[0] != "[" or text[-1] == "]":
        return "x"
    return f"[{_STARS.sub('x', text[1:])}"


def _names(out: bytes) -> list[str]:
    return [os.fsdecode(name.strip(b"\n")) for name in out.split(b"\0") if name.strip(b"\n")]


def _any(matches: Callable[[str], bool], files: Iterable[str]) -> bool:
    return any(map(matches, files))


def _nested_matches(match: Match, loc: Loc) -> Iterator[tuple[Match, Loc]]:
    """``match`` and those under its ``any`` and ``not``, each with its place in the file."""
    yield match, loc
    for number, inner in enumerate(match.any or []):
        yield from _nested_matches(inner, (*loc, "any", number))
    if match.not_ is not None:
        yield from _nested_matches(match.not_, (*loc, "not"))


def _paths(layer: Layer, match: Match, loc: Loc, tree: Tree) -> Iterator[CheckMessage]:
    patterns = match.path or []
    if patterns and all(pattern.startswith("!") for pattern in patterns):
        yield CheckMessage(
            where=layer.file.where(*loc, "path"),
            code="path-matches-nothing",
            text="a pattern that begins with ! excludes files, and no pattern before it includes "
            "any",
            advice="put a pattern such as * before it, or write not: {path: ...}",
        )
        return
    for number, pattern in enumerate(patterns):
        where = _value_place(layer, (*loc, "path"), number)
        if is_ignored_pattern(rooted(pattern)):
            yield CheckMessage(
                where=where,
                code="path-matches-nothing",
                text=f"the pattern {pattern!r} matches nothing: git reads it as a comment",
                advice="write \\# for a name that begins with #, or remove it",
            )
        elif not tree.is_empty and not tree.has(pattern.removeprefix("!")):
            yield CheckMessage(
                where=where,
                code="path-matches-nothing",
                text=f"the path {pattern!r} matches no file here, nor one in the history of this "
                "clone",
                advice="correct or remove it; paths are relative to the root, as in .gitignore",
            )


def _components(layer: Layer, match: Match, loc: Loc, tree: Tree) -> Iterator[CheckMessage]:
    for number, glob in enumerate(match.component or []):
        matches = component_test([glob])
        if tree.is_empty or glob.startswith(IMAGE) or any(map(matches, tree.components)):
            continue
        near = difflib.get_close_matches(glob.strip("/"), tree.components, n=1)
        paths = ", ".join(tree.components[:8])
        yield CheckMessage(
            where=_value_place(layer, (*loc, "component"), number),
            code="component-matches-nothing",
            text=f"no component is called {glob!r}",
            advice=f"did you mean {near[0]}?" if near else f"the components here: {paths}",
        )


def _tools(layer: Layer, match: Match, loc: Loc, tools: Collection[str]) -> Iterator[CheckMessage]:
    for number, glob in enumerate(match.tool or []):
        similar = (
            None if any(sign in glob for sign in "*?[") else _similar_tool(glob.casefold(), tools)
        )
        if similar is not None:
            yield CheckMessage(
                where=_value_place(layer, (*loc, "tool"), number),
                code="unknown-tool",
                text=f"no tool is known as {glob!r}",
                advice=f"did you mean {similar}? if it is another, name it under known_tools",
            )


def _similar_tool(name: str, tools: Collection[str]) -> str | None:
    """The known tool that ``name`` is probably meant to be; None for a known name."""
    if name in tools:
        return None
    near = difflib.get_close_matches(name.casefold(), sorted(tools), n=1, cutoff=_SIMILAR)
    return near[0] if near else None


def _value_place(layer: Layer, loc: Loc, number: int) -> str:
    """The place of one value of a list; of a value without a list, that of its key."""
    return layer.file.where(*loc, number)
