"""The built-in policies, which are loaded from a checked copy."""

from __future__ import annotations

import pytest

from scripts.policies import FILE, document
from secagg.policy import built_in, load
from secagg.policy.load import effective_policy, load_layers


def test_the_checked_copy_is_up_to_date() -> None:
    assert FILE.read_bytes() == document(), "run python -m scripts.policies"


@pytest.mark.parametrize("name", built_in())
def test_the_copy_is_the_policy(name: str) -> None:
    assert load(name) == effective_policy(load_layers(name))
