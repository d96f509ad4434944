"""How the laws are tried: the same examples every time in CI, new ones on a desk."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# No deadline for one example: a busy machine is no broken law.
settings.register_profile(
    "desk", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("ci", parent=settings.get_profile("desk"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")
