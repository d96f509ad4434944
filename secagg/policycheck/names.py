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

from secagg.packages.components import ROOT, find_components
from secagg.policy.load import Layer
from secagg.policy.model import Match, Policy
from secagg.policy.subject import known_tools
from secagg.system.git import git
from secagg.system.globs import means_nothing, names, paths


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMessage:
    """One mistake: ``where`` is ``file:line:column`` or a name, ``advice`` what to do."""

    where: str
    code: str
    text: str
    advice: str


_EVER_ADDED = (
    *("log", "--all", "-m", "--no-renames", "--diff-filter=A"),
    *("--name-only", "--pretty=format:", "-z", "--relative"),
)


_STARS = re.compile(r"\*+|\?")


# A bracket that nothing closes goes to the end, so that it is looked for once only.
_WILDCARDS = re.compile(rf"{_STARS.pattern}|\[[^\]]*\]?")


class Tree:
    """The checkout at ``root``; what is slow to find is looked for only where it is needed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def has(self, pattern: str) -> bool:
        """Whether ``pattern`` (gitignore's, without ``!``) means any file that is or was there.

        That is a file of the checkout, tracked or not, or of the history that this clone holds.
        What git is told to ignore counts as there: a build may make it.
        """
        matches = paths([pattern])
        here = _any(matches, self._tracked) or _any(matches, self._present)
        # A history that takes too long to read may hold anything.
        return here or self._past is None or _any(matches, self._past) or self._is_ignored(pattern)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to compare with."""
        return not self._tracked and not self._present

    @cached_property
    def components(self) -> list[str]:
        """The directories that are components, the root among them."""
        return [component.path for component in find_components(self._root)] or [ROOT]

    @cached_property
    def _tracked(self) -> list[str]:
        return _names(git(self._root, "ls-files", "-z").out)

    @cached_property
    def _present(self) -> list[str]:
        paths = []
        for directory, below, files in os.walk(self._root, followlinks=False):
            below[:] = [name for name in below if name != ".git"]
            base = Path(directory).relative_to(self._root).as_posix()
            paths += [name if base == "." else f"{base}/{name}" for name in files]
        return paths

    @cached_property
    def _past(self) -> list[str] | None:
        done = git(self._root, *_EVER_ADDED)
        return None if done.code is None and shutil.which("git") else _names(done.out)

    def _is_ignored(self, pattern: str) -> bool:
        """Whether git ignores what ``pattern`` means, with some name where it has wildcards.

        That may be a file or a directory: the name alone does not tell what is not there.
        """
        sample = _WILDCARDS.sub(_some_name, pattern).strip("/")
        return git(self._root, "check-ignore", "--", sample, f"{sample}/x").code == 0


def _some_name(wildcard: re.Match[str]) -> str:
    """A name for a wildcard; a bracket that nothing closes is none, but what follows it may be."""
    text = wildcard[0]
    if text[0] != "[" or text[-1] == "]":
        return "x"
    return f"[{_STARS.sub('x', text[1:])}"


def _names(out: bytes) -> list[str]:
    return [os.fsdecode(name.strip(b"\n")) for name in out.split(b"\0") if name.strip(b"\n")]


def _any(matches: Callable[[str], bool], files: Iterable[str]) -> bool:
    return any(map(matches, files))


_Loc = tuple[int | str, ...]


_NEAR = 0.8


def check_names(layer: Layer, policy: Policy, tree: Tree) -> Iterator[CheckMessage]:
    """Messages on the globs and names in ``layer``; ``policy`` is what it comes to."""
    own = layer.written.value
    tools = known_tools(policy)
    for number, name in enumerate(own.optional_tools):
        near = _near(name, tools)
        if near is not None:
            yield CheckMessage(
                where=_item(layer, ("optional_tools",), number),
                code="unknown-tool",
                text=f"no tool is called {name!r}, so none is optional by it",
                advice=f"write {near}",
            )
    for number, rule in enumerate(own.rules):
        for match, loc in _each(rule.match, ("rules", number, "match")):
            yield from _paths(layer, match, loc, tree)
            yield from _components(layer, match, loc, tree)
            yield from _tools(layer, match, loc, tools)
            yield from _packages(layer, match, loc)


def _each(match: Match, loc: _Loc) -> Iterator[tuple[Match, _Loc]]:
    yield match, loc
    for number, inner in enumerate(match.any or []):
        yield from _each(inner, (*loc, "any", number))
    if match.not_ is not None:
        yield from _each(match.not_, (*loc, "not"))


def _paths(layer: Layer, match: Match, loc: _Loc, tree: Tree) -> Iterator[CheckMessage]:
    patterns = match.path or []
    if patterns and all(pattern.startswith("!") for pattern in patterns):
        yield CheckMessage(
            where=layer.written.where(*loc, "path"),
            code="path-matches-nothing",
            text="a pattern that begins with ! takes files out again, and here none are in",
            advice="put a pattern such as * before it, or write not: {path: ...}",
        )
        return
    for number, pattern in enumerate(patterns):
        bare = pattern.removeprefix("!")
        where = _item(layer, (*loc, "path"), number)
        if means_nothing(pattern):
            yield CheckMessage(
                where=where,
                code="path-matches-nothing",
                text=f"the pattern {pattern!r} means nothing: git passes over it, "
                "as over a comment",
                advice="write \\# for a name that begins with #, or take it out",
            )
        elif not tree.is_empty and not tree.has(bare):
            yield CheckMessage(
                where=where,
                code="path-matches-nothing",
                text=f"the path {pattern!r} is that of no file here, nor of one in the history "
                "that this clone holds",
                advice="correct it, or take it out; paths count from the root, as in .gitignore",
            )


def _components(layer: Layer, match: Match, loc: _Loc, tree: Tree) -> Iterator[CheckMessage]:
    for number, glob in enumerate(match.component or []):
        matches = names([glob])
        if tree.is_empty or any(map(matches, tree.components)):
            continue
        near = difflib.get_close_matches(glob.strip("/"), tree.components, n=1)
        paths = ", ".join(tree.components[:8])
        yield CheckMessage(
            where=_item(layer, (*loc, "component"), number),
            code="component-matches-nothing",
            text=f"no component is called {glob!r}",
            advice=f"did you mean {near[0]}?" if near else f"the components here: {paths}",
        )


def _tools(layer: Layer, match: Match, loc: _Loc, tools: Collection[str]) -> Iterator[CheckMessage]:
    for number, glob in enumerate(match.tool or []):
        near = None if any(sign in glob for sign in "*?[") else _near(glob.casefold(), tools)
        if near is not None:
            yield CheckMessage(
                where=_item(layer, (*loc, "tool"), number),
                code="unknown-tool",
                text=f"no tool is known as {glob!r}",
                advice=f"did you mean {near}? if it is another, name it under known_tools",
            )


def _packages(layer: Layer, match: Match, loc: _Loc) -> Iterator[CheckMessage]:
    for number, glob in enumerate(match.package or []):
        rest = glob.removeprefix("pkg:")
        if rest != glob and not any(sign in rest for sign in "*?[/"):
            yield CheckMessage(
                where=_item(layer, (*loc, "package"), number),
                code="package-matches-nothing",
                text=f"{glob!r} lacks the type that every purl has",
                advice=f"write pkg:npm/{rest} with its type, or {rest} for any type",
            )


def _near(name: str, tools: Collection[str]) -> str | None:
    """The tool that ``name`` was meant to be, if it is none itself."""
    if name in tools:
        return None
    near = difflib.get_close_matches(name.casefold(), sorted(tools), n=1, cutoff=_NEAR)
    return near[0] if near else None


def _item(layer: Layer, loc: _Loc, number: int) -> str:
    """The place of one value; where one stands without a list, that of its key."""
    return layer.written.where(*loc, number)
