"""What ``scan`` and ``parse`` share for ``--attest``: checks before the scan, evidence after it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from secagg.cli.screen import Screen
from secagg.errors import ExitCode, SecaggError, UsageError
from secagg.output import console
from secagg.output.escape import terminal
from secagg.output.failure import exit_code_of, print_error
from secagg.pipeline.gate import Gate
from secagg.pipeline.outcome import Outcome

if TYPE_CHECKING:
    from secagg.pipeline.attest import Attestation


def attestation_of(
    attest: bool, *, unsigned: bool, gate: Gate, config: Path | None
) -> Attestation | None:
    """Return how to write evidence; None where no option asks for it.

    Raises :class:`UsageError` for both options at once, a missing extra, and a configuration of
    sigstore that the change touches; :class:`secagg.errors.SigningError` without an identity.
    """
    if attest and unsigned:
        raise UsageError("--attest signs and --attest-unsigned does not: only one can be given")
    if not attest and not unsigned:
        return None
    from secagg.pipeline.attest import Attestation

    if unsigned:
        return Attestation(signer=None, config=config)
    from secagg.evidence.signing import CONFIG_VARIABLE, Signer

    if own := os.environ.get(CONFIG_VARIABLE):
        # It says where the identity's token goes.
        gate.controls.refuse_touched(Path(own).absolute(), CONFIG_VARIABLE)
    return Attestation(signer=Signer(), config=config)


def attest_scan(
    gate: Gate,
    outcome: Outcome,
    output: Path,
    attestation: Attestation | None,
    *,
    screen: Screen,
    code: int,
) -> int:
    """Write the evidence of the scan in ``output``, and return the exit code of the command.

    ``code`` is that of the scan. Where no evidence can be written, the error is printed, and a
    pass or a failed gate ends with the code of the error: 0 and 1 imply that there is evidence.
    """
    if attestation is None or code == ExitCode.INTERRUPTED:
        return code
    from secagg.pipeline.attest import attest

    try:
        path = attest(gate, outcome, output, attestation)
    except SecaggError as error:
        print_error(error)
        return code if code == ExitCode.INCOMPLETE else int(exit_code_of(error))
    if screen.verbose and not screen.json:
        console.out(f"wrote {terminal(str(path))}\n")
    if attestation.signer is None and not screen.json:
        console.err("secagg: note: the evidence is not signed: anybody could have written it\n")
    return code
