"""Fuzz a parser: ``python -m tests.fuzz PARSER [--runs N] [--seed S] [--engine atheris]``.

PARSER is a tool's name, or ``all``. The input that broke a parser is written to a file whose
name is printed; the exit code is 1 then. The same seed gives the same inputs. The engine
``atheris`` (where it is installed) is guided by coverage and mutates with the same mutations.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
from pathlib import Path
from typing import Any

from tests.fuzz.mutate import Mutator
from tests.fuzz.target import check, seeds_of
from tests.parsers.reading import PARSERS


def main(arguments: list[str]) -> int:
    """Fuzz as the command line says; the number of broken parsers is at most 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the parsers.")
    parser.add_argument("parser", choices=[*PARSERS, "all"])
    parser.add_argument("--runs", type=int, default=10_000, help="inputs for each parser")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=["mutations", "atheris"], default="mutations")
    parser.add_argument("--failures", type=Path, default=Path(".fuzz"), help="where to write them")
    options = parser.parse_args(arguments)
    tools = list(PARSERS) if options.parser == "all" else [options.parser]
    if options.engine == "atheris":
        return _guided(tools[0], options.runs, options.seed)
    return max(_run(tool, options) for tool in tools)


def _run(tool: str, options: argparse.Namespace) -> int:
    mutator = Mutator(seeds_of(tool), options.seed)
    started = time.monotonic()
    understood = size = 0
    for number in range(1, options.runs + 1):
        data = mutator.next()
        size += len(data)
        try:
            understood += check(tool, data)
        except Exception as error:
            path = _keep(tool, data, options.failures)
            print(f"{tool}: input {number} raised {type(error).__name__}: {error}; see {path}")
            return 1
    seconds = time.monotonic() - started
    print(
        f"{tool}: {options.runs} inputs ({size >> 20} MiB, seed {options.seed}) in {seconds:.0f} s,"
        f" {understood} understood, {options.runs - understood} refused by name, none else",
        flush=True,
    )
    return 0


def _keep(tool: str, data: bytes, directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{tool}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path


def _guided(tool: str, runs: int, seed: int) -> int:
    """Run under atheris, which ends the process itself."""
    import atheris

    mutator = Mutator(seeds_of(tool), seed)

    def mutate(data: bytes, largest: int, number: int) -> bytes:
        chosen = random.Random(number).random()
        mutated = mutator.next() if chosen < 0.5 else mutator.bytes(data)
        return mutated[:largest]

    def one(data: bytes) -> Any:
        check(tool, data)

    atheris.instrument_all()
    limits = [f"-runs={runs}", f"-seed={seed}", "-max_len=16384", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *limits], one, custom_mutator=mutate)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
