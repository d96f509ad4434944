"""Hostile YAML in every file that secagg reads: each is read, or refused in a short sentence.

Anchors that hold themselves, merged keys, tags of other types, numbers and dates that are none,
several documents, keys twice: ``python -m tests.attack documents``. A value of the file is in no
error, since it may be a secret.
"""

from __future__ import annotations

import datetime
import random
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from secagg.config import load_config
from secagg.decisions.ownedit import added
from secagg.decisions.ownfile import parse_file
from secagg.decisions.snykfile import read_snyk
from secagg.decisions.trivyignore import read_trivyignore_yaml
from secagg.errors import SecaggError
from secagg.merge.overrule import read_overrules
from secagg.policy.load import load
from secagg.serve.settings import load_settings
from secagg.system.dates import Ceiling
from tests.attack.counts import Counts

_VALUE = "Zk3fW9qLx0TnB7vRp2YsQ8uH"
_CEILING = Ceiling(max_days=90, today=datetime.date(2026, 11, 23), for_all=False)
_ADDED = {
    "cve": "CVE-2021-1111",
    "reason": "a reason",
    "owner": "ana",
    "expires": datetime.date(2026, 12, 1),
}
# Seconds of the processor, and characters of an error.
_SECONDS = 5
_LONGEST = 500

READERS: Mapping[str, Callable[[Path, str], object]] = {
    "configuration": lambda file, text: load_config(file.parent, file),
    "decisions": lambda file, text: parse_file(text),
    "edited decisions": lambda file, text: added(text, [_ADDED]),
    "Snyk's file": lambda file, text: read_snyk(text, _CEILING),
    "Trivy's file": lambda file, text: read_trivyignore_yaml(text, _CEILING),
    "settings of serve": lambda file, text: load_settings(file),
    "overrules": lambda file, text: read_overrules(text, name="o.yaml"),
    "policy": lambda file, text: load(str(file)),
}

_NINE_EACH = "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
DOCUMENTS: Mapping[str, str] = {
    "a key twice": f"version: 1\nversion: {_VALUE}\n",
    "a key twice within": f"a: {{x: {_VALUE}, x: 2}}\n",
    "merged": "x: &a {version: 1}\n<<: *a\n",
    "merged with itself": "a: &a\n  <<: *a\n",
    "merged lists": "a: &a {b: 1}\nc: {<<: [*a, *a, 5]}\n",
    "merged with a text": f"<<: {_VALUE}\n",
    "an anchor that is none": f"a: *{_VALUE}\n",
    "holds itself": "a: &a [*a]\n",
    "a list as a key": "? &a [1]\n: *a\n",
    "a key that holds itself": "&a ? *a\n: 1\n",
    "decisions that hold themselves": "exceptions: &a [*a]\n",
    "paths that hold themselves": "ignore: &a\n  X: [*a]\n",
    "one list for two": "vulnerabilities: &a [{id: X}]\nsecrets: *a\nignore: {A: &b [*a], B: *b}\n",
    "laughs": f"a: &a [x,x,x,x,x,x,x,x,x]\n{_NINE_EACH}",
    "an object of Python": "a: !!python/object/apply:os.system [true]\n",
    "an unknown tag": f"a: !{_VALUE} x\n",
    "a tag of all": "!foo {a: 1}\n",
    "a set": "!!set {a, b}\n",
    "an ordered mapping": "!!omap [a: 1, b: 2]\n",
    **{
        f"no {tag}": f"a: !!{tag} {value}\n"
        for tag in ("binary", "float", "int", "bool", "null", "timestamp", "str", "map", "seq")
        for value in (_VALUE, "[1]", "{a: 1}")
    },
    "two documents": f"a: 1\n---\n{_VALUE}: 2\n",
    "ends": "...\n" * 20_000,
    "an old version": "%YAML 1.1\n---\na: yes\n",
    "a version to come": "%YAML 9.9\n---\na: 1\n",
    "tags of its own": "%TAG ! tag:evil,2000:\n---\na: !x 1\n",
    "NUL": "a: \0\n",
    "a lone surrogate": 'a: "\\ud800"\n',
    "no character": 'a: "\\U00110000"\n',
    **{f"the key {key}": f"{key}: 1\n{key}: 2\n" for key in ("1", "~", "true", ".nan", "{a: 1}")},
    "a hexadecimal number": f"a: 0x{'f' * 5_000}\n",
    "a decimal number": f"a: {'9' * 5_000}\n",
    "a sexagesimal number": "a: 1" + ":59" * 2_000 + "\n",
    "a large float": "a: 1e999999\n",
    **{
        f"the day {day}": f"created: {day}\nexpires: {day}\n"
        for day in ("9999-99-99", "0000-01-01", "2026-01-01T00:00:00+99:99", "0001-01-01T00:00+14")
    },
    "deep blocks": "".join(f"{' ' * n}a:\n" for n in range(900)),
    "deep lists": f"a: {'- ' * 3_000}x\n",
    "deep keys": f"{'? ' * 3_000}a\n",
    "a long key": f"? |\n  {'x' * 5_000}\n: 1\n",
    "long names": "".join(f"a: {sign}{'x' * 100_000} 1\n" for sign in "&*!"),
    "comments within": "a:\n" + "  # x\n" * 20_000 + "  b: 1\n",
    "folded": "a: >\n" + "  x\n\n" * 9_000,
    "empty keys": ":\n" * 5_000,
    "only a text": f"{_VALUE}\n",
}


def run(seed: int, count: int) -> Counts:
    """Give ``count`` of the documents, chosen by ``seed``, to every reader."""
    chosen = random.Random(seed).sample([*DOCUMENTS], min(count, len(DOCUMENTS)))
    counts = Counts()
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "file.yaml")
        for document in sorted(chosen):
            file.write_text(DOCUMENTS[document])
            for reader, read in READERS.items():
                broken = _broken(lambda read=read: read(file, file.read_text()))  # type: ignore[misc]
                counts.add(reader, broken=broken and f"{document}: {broken}")
    return counts


def _broken(read: Callable[[], object]) -> str | None:
    """Say what is wrong with how a document is read or refused; None if nothing is."""
    started = time.process_time()
    try:
        read()
    except SecaggError as error:
        told = f"{error} {error.hint or ''}"
        if _VALUE in told:
            return "a value of the file is in the error"
        if len(told) > _LONGEST:
            return f"an error of {len(told)} characters"
    except Exception as error:
        return f"{type(error).__name__} gets through"
    if time.process_time() - started > _SECONDS:
        return f"more than {_SECONDS} seconds"
    return None
