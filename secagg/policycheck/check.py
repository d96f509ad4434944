"""Check a policy with those that it extends, its exceptions and the repository it is for."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

from secagg.decisions import load_exceptions, work_tree
from secagg.decisions.entry import policy_gaps, text_of
from secagg.decisions.load import masked
from secagg.decisions.ownfile import NAME, ExceptionFile
from secagg.policy.decision import Action, ExceptionState, PolicyException
from secagg.policy.load import Layer, effective, layers, named_text
from secagg.policy.model import Match, Policy, PolicyRule
from secagg.policycheck.names import CheckMessage, Tree, check_names
from secagg.policycheck.reach import Reach
from secagg.system.dates import Ceiling
from secagg.system.yamlfile import load_placed


def check_exceptions(
    root: Path, max_days: int, today: datetime.date, mask: Callable[[str], str]
) -> Iterator[CheckMessage]:
    """Messages on the exceptions of the repository, by a policy's ``max_days``.

    Raises :class:`secagg.errors.ConfigError` for a file of them that cannot be used.
    """
    places = _places(root)
    exceptions = load_exceptions(root, max_days=max_days, today=today, mask=mask)
    for exception in exceptions.all():
        where = places.get(exception.source) or _where(exception, root)
        yield from _message(exception, where, today)


def check_gaps(
    chain: Sequence[Layer], max_days: int, today: datetime.date, mask: Callable[[str], str]
) -> Iterator[CheckMessage]:
    """Messages on the gaps that a policy's own files accept, by the policy's ``max_days``."""
    ceiling = Ceiling(max_days=max_days, today=today)
    for layer in chain:
        if named_text(layer.name) is not None:
            continue
        for number, entry in enumerate(policy_gaps(layer.written.value.gaps, ceiling)):
            where = layer.written.where("gaps", number, "expires")
            yield from _message(masked(entry, mask).exception, where, today)


def _message(
    exception: PolicyException, where: str, today: datetime.date
) -> Iterator[CheckMessage]:
    standing = exception.standing(today)
    if standing is ExceptionState.EXPIRED:
        yield CheckMessage(
            where=where,
            code="exception-expired",
            text=f"the exception {exception.target} expired on {exception.expires}",
            advice=f"take it out{_prune(exception)}, or decide anew until when it holds",
        )
    elif standing is ExceptionState.REFUSED:
        yield CheckMessage(
            where=where,
            code="exception-refused",
            text=f"the exception {exception.target} {exception.refusal}",
            advice="correct it: until then, what it covers counts",
        )


def _places(root: Path) -> dict[str, str]:
    """For each exception of our own file, by its source, where its last day stands."""
    data = work_tree(root)(NAME)
    if data is None:
        return {}
    placed = load_placed(text_of(NAME, data), ExceptionFile, name=str(root / NAME))
    return {
        f"{NAME}:{entry.line}": placed.where("exceptions", number, "expires")
        for number, entry in enumerate(placed.value.exceptions)
    }


def _prune(exception: PolicyException) -> str:
    return " (secagg except prune)" if exception.source.startswith(NAME) else ""


def _where(exception: PolicyException, root: Path) -> str:
    match = re.fullmatch(r"(.*?)(?::(\d+))?", exception.source)
    assert match is not None
    return f"{root / match[1]}:{match[2] or 1}:1"


_Loc = tuple[int | str, ...]


_NAMED = 4


# What a policy that is extended gives besides its rules.
_NO_SETTINGS = {"name", "description", "extends", "remove", "rules"}


def check_rules(chain: Sequence[Layer]) -> Iterator[CheckMessage]:
    """Messages on the rules that stand in the first policy of ``chain``."""
    policy = effective(chain)
    reach = Reach(policy)
    places = {id(rule): number for number, rule in enumerate(policy.rules)}
    for number, rule in enumerate(chain[0].written.value.rules):
        loc = ("rules", number)
        messages = list(_match(chain[0], rule, rule.match, (*loc, "match"), reach))
        yield from messages
        yield from _limit(chain[0], rule, loc)
        if not any(message.code == "impossible-match" for message in messages):
            yield from _unreachable(chain, policy, places[id(rule)], loc, reach)
    yield from _extends(chain, policy, reach)


def _match(
    layer: Layer, rule: PolicyRule, match: Match, loc: _Loc, reach: Reach
) -> Iterator[CheckMessage]:
    """A match that nothing fulfils, or parts of it that do nothing."""
    where = layer.written.where(*loc)
    if not reach.can_hold(match):
        pair = _excluding(match, reach)
        why = f": {pair[0]} and {pair[1]} exclude each other" if pair else ""
        yield CheckMessage(
            where=where,
            code="impossible-match",
            text=f"no finding can fulfil this match of rule {rule.name}{why}",
            advice="correct the match: as it is, the rule does nothing",
        )
        return
    rest = match.model_copy(update={"any": None})
    for number, inner in enumerate(match.any or []):
        inside = (*loc, "any", number)
        if not reach.can_hold(inner, within=rest):
            yield CheckMessage(
                where=layer.written.where(*inside),
                code="impossible-alternative",
                text=f"this alternative of rule {rule.name} can never hold "
                "together with the rest of the match",
                advice="correct it, or take it out",
            )
        else:
            yield from _match(layer, rule, inner, inside, reach)
    if match.not_ is not None:
        rest = match.model_copy(update={"not_": None})
        if not reach.can_hold(match.not_, within=rest):
            yield CheckMessage(
                where=layer.written.where(*loc, "not"),
                code="not-without-effect",
                text=f"what stands under not in rule {rule.name} never holds of what the rest "
                "of the match takes, so it keeps nothing out",
                advice="correct it, or take it out",
            )
        else:
            yield from _match(layer, rule, match.not_, (*loc, "not"), reach)


def _excluding(match: Match, reach: Reach) -> tuple[str, str] | None:
    """Two keys of ``match`` that cannot both hold, as they are written."""
    given = [key for key in Match.model_fields if getattr(match, key) is not None]
    for pair in combinations(given, 2):
        both = Match.model_construct(**{key: getattr(match, key) for key in pair})
        if not reach.can_hold(both):
            return pair[0].rstrip("_"), pair[1].rstrip("_")
    return None


def _limit(layer: Layer, rule: PolicyRule, loc: _Loc) -> Iterator[CheckMessage]:
    if rule.limit != 0:
        return
    where = layer.written.where(*loc, "limit")
    if rule.action is Action.FAIL:
        yield CheckMessage(
            where=where,
            code="limit-of-zero",
            text=f"a limit of 0 tolerates nothing, and rule {rule.name} fails without it too",
            advice="leave out the limit, or give the number that is tolerated",
        )
    else:
        yield CheckMessage(
            where=where,
            code="limit-of-zero",
            text=f"rule {rule.name} says {rule.action}, but its limit of 0 makes the first "
            "finding fail",
            advice="write action: fail without a limit, or give the number that is tolerated",
        )


def _unreachable(
    chain: Sequence[Layer], policy: Policy, place: int, loc: _Loc, reach: Reach
) -> Iterator[CheckMessage]:
    shadow = reach.shadow(place)
    if shadow is None:
        return
    rule = policy.rules[place]
    if len(shadow) == 1:
        other = policy.rules[shadow[0]]
        who = f"rule {other.name} before it{_from(chain, other)} decides"
        advice = f"move it before {other.name}, narrow that one, or take this one out"
    else:
        names = [policy.rules[other].name for other in shadow]
        who = f"rules {', '.join(names[:-1])} and {names[-1]} before it together decide"
        if len(names) > _NAMED:
            who = "the rules before it together decide"
        advice = f"move it before {names[-1]}, narrow those, or take it out"
    yield CheckMessage(
        where=chain[0].written.where(*loc, "name"),
        code="unreachable-rule",
        text=f"rule {rule.name} never decides: {who} on all that it matches",
        advice=advice,
    )


def _from(chain: Sequence[Layer], rule: PolicyRule) -> str:
    for layer in chain[1:]:
        if any(other is rule for other in layer.written.value.rules):
            return f" (of {layer.name})"
    return ""


def _extends(chain: Sequence[Layer], policy: Policy, reach: Reach) -> Iterator[CheckMessage]:
    """A policy that is extended in vain: all its rules are overridden, and all its settings."""
    own = chain[0].written.value
    if own.extends is None or not own.rules:
        return
    first = [rule.name for rule in policy.rules[: len(own.rules)]]
    if first != [rule.name for rule in own.rules]:
        return
    if any(reach.shadow(number) is None for number in range(len(own.rules), len(policy.rules))):
        return
    if policy.model_dump(exclude=_NO_SETTINGS) != own.model_dump(exclude=_NO_SETTINGS):
        return
    yield CheckMessage(
        where=chain[0].written.where("extends"),
        code="extends-without-effect",
        text=f"nothing of {own.extends} is left: its rules are removed, replaced or never reached",
        advice="leave out extends and remove, or let something of it hold",
    )


def check_policy(
    name: str, root: Path, tree: Tree, today: datetime.date, mask: Callable[[str], str]
) -> list[CheckMessage]:
    """Messages on the policy ``name`` (or its file), and on each file that it extends.

    ``mask`` takes secrets out of what exceptions say. Raises
    :class:`secagg.errors.ConfigError` where one of them, or the exceptions at ``root``, cannot be
    used.
    """
    chain = layers(name)
    policy = effective(chain)
    messages = [message for part in _files(chain) for message in _layer(part, tree)]
    most = policy.exceptions.max_days
    messages += check_gaps(chain, most, today, mask)
    return [*messages, *check_exceptions(root, most, today, mask)]


def _files(chain: Sequence[Layer]) -> Iterator[Sequence[Layer]]:
    """The chain, and the rest of it from each file on: what comes by its name is not ours."""
    for number, layer in enumerate(chain):
        if number == 0 or named_text(layer.name) is None:
            yield chain[number:]


def _layer(chain: Sequence[Layer], tree: Tree) -> list[CheckMessage]:
    messages = [*check_rules(chain), *check_names(chain[0], effective(chain), tree)]
    return sorted(messages, key=_place)


def _place(message: CheckMessage) -> tuple[int, int]:
    line, column = message.where.rsplit(":", 2)[1:]
    return int(line), int(column)
