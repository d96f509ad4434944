"""Tests of policies: a line a case, and all that is needed to understand a failure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from secagg.output.escape import terminal
from secagg.output.grid import Style
from secagg.output.junitxml import add_case, add_result, add_suite, junit_document
from secagg.output.steps import step_line
from secagg.policy.sentences import counted
from secagg.policytest.compare import SENTENCE, Mismatch
from secagg.policytest.run import CaseResult, FileResult

_PASSED, _FAILED = "\u2713", "\u2717"


def results_text(files: Sequence[FileResult], style: Style, *, quiet: bool = False) -> str:
    """All files; where ``quiet`` only what failed."""
    lines: list[str] = []
    for file in files:
        shown = [case for case in file.cases if not (quiet and case.passed)]
        if shown:
            lines.append(f"{terminal(file.file)} (policy {terminal(file.policy)})")
        for case in shown:
            lines += _case(case, style)
        if file.untested and not quiet:
            rules = ", ".join(map(terminal, file.untested))
            lines.append(style.paint(f"  rules that took no finding here: {rules}", "2"))
    cases = [case for file in files for case in file.cases]
    failed = sum(not case.passed for case in cases)
    end = f"{counted(len(cases), 'case')} in {counted(len(files), 'file')}: "
    end += style.paint(f"{failed:,} failed", "1;31") if failed else style.paint("all pass", "1;32")
    return "\n".join([*lines, end])


def results_junit(files: Sequence[FileResult]) -> str:
    """JUnit XML: a suite a file."""
    root = ET.Element("testsuites", name="secagg policy test")
    for file in files:
        suite = add_suite(root, file.file)
        for case in file.cases:
            line = case.where.removeprefix(f"{file.file}:").partition(":")[0]
            element = add_case(suite, file.policy, case.name, path=file.file, line=int(line))
            if case.mismatches:
                message = "; ".join(_sentence(mismatch) for mismatch in case.mismatches)
                text = "\n".join(_failures(case.mismatches))
                add_result(element, "failure", message, kind="mismatch", text=text)
    return junit_document(root).decode("utf-8")


def _case(case: CaseResult, style: Style) -> Iterator[str]:
    mark = style.paint(_PASSED, "32") if case.passed else style.paint(_FAILED, "1;31")
    yield f"  {mark} {terminal(case.name)}"
    yield from (f"      {line}" for line in _failures(case.mismatches))


def _failures(mismatches: Sequence[Mismatch]) -> Iterator[str]:
    """Each mismatch with its place; how a finding was judged only once for each finding."""
    for number, mismatch in enumerate(mismatches):
        yield terminal(f"{mismatch.where}: {_sentence(mismatch)}")
        yield from (f"  {terminal(f'said: {sentence}')}" for sentence in mismatch.said)
        after = mismatches[number + 1 :]
        last = not after or after[0].steps is not mismatch.steps
        if last:
            yield from (f"  {step_line(step)}" for step in mismatch.steps)


def _sentence(mismatch: Mismatch) -> str:
    about = "" if mismatch.finding is None else f"{mismatch.finding}: "
    what = "" if mismatch.what == SENTENCE else f"{mismatch.what} "
    return f"{about}expected {what}{mismatch.expected}, got {mismatch.actual}"
