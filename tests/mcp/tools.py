"""The tools as an assistant sees them, kept as text: ``python -m tests.mcp.tools`` writes it anew."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

KEPT = Path(__file__).with_name("tools.txt")


def described(instructions: str, tools: Iterable[Any]) -> str:
    """Instructions, and each tool with its description and the arguments it takes."""
    blocks = [instructions]
    for tool in tools:
        lines = [tool.name, f"  {tool.description}"]
        for name, field in tool.input_schema["properties"].items():
            lines.append(f"  - {name}: {field.get('description', '')}".rstrip(": "))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


if __name__ == "__main__":
    import anyio

    from secagg.mcp.answers import AnswerSources, Decisions, ProblemAnswers
    from secagg.mcp.server import make_server
    from secagg.secrets.redactor import Redactor

    nothing: Any = None
    sources = AnswerSources(problems=nothing, show=nothing, decide=nothing, policy=nothing)
    server = make_server(
        ProblemAnswers(sources, Redactor(b"k" * 16)), Decisions(nothing, by="ana", most=1)
    )
    KEPT.write_text(described(server.instructions or "", anyio.run(server.list_tools)))
