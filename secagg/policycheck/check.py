"""Find mistakes in a policy, in those that it extends, and in the repository's exceptions."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise
from pathlib import Path

from msgspec.structs import replace

from secagg.change.owners import code_owners
from secagg.decisions import load_exceptions, work_tree
from secagg.decisions.entry import policy_gaps, text_of
from secagg.decisions.load import masked
from secagg.decisions.ownfile import NAMES, DecisionFile
from secagg.model.finding import Severity
from secagg.policy.decision import Action, ExceptionState, PolicyException
from secagg.policy.load import MATCH_KEYS, Layer, effective_policy, find_policy_text, load_layers
from secagg.policy.model import Match, Policy, PolicyRule
from secagg.policycheck.names import CheckMessage, Loc, Tree, check_names
from secagg.policycheck.reach import RuleReach
from secagg.system.dates import Ceiling
from secagg.system.yamlfile import load_placed

# Rules that a message names.
_MOST_NAMED = 4
# The keys of a policy that are not settings, which policies take from those that they extend.
_NO_SETTINGS = {"name", "description", "extends", "remove", "rules"}


def check_exceptions(
    root: Path, max_days: int, today: datetime.date, mask: Callable[[str], str]
) -> Iterator[CheckMessage]:
    """Find expired and refused exceptions of the repository at ``root``.

    ``max_days`` is the policy's limit, ``today`` is in UTC. Raises
    :class:`secagg.errors.ConfigError` for an exception file that cannot be used.
    """
    places = _expiry_places(root)
    exceptions = load_exceptions(
        root, max_days=max_days, today=today, mask=mask, owners=code_owners(root)
    )
    for exception in exceptions.all():
        where = places.get(exception.source) or _source_place(exception, root)
        yield from _exception_message(exception, where, today)


def check_gaps(
    chain: Sequence[Layer], max_days: int, today: datetime.date, mask: Callable[[str], str]
) -> Iterator[CheckMessage]:
    """Find expired and refused ``gaps`` in the files of a policy; see :func:`check_exceptions`."""
    ceiling = Ceiling(max_days=max_days, today=today)
    for layer in chain:
        if find_policy_text(layer.name) is not None:
            continue
        for number, entry in enumerate(policy_gaps(layer.file.value.gaps, ceiling)):
            where = layer.file.where("gaps", number, "expires")
            yield from _exception_message(masked(entry, mask).exception, where, today)


def check_rules(chain: Sequence[Layer]) -> Iterator[CheckMessage]:
    """Find rules of the first policy in ``chain`` that can do nothing."""
    policy = effective_policy(chain)
    reach = RuleReach(policy)
    positions = {id(rule): number for number, rule in enumerate(policy.rules)}
    for number, rule in enumerate(chain[0].file.value.rules):
        loc = ("rules", number)
        messages = list(_match_messages(chain[0], rule, rule.match, (*loc, "match"), reach))
        yield from messages
        yield from _limit_messages(chain[0], rule, loc)
        if not any(message.code == "impossible-match" for message in messages):
            yield from _unreachable_messages(chain, policy, positions[id(rule)], loc, reach)
    yield from _extends_messages(chain, policy, reach)


def check_policy(
    name: str, root: Path, tree: Tree, today: datetime.date, mask: Callable[[str], str]
) -> list[CheckMessage]:
    """Check the policy ``name`` (or of that file), each file that it extends, and the exceptions.

    ``mask`` removes secrets from the words of exceptions. Raises
    :class:`secagg.errors.ConfigError` where a policy, or the exceptions at ``root``, cannot be
    used.
    """
    chain = load_layers(name)
    policy = effective_policy(chain)
    messages = [message for part in _file_chains(chain) for message in _check_layer(part, tree)]
    max_days = policy.exceptions.max_days
    messages += _approval_messages(chain, policy)
    messages += check_gaps(chain, max_days, today, mask)
    return [*messages, *check_exceptions(root, max_days, today, mask)]


def _approval_messages(chain: Sequence[Layer], policy: Policy) -> Iterator[CheckMessage]:
    """Name severities of which a decision needs more people than of a worse one."""
    needed = [(severity, policy.approval.get(severity, 1)) for severity in Severity]
    for (worse, fewer), (milder, more) in pairwise(needed):
        layer = next((one for one in chain if milder in one.file.value.approval), None)
        if more > fewer and layer is not None:
            yield CheckMessage(
                where=layer.file.where("approval", milder.value),
                code="approval-order",
                text=f"a {milder} problem needs {more} approvals, and a {worse} one {fewer}",
                advice=f"let {worse} need {more} or more",
            )


def _exception_message(
    exception: PolicyException, where: str, today: datetime.date
) -> Iterator[CheckMessage]:
    if not exception.settles:
        return
    if exception.unconfirmed is not None:
        yield CheckMessage(
            where=where,
            code="approval-unconfirmed",
            text=f"an approval of {exception.target} does not count: {exception.unconfirmed}",
            advice="approved_by names other people, who own the file by CODEOWNERS",
        )
    state = exception.standing(today)
    if state is ExceptionState.EXPIRED:
        yield CheckMessage(
            where=where,
            code="exception-expired",
            text=f"the exception {exception.target} expired on {exception.expires}",
            advice=f"remove it{_prune_hint(exception)}, or give a later expiry date",
        )
    elif state is ExceptionState.REFUSED:
        yield CheckMessage(
            where=where,
            code="exception-refused",
            text=f"the exception {exception.target} {exception.refusal}",
            advice="correct it: until then, what it covers counts",
        )


def _expiry_places(root: Path) -> dict[str, str]:
    """The place of ``expires`` for each decision of secagg's own files, by its source."""
    places = {}
    for name in NAMES:
        data = work_tree(root)(name)
        if data is None:
            continue
        placed = load_placed(text_of(name, data), DecisionFile, name=str(root / name))
        for key, number, entry in placed.value.numbered():
            places[f"{name}:{entry.line}"] = placed.where(key, number, "expires")
    return places


def _prune_hint(exception: PolicyException) -> str:
    return " (secagg except prune)" if exception.source.startswith(NAMES) else ""


def _source_place(exception: PolicyException, root: Path) -> str:
    match = re.fullmatch(r"(.*?)(?::(\d+))?", exception.source)
    assert match is not None
    return f"{root / match[1]}:{match[2] or 1}:1"


def _match_messages(
    layer: Layer, rule: PolicyRule, match: Match, loc: Loc, reach: RuleReach
) -> Iterator[CheckMessage]:
    """Find a match that no problem can fulfil, and parts of it without effect."""
    where = layer.file.where(*loc)
    if not reach.can_hold(match):
        pair = _contradiction(match, reach)
        why = f": {pair[0]} and {pair[1]} exclude each other" if pair else ""
        yield CheckMessage(
            where=where,
            code="impossible-match",
            text=f"no problem can fulfil this match of rule {rule.name}{why}",
            advice="correct the match: as it is, the rule does nothing",
        )
        return
    rest = replace(match, any=None)
    for number, inner in enumerate(match.any or []):
        inner_loc = (*loc, "any", number)
        if not reach.can_hold(inner, within=rest):
            yield CheckMessage(
                where=layer.file.where(*inner_loc),
                code="impossible-alternative",
                text=f"this alternative of rule {rule.name} can never hold "
                "together with the rest of the match",
                advice="correct or remove it",
            )
        else:
            yield from _match_messages(layer, rule, inner, inner_loc, reach)
    if match.not_ is not None:
        rest = replace(match, not_=None)
        if not reach.can_hold(match.not_, within=rest):
            yield CheckMessage(
                where=layer.file.where(*loc, "not"),
                code="not-without-effect",
                text=f"the condition under not in rule {rule.name} never holds together with the "
                "rest of the match, so it excludes nothing",
                advice="correct or remove it",
            )
        else:
            yield from _match_messages(layer, rule, match.not_, (*loc, "not"), reach)


def _contradiction(match: Match, reach: RuleReach) -> tuple[str, str] | None:
    """Two keys of ``match`` that cannot both hold."""
    keys = [key for key in MATCH_KEYS if getattr(match, key) is not None]
    for pair in combinations(keys, 2):
        both = Match(**{key: getattr(match, key) for key in pair})
        if not reach.can_hold(both):
            return pair[0].rstrip("_"), pair[1].rstrip("_")
    return None


def _limit_messages(layer: Layer, rule: PolicyRule, loc: Loc) -> Iterator[CheckMessage]:
    if rule.limit != 0:
        return
    where = layer.file.where(*loc, "limit")
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
            "problem fail",
            advice="write action: fail without a limit, or give the number that is tolerated",
        )


def _unreachable_messages(
    chain: Sequence[Layer], policy: Policy, position: int, loc: Loc, reach: RuleReach
) -> Iterator[CheckMessage]:
    shadow = reach.shadow(position)
    if shadow is None:
        return
    rule = policy.rules[position]
    if len(shadow) == 1:
        other = policy.rules[shadow[0]]
        deciding = f"rule {other.name} before it{_origin(chain, other)} decides"
        advice = f"move it before {other.name}, narrow that one, or remove this one"
    else:
        names = [policy.rules[other].name for other in shadow]
        deciding = f"rules {', '.join(names[:-1])} and {names[-1]} before it together decide"
        if len(names) > _MOST_NAMED:
            deciding = "the rules before it together decide"
        advice = f"move it before {names[-1]}, narrow those, or remove it"
    yield CheckMessage(
        where=chain[0].file.where(*loc, "name"),
        code="unreachable-rule",
        text=f"rule {rule.name} never decides: {deciding} on all that it matches",
        advice=advice,
    )


def _origin(chain: Sequence[Layer], rule: PolicyRule) -> str:
    for layer in chain[1:]:
        if any(other is rule for other in layer.file.value.rules):
            return f" (of {layer.name})"
    return ""


def _extends_messages(
    chain: Sequence[Layer], policy: Policy, reach: RuleReach
) -> Iterator[CheckMessage]:
    """Find a policy that is extended without effect: all its rules and settings are overridden."""
    extending = chain[0].file.value
    if extending.extends is None or not extending.rules:
        return
    first = [rule.name for rule in policy.rules[: len(extending.rules)]]
    if first != [rule.name for rule in extending.rules]:
        return
    if any(
        reach.shadow(number) is None for number in range(len(extending.rules), len(policy.rules))
    ):
        return
    settings = set(Policy.__struct_fields__) - _NO_SETTINGS
    if any(getattr(policy, name) != getattr(extending, name) for name in settings):
        return
    yield CheckMessage(
        where=chain[0].file.where("extends"),
        code="extends-without-effect",
        text=f"nothing of {extending.extends} is left: its rules are removed, replaced or never "
        "reached",
        advice="leave out extends and remove, or keep one of its rules in effect",
    )


def _file_chains(chain: Sequence[Layer]) -> Iterator[Sequence[Layer]]:
    """The chain, and the rest of it from each file on; named policies are not the user's."""
    for number, layer in enumerate(chain):
        if number == 0 or find_policy_text(layer.name) is None:
            yield chain[number:]


def _check_layer(chain: Sequence[Layer], tree: Tree) -> list[CheckMessage]:
    messages = [*check_rules(chain), *check_names(chain[0], effective_policy(chain), tree)]
    return sorted(messages, key=_position)


def _position(message: CheckMessage) -> tuple[int, int]:
    line, column = message.where.rsplit(":", 2)[1:]
    return int(line), int(column)
