"""Read policies by name or path with what they extend, and write them back as YAML.

An entry point of the group ``secagg.policies`` names a package in which a file ``NAME.yaml``
lies, ``NAME`` being that of the entry point. A built-in policy cannot be replaced this way.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from secagg.errors import ConfigError
from secagg.model.finding import Severity
from secagg.policy.decision import DecisionSource
from secagg.policy.model import AcceptedGap, Match, Policy, PolicyRule
from secagg.policy.notation import ScoreRange
from secagg.system.yamlfile import Placed, load_placed

ENTRY_POINTS = "secagg.policies"


_FILES = (".yaml", ".yml")


def installed_policies() -> dict[str, metadata.EntryPoint]:
    """Return the entry points by name, in the order of the names."""
    entry_points = metadata.entry_points(group=ENTRY_POINTS)
    return {entry.name: entry for entry in sorted(entry_points, key=lambda entry: entry.name)}


def installed_text(name: str) -> str | None:
    """Return the YAML text of a package's policy ``name``, or None where no package has it.

    Raises :class:`ConfigError` where a package names a policy that it does not hold.
    """
    # What looks like a file is one: no package is asked about it.
    if "/" in name or name.endswith(_FILES):
        return None
    entry = installed_policies().get(name)
    if entry is None:
        return None
    try:
        return (resources.files(entry.module) / f"{name}.yaml").read_text("utf-8")
    except (ImportError, OSError, TypeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot be read: {type(error).__name__}",
            where=f"policy {name}",
            hint=f"mend or remove the package that brings it ({entry.value})",
        ) from None


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
    """Return the names of the built-in policies."""
    files = resources.files("secagg_policies").iterdir()
    return sorted(f.name.removesuffix(".yaml") for f in files if f.name.endswith(".yaml"))


def load(name_or_path: str, *, read: Read | None = None) -> Policy:
    """Return a policy by name (built in, or of an installed package), else the file at that path.

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
    """Return the policy as written, then the one that it extends, and so on to the last.

    Raises :class:`ConfigError` as :func:`load` does.
    """
    result: list[Layer] = []
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
        result.append(Layer(name, own))
        chain.append(key)
        name = _base_of(own.value, name, is_file=text is None)
    return result


def effective(chain: Sequence[Layer]) -> Policy:
    """Return what a chain of policies, own one first, comes to.

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
    """Return the YAML text of the built-in policy ``name``."""
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
    """Return the error for a ``name`` that is neither a policy's nor a file's."""
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
    own_settings = {key: getattr(own, key) for key in _OWN if key in own.model_fields_set}
    return base.model_copy(
        update={
            **own_settings,
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


_LADDER = list(Severity)


def written_policy(policy: Policy) -> dict[str, Any]:
    """Return the whole of an effective policy, what it does not change included.

    Read again it is the same policy.
    """
    document: dict[str, Any] = {"name": policy.name}
    if policy.description:
        document["description"] = policy.description
    if policy.unknown_severity is not None:
        document["unknown_severity"] = policy.unknown_severity.value
    document["unknown_tool"] = policy.unknown_tool.value
    for key in ("known_tools", "optional_tools"):
        if getattr(policy, key):
            document[key] = list(getattr(policy, key))
    if policy.require:
        document["require"] = [kind.value for kind in policy.require]
    if policy.max_age:
        document["max_age"] = {s.value: f"{days}d" for s, days in policy.max_age.items()}
    document["due_soon"] = f"{policy.due_soon}d"
    if policy.baseline is not None:
        document["baseline"] = policy.baseline.value
    if policy.max_database_age is not None:
        document["max_database_age"] = f"{policy.max_database_age}d"
    document["exceptions"] = {"max_days": f"{policy.exceptions.max_days}d"}
    if policy.gaps:
        document["gaps"] = [_gap(gap) for gap in policy.gaps]
    if set(policy.decisions.trust) != set(DecisionSource):
        document["decisions"] = {"trust": [source.value for source in policy.decisions.trust]}
    document["rules"] = [written_rule(rule) for rule in policy.rules]
    return document


def _gap(gap: AcceptedGap) -> dict[str, Any]:
    return {
        "gap": gap.gap[0] if len(gap.gap) == 1 else list(gap.gap),
        "reason": gap.reason,
        "owner": gap.owner,
        "created": gap.created.isoformat(),
        "expires": gap.expires.isoformat(),
    }


def written_rule(rule: PolicyRule) -> dict[str, Any]:
    """One rule; what it does not say is left out."""
    document: dict[str, Any] = {"name": rule.name}
    match = written_match(rule.match)
    if match:
        document["match"] = match
    document["action"] = rule.action.value
    if rule.limit is not None:
        document["limit"] = rule.limit
    if rule.why is not None:
        document["why"] = rule.why
    return document


def written_match(match: Match) -> dict[str, Any]:
    """Return the keys of a match that are given, in the order in which they are documented."""
    document: dict[str, Any] = {}
    for key in Match.model_fields:
        value = getattr(match, key)
        if value is not None:
            document["not" if key == "not_" else key] = _value(key, value)
    return document


def band(severities: Sequence[Severity]) -> str | list[str]:
    """``high``, ``high..``, ``low..medium`` where they are next to each other, else a list."""
    places = sorted(_LADDER.index(severity) for severity in set(severities))
    if places != list(range(places[0], places[-1] + 1)):
        return [_LADDER[place].value for place in places]
    most, least = _LADDER[places[0]].value, _LADDER[places[-1]].value
    if len(places) == 1:
        return most
    return f"{least}.." if places[0] == 0 else f"{least}..{most}"


def _range(wanted: ScoreRange) -> str:
    most = "" if wanted.most == 10.0 and wanted.least else f"{wanted.most}"
    return f"{wanted.least}..{most}"


def _value(key: str, value: Any) -> Any:
    if key == "severity":
        return band(value)
    if key == "age_at_least":
        return f"{value}d"
    if key == "any":
        return [written_match(inner) for inner in value]
    if key == "not_":
        return written_match(value)
    if key == "score":
        return _range(value)
    if isinstance(value, list):
        words = [str(item) for item in value]
        return words[0] if len(words) == 1 else words
    return value if isinstance(value, bool | float) else str(value)
