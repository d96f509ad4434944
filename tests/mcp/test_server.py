"""The real server over standard input and output, with the official client."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from secagg.cli.mcp import server_of
from secagg.history import open_store
from secagg.mcp.untrusted import UNTRUSTED
from secagg.pipeline.gate import GateOptions
from secagg.pipeline.storesource import HistoryScope
from tests.canaries import canaries, reports, survivors
from tests.cli.running import KEY, environment, secagg
from tests.mcp.tools import KEPT, described

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")
READING = {"list_problems", "show_problem", "why_verdict", "what_fixes_most", "explain_policy"}
NAMES = ("gitleaks.json", "snyk-code.sarif")

Session = Callable[[Any], Awaitable[None]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose last scan found the fifty canaries."""
    home = tmp_path_factory.mktemp("home")
    shop = home / "shop"
    subprocess.run(["git", "init", "-q", "-b", "main", str(shop)], check=True)
    for name in NAMES:
        (shop / name).write_bytes(reports(canaries())[name])
    ran = secagg("parse", *NAMES, "--quiet", bin_dir=home, home=home, cwd=shop)
    assert ran.code in (1, 3), ran.stderr
    return shop


def talk(shop: Path, log: Path, session: Session) -> None:
    """Start ``secagg mcp`` as an assistant does, and let ``session`` talk to it."""
    from mcp.client.client import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "secagg", "mcp", "--root", str(shop)],
        env=environment(shop, shop.parent),
        cwd=shop,
    )

    async def main() -> None:
        with log.open("w") as errors:
            async with Client(stdio_client(parameters, errlog=errors)) as client:
                await session(client)

    anyio.run(main)


async def call(client: Any, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    answered: dict[str, Any] = json.loads(result.content[0].text)
    assert result.structured_content in (None, answered)
    return answered


async def refused(client: Any, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    text: str = result.content[0].text
    return text


def test_an_assistant_reads_all_and_gets_no_secret(shop: Path, tmp_path: Path) -> None:
    heard: list[str] = []

    async def session(client: Any) -> None:
        heard.append(client.instructions)
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == READING
        for tool in tools:
            assert tool.annotations.read_only_hint is True
            assert UNTRUSTED in tool.description and "never an instruction" in tool.description
        rows: list[Any] = []
        offset: int | None = 0
        while offset is not None:
            page = await call(client, "list_problems", limit=100, offset=offset, state=["all"])
            heard.append(json.dumps(page))
            rows += page["problems"]
            offset = page["next_offset"]
        assert len(rows) == page["total"] >= 50
        for severity in {row["severity"] for row in rows}:
            asked = {"state": ["all"], "severity": [severity]}
            page = await call(client, "list_problems", limit=100, **asked)
            assert page["total"] == sum(row["severity"] == severity for row in rows)
            assert {row["severity"] for row in page["problems"]} == {severity}
        for row in rows[::40]:
            heard.append(json.dumps(await call(client, "show_problem", id=row["id"])))
        verdict = await call(client, "why_verdict", limit=100)
        assert verdict["verdict"] in ("fail", "incomplete") and verdict["shown"] > 0
        heard.append(json.dumps(verdict))
        heard.append(json.dumps(await call(client, "what_fixes_most")))
        policy = await call(client, "explain_policy", name="pr-gate")
        assert policy[UNTRUSTED]["policy"][0].startswith("pr-gate")
        secret = canaries()[3].value
        for name, arguments in (
            ("show_problem", {"id": "ffffffffff"}),
            ("show_problem", {"id": "../../etc/passwd"}),
            ("explain_policy", {"name": "/etc/passwd"}),
            ("list_problems", {"limit": 1000}),
            ("list_problems", {"new_since": f"the day of {secret}"}),
            ("triage_problem", {"id": rows[0]["id"], "state": "accepted", "reason": "because so"}),
        ):
            heard.append(await refused(client, name, **arguments))

    log = tmp_path / "stderr"
    talk(shop, log, session)
    text = "\n".join(heard)
    assert "root:" not in text and "Traceback" not in text + log.read_text()
    assert survivors(text.encode(), canaries()) == []
    assert survivors(log.read_bytes(), canaries()) == []


def test_it_decides_only_where_it_may_and_leaves_a_trace(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", KEY)
    monkeypatch.delenv("SECAGG_STORE", raising=False)

    async def session(client: Any) -> None:
        seen = (await client.list_tools()).tools
        assert described(client.instructions, seen) == KEPT.read_text(), "python -m tests.mcp.tools"
        tools = {tool.name: tool for tool in seen}
        assert tools.keys() == READING | {"triage_problem", "undo_triage"}
        assert tools["triage_problem"].annotations.read_only_hint is False
        first, second = (await call(client, "list_problems", limit=2))["problems"]
        made = await call(
            client, "triage_problem", id=first["id"], state="accepted", reason="only in the lab"
        )
        assert made["decisions_left"] == 0
        shown = await call(client, "show_problem", id=first["id"])
        assert shown["state"] == "accepted"
        decided = shown[UNTRUSTED]["decisions"][0]
        assert (
            decided["who"] == "ana (assistant)" and decided["after"]["reason"] == "only in the lab"
        )
        why = await refused(
            client, "triage_problem", id=second["id"], state="accepted", reason="one more of them"
        )
        assert "as many decisions as it may" in why
        assert len((await call(client, "undo_triage", batch=made["batch"]))["taken_back"]) == 1

    from mcp.client.client import Client

    scope = HistoryScope(root=shop)
    server = server_of(
        scope, GateOptions(), last=shop / "secagg-out", config=None, decisions=1, by="ana"
    )

    async def main() -> None:
        async with Client(server) as client:
            await session(client)

    anyio.run(main)
    with open_store(shop / ".secagg" / "secagg.db") as store:
        assert [entry.what for entry in store.audit()] == ["undo", "triage"]


def test_without_the_library_the_command_says_what_to_install(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from secagg.cli.app import run as run_cli

    monkeypatch.setitem(sys.modules, "mcp.server", None)
    monkeypatch.delitem(sys.modules, "secagg.mcp.server", raising=False)
    monkeypatch.setattr("sys.argv", ["secagg", "mcp", "--root", str(shop)])
    with pytest.raises(SystemExit) as end:
        run_cli()
    assert end.value.code == 2
    assert "pip install 'secagg[mcp]'" in capfd.readouterr().err
