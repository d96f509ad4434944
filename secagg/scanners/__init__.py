"""Running the scanners: one file per tool, on the interface in :mod:`secagg.scanners.base`."""

from collections.abc import Iterable

from secagg.process import Cancellation
from secagg.redact import Redactor
from secagg.scanners.base import Scanner
from secagg.scanners.codeql import CodeqlScanner
from secagg.scanners.execute import Event, run_jobs
from secagg.scanners.gitleaks import GitleaksScanner
from secagg.scanners.snyk import SnykScanner
from secagg.scanners.trivy import TrivyScanner
from secagg.scanners.trufflehog import TrufflehogScanner

__all__ = ["SCANNERS", "Event", "make_scanners", "run_jobs"]

_CLASSES = (TrivyScanner, SnykScanner, CodeqlScanner, GitleaksScanner, TrufflehogScanner)

# The names of all scanners, in the order in which they are shown.
SCANNERS: tuple[str, ...] = tuple(scanner.about.name for scanner in _CLASSES)


def make_scanners(
    names: Iterable[str], *, redactor: Redactor, cancellation: Cancellation
) -> list[Scanner]:
    """The scanners called ``names``, which share one redactor and one cancellation."""
    wanted = set(names)
    return [c(redactor, cancellation) for c in _CLASSES if c.about.name in wanted]
