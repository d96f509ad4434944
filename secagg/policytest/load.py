"""Test files with the policies and exceptions that they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from secagg.decisions.ownfile import ExceptionFile
from secagg.errors import ConfigError
from secagg.policy.load import load, named_text, no_policy
from secagg.policy.model import Policy
from secagg.policytest.model import PolicyTests
from secagg.system.yamlfile import Placed, load_model, load_placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A test file with its policy and exceptions, ready to run."""

    placed: Placed[PolicyTests]
    policy: Policy
    exceptions: Sequence[tuple[ExceptionFile, str]]


def load_tests(path: Path) -> Loaded:
    """The test file at ``path``.

    Raises :class:`ConfigError` where it, its policy or its exceptions cannot be used.
    """
    try:
        placed = load_placed(path, PolicyTests, name=str(path))
    except ConfigError as error:
        raise _if_a_policy(path, error) from None
    tests = placed.value
    placed.refuse_two_of_a_name(
        "cases",
        (case.name for case in tests.cases),
        hint="say in the name what is special about each",
    )
    name = tests.policy
    if named_text(name) is None:
        if not (path.parent / name).is_file():
            raise no_policy(name, where=placed.where("policy"))
        name = str(path.parent / name)
    policy = load(name)
    exceptions = [(ExceptionFile(exceptions=tests.exceptions), placed.name)]
    if tests.exceptions_file is not None:
        file = path.parent / tests.exceptions_file
        exceptions.insert(0, (load_model(file, ExceptionFile, name=str(file)), str(file)))
    return Loaded(placed=placed, policy=policy, exceptions=exceptions)


def _if_a_policy(path: Path, error: ConfigError) -> ConfigError:
    """``error`` with another hint where the file is a policy rather than tests of one."""
    try:
        load_model(path, Policy, name=str(path))
    except ConfigError:
        return error
    return ConfigError(
        "this is a policy, not a file with tests of one",
        where=str(path),
        hint="keep tests in a directory of their own",
    )
