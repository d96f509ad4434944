"""Rules that cannot hold, are never reached, or say nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from secagg.policy.decision import Action
from secagg.policy.load import Layer, effective
from secagg.policy.model import Match, Policy, PolicyRule
from secagg.policycheck.message import CheckMessage
from secagg.policycheck.reach import Reach

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
        found = list(_match(chain[0], rule, rule.match, (*loc, "match"), reach))
        yield from found
        yield from _limit(chain[0], rule, loc)
        if not any(message.code == "impossible-match" for message in found):
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
