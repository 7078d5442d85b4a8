"""How many CPUs this process may use, which in a container are fewer than the machine has."""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path

_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # of the container, as "200000 100000" or "max 100000"


@cache
def count_cpus() -> int:
    """Return how many CPUs the process may run on, and its container's quota pays for."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    available = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(available, read_quota(_LIMIT)))


def read_quota(path: Path) -> int:
    """Return the CPUs that a cgroup's quota pays for, rounded up; very many if there is none."""
    try:
        quota, period = path.read_text(encoding="ascii").split()
        return max(1, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError, ZeroDivisionError):  # no such file, "max", or another system's
        return 1_000_000
