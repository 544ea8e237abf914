"""The clocks of the machine. An error of a clock makes a holder stop too early, never too late."""

from __future__ import annotations

import time
from typing import Callable, NamedTuple

_BOOT = getattr(time, "CLOCK_BOOTTIME", None)  # Linux: includes suspensions, unlike monotonic


class Instant(NamedTuple):
    """One reading of all clocks, in seconds."""

    mono: float
    boot: float
    wall: float


Clock = Callable[[], Instant]


def system() -> Instant:
    """Read the clocks of the machine."""
    boot = time.clock_gettime(_BOOT) if _BOOT is not None else 0.0
    return Instant(time.monotonic(), boot, time.time())


def between(then: Instant, now: Instant) -> float:
    """Return the seconds that have passed.

    A forward jump of the wall clock may have been a suspension and counts as elapsed. A backward jump is ignored.
    """
    return max(now.mono - then.mono, now.boot - then.boot, now.wall - then.wall)
