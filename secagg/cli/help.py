"""The texts of ``--help``: commands in groups and in a fixed order, each with examples."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from secagg.cli.plainvalues import take_plain_values

GROUPS = {
    "Scan": {
        "init": "set up a repository: configuration and workflow",
        "scan": "run the scanners over a repository, and judge",
        "parse": "read reports that scanners wrote elsewhere, and judge",
        "doctor": "what each scanner needs for a complete scan",
        "tools": "install and pin the scanners",
    },
    "Judge": {
        "gate": "judge the last scan, or reports, by a policy",
        "staged": "look for secrets in the staged files",
        "policy": "look at policies, test and check them",
        "except": "exceptions, with an owner, a reason and an end",
        "intel": "fetch EPSS scores and the KEV catalog",
    },
    "Triage": {
        "report": "what is new, worst, overdue, and what mends most",
        "show": "all of one problem on one screen",
        "triage": "decide on problems, one or many",
        "serve": "the report as a live page on this machine",
        "mcp": "answer an assistant's questions",
        "explain": "why findings are one problem",
        "merge": "split and join problems",
        "triage-comment": "decide as a comment on a pull request says",
    },
    "Publish": {
        "upload": "upload reports to GitHub code scanning",
        "bundle": "write a bundle, in a job that may not upload",
        "publish": "upload a bundle, in a workflow_run job",
        "sync": "exchange alerts and dismissals with GitHub",
        "notify": "send a digest by owner to chats, mail and webhooks",
        "verify": "check evidence: what was evaluated, by whom",
        "issues": "keep an issue for each component or owner at GitHub",
    },
    "Look after": {
        "runs": "the recorded scans",
        "import": "record old reports in the history",
        "export": "write the history's tables as Parquet",
        "config": "what is in force, and where it comes from",
        "db": "the store: revision, backups, checks",
        "token": "tokens for jobs that use secagg serve",
    },
}
_NO_GROUP = "More"
_LONGEST_CHOICES = 45
# What stands for an option's value where the option itself does not say it.
_VALUES = {
    "--age": "DAYS",
    "--allow-host": "HOST",
    "--at-least": "SEVERITY",
    "--branch": "BRANCH",
    "--by": "NAME",
    "--category": "NAME",
    "--columns": "NAMES",
    "--commit": "COMMIT",
    "--component": "DIR",
    "--config": "FILE",
    "--cve": "ID",
    "--group-by": "COLUMN",
    "--host": "HOST",
    "--jobs": "N",
    "--kind": "KIND",
    "--limit": "N",
    "--new-since": "WHEN",
    "--output": "DIR",
    "--owner": "OWNER",
    "--package": "PACKAGE",
    "--path": "PATTERN",
    "--policy": "POLICY",
    "--port": "N",
    "--reason": "TEXT",
    "--repo": "NAME",
    "--search": "TEXT",
    "--severity": "SEVERITY",
    "--sort": "COLUMN",
    "--state": "STATE",
    "--tool": "TOOL",
}

EXAMPLES = {
    "scan": (
        "secagg scan",
        "secagg scan path/to/repo --tool trivy --tool gitleaks",
        "secagg scan --policy pr-gate --diff origin/main...HEAD",
        "secagg scan --format concise --all",
        "secagg scan --attest",
    ),
    "parse": (
        "secagg parse trivy.json gitleaks.json codeql.sarif",
        "trivy fs --format json . | secagg parse -",
    ),
    "doctor": ("secagg doctor", "secagg doctor --tool trivy --format json"),
    "gate": (
        "secagg gate --policy daily",
        "secagg gate --explain 8704d3a426",
        "secagg gate report.sarif --format markdown",
    ),
    "report": (
        "secagg report --at-least high --owner @org/payments",
        "secagg report --new-since last --group-by component",
        "secagg report --format html --output report.html",
    ),
    "show": ("secagg show 8704d3a426",),
    "triage": (
        "secagg triage 8704d3a426 --state false-positive --reason 'test data'",
        "secagg triage --package lodash --state accepted --reason 'not reachable'",
        "secagg triage -i --at-least high",
        "secagg triage 8704d3a426 --undo",
    ),
    "serve": ("secagg serve",),
    "mcp": ("secagg mcp", "secagg mcp --root path/to/repo --allow-triage"),
    "explain": ("secagg explain 8704d3a426",),
    "upload": (
        "secagg upload secagg-out/findings.sarif --explain",
        "secagg upload secagg-out/findings.sarif",
    ),
    "bundle": ("secagg bundle secagg-out/findings.sarif --output bundle.json.gz",),
    "publish": ("secagg publish bundle.json.gz",),
    "sync": ("secagg sync --help",),
    "notify": (
        "secagg notify --new-since last --at-least high",
        "secagg notify --owner @org/payments --urls-from payments-urls.txt",
        "secagg notify --new-since last --dry-run",
        "secagg notify 'mailto://USER:PASSWORD@example.com?to=team@example.com'",
    ),
    "verify": (
        "secagg verify evidence.sigstore.json --identity ID --issuer URL",
        "secagg verify evidence.unsigned.json --allow-unsigned",
    ),
    "issues sync": (
        "secagg issues sync --at-least high --dry-run",
        "secagg issues sync --by owner --at-least high",
        "secagg issues sync --into acme/security --branch main",
    ),
    "import": ("secagg import old-reports/",),
    "export parquet": (
        "secagg export parquet lake/",
        "secagg export parquet lake/ --repo acme/shop --since 30d",
    ),
    "runs": ("secagg runs", "secagg runs --branch main --limit 5"),
    "runs show": ("secagg runs show 3f2a9c",),
    "config show": ("secagg config show",),
    "merge split": ("secagg merge split 8704d3a426 --reason 'two libraries of one name'",),
    "merge join": ("secagg merge join 8704d3a426 97c4877a89 --reason 'the same advisory'",),
    "except add": (
        "secagg except add --id 8704d3a426 --reason 'not reachable' --expires 30d",
        "secagg except add --gap web/package.json --reason 'no lock file yet'",
    ),
    "except list": ("secagg except list",),
    "except prune": ("secagg except prune --dry-run",),
    "intel update": ("secagg intel update",),
    "policy list": ("secagg policy list",),
    "policy show": ("secagg policy show pr-gate",),
    "policy test": ("secagg policy test tests/policy/",),
    "policy check": ("secagg policy check secagg-policy.yaml",),
    "token add": ("secagg token add ci-shop --repo acme/shop --expires 90d",),
    "token list": ("secagg token list",),
    "db backup": ("secagg db backup secagg-backup.db",),
}


class Commands(TyperGroup):
    """A group of commands whose help lists them by :data:`GROUPS`, with whole summaries."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command, with examples in its help, ready to take values quickly."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            take_plain_values(command.get_params(ctx))
        words = [*ctx.command_path.split()[1:], cmd_name]
        examples = EXAMPLES.get(" ".join(words[-2:] if len(words) > 1 else words))
        if command is not None:
            _name_values(command)
        if command is not None and examples and not command.epilog:
            lines = "\n".join(f"  {example}" for example in examples)
            command.epilog = f"\b\nExamples:\n{lines}"
        return command

    def list_commands(self, ctx: Any) -> list[str]:
        """Return all commands in the order of the groups; commands of no group come last."""
        order = [name for group in GROUPS.values() for name in group]
        names = super().list_commands(ctx)
        if ctx.parent is not None:
            return names
        return sorted(names, key=lambda n: order.index(n) if n in order else len(order))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each group of the main help, and one for a group's own help."""
        commands = [(name, super(Commands, self).get_command(ctx, name)) for name in self.commands]
        visible = [(name, command) for name, command in commands if command and not command.hidden]
        if ctx.parent is not None:
            rows = [(name, _first_sentence(command)) for name, command in visible]
            with formatter.section("Commands"):
                formatter.write_dl(rows)
            return
        names = {name for name, _ in visible}
        for title, group in GROUPS.items():
            rows = [(name, summary) for name, summary in group.items() if name in names]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows, col_max=16)
        grouped = {name for group in GROUPS.values() for name in group}
        rest = [(n, _first_sentence(command)) for n, command in visible if n not in grouped]
        if rest:
            with formatter.section(_NO_GROUP):
                formatter.write_dl(rest)


def _name_values(command: Any) -> None:
    """Name the values of a command's parameters in words, not as Python's types (``<list[str]>``).

    A list of choices stays as it is; a long one goes into the text.
    """
    for parameter in command.params:
        smallest = getattr(parameter, "min", None)
        if smallest is not None:
            parameter._get_number_range_help_str = f"at least {smallest}".__str__
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = _no_type
        elif parameter.metavar is None:
            choices = _choices(parameter)
            if not choices:
                named = (_VALUES[name] for name in parameter.opts if name in _VALUES)
                parameter.metavar = next(named, None)
            elif len("|".join(choices)) > _LONGEST_CHOICES:
                parameter.metavar = parameter.name.rpartition("_")[2].upper()
                parameter.help = f"{parameter.help} One of {', '.join(choices)}."


def _choices(parameter: Any) -> list[str]:
    described = getattr(parameter, "type_descriptor", None)
    kind = getattr(parameter, "type", None)
    choices = getattr(described, "choices", None) or getattr(kind, "choices", None) or ()
    return [str(getattr(choice, "value", choice)) for choice in choices]


def _no_type(**_: Any) -> None:
    return None


def _first_sentence(command: Any) -> str:
    text = " ".join((command.help or "").split("\n\n")[0].split())
    return text.rstrip(".")
