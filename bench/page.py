"""How fast the report's page is with many problems, in a real browser.

``python -m bench.page [--problems 25000] [--rounds 5] [--output bench-out]``

Milliseconds of the browser's own clock: until the first contentful paint, until the list is
drawn, for a filter (from the input until the rows stand in the document and are laid out), and
for the slowest frame while the list is scrolled through. As a ratio, that does not depend on the
machine: each beside parsing the same data with ``JSON.parse`` in the same page.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.measure import Figure
from tests.report.browser import launched, ready, write_page
from tests.report.make import history

_PAINT = """() => {
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    return paint ? paint.startTime : performance.now();
}"""
_READY = """() => performance.getEntriesByName("ready")[0].startTime"""
_PARSE = """() => {
    const text = document.getElementById("data").textContent;
    const start = performance.now();
    JSON.parse(text);
    return performance.now() - start;
}"""
_FILTER = """(text) => {
    const search = document.getElementById("q");
    search.value = text;
    const start = performance.now();
    search.dispatchEvent(new Event("input"));
    document.getElementById("list").getBoundingClientRect();
    return performance.now() - start;
}"""
_SCROLL = """() => new Promise((done) => {
    let last = performance.now();
    let slowest = 0;
    let frames = 0;
    const step = (now) => {
        slowest = Math.max(slowest, now - last);
        last = now;
        frames += 1;
        if (frames > 90) { done(slowest); return; }
        scrollBy(0, 2400);
        requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
})"""
_QUERIES = ("lodash", "service sql", "cve-2024", "nothing at all like this", "")


def main() -> None:
    """Measure, print, and write ``page.json``."""
    parser = argparse.ArgumentParser(prog="bench.page", description="Measure the report's page.")
    parser.add_argument("--problems", type=int, default=25_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("bench-out"))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        address = write_page(history(chosen.problems), Path(directory), state=["all"])
        size = (Path(directory) / "report.html").stat().st_size / 1e6
        rounds = list(_rounds(address, chosen.rounds))
    figures = [
        Figure.of(f"{name}, {chosen.problems:,} problems", "browser's clock", values, "ms")
        for name, values in _by_name(rounds).items()
    ]
    parses = [one["parse the data"] for one in rounds]
    figures += [
        Figure.of(
            f"{name}, {chosen.problems:,} problems",
            "JSON.parse of the data",
            [one[name] / parse for one, parse in zip(rounds, parses, strict=True)],
        )
        for name in ("first contentful paint", "list drawn", "slowest filter")
    ]
    sys.stdout.write(f"the file: {size:.1f} MB\n")
    for f in figures:
        sys.stdout.write(
            f"{f.name} / {f.against}: {f.median:.1f} {f.unit} ({f.least:.1f} to {f.most:.1f})\n"
        )
    chosen.output.mkdir(parents=True, exist_ok=True)
    document = {"schema_version": 1, "megabytes": size, "figures": [asdict(f) for f in figures]}
    (chosen.output / "page.json").write_text(json.dumps(document, indent=2) + "\n")


def _rounds(address: str, rounds: int) -> Iterator[dict[str, float]]:
    with launched() as browser:
        for _ in range(rounds + 1):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            ready(page, address)
            page.wait_for_timeout(300)
            measured = {
                "first contentful paint": page.evaluate(_PAINT),
                "list drawn": page.evaluate(_READY),
                "parse the data": page.evaluate(_PARSE),
                "slowest filter": max(page.evaluate(_FILTER, text) for text in _QUERIES),
                "slowest frame while scrolling": page.evaluate(_SCROLL),
            }
            page.close()
            yield measured


def _by_name(rounds: list[dict[str, float]]) -> dict[str, list[float]]:
    # The first round warms the browser's caches.
    del rounds[0]
    found: dict[str, Any] = {name: [one[name] for one in rounds] for name in rounds[0]}
    return found


if __name__ == "__main__":
    main()
