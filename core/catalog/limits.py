"""What a process that reads a file may take of the machine."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What the reading process may take: bytes of address space, seconds of processor, bytes of any one file."""

    memory: int
    seconds: int
    output: int


def apply_limits(limits: Limits) -> None:
    """Set the limits of this process, where the system has them."""
    if os.name != "posix":
        return
    import resource  # not on Windows

    for kind, most in (("AS", limits.memory), ("CPU", limits.seconds), ("FSIZE", limits.output), ("CORE", 0)):
        _, hard = resource.getrlimit(number := getattr(resource, f"RLIMIT_{kind}"))
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (wanted, hard))
