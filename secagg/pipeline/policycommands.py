"""``secagg policy`` without its option parsing."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

from secagg.config import load_config
from secagg.errors import ConfigError, UsageError
from secagg.exitcodes import ExitCode
from secagg.output import console
from secagg.output.policymessages import messages_json, messages_text
from secagg.output.policytable import Named, policies_json, policies_table, policy_table
from secagg.output.policytests import results_junit, results_text
from secagg.output.yamldump import yaml_text
from secagg.pipeline.commands import Screen
from secagg.policy.installed import installed_policies
from secagg.policy.load import Layer, built_in, effective, layers, policy_names
from secagg.policy.model import Policy
from secagg.policy.written import written_policy
from secagg.policycheck.check import check
from secagg.policycheck.message import CheckMessage
from secagg.policycheck.tree import Tree
from secagg.policytest.load import load_tests
from secagg.policytest.run import run_tests
from secagg.secrets.lastfilter import run_redactor

_TESTS_HINT = "name a directory with test files; docs/policies.md has one to copy"


def list_all(screen: Screen) -> int:
    """Run ``secagg policy list``."""
    found = [_named(name) for name in policy_names()]
    if screen.json:
        console.json(policies_json(found))
    else:
        console.out(policies_table(found, screen.style()) + "\n")
    return int(ExitCode.PASS)


def show(name: str | None, *, as_yaml: bool, screen: Screen) -> int:
    """Run ``secagg policy show``; no name is the policy that ``secagg.yaml`` names."""
    chain = layers(name if name is not None else load_config(Path()).policy)
    policy = effective(chain)
    if as_yaml:
        console.out(yaml_text(written_policy(policy)))
    else:
        names = [layer.name for layer in chain]
        table = policy_table(policy, names, _origins(policy, chain), screen.style())
        console.out(table + "\n")
    return int(ExitCode.PASS)


def run_test_files(paths: Sequence[Path], *, junit: bool, screen: Screen) -> int:
    """Run ``secagg policy test``: 0 if every case passes, 1 if one does not.

    Raises :class:`ConfigError` for a file that cannot be used, and :class:`UsageError` where
    there is none: nothing that was not tested passes.
    """
    loaded = [load_tests(file) for path in paths for file in _test_files(path)]
    results = [run_tests(tests) for tests in loaded]
    if junit:
        console.document([results_junit(results).encode()], console.Syntax.XML)
    else:
        console.out(results_text(results, screen.style(), quiet=screen.quiet) + "\n")
    passed = all(case.passed for result in results for case in result.cases)
    return int(ExitCode.PASS if passed else ExitCode.GATE_FAILED)


def check_files(
    names: Sequence[str], *, root: Path, today: datetime.date | None, screen: Screen
) -> int:
    """Run ``secagg policy check``: 0 if there is nothing to say, 1 if there is, 2 for what
    cannot be used, which stands among the messages on the rest."""
    if not root.is_dir():
        raise UsageError(f"{root} is no directory")
    day = today or datetime.datetime.now(datetime.UTC).date()
    tree, mask = Tree(root), run_redactor().mask
    found: dict[CheckMessage, None] = {}
    broken = False
    for name in names:
        try:
            found |= dict.fromkeys(check(name, root, tree, day, mask))
        except ConfigError as error:
            broken = True
            found[_unusable(name, error)] = None
    messages = list(found)
    if screen.json:
        console.json(messages_json(messages))
    else:
        console.out(messages_text(messages, len(names), screen.style()) + "\n")
    if broken:
        return int(ExitCode.USAGE)
    return int(ExitCode.GATE_FAILED if messages else ExitCode.PASS)


def _unusable(name: str, error: ConfigError) -> CheckMessage:
    where = error.where or name
    text = error.message.removeprefix(f"{where}: ")
    return CheckMessage(where=where, code="unusable", text=text, advice=error.hint or "correct it")


def _test_files(path: Path) -> list[Path]:
    """The test files in a directory and those below it, hidden ones left out; or the one named."""
    if not path.is_dir():
        if not path.exists():
            raise UsageError(f"there is no {path}", hint=_TESTS_HINT)
        return [path]
    found = sorted(
        file
        for file in path.rglob("*")
        if file.suffix in (".yaml", ".yml")
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not found:
        raise UsageError(f"there are no tests in {path}: no file ends in .yaml", hint=_TESTS_HINT)
    return found


def _named(name: str) -> Named:
    package = None
    if name not in built_in():
        found = installed_policies()[name].dist
        package = "a package" if found is None else found.name
    try:
        description = layers(name)[0].written.value.description
    except ConfigError as error:
        description = f"cannot be used: {error.message}"
    return Named(name=name, source=package or "built in", description=description)


def _origins(policy: Policy, chain: list[Layer]) -> list[str]:
    """For each rule the name of the policy that it stands in."""
    by_rule = {id(rule): layer.name for layer in chain for rule in layer.written.value.rules}
    return [by_rule[id(rule)] for rule in policy.rules]
