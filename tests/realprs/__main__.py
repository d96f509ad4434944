"""``python -m tests.realprs DIR``: verdict, seconds, causes and reasons of each pair of base and head.

``DIR/pairs.txt`` has a line a pair: repository (a directory in DIR), base, head, and the label
(pass, fail or incomplete) if there is one, apart by blanks. Without that file the last merges of
each repository in DIR are taken. What stands behind DIR is given to ``secagg scan`` as well. The
exit code is 1 if a verdict is not the labelled one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MERGES = "10"


@dataclass(frozen=True)
class Pair:
    """One pull request: where it starts, where it ends, and the verdict that is right."""

    repository: Path
    base: str
    head: str
    label: str | None = None


@dataclass(frozen=True)
class Answer:
    """What the gate said of a pair. ``causes`` counts the rows, ``seconds`` is the scan's time."""

    verdict: str
    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()
    causes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def pairs_of(directory: Path) -> Iterator[Pair]:
    """The pairs in ``directory``, as the module says."""
    listed = directory / "pairs.txt"
    if listed.is_file():
        for line in listed.read_text().splitlines():
            words = line.split()
            if len(words) >= 3 and not line.startswith("#"):
                yield Pair(directory / words[0], *words[1:4])
        return
    for repository in sorted(path.parent for path in directory.glob("*/.git")):
        log = _git(repository, "log", "--merges", "--first-parent", f"-{_MERGES}", "--format=%P")
        for line in log.splitlines():
            parents = line.split()
            if len(parents) == 2:
                yield Pair(repository, *parents)


def judged(pair: Pair, *arguments: str) -> Answer:
    """The gate's answer: ``secagg scan`` with ``pr-gate`` in a clone that has the head checked out.

    ``arguments`` are given to the scan as well. The scanners are those on PATH.
    """
    with tempfile.TemporaryDirectory() as scratch:
        clone, out, event = (Path(scratch) / name for name in ("clone", "out", "event.json"))
        _git(pair.repository, "clone", "-q", "--no-checkout", str(pair.repository), str(clone))
        base = _git(pair.repository, "rev-parse", pair.base)
        head = _git(pair.repository, "rev-parse", pair.head)
        _git(clone, "fetch", "-q", "origin", base, head)
        _git(clone, "checkout", "-q", "--detach", head)
        payload = {"pull_request": {"number": 1, "base": {"sha": base}, "head": {"sha": head}}}
        event.write_text(json.dumps(payload))
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "SECAGG_"))}
        environ = kept | {
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(event),
            "SECAGG_HMAC_KEY": "a key for these pull requests only",
        }
        command = ["scan", str(clone), "--policy", "pr-gate", "--no-store", "-q", "-o", str(out)]
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "secagg", *command, *arguments],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if not (out / "decision.json").is_file():
            return Answer("error", (done.stderr.strip()[-500:],))
        decision: dict[str, Any] = json.loads((out / "decision.json").read_bytes())
    return Answer(
        decision["verdict"],
        (*decision["gaps"], *decision["failures"]),
        tuple(decision["notes"]),
        Counter(str(row.get("cause")) for row in decision["findings"]),
        time.monotonic() - started,
    )


def _git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=directory, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def main(arguments: list[str]) -> int:
    """Judge all pairs of a directory and print what came out."""
    if not arguments:
        print(__doc__)
        return 2
    wrong = 0
    pairs = list(pairs_of(Path(arguments[0]).resolve()))
    for pair in pairs:
        answer = judged(pair, *arguments[1:])
        right = pair.label in (None, answer.verdict)
        wrong += not right
        mark = "" if pair.label is None else "  ok" if right else f"  WRONG, right is {pair.label}"
        rows = ", ".join(f"{count} {cause}" for cause, count in sorted(answer.causes.items()))
        print(f"{pair.repository.name} {pair.base[:12]}..{pair.head[:12]}: {answer.verdict}{mark}")
        print(f"    {answer.seconds:.1f} s; rows: {rows or 'none'}")
        for reason in answer.reasons:
            print(f"    - {reason}")
        sys.stdout.flush()
    print(f"{len(pairs)} pairs, {wrong} not as labelled")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
