"""How a client reaches a cluster, and what it refuses before it sends anything."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import timedelta
from typing import Callable, Optional, Sequence, Union

from . import _clock, _report
from ._address import addresses as read_addresses

Seconds = Union[float, timedelta]

DEFAULT_TTL = 15.0  # what the cluster gives where none is asked for
DEFAULT_TIMEOUT = 5.0
TIMEOUTS_PER_TTL = 3  # so many silent attempts a TTL must have room for
MIN_TTL, MAX_TTL = 1.0, 24 * 3600.0


def seconds(of: Seconds) -> float:
    """Return a duration in seconds."""
    return of.total_seconds() if isinstance(of, timedelta) else float(of)


def ms(of: float) -> int:
    """Return a duration as the wire has it, up to the next millisecond."""
    return -int(-of * 1000 // 1)


class Config:
    """What all calls of a client share."""

    def __init__(
        self,
        addresses: Sequence[str],
        holder: Optional[str],
        session: Optional[str],
        request_timeout: Optional[Seconds],
        retry_for: Seconds,
        clock: _clock.Clock = _clock.system,
        report: Callable[[BaseException], None] = _report.by_thread,
    ) -> None:
        self.addresses = read_addresses(addresses)
        self.holder = holder or f"{socket.gethostname()}/{os.getpid()}"
        self.session = session or secrets.token_hex(16)
        self.timeout = None if request_timeout is None else seconds(request_timeout)
        if self.timeout is not None and self.timeout <= 0:
            raise ValueError("request_timeout must be more than nothing")
        self.retry_for = seconds(retry_for)
        self.clock = clock
        self.report = report  # errors that nobody waits for
        self.last = 0  # index of the address that answered last
        self.pid = os.getpid()

    def attempt_timeout(self, ttl: float = DEFAULT_TTL) -> float:
        """Return how long one attempt about a lease of this TTL may take."""
        return self.timeout or min(DEFAULT_TIMEOUT, ttl / (TIMEOUTS_PER_TTL + 1))

    def check_ttl(self, ttl: float) -> None:
        """Refuse a TTL that no node grants, and one that a silent node would cost."""
        if not MIN_TTL <= ttl <= MAX_TTL:
            raise ValueError(f"ttl {ttl:g} s must be from {MIN_TTL:g} to {MAX_TTL:g}")
        if self.timeout is not None and ttl < TIMEOUTS_PER_TTL * self.timeout:
            raise ValueError(
                f"ttl {ttl:g} s is too short for request_timeout {self.timeout:g}: "
                f"it must have room for {TIMEOUTS_PER_TTL}"
            )

    def check_process(self) -> None:
        """Refuse to speak in the name of another process."""
        if os.getpid() != self.pid:
            raise RuntimeError("this lockd client was made before a fork: its session is the parent's, make a new one")
