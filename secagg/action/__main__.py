"""``python -I -m secagg.action STEP``: run one step of ``action.yml``.

Each step imports only what it needs.
"""

from __future__ import annotations

import os
import sys

from secagg.action.inputs import read_inputs
from secagg.errors import ExitCode, SecaggError
from secagg.output import console
from secagg.output.escape import terminal
from secagg.output.failure import exit_code_of, print_error
from secagg.secrets.lastfilter import switch_on

_OPTIONAL = ("SNYK_TOKEN", "SECAGG_HMAC_KEY", "SECAGG_STORE", "TRIVY_SKIP_DB_UPDATE")


def main(arguments: list[str]) -> int:
    """Run the step that the arguments name, and return its exit code."""
    switch_on()
    (step,) = arguments
    environ = os.environ
    for name in _OPTIONAL:
        # A missing input arrives as an empty variable, which the programs would take as a value.
        if not environ.get(name):
            environ.pop(name, None)
    try:
        inputs = read_inputs(environ)
        match step:
            case "prepare":
                from secagg.action.preparing import prepare

                prepare(inputs, environ)
            case "tools":
                from secagg.action.preparing import install_tools

                install_tools(inputs, environ)
            case "scan":
                from secagg.action.scanning import scan

                return scan(inputs, environ)
            case "publish":
                from secagg.action.publishing import publish

                return publish(inputs, environ)
            case "verdict":
                from secagg.action.verdict import verdict

                return verdict(inputs, environ)
            case _:
                console.err(f"secagg: no such step: {terminal(step)}\n")
                return int(ExitCode.USAGE)
    except SecaggError as error:
        print_error(error)
        return int(exit_code_of(error))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
