"""Compare two results of ``make bench``: ``compare_bench.py BASE.json CHANGE.json``.

Prints a table in Markdown. Exit code 1 if a figure became worse by more than half, and by more than
what its own rounds differ: machines in a cloud are no quiet place.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

MOST = 1.5


def main(base_file: str, change_file: str) -> int:
    """Print the comparison; 1 if something became slower."""
    base, change = _figures(base_file), _figures(change_file)
    slower = 0
    print("| figure | against | base | change | ratio |")
    print("| --- | --- | --- | --- | --- |")
    for key, after in change.items():
        before = base.get(key)
        if before is None or not before["median"]:
            continue
        ratio = after["median"] / before["median"]
        worse = ratio > MOST and after["least"] > before["most"]
        slower += worse
        mark = " (slower)" if worse else ""
        name, against = (text.replace("|", "/") for text in key)
        print(
            f"| {name} | {against} | {before['median']:.2f} | {after['median']:.2f} "
            f"| {ratio:.2f}{mark} |"
        )
    return 1 if slower else 0


def _figures(file: str) -> dict[tuple[str, str], dict[str, Any]]:
    document = json.loads(Path(file).read_text())
    return {(f["name"], f["against"]): f for f in document["figures"]}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
