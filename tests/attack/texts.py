"""Known secrets in every writing, in texts and in JSON: none may be read from what is masked."""

from __future__ import annotations

from secagg.secrets.redactor import Redactor, Secret
from tests.attack.counts import Counts
from tests.attack.writings import WRITINGS, left_of, values

_AROUND = ("near {} here", "x={}", "[{}]", "{}\nnext line", "a {}, b")


def run(seed: int, count: int) -> Counts:
    """Try ``count`` values in all writings, each in a text and as a text of a JSON value."""
    counts = Counts()
    planted = values(seed, count)
    redactor = Redactor(b"the key of an attack")
    for value in planted:
        redactor.identify(Secret(value))
    for number, value in enumerate(planted):
        for name, write in WRITINGS.items():
            written = write(value)
            text = _AROUND[number % len(_AROUND)].format(written)
            masked = redactor.mask(text)
            shown = redactor.mask_json({"a": [text, {"b": 1}]})["a"][0]
            for where, out in (("text", masked), ("JSON", shown)):
                broken = left_of(written, out) or "[redacted]" not in out
                counts.add(f"{name} in {where}", broken=f"value {number}" if broken else None)
    return counts
