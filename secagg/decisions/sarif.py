"""Suppressions in SARIF: those that came with findings, and those that secagg writes.

Each covers its own finding. A row with one suppressed source and one that is not stays. What
secagg wrote for an exception is passed over: the exception answers for itself, while it lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import unquote

from secagg.decisions.entry import EVERYTHING, Trust, shortened
from secagg.decisions.toolscope import Atom, width
from secagg.model.finding import Finding, Suppression
from secagg.model.problem import State
from secagg.policy.decision import DecisionSource, PolicyException

# What is read back from our own SARIF is known by this, and asked for anew: an exception that has
# expired since must not live on as a suppression.
WRITTEN_BY_US = "exception: "


def suppression_of(exception: PolicyException) -> Suppression:
    """Return the suppression (SARIF 2.1.0, 3.35) of a result that an exception in force covers.

    Its justification is the reason, and who decided it until when, for that is all that SARIF,
    and a dismissal on GitHub, have room for.
    """
    justification = exception.reason or "no reason given"
    if exception.state is State.FALSE_POSITIVE:
        # GitHub has a reason of its own for these.
        justification = f"false positive: {justification}"
    notes = [exception.source]
    if exception.owner is not None:
        notes.append(f"by {exception.owner}")
    if exception.expires is not None:
        notes.append(f"until {exception.expires}")
    return Suppression(
        source=WRITTEN_BY_US + exception.source,
        kind="external",
        status="accepted",
        justification=f"{justification} ({', '.join(notes)})",
    )


def rejection_of(exceptions: Sequence[PolicyException]) -> Suppression | None:
    """What rejects the suppressions that came with a result, if one of ``exceptions`` is refused.

    A result is suppressed if all of its suppressions are accepted (3.27.23): those that came with
    it stay, and hold again once nothing stands against them.
    """
    for exception in exceptions:
        if exception.origin is DecisionSource.REPORTS and exception.refusal is not None:
            return Suppression(
                source=WRITTEN_BY_US + exception.source,
                kind="external",
                status="rejected",
                justification=exception.refusal,
            )
    return None


def not_ours(suppressions: Sequence[Suppression]) -> tuple[Suppression, ...]:
    """``suppressions`` without those that :func:`suppression_of` made in an earlier run."""
    return tuple(s for s in suppressions if not s.source.startswith(WRITTEN_BY_US))


_NO_EXPIRY = "has no expiry date, and the policy wants one of every exception"


_IN_CHANGE = "is a comment in the source, which decides nothing in a change that could bring it"


_BROUGHT = "is written in {}, which this change touches: it holds once that is merged"


# More files than this are not asked about.
_MOST_FILES = 100


class SarifSuppressions:
    """``expiry_required`` refuses suppressions, for SARIF has no expiry date to give them.

    In a change ``touched`` says whether it touches a file. Those that stand in source code are
    refused then, and those in a file of the tool's that the change touches: it could bring them
    itself, and nothing that it brings decides on it. ``trust`` says whether any of them count.
    """

    def __init__(
        self,
        *,
        expiry_required: bool = False,
        touched: Callable[[str], bool] | None = None,
        trust: Trust = EVERYTHING,
    ) -> None:
        untrusted = trust.refusal(DecisionSource.REPORTS)
        self._refusal = untrusted or (_NO_EXPIRY if expiry_required else None)
        self._touched = touched
        self._files: dict[str, bool] = {}
        self._met: dict[PolicyException, None] = {}

    def met(self) -> list[PolicyException]:
        """Return every suppression asked about so far, each once."""
        return list(self._met)

    def parts(self, members: Sequence[Finding]) -> list[tuple[PolicyException, frozenset[Atom]]]:
        """The suppressions in force (3.27.23: all accepted) of ``members``, and their atoms."""
        atoms_of: dict[PolicyException, set[Atom]] = {}
        for index, finding in enumerate(members):
            given = not_ours(finding.suppressions)
            if not given or any(s.status != "accepted" for s in given):
                continue
            exception = self._exception(finding, given)
            self._met.setdefault(exception)
            atoms = {(index, path) for path in range(width(finding))}
            atoms_of.setdefault(exception, set()).update(atoms)
        return [(exception, frozenset(atoms)) for exception, atoms in atoms_of.items()]

    def _exception(self, finding: Finding, given: Sequence[Suppression]) -> PolicyException:
        in_source = any(s.kind.lower() != "external" for s in given)
        where = " (in source)" if in_source else ""
        refusal = None if is_no_problem(finding) else self._refusal
        brought = next((s.uri for s in given if s.uri and self._is_brought(s.uri)), None)
        if in_source and self._touched is not None:
            refusal = _IN_CHANGE
        elif brought is not None:
            refusal = shortened(_BROUGHT.format(brought))
        reasons = dict.fromkeys(filter(None, (s.justification for s in given)))
        return PolicyException(
            source=f"{given[0].source}{where}",
            target=f"{finding.rule_id} of {finding.tool} in {finding.location.uri or 'no file'}",
            reason=shortened("; ".join(reasons)),
            origin=DecisionSource.REPORTS,
            refusal=refusal,
        )

    def _is_brought(self, uri: str) -> bool:
        """Whether a change is judged that touches the file ``uri``, or may do so."""
        if self._touched is None:
            return False
        if uri not in self._files:
            known = len(self._files) < _MOST_FILES
            self._files[uri] = not known or self._touched(_path(uri))
        return self._files[uri]


def _path(uri: str) -> str:
    """The path that a URI of a report names, relative or absolute (RFC 8089)."""
    return unquote(uri.removeprefix("file://"))


def is_no_problem(finding: Finding) -> bool:
    """True where the report itself says that a result is no problem (``kind: pass``, absent)."""
    origin = finding.sarif
    return origin is not None and not origin.result.get("suppressions")
