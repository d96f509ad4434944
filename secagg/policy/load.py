"""Policies by name or path, with what they extend."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from secagg.errors import ConfigError
from secagg.policy.installed import installed_policies, installed_text
from secagg.policy.model import Policy, PolicyRule
from secagg.system.yamlfile import Placed, load_placed

# What a policy that extends another may say itself; what it does not say is the other's.
_OWN = (
    "unknown_severity",
    "unknown_tool",
    "optional_tools",
    "due_soon",
    "baseline",
    "max_database_age",
    "exceptions",
    "decisions",
)
_NO_RULES = "a policy without rules would let everything pass"
_NO_RULES_HINT = "give it rules, extend another policy, or remove fewer of that one's"

Read = Callable[[str], str | None]


def built_in() -> list[str]:
    """The names of the built-in policies."""
    files = resources.files("secagg_policies").iterdir()
    return sorted(f.name.removesuffix(".yaml") for f in files if f.name.endswith(".yaml"))


def load(name_or_path: str, *, read: Read | None = None) -> Policy:
    """A policy by name (built in, or of an installed package), else the file at that path.

    It comes with all that it extends. ``read`` gives the text of a file, or ``None`` where there
    is none; it stands in for the file system where a policy comes from a commit. Raises
    :class:`ConfigError` where a policy does not exist or cannot be used.
    """
    return effective(layers(name_or_path, read=read))


@dataclass(frozen=True, slots=True)
class Layer:
    """One policy of a chain as it was written; ``name`` is the name or path it was found by."""

    name: str
    written: Placed[Policy]


def layers(name_or_path: str, *, read: Read | None = None) -> list[Layer]:
    """The policy as written, then the one that it extends, and so on to the last.

    Raises :class:`ConfigError` as :func:`load` does.
    """
    found: list[Layer] = []
    chain: list[str] = []
    name: str | None = name_or_path
    while name is not None:
        text = named_text(name)
        key = name if text is not None or read else os.path.realpath(name)
        if key in chain:
            shown = [os.path.basename(part) for part in (*chain[chain.index(key) :], key)]
            raise ConfigError(
                "policies extend each other in a circle: " + " extends ".join(shown),
                where=chain[-1],
                hint="let one of them stand alone",
            )
        own = _read(name, read, text)
        own.refuse_two_of_a_name(
            "rules",
            (rule.name for rule in own.value.rules),
            hint="give each its own name: messages and tests say it",
        )
        for number, gap in enumerate(own.value.gaps):
            gap.stands_at(own.where("gaps", number).rpartition(":")[0])
        found.append(Layer(name, own))
        chain.append(key)
        name = _base_of(own.value, name, is_file=text is None)
    return found


def effective(chain: Sequence[Layer]) -> Policy:
    """What a chain of policies, own one first, comes to.

    Its rules are the very objects of the layers. Raises :class:`ConfigError` where a ``remove``
    names no rule, and where no rule is there or left.
    """
    policy: Policy | None = None
    for layer in reversed(chain):
        own = layer.written.value
        policy = own if policy is None else extend(own, policy, where=layer.name)
        if not policy.rules:
            raise ConfigError(_NO_RULES, where=layer.name, hint=_NO_RULES_HINT)
    assert policy is not None
    return policy


def builtin_text(name: str) -> str:
    """The YAML text of the built-in policy ``name``."""
    return (resources.files("secagg_policies") / f"{name}.yaml").read_text("utf-8")


def named_text(name: str) -> str | None:
    """The YAML text of a policy that is found by its name alone, or None if ``name`` is none."""
    return builtin_text(name) if name in built_in() else installed_text(name)


def _base_of(own: Policy, name: str, *, is_file: bool) -> str | None:
    """The name or path of what ``own`` extends: a file lies relative to the one that names it."""
    if own.extends is None:
        return None
    if named_text(own.extends) is not None:
        return own.extends
    if not is_file:
        raise ConfigError(
            f"a policy that comes by its name cannot extend a file ({own.extends})",
            where=f"policy {name}",
        )
    return os.path.normpath(os.path.join(os.path.dirname(name), own.extends))


def _read(name: str, read: Read | None, text: str | None) -> Placed[Policy]:
    if text is not None:
        return load_placed(text, Policy, name=f"policy {name}")
    if read is not None:
        text = read(name)
        if text is not None:
            return load_placed(text, Policy, name=name)
    elif Path(name).is_file():
        return load_placed(Path(name), Policy, name=name)
    raise no_policy(name)


def no_policy(name: str, *, where: str | None = None) -> ConfigError:
    """The error for a ``name`` that is neither a policy's nor a file's."""
    near = difflib.get_close_matches(name, policy_names(), n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return ConfigError(
        f"no policy {name!r}",
        where=where,
        hint=f"{hint}a file, or one of the built-in ones: " + ", ".join(policy_names()),
    )


def policy_names() -> list[str]:
    """The names of all policies that are found by name: the built-in ones, then packages'."""
    return [*built_in(), *(name for name in installed_policies() if name not in built_in())]


def extend(own: Policy, base: Policy, *, where: str) -> Policy:
    """``own`` on top of ``base``.

    Own rules come first, then those of the base; an own rule that has the name of a base's
    takes that one's place, unless ``remove`` leaves that out: then it comes first as the others.
    Raises :class:`ConfigError` where ``remove`` names no rule.
    """
    names = [rule.name for rule in base.rules]
    for name in own.remove:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else "its rules: " + ", ".join(names)
            raise ConfigError(f"{base.name} has no rule {name} to remove", where=where, hint=hint)
    kept = set(names).difference(own.remove)
    replaced = {rule.name: rule for rule in own.rules if rule.name in kept}
    rules: list[PolicyRule] = [rule for rule in own.rules if rule.name not in replaced]
    rules += [replaced.get(r.name, r) for r in base.rules if r.name in kept]
    said = {key: getattr(own, key) for key in _OWN if key in own.model_fields_set}
    return base.model_copy(
        update={
            **said,
            "name": own.name,
            "description": own.description,
            "extends": None,
            "remove": [],
            "known_tools": [*own.known_tools, *base.known_tools],
            "require": list(dict.fromkeys([*own.require, *base.require])),
            "max_age": {**base.max_age, **own.max_age},
            "gaps": [*own.gaps, *base.gaps],
            "rules": rules,
        }
    )
