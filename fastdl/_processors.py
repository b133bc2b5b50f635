"""The number of processors that this process may use, by its affinity and by its control groups' quotas."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from math import ceil

_MOUNT = r"(?m)^\S+ \S+ \S+ (\S+) (\S+) .* - (cgroup2?) \S+ (\S+)$"  # proc_pid_mountinfo(5)
_GROUP = r"(?m)^\d+:([^:\n]*):(.*)$"


def usable_processors() -> int:
    """Return the smallest number that the scheduler or any control group allows."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([processors, *quotas()])


def quotas(root: str = "/") -> Iterator[int]:
    """Yield each quota of the groups around this process, in processors, rounded up (cgroups(7), cpu.max and CFS's)."""
    for group in _groups(root):
        try:
            if os.path.exists(f"{group}/cpu.max"):  # version 2: "max 100000" or "150000 100000"
                quota, period = map(int, _text(f"{group}/cpu.max").split())
            else:  # version 1: -1 means no quota
                quota, period = (int(_text(f"{group}/cpu.cfs_{what}_us")) for what in ("quota", "period"))
        except (OSError, ValueError):
            continue
        if quota > 0 and period > 0:
            yield ceil(quota / period)


def _text(path: str) -> str:
    with open(path) as file:
        return file.read()


def _groups(root: str) -> Iterator[str]:
    """Yield the folders of this process's processor groups, each followed by those that it is nested in."""
    try:
        mounts, groups = (_text(os.path.join(root, f"proc/self/{name}")) for name in ("mountinfo", "cgroup"))
    except (OSError, ValueError):
        return
    for top, point, kind, options in re.findall(_MOUNT, mounts):
        controller = "cpu" if kind == "cgroup" else ""  # version 2 has one hierarchy, which names none
        if controller not in ("", *options.split(",")):
            continue
        for controllers, path in re.findall(_GROUP, groups):
            if controller in controllers.split(","):
                yield from _upwards(os.path.join(root, point.lstrip("/")), path.removeprefix(top.rstrip("/")))


def _upwards(mounted: str, path: str) -> Iterator[str]:
    # Inside a container the path may be the host's and not exist here; such folders are skipped by the caller.
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    for depth in range(len(parts), -1, -1):
        yield "/".join([mounted, *parts[:depth]])
