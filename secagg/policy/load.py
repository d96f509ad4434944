"""Policies by name or path, with what they extend."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from secagg.errors import ConfigError
from secagg.policy.model import Policy, PolicyRule
from secagg.yamltext import load_model

# What a policy that extends another may say itself; what it does not say is the other's.
_OWN = ("unknown_severity", "unknown_tool", "optional_tools", "due_soon", "exceptions")

Read = Callable[[str], str | None]


def built_in() -> list[str]:
    """The names of the built-in policies."""
    files = resources.files("secagg_policies").iterdir()
    return sorted(f.name.removesuffix(".yaml") for f in files if f.name.endswith(".yaml"))


def load(name_or_path: str, *, read: Read | None = None) -> Policy:
    """A built-in policy by name, else the file at that path, with all that it extends.

    ``read`` gives the text of a file, or ``None`` where there is none; it stands in for the
    file system where a policy comes from a commit. Raises :class:`ConfigError` where a policy
    does not exist or cannot be used.
    """
    return _load(name_or_path, read, ())


def builtin_text(name: str) -> str:
    """The YAML text of the built-in policy ``name``."""
    return (resources.files("secagg_policies") / f"{name}.yaml").read_text("utf-8")


def _load(name_or_path: str, read: Read | None, chain: tuple[str, ...]) -> Policy:
    builtin = name_or_path in built_in()
    key = name_or_path if builtin or read else os.path.realpath(name_or_path)
    if key in chain:
        shown = [os.path.basename(name) for name in (*chain[chain.index(key) :], key)]
        raise ConfigError(
            "policies extend each other in a circle: " + " extends ".join(shown),
            where=chain[-1],
            hint="let one of them stand alone",
        )
    own = _read(name_or_path, read, builtin)
    _refuse_two_of_a_name(own, name_or_path)
    if own.extends is None:
        if not own.rules:
            raise ConfigError("a policy without rules would let everything pass", where=key)
        return own
    base_name = own.extends
    if not builtin and base_name not in built_in():
        base_name = os.path.join(os.path.dirname(name_or_path), base_name)
    base_name = os.path.normpath(base_name)
    return extend(own, _load(base_name, read, (*chain, key)), where=name_or_path)


def _read(name_or_path: str, read: Read | None, builtin: bool) -> Policy:
    if builtin:
        return load_model(builtin_text(name_or_path), Policy, name=f"policy {name_or_path}")
    if read is not None:
        text = read(name_or_path)
        if text is not None:
            return load_model(text, Policy, name=name_or_path)
    elif Path(name_or_path).is_file():
        return load_model(Path(name_or_path), Policy, name=name_or_path)
    near = difflib.get_close_matches(name_or_path, built_in(), n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ConfigError(
        f"no policy {name_or_path!r}",
        hint=f"{hint}a file, or one of the built-in ones: " + ", ".join(built_in()),
    )


def _refuse_two_of_a_name(policy: Policy, where: str) -> None:
    twice = [name for name, n in Counter(rule.name for rule in policy.rules).items() if n > 1]
    if twice:
        raise ConfigError(f"two rules are named {twice[0]}", where=where)


def extend(own: Policy, base: Policy, *, where: str) -> Policy:
    """``own`` on top of ``base``.

    Own rules come first, then those of the base; an own rule that has the name of a base's
    takes that one's place. Raises :class:`ConfigError` where ``remove`` names no rule.
    """
    names = [rule.name for rule in base.rules]
    for name in own.remove:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else "its rules: " + ", ".join(names)
            raise ConfigError(f"{base.name} has no rule {name} to remove", where=where, hint=hint)
    replaced = {rule.name: rule for rule in own.rules if rule.name in names}
    rules: list[PolicyRule] = [rule for rule in own.rules if rule.name not in replaced]
    rules += [replaced.get(r.name, r) for r in base.rules if r.name not in own.remove]
    said = {key: getattr(own, key) for key in _OWN if key in own.model_fields_set}
    return base.model_copy(
        update={
            **said,
            "name": own.name,
            "description": own.description,
            "extends": None,
            "remove": [],
            "known_tools": [*own.known_tools, *base.known_tools],
            "max_age": {**base.max_age, **own.max_age},
            "rules": rules,
        }
    )
