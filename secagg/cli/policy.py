"""``secagg policy``: show policies, test them, and check them for mistakes."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.options import ColourOption, FormatOption, OutputFormat, RootOption
from secagg.cli.screen import Screen
from secagg.config import load_config
from secagg.errors import ConfigError, ExitCode, UsageError
from secagg.output import console
from secagg.output.grid import Style
from secagg.output.policy import (
    PolicyListEntry,
    messages_json,
    messages_text,
    policies_json,
    policies_table,
    policy_table,
    results_junit,
    results_text,
    yaml_text,
)
from secagg.policy.load import (
    Layer,
    ReadFile,
    built_in,
    effective_policy,
    installed_policies,
    load_layers,
    policy_document,
    policy_names,
)
from secagg.policy.model import Policy
from secagg.policycheck.check import check_policy
from secagg.policycheck.names import CheckMessage, Tree
from secagg.policytest.model import load_tests
from secagg.policytest.run import run_test_file
from secagg.secrets.lastfilter import run_redactor
from secagg.system.dates import utc_today

policy_app = typer.Typer(
    help="Look at policies, test them, and check them for mistakes.",
    no_args_is_help=True,
)


class PolicyFormat(StrEnum):
    """How a policy is shown."""

    TABLE = "table"
    YAML = "yaml"


class ResultFormat(StrEnum):
    """How tests are reported."""

    TABLE = "table"
    JUNIT = "junit"


@policy_app.command("list")
def list_all(
    output_format: FormatOption = OutputFormat.TABLE, no_color: ColourOption = False
) -> None:
    """List the policies that have a name, built in or of a package."""
    screen = Screen(json=output_format is OutputFormat.JSON, no_colour=no_color)
    raise typer.Exit(print_policies(screen))


@policy_app.command()
def show(
    policy: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|FILE",
            help="A policy's name or file; by default the one that secagg.yaml names.",
        ),
    ] = None,
    output_format: Annotated[
        PolicyFormat,
        typer.Option(
            "--format", "-f", help="A table for people, or YAML that can be used as a policy."
        ),
    ] = PolicyFormat.TABLE,
    no_color: ColourOption = False,
) -> None:
    """Show what a gate by this policy does, with all that it extends."""
    screen = Screen(no_colour=no_color)
    as_yaml = output_format is PolicyFormat.YAML
    raise typer.Exit(print_policy(policy, as_yaml=as_yaml, screen=screen))


@policy_app.command("test")
def run_tests(
    paths: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Directories of test files, or files.")
    ],
    output_format: Annotated[
        ResultFormat, typer.Option("--format", "-f", help="What to print on standard output.")
    ] = ResultFormat.TABLE,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only the failures.")] = False,
    no_color: ColourOption = False,
) -> None:
    """Test policies: findings in, expected verdict out."""
    screen = Screen(quiet=quiet, no_colour=no_color)
    junit = output_format is ResultFormat.JUNIT
    raise typer.Exit(run_test_files(paths, junit=junit, screen=screen))


@policy_app.command()
def check(
    policies: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Policy files, or names of policies.")
    ],
    root: RootOption = Path(),
    today: Annotated[
        datetime.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Check as on this day (UTC).", metavar="DATE"),
    ] = None,
    output_format: FormatOption = OutputFormat.TABLE,
    no_color: ColourOption = False,
) -> None:
    """Look for rules that do nothing, globs that match nothing, and expired exceptions."""
    screen = Screen(json=output_format is OutputFormat.JSON, no_colour=no_color)
    day = today.date() if today is not None else None
    raise typer.Exit(check_files(policies, root=root, today=day, screen=screen))


_TESTS_HINT = "name a directory with test files; docs/policies.md has one to copy"


def print_policies(screen: Screen) -> int:
    """Print the policies that have a name, and return the exit code."""
    policies = [_policy_entry(name) for name in policy_names()]
    if screen.json:
        console.json(policies_json(policies))
    else:
        console.out(policies_table(policies, screen.style()) + "\n")
    return int(ExitCode.PASS)


def print_policy(name: str | None, *, as_yaml: bool, screen: Screen) -> int:
    """Print the policy ``name``, by default the one that ``secagg.yaml`` names."""
    name = name if name is not None else load_config(Path()).policy
    if as_yaml:
        console.out(yaml_text(policy_document(effective_policy(load_layers(name)))))
    else:
        console.out(policy_text(name, screen.style()) + "\n")
    return int(ExitCode.PASS)


def policy_text(name: str, style: Style, *, read: ReadFile | None = None) -> str:
    """Return what a gate by the policy ``name`` does, as a table.

    ``read`` is as in :func:`secagg.policy.load.load_layers`.
    """
    chain = load_layers(name, read=read)
    policy = effective_policy(chain)
    return policy_table(policy, [layer.name for layer in chain], _origins(policy, chain), style)


def run_test_files(paths: Sequence[Path], *, junit: bool, screen: Screen) -> int:
    """Run the policy tests in ``paths``: 0 if every case passes, 1 if one does not.

    Raises :class:`ConfigError` for an invalid file, and :class:`UsageError` where there is no test:
    no tests is not a pass.
    """
    loaded = [load_tests(file) for path in paths for file in _test_files(path)]
    results = [run_test_file(tests) for tests in loaded]
    if junit:
        console.document([results_junit(results).encode()], console.Syntax.XML)
    else:
        console.out(results_text(results, screen.style(), quiet=screen.quiet) + "\n")
    passed = all(case.passed for result in results for case in result.cases)
    return int(ExitCode.PASS if passed else ExitCode.GATE_FAILED)


def check_files(
    names: Sequence[str], *, root: Path, today: datetime.date | None, screen: Screen
) -> int:
    """Check policies for mistakes: 0 if there are none, 1 for mistakes, 2 for an unusable policy.

    An unusable policy is one of the messages, so that the others are checked as well.
    """
    if not root.is_dir():
        raise UsageError(f"{root} is no directory")
    day = today or utc_today()
    tree, mask = Tree(root), run_redactor().mask
    results: dict[CheckMessage, None] = {}
    broken = False
    for name in names:
        try:
            results |= dict.fromkeys(check_policy(name, root, tree, day, mask))
        except ConfigError as error:
            broken = True
            results[_unusable(name, error)] = None
    messages = list(results)
    if screen.json:
        console.json(messages_json(messages))
    else:
        console.out(messages_text(messages, len(names), screen.style()) + "\n")
    if broken:
        return int(ExitCode.USAGE)
    return int(ExitCode.GATE_FAILED if messages else ExitCode.PASS)


def _unusable(name: str, error: ConfigError) -> CheckMessage:
    """Return the message for a policy that cannot be loaded."""
    where = error.where or name
    text = error.message.removeprefix(f"{where}: ")
    return CheckMessage(where=where, code="unusable", text=text, advice=error.hint or "")


def _test_files(path: Path) -> list[Path]:
    """Return the file ``path``, or the test files in and below the directory; hidden ones do not
    count."""
    if not path.is_dir():
        if not path.exists():
            raise UsageError(f"there is no {path}", hint=_TESTS_HINT)
        return [path]
    files = sorted(
        file
        for file in path.rglob("*")
        if file.suffix in (".yaml", ".yml")
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not files:
        raise UsageError(f"there are no tests in {path}: no file ends in .yaml", hint=_TESTS_HINT)
    return files


def _policy_entry(name: str) -> PolicyListEntry:
    source = "built in"
    if name not in built_in():
        package = installed_policies()[name].dist
        source = "a package" if package is None else package.name
    try:
        description = load_layers(name)[0].file.value.description
    except ConfigError as error:
        description = f"cannot be used: {error.message}"
    return PolicyListEntry(name=name, source=source, description=description)


def _origins(policy: Policy, chain: list[Layer]) -> list[str]:
    """Return for each rule the name of the policy that defines it."""
    by_rule = {id(rule): layer.name for layer in chain for rule in layer.file.value.rules}
    return [by_rule[id(rule)] for rule in policy.rules]
