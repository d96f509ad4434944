"""The floor: what any program must do that reads these reports and writes this SARIF file.

``python bench/floor.py OUTPUT INPUT...`` decodes every input with ``orjson.loads`` and encodes
the document in OUTPUT with ``orjson.dumps``, the garbage collector off, and prints two numbers:
the seconds of processor time that this took, and those of what it takes to have OUTPUT as a
document first. The second is no part of the floor; start-up and reading the files are.
"""

from __future__ import annotations

import gc
import sys
import time

import orjson

# TruffleHog writes an object a line, the others one value a file.
LINES = "trufflehog.json"


def decode(name: str, data: bytes) -> None:
    """Decode a report, and let go of it."""
    for value in data.splitlines() if name.endswith(LINES) else (data,):
        orjson.loads(value)


def main() -> None:
    """Do it once and print what it took."""
    gc.disable()
    output, *inputs = sys.argv[1:]
    start = time.process_time()
    with open(output, "rb") as file:
        document = orjson.loads(file.read())
    prepared = time.process_time() - start
    start = time.process_time()
    orjson.dumps(document)
    seconds = time.process_time() - start
    # Letting go of the document belongs to having it.
    start = time.process_time()
    del document
    prepared += time.process_time() - start
    for name in inputs:
        with open(name, "rb") as file:
            data = file.read()
        start = time.process_time()
        decode(name, data)
        seconds += time.process_time() - start
    print(seconds, prepared)
    # As secagg does: at its end the interpreter would collect even so.
    gc.freeze()


if __name__ == "__main__":
    main()
