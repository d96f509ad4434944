"""How the laws are tried (the same examples every time in CI, new ones on a desk), and one browser.

Playwright runs once in a process: all tests that look at a page share it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from secagg.secrets import lastfilter

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# No deadline for one example: a busy machine is no broken law.
settings.register_profile(
    "desk", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("ci", parent=settings.get_profile("desk"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


# Begun last, one of these would keep one worker busy while the others have nothing to do.
_LONGEST = (
    "history/test_team.py",
    "history/test_many_writers.py",
    "change/test_sample_branches.py",
    "gate/test_workflow.py",
    "tests/month/",
    "tests/matrix/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests; the others keep their order."""
    items.sort(key=lambda item: not any(part in item.nodeid for part in _LONGEST))


@pytest.fixture(autouse=True)
def _filter_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no last filter switched on by a command that a test runs in its own process."""
    for name in ("redactors", "paths", "environment_read"):
        monkeypatch.setattr(lastfilter._Run, name, getattr(lastfilter._Run, name))


@pytest.fixture(autouse=True)
def _no_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a command that a test runs in its own process write as on a desk, also in CI."""
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "FORCE_COLOR", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    from tests.report.browser import launched

    with launched() as found:
        yield found
