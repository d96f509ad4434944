"""The messages of ``secagg policy check``."""

from __future__ import annotations

import json
from collections.abc import Sequence

from secagg.output.escape import terminal
from secagg.output.grid import Style
from secagg.policy.sentences import counted, plural
from secagg.policycheck.message import CheckMessage


def messages_text(messages: Sequence[CheckMessage], files: int, style: Style) -> str:
    """Two lines a message: what is wrong where, as compilers write it, and what to do."""
    lines = []
    for message in messages:
        code = style.paint(message.code, "33")
        lines.append(f"{terminal(message.where)}: {code}: {terminal(message.text)}")
        lines.append(f"  hint: {terminal(message.advice)}")
    said = counted(len(messages), "message") if messages else "nothing to mend"
    checked = f"{files:,} {plural(files, 'policy', 'policies')} checked"
    return "\n".join([*lines, f"{checked}: {said}"])


def messages_json(messages: Sequence[CheckMessage]) -> str:
    """The same for machines."""
    rows = [
        {"where": m.where, "code": m.code, "text": m.text, "advice": m.advice} for m in messages
    ]
    return json.dumps({"schema_version": 1, "messages": rows}, indent=2)
