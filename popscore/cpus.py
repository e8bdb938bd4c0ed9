"""How many photos and frames may be worked on beside each other."""

import os


def usable_cpus() -> int:
    """CPUs that this process may use, which in a container is fewer than the machine has."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        return max(1, min(allowed, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such limit here, or "max"
        return max(1, allowed)
