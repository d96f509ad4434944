"""Read policies by name or path with what they extend, and write them back as YAML.

An entry point ``NAME`` of the group ``secagg.policies`` points to a package that holds a file
``NAME.yaml``. It cannot replace a built-in policy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from secagg.errors import ConfigError
from secagg.model.finding import Severity
from secagg.policy.decision import DecisionSource
from secagg.policy.model import AcceptedGap, Match, Policy, PolicyRule
from secagg.policy.notation import ScoreRange

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from secagg.system.yamlfile import PlacedModel

ENTRY_POINTS = "secagg.policies"
# The settings that a policy takes from the one it extends unless it gives them itself.
_INHERITED = (
    "unknown_severity",
    "unknown_tool",
    "optional_tools",
    "due_soon",
    "baseline",
    "max_database_age",
    "exceptions",
    "decisions",
)
# The keys of a match in the order in which they are documented.
MATCH_KEYS = Match.__struct_fields__
# Severities, the worst first.
_LADDER = list(Severity)
# The built-in policies, checked, by name: ``python -m scripts.policies`` writes it.
CHECKED = "policies.json"
ReadFile = Callable[[str], str | None]


def installed_policies() -> dict[str, EntryPoint]:
    """Return the entry points by name, in the order of the names."""
    from importlib import metadata

    entry_points = metadata.entry_points(group=ENTRY_POINTS)
    return {entry.name: entry for entry in sorted(entry_points, key=lambda entry: entry.name)}


def installed_policy_text(name: str) -> str | None:
    """Return the YAML text of a package's policy ``name``, or None where no package has it.

    Raises :class:`ConfigError` where a package names a policy that it does not hold.
    """
    # A name that looks like a file is one.
    if "/" in name or name.endswith((".yaml", ".yml")):
        return None
    entry = installed_policies().get(name)
    if entry is None:
        return None
    from importlib import resources

    try:
        return (resources.files(entry.module) / f"{name}.yaml").read_text("utf-8")
    except (ImportError, OSError, TypeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot be read: {type(error).__name__}",
            where=f"policy {name}",
            hint=f"mend or remove the package that brings it ({entry.value})",
        ) from None


def built_in() -> list[str]:
    """Return the names of the built-in policies."""
    from importlib import resources

    files = resources.files("secagg_policies").iterdir()
    return sorted(f.name.removesuffix(".yaml") for f in files if f.name.endswith(".yaml"))


def load(name_or_path: str, *, read: ReadFile | None = None) -> Policy:
    """Load a policy by name (built in, or of an installed package), else from a file.

    What it extends is merged in. ``read`` stands in for the file system where policies come from
    a commit: it returns the text of a file, or ``None`` where there is none. Raises
    :class:`ConfigError` where a policy does not exist or cannot be used.
    """
    return _checked_policy(name_or_path) or effective_policy(load_layers(name_or_path, read=read))


def _checked_policy(name: str) -> Policy | None:
    """Return a built-in policy, None where ``name`` is none.

    Reading its YAML and checking it would take as long as reading a small report.
    """
    import secagg_policies

    data = Path(secagg_policies.__file__).with_name(CHECKED).read_bytes()
    policy = msgspec.json.decode(data, type=dict[str, msgspec.Raw]).get(name)
    return None if policy is None else msgspec.json.decode(policy, type=Policy)


class Layer(Struct, frozen=True):
    """One policy file of a chain in which each extends the next; ``name`` is a name or a path."""

    name: str
    file: PlacedModel[Policy]


def load_layers(name_or_path: str, *, read: ReadFile | None = None) -> list[Layer]:
    """Read the file of a policy, then that of the policy it extends, and so on to the last.

    Raises :class:`ConfigError` as :func:`load` does.
    """
    result: list[Layer] = []
    chain: list[str] = []
    name: str | None = name_or_path
    while name is not None:
        text = find_policy_text(name)
        key = name if text is not None or read else os.path.realpath(name)
        if key in chain:
            shown = [os.path.basename(part) for part in (*chain[chain.index(key) :], key)]
            raise ConfigError(
                "policies extend each other in a circle: " + " extends ".join(shown),
                where=chain[-1],
                hint="let one of them stand alone",
            )
        file = _read(name, read, text)
        file.refuse_two_of_a_name(
            "rules",
            (rule.name for rule in file.value.rules),
            hint="give each its own name: messages and tests say it",
        )
        for number, gap in enumerate(file.value.gaps):
            gap.source = file.where("gaps", number).rpartition(":")[0]
        result.append(Layer(name, file))
        chain.append(key)
        name = _base_name(file.value, name, is_file=text is None)
    return result


def effective_policy(chain: Sequence[Layer]) -> Policy:
    """Merge a chain of policies, each of which extends the next, into one.

    Its rules are the very objects of the layers. Raises :class:`ConfigError` where a ``remove``
    names no rule, and where a policy is left without rules.
    """
    policy: Policy | None = None
    for layer in reversed(chain):
        extending = layer.file.value
        if policy is None:
            policy = extending
        else:
            policy = extend(extending, policy, where=layer.name, given=layer.file.document)
        if not policy.rules:
            raise ConfigError(
                "a policy without rules would let everything pass",
                where=layer.name,
                hint="give it rules, extend another policy, or remove fewer of that one's",
            )
    assert policy is not None
    return policy


def builtin_policy_text(name: str) -> str:
    """Return the YAML text of the built-in policy ``name``."""
    from importlib import resources

    return (resources.files("secagg_policies") / f"{name}.yaml").read_text("utf-8")


def find_policy_text(name: str) -> str | None:
    """Return the YAML text of a built-in or installed policy; None if ``name`` is neither."""
    return builtin_policy_text(name) if name in built_in() else installed_policy_text(name)


def unknown_policy(name: str, *, where: str | None = None) -> ConfigError:
    """Make the error for a ``name`` that is neither a policy nor a file."""
    from difflib import get_close_matches

    near = get_close_matches(name, policy_names(), n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return ConfigError(
        f"no policy {name!r}",
        where=where,
        hint=f"{hint}a file, or one of the built-in ones: " + ", ".join(policy_names()),
    )


def policy_names() -> list[str]:
    """Return the names of all policies: the built-in ones, then those of packages."""
    return [*built_in(), *(name for name in installed_policies() if name not in built_in())]


def extend(policy: Policy, base: Policy, *, where: str, given: Collection[str] = ()) -> Policy:
    """Merge a policy with the ``base`` that it extends; ``given`` are the keys of its file.

    Its rules come first, then those of the base. A rule of the same name takes the place of the
    base's, unless ``remove`` names it: then it comes first, too. Raises :class:`ConfigError`
    where ``remove`` names no rule.
    """
    names = [rule.name for rule in base.rules]
    for name in policy.remove:
        if name not in names:
            from difflib import get_close_matches

            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else "its rules: " + ", ".join(names)
            raise ConfigError(f"{base.name} has no rule {name} to remove", where=where, hint=hint)
    kept_names = set(names).difference(policy.remove)
    replaced = {rule.name: rule for rule in policy.rules if rule.name in kept_names}
    rules: list[PolicyRule] = [rule for rule in policy.rules if rule.name not in replaced]
    rules += [replaced.get(r.name, r) for r in base.rules if r.name in kept_names]
    settings = {key: getattr(policy, key) for key in _INHERITED if key in given}
    return replace(
        base,
        **settings,
        name=policy.name,
        description=policy.description,
        extends=None,
        remove=[],
        known_tools=[*policy.known_tools, *base.known_tools],
        require=list(dict.fromkeys([*policy.require, *base.require])),
        max_age={**base.max_age, **policy.max_age},
        approval={**base.approval, **policy.approval},
        gaps=[*policy.gaps, *base.gaps],
        rules=rules,
    )


def policy_document(policy: Policy) -> dict[str, Any]:
    """Return all of an effective policy, defaults included, so that it reads back the same."""
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
    if policy.approval:
        document["approval"] = {s.value: people for s, people in policy.approval.items()}
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
    document["rules"] = [rule_document(rule) for rule in policy.rules]
    return document


def rule_document(rule: PolicyRule) -> dict[str, Any]:
    """Return the keys of a rule that are given."""
    document: dict[str, Any] = {"name": rule.name}
    match = match_document(rule.match)
    if match:
        document["match"] = match
    document["action"] = rule.action.value
    if rule.limit is not None:
        document["limit"] = rule.limit
    if rule.why is not None:
        document["why"] = rule.why
    return document


def match_document(match: Match) -> dict[str, Any]:
    """Return the keys of a match that are given, in the order in which they are documented."""
    document: dict[str, Any] = {}
    for key in MATCH_KEYS:
        value = getattr(match, key)
        if value is not None:
            document["not" if key == "not_" else key] = _value(key, value)
    return document


def band(severities: Sequence[Severity]) -> str | list[str]:
    """Write neighbours as a band (``high..``, ``low..medium``), other severities as a list."""
    indexes = sorted(_LADDER.index(severity) for severity in set(severities))
    if indexes != list(range(indexes[0], indexes[-1] + 1)):
        return [_LADDER[index].value for index in indexes]
    most, least = _LADDER[indexes[0]].value, _LADDER[indexes[-1]].value
    if len(indexes) == 1:
        return most
    return f"{least}.." if indexes[0] == 0 else f"{least}..{most}"


def _base_name(policy: Policy, name: str, *, is_file: bool) -> str | None:
    """The name of the policy that ``policy`` extends, or its path, relative to ``name``."""
    if policy.extends is None:
        return None
    if find_policy_text(policy.extends) is not None:
        return policy.extends
    if not is_file:
        raise ConfigError(
            f"a policy that comes by its name cannot extend a file ({policy.extends})",
            where=f"policy {name}",
        )
    return os.path.normpath(os.path.join(os.path.dirname(name), policy.extends))


def _read(name: str, read: ReadFile | None, text: str | None) -> PlacedModel[Policy]:
    from secagg.system.yamlfile import load_placed

    if text is not None:
        return load_placed(text, Policy, name=f"policy {name}")
    if read is not None:
        text = read(name)
        if text is not None:
            return load_placed(text, Policy, name=name)
    elif Path(name).is_file():
        return load_placed(Path(name), Policy, name=name)
    raise unknown_policy(name)


def _gap(gap: AcceptedGap) -> dict[str, Any]:
    return {
        "gap": gap.gap[0] if len(gap.gap) == 1 else list(gap.gap),
        "reason": gap.reason,
        "owner": gap.owner,
        "created": gap.created.isoformat(),
        "expires": gap.expires.isoformat(),
    }


def _range(scores: ScoreRange) -> str:
    most = "" if scores.most == 10.0 and scores.least else f"{scores.most}"
    return f"{scores.least}..{most}"


def _value(key: str, value: Any) -> Any:
    if key == "severity":
        return band(value)
    if key == "age_at_least":
        return f"{value}d"
    if key == "any":
        return [match_document(inner) for inner in value]
    if key == "not_":
        return match_document(value)
    if key == "score":
        return _range(value)
    if isinstance(value, list):
        words = [str(item) for item in value]
        return words[0] if len(words) == 1 else words
    return value if isinstance(value, bool | float) else str(value)
