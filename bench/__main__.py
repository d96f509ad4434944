"""``make bench``: start-up, whole commands, stages, memory and peers, as a table and as JSON.

``python -m bench [--rounds 5] [--sizes 50,500,5000,100000] [--seed 1] [--output bench-out]``
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from bench import commands, peers
from bench.measure import Figure
from bench.stages import measure

SIZES = "50,500,5000,100000"
_LATER = (500, 100_000)
# Of what takes minutes a round, two rounds must do.
_LARGE, _FEW = 1_000_000, 2


def main() -> None:
    """Measure, print the table and write both files."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure secagg.")
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds of each figure")
    parser.add_argument("--sizes", default=SIZES, help="findings, separated by commas")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("bench-out"))
    chosen = parser.parse_args()
    figures: list[Figure] = []
    sizes = [int(size) for size in chosen.sizes.split(",")]
    for figure in _all(chosen.rounds, sizes, chosen.seed):
        sys.stderr.write(f"{figure.name} / {figure.against}: {figure.median:.2f} {figure.unit}\n")
        figures.append(figure)
    figures += commands.growth(figures, 100_000, _LARGE)
    notes = _notes()
    table = _table(figures, notes)
    chosen.output.mkdir(parents=True, exist_ok=True)
    (chosen.output / "bench.md").write_text(table)
    document = {"schema_version": 2, "notes": notes, "figures": [asdict(f) for f in figures]}
    (chosen.output / "bench.json").write_text(json.dumps(document, indent=2) + "\n")
    sys.stdout.write(table)


def _all(rounds: int, sizes: Sequence[int], seed: int) -> Iterator[Figure]:
    yield from commands.start_up(rounds)
    for size in sizes:
        turns = min(rounds, _FEW) if size >= _LARGE else rounds
        for plain in (True, False):
            with tempfile.TemporaryDirectory() as place:
                made = commands.Made.make(Path(place), size, seed, plain=plain)
                yield from commands.parse_command(made, turns)
                if plain:
                    continue
                if size in _LATER:
                    yield from commands.later_commands(made, turns)
                if size < _LARGE:
                    yield from measure(made.directory, made.label, turns)
    with tempfile.TemporaryDirectory() as place:
        yield from peers.compare(Path(place), seed, rounds)


def _notes() -> list[str]:
    """On what was measured, and what could not be."""
    notes = [
        f"{os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()}"
    ]
    program, why = peers.multitool()
    if program is None:
        notes.append(f"Microsoft's SARIF multitool was not measured: {why}")
    return notes


def _table(figures: Sequence[Figure], notes: Sequence[str]) -> str:
    lines = [
        "| what | against | median | least | most | rounds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for f in figures:
        unit, digits = ("", 2) if f.unit == "x" else (f" {f.unit}", 0)
        values = " | ".join(f"{value:.{digits}f}{unit}" for value in (f.median, f.least, f.most))
        lines.append(f"| {f.name} | {f.against} | {values} | {f.rounds} |")
    return "\n".join([*lines, "", *(f"{note}." for note in notes)]) + "\n"


if __name__ == "__main__":
    main()
