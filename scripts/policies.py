"""Write the built-in policies as secagg loads them: checked, with what each extends.

``python -m scripts.policies`` writes them into ``policies/secagg_policies/policies.json``. A test
compares the file with the policies in YAML.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from secagg.policy.load import CHECKED, built_in, effective_policy, load_layers

FILE = Path(__file__).parent.parent / "policies" / "secagg_policies" / CHECKED


def document() -> bytes:
    """The built-in policies by name, as indented JSON without the keys that are null."""
    policies = {name: effective_policy(load_layers(name)) for name in built_in()}
    given = _without_nulls(msgspec.to_builtins(policies))
    return msgspec.json.format(msgspec.json.encode(given)) + b"\n"


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def main() -> int:
    """Write the file."""
    FILE.write_bytes(document())
    return 0


if __name__ == "__main__":
    sys.exit(main())
