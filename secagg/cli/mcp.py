"""``secagg mcp``: answer an assistant's questions over the Model Context Protocol."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secagg.cli.options import (
    ByOption,
    ConfigOption,
    HistoryBranchOption,
    HistoryOption,
    HistoryRepositoryOption,
    LastOption,
    PolicyOption,
    RootOption,
)
from secagg.errors import ExitCode, UsageError
from secagg.output import console
from secagg.output.decision import DecisionDocument
from secagg.report.source import ProblemSource
from secagg.system.files import OUTPUT_DIRECTORY

if TYPE_CHECKING:
    from secagg.mcp.answers import AnswerSources
    from secagg.mcp.server import Server
    from secagg.pipeline.gate import GateOptions
    from secagg.pipeline.storesource import HistoryScope

_INSTALL = "pip install 'secagg[mcp]'"


def serve_mcp(
    allow_triage: Annotated[
        bool,
        typer.Option(
            "--allow-triage", help="Let the assistant decide on problems, too, one at a time."
        ),
    ] = False,
    most_decisions: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, help="The most decisions of one session, with --allow-triage."
        ),
    ] = 20,
    by: ByOption = None,
    root: RootOption = Path(),
    last: LastOption = OUTPUT_DIRECTORY,
    store: HistoryOption = None,
    repo: HistoryRepositoryOption = None,
    branch: HistoryBranchOption = None,
    policy: PolicyOption = None,
    config: ConfigOption = None,
) -> None:
    """Answer an assistant's questions, over the Model Context Protocol.

    An assistant starts this command itself and talks to it on standard input and output. The tools
    list and explain problems, and change nothing without --allow-triage.
    """
    from secagg.pipeline.gate import GateOptions
    from secagg.pipeline.storesource import HistoryScope

    # The command line switches the collector off, but this command may run for days.
    gc.enable()
    server = server_of(
        HistoryScope(root=root, store=store, repository=repo, branch=branch),
        GateOptions(policy=policy, store=store, repository=repo, branch=branch),
        last=last,
        config=config,
        decisions=most_decisions if allow_triage else 0,
        by=by,
    )
    if console.is_interactive():
        console.err("secagg: waiting for an assistant's questions on standard input; Ctrl-C ends\n")
    server.run("stdio")
    raise typer.Exit(ExitCode.PASS)


def server_of(
    scope: HistoryScope,
    gate: GateOptions,
    *,
    last: Path,
    config: Path | None,
    decisions: int,
    by: str | None,
) -> Server:
    """Return the server; its tools decide on problems if it may make any ``decisions``.

    Raises :class:`UsageError` where the library is not installed.
    """
    try:
        from secagg.mcp.server import make_server
    except ImportError:
        raise UsageError("secagg mcp needs the mcp library", hint=_INSTALL) from None
    from secagg.cli.decide import user
    from secagg.mcp.answers import Decisions, ProblemAnswers
    from secagg.pipeline.storesource import StoreTriageSink
    from secagg.secrets.lastfilter import run_redactor

    answers = ProblemAnswers(_sources(scope, gate, last, config), run_redactor())
    if not decisions:
        return make_server(answers, None)
    name = f"{by or user(scope.root)} (assistant)"
    return make_server(answers, Decisions(StoreTriageSink(scope), by=name, most=decisions))


def _sources(
    scope: HistoryScope, gate: GateOptions, last: Path, config: Path | None
) -> AnswerSources:
    """Return where answers come from: what ``report``, ``show``, ``gate`` and ``policy`` call."""
    from secagg.change.controls import Controls
    from secagg.cli.policy import policy_text
    from secagg.cli.show import problem_document
    from secagg.config import load_config
    from secagg.mcp.answers import AnswerSources
    from secagg.output.grid import Style
    from secagg.pipeline.gate import prepare
    from secagg.pipeline.parse import parse_files
    from secagg.pipeline.storesource import read_store
    from secagg.pipeline.write import SARIF_NAME, decision_document
    from secagg.policy.load import policy_names

    root = scope.root

    def problems() -> ProblemSource:
        return read_store(scope, details=False)

    def show(identity: str) -> Mapping[str, Any]:
        return problem_document(identity, root=root, last=last, gate=gate, config=config)

    def decide() -> DecisionDocument:
        file = last / SARIF_NAME
        if not file.is_file():
            raise UsageError("there is no scan to judge", hint="run secagg scan first")
        prepared = prepare(root, gate, config=config)
        outcome = parse_files([str(file)], tool=None, root=root.resolve(), gate=prepared)
        return decision_document(outcome)

    def explain(name: str | None) -> str:
        # A name of the assistant's choosing may not be the path of some file.
        names = list(policy_names())
        if name is not None and name not in names:
            raise UsageError(f"there is no policy {name!r}", hint=f"one of {', '.join(names)}")
        chosen = name or gate.policy or load_config(root, config).policy
        return policy_text(chosen, Style(), read=Controls(root).text)

    return AnswerSources(problems=problems, show=show, decide=decide, policy=explain)
