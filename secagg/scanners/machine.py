"""What this machine has to give to a scanner that takes all it can get."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_MIB = 1024 * 1024


def cpus() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_megabytes() -> int:
    """Megabytes of memory: the machine's, or the container's if that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _CGROUP_LIMITS:
        try:
            total = min(total, int(path.read_text()))
        except (OSError, ValueError):  # "max" means no limit
            continue
    return total // _MIB


def spare_threads() -> int:
    """Threads for a heavy job that leave one processor to the others."""
    return max(1, cpus() - 1)


def spare_megabytes() -> int:
    """Memory for a heavy job that leaves a good third to the others; at least 2048."""
    return max(2048, memory_megabytes() * 6 // 10)
