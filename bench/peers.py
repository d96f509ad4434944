"""secagg beside other programs that read SARIF, on the same files in the same rounds.

sarif-tools sums a file up, Microsoft's SARIF multitool reads and writes it (``merge``). Neither
masks, normalizes, joins or judges: they show what reading such a file costs elsewhere.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.measure import SECAGG, Figure, Program, in_turn
from bench.workload import make_sarif

SIZES = (500_000, 5_000_000, 45_000_000)
_PACKAGES = Path(__file__).parent.parent / "scripts" / "npm-bench" / "node_modules" / "@microsoft"


def multitool() -> tuple[Path | None, str]:
    """The path of Microsoft's multitool; or None, and why it cannot run here.

    ``scripts/bench_peers.sh`` installs it.
    """
    built = {"linux": ("x86_64",), "darwin": ("x86_64", "arm64")}
    if platform.machine() not in built.get(sys.platform, ()):
        return None, f"its npm package has no program for {sys.platform} on {platform.machine()}"
    program = _PACKAGES / f"sarif-multitool-{sys.platform}" / "Sarif.Multitool"
    if not program.is_file():
        return None, "it is not installed: run scripts/bench_peers.sh"
    return program, ""


def compare(directory: Path, seed: int, rounds: int) -> Iterator[Figure]:
    """Times of ``secagg parse`` as ratios to each peer's, and the memory of all."""
    program, _ = multitool()
    for size in SIZES:
        file = directory / f"{size}.sarif"
        file.write_bytes(make_sarif(size, seed))
        out = str(directory / "out")
        parse = (SECAGG, "parse", "--root", str(directory), "--output", out, str(file))
        programs = {
            "secagg parse": Program(parse, (0, 1), [Path(out), directory / ".secagg"]),
            "sarif-tools summary": Program((sys.executable, "-m", "sarif", "summary", str(file))),
        }
        if program is not None:
            merged = ("--output-directory", str(directory), "--output-file", "merged.sarif")
            argv = (str(program), "merge", str(file), *merged, "--log", "ForceOverwrite")
            programs["multitool merge"] = Program(argv)
        label = f"{size / 1e6:g} MB of SARIF"
        told = in_turn(programs, rounds)
        for name in programs:
            if name != "secagg parse":
                ratios = [each["secagg parse"].seconds / each[name].seconds for each in told]
                yield Figure.of(f"secagg parse, {label}", name, ratios)
        for name in programs:
            peaks = [each[name].peak for each in told]
            yield Figure.of(f"peak memory of {name}, {label}", "", peaks, "MB")
