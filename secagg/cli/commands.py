"""The table of commands. A command's module is loaded only when the command is called.

The help of ``secagg`` comes from the table, so listing the commands loads none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand

from secagg.cli.help import Commands
from secagg.cli.plainvalues import take_plain_values

# Name: its module, the function or the app of subcommands there, and its line in the help.
COMMANDS = {
    "init": (
        "secagg.cli.init",
        "init",
        "Write workflows, policies and settings for the repository at PATH.",
    ),
    "gate": (
        "secagg.cli.gate",
        "gate",
        "Judge the last scan, or FILES, by a policy: pass, fail or incomplete, and why.",
    ),
    "staged": (
        "secagg.cli.staged",
        "staged",
        "Look for secrets in the staged files, with Gitleaks; the policy is secrets-only.",
    ),
    "triage": (
        "secagg.cli.triage",
        "triage",
        "Decide on problems by id or by filter; a decision holds on all branches.",
    ),
    "scan": (
        "secagg.cli.scan",
        "scan",
        "Scan the repository at PATH with every tool that applies to it.",
    ),
    "upload": (
        "secagg.cli.upload",
        "upload",
        "Upload FILES to GitHub code scanning, mended and split so that GitHub takes them.",
    ),
    "bundle": (
        "secagg.cli.upload",
        "bundle",
        "Write FILES into one bundle, in a job that may not upload (a fork's pull request).",
    ),
    "publish": (
        "secagg.cli.upload",
        "publish",
        "Upload a BUNDLE of an untrusted job, in a workflow_run job that may.",
    ),
    "sync": (
        "secagg.cli.sync",
        "sync",
        "Take dismissals from GitHub into the store, and write the store's decisions there.",
    ),
    "issues": (
        "secagg.cli.issues",
        "issues_app",
        "Keep rolling issues at GitHub up to date.",
    ),
    "triage-comment": (
        "secagg.cli.comment",
        "triage_comment",
        "Decide as a comment on a pull request says (/secagg accept ID reason: WHY).",
    ),
    "report": (
        "secagg.cli.report",
        "report",
        "Show what the recorded scans found: what is new, worst, overdue, and what mends most.",
    ),
    "notify": (
        "secagg.cli.notify",
        "notify",
        "Send a digest by owner to chats, mail and webhooks, once for each scan.",
    ),
    "mcp": (
        "secagg.cli.mcp",
        "serve_mcp",
        "Answer an assistant's questions, over the Model Context Protocol.",
    ),
    "serve": (
        "secagg.cli.serve",
        "serve",
        "Show the report's page live, triage from it, and take runs from jobs that have a token.",
    ),
    "import": (
        "secagg.cli.imports",
        "import_reports",
        "Record old reports in the order of their time: each file, and each folder, is one scan.",
    ),
    "show": (
        "secagg.cli.show",
        "show_problem",
        "Show all of one problem: what, where, why it counts, its fix, its history and decisions.",
    ),
    "parse": (
        "secagg.cli.parse",
        "parse",
        "Read FILES that scanners wrote elsewhere; - is standard input.",
    ),
    "doctor": (
        "secagg.cli.doctor",
        "doctor",
        "Say for each tool whether a scan of PATH would be complete, and what to do if not.",
    ),
    "explain": (
        "secagg.cli.explain",
        "explain",
        "Say why findings are one problem of the last scan, and what was kept apart.",
    ),
    "merge": (
        "secagg.cli.merge",
        "merge_app",
        "Overrule the merging, in secagg-merge.yaml of the repository.",
    ),
    "except": (
        "secagg.cli.exceptions",
        "except_app",
        "Decisions in secagg-exceptions.yaml of the repository.",
    ),
    "intel": (
        "secagg.cli.intel",
        "intel_app",
        "Fetch the EPSS scores and the KEV catalog, which policies can ask for.",
    ),
    "policy": (
        "secagg.cli.policy",
        "policy_app",
        "Look at policies, test them, and check them for mistakes.",
    ),
    "token": (
        "secagg.cli.token",
        "token_app",
        "Tokens by which jobs and programs use the store of secagg serve.",
    ),
    "db": ("secagg.cli.db", "db_app", "Look after the store: its revision, backups, checks."),
    "tools": (
        "secagg.cli.tools",
        "tools_app",
        "Install the scanners in pinned versions, list them, and check what is there.",
    ),
    "config": ("secagg.cli.config", "config_app", "Look at the configuration."),
    "export": ("secagg.cli.export", "export_app", "Write the store's tables for other programs."),
    "verify": (
        "secagg.cli.verify",
        "verify",
        "Check the evidence in FILE offline: who signed it, what was evaluated or incomplete.",
    ),
    "runs": ("secagg.cli.runs", "runs_app", "List the recorded scans, and look at one."),
}


def load(name: str) -> Any:
    """Load the command ``name`` of :data:`COMMANDS` and return it as Typer runs it."""
    module, attribute, _ = COMMANDS[name]
    command = getattr(import_module(module), attribute)
    parent = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    if isinstance(command, typer.Typer):
        parent.add_typer(command, name=name, cls=Commands)
    else:
        parent.command(name)(command)
    return typer.main.get_group(parent).commands[name]


class LazyGroup(Commands):
    """A group that adds the commands of :data:`COMMANDS` to those registered with the app."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._loaded: set[str] = set()
        for name, (_, _, text) in COMMANDS.items():
            self.commands.setdefault(name, TyperCommand(name, help=text, rich_markup_mode=None))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options of ``secagg`` itself, such as those that install completion."""
        take_plain_values(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command ``cmd_name``; load it on the first request."""
        if cmd_name in COMMANDS and cmd_name not in self._loaded:
            self.commands[cmd_name] = load(cmd_name)
            self._loaded.add(cmd_name)
        return super().get_command(ctx, cmd_name)
