"""What the tests notice of mutated code: ``python -m scripts.mutation_sample SUBJECT``.

mutmut changes the code of a subject at one place at a time, and runs the tests that pass through
the function. A mutant that no test notices is code that nobody checks. ``--sample N`` draws N
mutants by ``--seed``: all mutants of a subject take hours. Prints those that were not noticed as
diffs, and the share that was, with its 95 % interval. Exit code: 0 if it reaches the goal.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from mutmut import __main__ as mutmut
from mutmut.configuration import ProcessIsolation, config
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.runners.harness import PytestRunner
from mutmut.state import state
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir
from mutmut.workers.isolation import ForkServerRunner

_MADE = Path("mutants")
_NOTICED = ("killed", "timeout", "segfault")


@dataclass(frozen=True)
class Subject:
    """Code to mutate (files below ``sources``, chosen by ``only``), its tests, and the goal."""

    sources: tuple[str, ...]
    tests: tuple[str, ...]
    goal: float
    only: tuple[str, ...] = ()


_REDACTOR = "--deselect=tests/secrets/test_redactor.py"
_SECRETS = (
    "tests/secrets",
    # Reaches Python's limit of recursion sooner with mutmut's own calls between.
    f"{_REDACTOR}::test_json_is_masked_in_keys_and_depth",
    # Half of the time of all, and only a loop without an end would fail them.
    f"{_REDACTOR}::test_no_text_stalls_the_search",
)
SUBJECTS = {
    "policy": Subject(
        ("secagg/policy",),
        (
            "tests/policy",
            # Approvals and the selectors of exceptions are tested with the decisions.
            "tests/decisions/test_approval.py",
            "tests/decisions/test_scope.py",
        ),
        0.95,
    ),
    "change": Subject(
        ("secagg/change",),
        (
            "tests/change",
            "tests/github/test_events.py::test_gate_of_another_checkout_is_the_events",
            "tests/github/test_events.py::test_gate_whose_commit_is_not_in_the_clone_is_an_error",
            # Real scanners over the sample: minutes for each mutant.
            "--ignore=tests/change/test_sample_branches.py",
        ),
        0.90,
    ),
    "decisions": Subject(
        ("secagg/decisions",),
        # Runs the command line in other processes, which count nothing here.
        ("tests/decisions", "--ignore=tests/decisions/test_commands.py"),
        0.90,
    ),
    "secrets": Subject(("secagg/secrets",), _SECRETS, 0.90),
    "filter": Subject(
        ("secagg/secrets", "secagg/output"),
        (*_SECRETS, "tests/output"),
        0.90,
        ("secagg/secrets/lastfilter.py", "secagg/output/escape.py", "secagg/output/console.py"),
    ),
}


def main() -> int:
    """Make the mutants of a subject, run the tests on a sample, and print what was noticed."""
    parser = argparse.ArgumentParser(prog="python -m scripts.mutation_sample")
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("--sample", type=int, metavar="N", help="how many mutants (default: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    subject = SUBJECTS[given.subject]
    names = _mutants(subject, given.jobs)
    drawn = names
    if given.sample is not None and given.sample < len(names):
        drawn = sorted(random.Random(given.seed).sample(names, given.sample))
    mutmut.get_mutant_runner = _runner  # type: ignore[attr-defined]
    mutmut._run(drawn, given.jobs)  # the command "mutmut run"; names would not fit into its argv
    return _report(given.subject, len(names), _statuses(drawn), subject.goal)


class _FastestFirst(ForkServerRunner):
    """Runs the tests of a mutant in the order of their time: most mutants need only the first."""

    def submit(
        self, mutant_name: str, tests: list[str], cpu_time_limit: int, estimated_time: float
    ) -> None:
        tests = sorted(tests, key=lambda test: state().duration_by_test[test])
        super().submit(mutant_name, tests, cpu_time_limit, estimated_time)


def _runner(max_workers: int = 1) -> ForkServerRunner:
    return _FastestFirst(
        max_workers=max_workers,
        test_runner_class=PytestRunner,
        test_runner_args={},
        debug=config().debug,
        max_restarts=config().max_forkserver_restarts,
    )


def _mutants(subject: Subject, jobs: int) -> list[str]:
    """Write the mutants of a subject below :data:`_MADE`, and answer their names in order."""
    shutil.rmtree(_MADE, ignore_errors=True)
    settings = config()
    settings.source_paths = [Path(source) for source in subject.sources]
    settings.resolved_mutated_source_paths = [Path.cwd() / _MADE / s for s in subject.sources]
    settings.only_mutate = list(subject.only)
    settings.pytest_add_cli_args_test_selection = list(subject.tests)
    # What a function has cached in one process would hide its mutants in those forked from it.
    settings.process_isolation = ProcessIsolation.FORKSERVER
    set_mutant_under_test("mutant_generation")
    _MADE.mkdir()
    copy_src_dir()
    copy_also_copy_files()
    mutmut.create_mutants(jobs)
    mutants, _ = mutmut.collect_source_file_mutation_data(mutant_names=())
    return sorted(name for _, name, _ in mutants)


def _statuses(names: list[str]) -> dict[str, str]:
    mutants, _ = mutmut.collect_source_file_mutation_data(mutant_names=names)
    return {name: status_by_exit_code[code] for _, name, code in mutants}


def _report(subject: str, total: int, statuses: dict[str, str], goal: float) -> int:
    noticed = sum(status in _NOTICED for status in statuses.values())
    tried = len(statuses)
    for name, status in sorted(statuses.items()):
        if status in _NOTICED:
            continue
        diff = get_diff_for_mutant(name)
        if _is_equal(diff):
            tried -= 1
            continue
        print(f"\n{status}: {name}")
        print(diff)
    if tried < len(statuses):
        print(f"\n{len(statuses) - tried} change the case of an encoding's name only: not counted")
    low, high = interval(noticed, tried)
    print(
        f"\n{subject}: {noticed} of {tried} noticed, {noticed / tried:.1%} "
        f"(95 % interval {low:.1%} to {high:.1%}; {total} mutants in all; goal {goal:.0%})"
    )
    return 0 if noticed >= goal * tried else 1


def _is_equal(diff: str) -> bool:
    """Whether a mutant does what the code does: Python takes an encoding's name in any case."""
    lines = [line for line in diff.splitlines() if line[:3] not in ("---", "+++")]
    old, new = (
        [line[1:].replace("UTF-8", "utf-8") for line in lines if line.startswith(sign)]
        for sign in ("-", "+")
    )
    return old == new


def interval(hits: int, tries: int) -> tuple[float, float]:
    """Bound the share of which ``hits`` of ``tries`` are a sample: Wilson's score, 95 %."""
    z = 1.96
    share = hits / tries
    middle = share + z * z / (2 * tries)
    spread = z * sqrt(share * (1 - share) / tries + z * z / (4 * tries * tries))
    scale = 1 + z * z / tries
    return (middle - spread) / scale, (middle + spread) / scale


if __name__ == "__main__":
    sys.exit(main())
