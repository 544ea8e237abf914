"""The machine's clocks, for a holder that must rather stop too early."""

from __future__ import annotations

import time
from typing import Callable, NamedTuple

_BOOT = getattr(time, "CLOCK_BOOTTIME", None)  # Linux: counts suspensions, as monotonic does not


class Instant(NamedTuple):
    """One reading of all clocks, in seconds."""

    mono: float
    boot: float
    wall: float


Clock = Callable[[], Instant]


def system() -> Instant:
    """Read the machine's clocks."""
    boot = time.clock_gettime(_BOOT) if _BOOT is not None else 0.0
    return Instant(time.monotonic(), boot, time.time())


def between(then: Instant, now: Instant) -> float:
    """Return how much time has passed.

    A forward jump of the wall clock may have been a suspension and counts as
    elapsed; a backward jump counts for nothing.
    """
    return max(now.mono - then.mono, now.boot - then.boot, now.wall - then.wall)
