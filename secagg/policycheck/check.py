"""Checking policies, with the policies that they extend and the repository that they are for."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from secagg.policy.load import Layer, effective, layers, named_text
from secagg.policycheck.message import CheckMessage
from secagg.policycheck.names import check_names
from secagg.policycheck.rules import check_rules
from secagg.policycheck.standing import check_exceptions, check_gaps
from secagg.policycheck.tree import Tree


def check(
    name: str, root: Path, tree: Tree, today: datetime.date, mask: Callable[[str], str]
) -> list[CheckMessage]:
    """Messages on the policy ``name`` (or its file), and on each file that it extends.

    ``mask`` takes secrets out of what exceptions say. Raises
    :class:`secagg.errors.ConfigError` where one of them, or the exceptions at ``root``, cannot be
    used.
    """
    chain = layers(name)
    policy = effective(chain)
    found = [message for part in _files(chain) for message in _layer(part, tree)]
    most = policy.exceptions.max_days
    found += check_gaps(chain, most, today, mask)
    return [*found, *check_exceptions(root, most, today, mask)]


def _files(chain: Sequence[Layer]) -> Iterator[Sequence[Layer]]:
    """The chain, and the rest of it from each file on: what comes by its name is not ours."""
    for number, layer in enumerate(chain):
        if number == 0 or named_text(layer.name) is None:
            yield chain[number:]


def _layer(chain: Sequence[Layer], tree: Tree) -> list[CheckMessage]:
    found = [*check_rules(chain), *check_names(chain[0], effective(chain), tree)]
    return sorted(found, key=_place)


def _place(message: CheckMessage) -> tuple[int, int]:
    line, column = message.where.rsplit(":", 2)[1:]
    return int(line), int(column)
