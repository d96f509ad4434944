"""``python -m tests.attack [NAME...] [--seed N] [--count N]``: run the attacks and print counts.

Exit code: 0 if nothing broke through.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import sys
from types import ModuleType

import tests.attack

_SHOWN = 20


def names() -> list[str]:
    """The attacks: modules of this package that have ``run``."""
    found = [module.name for module in pkgutil.iter_modules(tests.attack.__path__)]
    return sorted(
        name
        for name in found
        if name != "__main__" and _is_attack(importlib.import_module(f"tests.attack.{name}"))
    )


def _is_attack(module: ModuleType) -> bool:
    run = getattr(module, "run", None)
    return run is not None and [*inspect.signature(run).parameters][:2] == ["seed", "count"]


def main() -> int:
    """Run the attacks that are named, or all, and print what was tried and what broke through."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack")
    parser.add_argument("attacks", nargs="*", metavar="NAME", help=", ".join(names()))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000, help="how much of each")
    given = parser.parse_args()
    broken = 0
    for name in given.attacks or names():
        counts = importlib.import_module(f"tests.attack.{name}").run(given.seed, given.count)
        print(f"{name}: {counts.tried.total()} tried, {len(counts.broken)} broke through")
        for kind, number in sorted(counts.tried.items()):
            print(f"  {number:8} {kind}")
        for line in counts.broken[:_SHOWN]:
            print(f"  BROKEN {line}")
        broken += len(counts.broken)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
