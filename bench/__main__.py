"""``make bench``: start-up, stages, memory and peers, in one table and one JSON file.

``python -m bench [--rounds 5] [--sizes 10000,100000] [--seed 1] [--output bench-out]``
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from bench.measure import Figure, in_turn, process
from bench.stages import measure
from bench.workload import FILES, make_workload

_EMPTY = [sys.executable, "-c", "pass"]


def main() -> None:
    """Measure, print the table and write both files."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure secagg.")
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds of each figure")
    parser.add_argument("--sizes", default="10000,100000", help="findings, separated by commas")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("bench-out"))
    chosen = parser.parse_args()
    figures = []
    for figure in _all(chosen.rounds, [int(s) for s in chosen.sizes.split(",")], chosen.seed):
        sys.stderr.write(f"{figure.name}: {figure.median:.2f}\n")
        figures.append(figure)
    table = _table(figures)
    chosen.output.mkdir(parents=True, exist_ok=True)
    (chosen.output / "bench.md").write_text(table)
    about = {"python": platform.python_version(), "machine": platform.machine()}
    document = {"schema_version": 1, **about, "figures": [asdict(f) for f in figures]}
    (chosen.output / "bench.json").write_text(json.dumps(document, indent=2) + "\n")
    sys.stdout.write(table)


def _all(rounds: int, sizes: list[int], seed: int) -> Iterator[Figure]:
    version = [sys.executable, "-m", "secagg", "--version"]
    usage = [sys.executable, "-m", "secagg", "--help"]
    yield Figure.of("secagg --version", "python -c pass", in_turn(version, _EMPTY, rounds))
    yield Figure.of("secagg --help", "python -c pass", in_turn(usage, _EMPTY, rounds))
    for size in sizes:
        with tempfile.TemporaryDirectory() as place:
            directory = Path(place)
            for name, data in make_workload(size, seed).reports.items():
                (directory / name).write_bytes(data)
            label = f"{size:,} findings"
            yield from measure(directory, label, rounds)
            yield from _processes(directory, label, rounds)


def _processes(directory: Path, label: str, rounds: int) -> Iterator[Figure]:
    """The whole command: its memory, and its time beside a peer's on the same SARIF file."""
    files = [directory / name for name in FILES.values()]
    largest = max(file.stat().st_size for file in files)
    out = directory / "out"
    command = [sys.executable, "-m", "secagg", "parse", "--root", str(directory), "-q"]
    command += ["--output", str(out)]
    whole = [*command, *map(str, files)]
    peaks = [process(whole)[1] / largest for _ in range(min(rounds, 3))]
    yield Figure.of(f"peak memory of secagg parse, {label}", "largest input file", peaks)
    codeql = str(directory / FILES["codeql"])
    peer = [sys.executable, "-m", "sarif", "summary", codeql]
    yield Figure.of(
        f"secagg parse of the CodeQL file, {label}",
        "sarif-tools' summary of the same file",
        in_turn([*command, codeql], peer, rounds),
    )


def _table(figures: list[Figure]) -> str:
    lines = [
        "| what | against | median | least | most | rounds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for f in figures:
        ratio = f"{f.median:.2f} | {f.least:.2f} | {f.most:.2f}"
        lines.append(f"| {f.name} | {f.against} | {ratio} | {f.rounds} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
