"""Suppressions in SARIF: those that came with findings, and those that secagg writes.

Each covers its own finding: a group with one member that is not suppressed counts. Suppressions
that secagg itself wrote for an exception are ignored: the exception decides, until it expires.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import unquote

from secagg.decisions.entry import TRUST_ALL, Trust, shortened
from secagg.decisions.toolscope import Atom, path_count
from secagg.model.finding import Finding, Suppression
from secagg.model.state import State
from secagg.policy.decision import DecisionSource, PolicyException

# The prefix of our own suppressions. They are not read back: an exception that has expired since
# must not live on as a suppression.
WRITTEN_BY_US = "exception: "


def suppression_of(exception: PolicyException) -> Suppression:
    """Return the suppression (SARIF 2.1.0, 3.35) of a result that an exception in force covers.

    Its justification is the reason, who decided it and until when: SARIF, and a dismissal on
    GitHub, have no other field for these.
    """
    justification = exception.reason or "no reason given"
    if exception.state is State.FALSE_POSITIVE:
        # GitHub has a separate dismissal reason for false positives.
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
    """Make a suppression that rejects those of the report, if one of ``exceptions`` is refused.

    A result is suppressed if all of its suppressions are accepted (3.27.23): those of the report
    stay, and apply again once nothing rejects them.
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
    """Return ``suppressions`` without those that :func:`suppression_of` made in an earlier run."""
    return tuple(s for s in suppressions if not s.source.startswith(WRITTEN_BY_US))


_REFUSED_NO_EXPIRY = "has no expiry date, and the policy wants one of every exception"
_REFUSED_IN_SOURCE = (
    "is a comment in the source, which decides nothing in a change that could bring it"
)
_REFUSED_FILE_TOUCHED = "is written in {}, which this change touches: it holds once that is merged"

# More files than this are taken as touched, for each costs a look-up.
_MAX_FILES = 100


class SarifSuppressions:
    """The suppressions that came with findings, as exceptions.

    ``expiry_required`` refuses all of them, for SARIF has no field for an expiry date. For a
    change, ``touched`` tells whether it touches a file. Suppressions in source code are then
    refused, and those in a tool's file that the change touches: no change may exempt its own
    findings. ``trust`` tells whether any of them count.
    """

    def __init__(
        self,
        *,
        expiry_required: bool = False,
        touched: Callable[[str], bool] | None = None,
        trust: Trust = TRUST_ALL,
    ) -> None:
        untrusted = trust.refusal(DecisionSource.REPORTS)
        self._refusal = untrusted or (_REFUSED_NO_EXPIRY if expiry_required else None)
        self._touched = touched
        self._files: dict[str, bool] = {}
        self._applied: dict[PolicyException, None] = {}

    def applied(self) -> list[PolicyException]:
        """Return every suppression that :meth:`parts` has returned so far, each once."""
        return list(self._applied)

    def parts(self, members: Sequence[Finding]) -> list[tuple[PolicyException, frozenset[Atom]]]:
        """Return the suppressions of ``members`` (3.27.23: all accepted), each with its atoms."""
        atoms_of: dict[PolicyException, set[Atom]] = {}
        for index, finding in enumerate(members):
            suppressions = not_ours(finding.suppressions)
            if not suppressions or any(s.status != "accepted" for s in suppressions):
                continue
            exception = self._exception(finding, suppressions)
            self._applied.setdefault(exception)
            atoms = {(index, path) for path in range(path_count(finding))}
            atoms_of.setdefault(exception, set()).update(atoms)
        return [(exception, frozenset(atoms)) for exception, atoms in atoms_of.items()]

    def _exception(self, finding: Finding, suppressions: Sequence[Suppression]) -> PolicyException:
        in_source = any(s.kind.lower() != "external" for s in suppressions)
        suffix = " (in source)" if in_source else ""
        refusal = None if is_pass(finding) else self._refusal
        touched_uri = next(
            (s.uri for s in suppressions if s.uri and self._may_be_touched(s.uri)), None
        )
        if in_source and self._touched is not None:
            refusal = _REFUSED_IN_SOURCE
        elif touched_uri is not None:
            refusal = shortened(_REFUSED_FILE_TOUCHED.format(touched_uri))
        reasons = dict.fromkeys(filter(None, (s.justification for s in suppressions)))
        return PolicyException(
            source=f"{suppressions[0].source}{suffix}",
            target=f"{finding.rule_id} of {finding.tool} in {finding.location.uri or 'no file'}",
            reason=shortened("; ".join(reasons)),
            origin=DecisionSource.REPORTS,
            refusal=refusal,
        )

    def _may_be_touched(self, uri: str) -> bool:
        """Tell whether a change is judged that touches the file ``uri``, or may touch it."""
        if self._touched is None:
            return False
        if uri not in self._files:
            below_limit = len(self._files) < _MAX_FILES
            self._files[uri] = not below_limit or self._touched(_path(uri))
        return self._files[uri]


def _path(uri: str) -> str:
    """Return the path of a report's URI, relative or absolute (RFC 8089)."""
    return unquote(uri.removeprefix("file://"))


def is_pass(finding: Finding) -> bool:
    """Tell whether the report itself says that a result is no problem (``kind: pass``, absent)."""
    origin = finding.sarif
    if origin is None or b'"suppressions"' not in origin.encoded:
        return origin is not None
    return not origin.result.get("suppressions")
