"""The settings of a client, and their validation before anything is sent."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import timedelta
from typing import Callable, Mapping, Optional, Sequence, Union

from . import _clock, _report
from ._address import addresses as read_addresses
from ._headers import checked
from ._reach import Reach
from ._route import Route
from ._tokens import Path, Tokens

Seconds = Union[float, timedelta]

DEFAULT_TTL = 15.0  # seconds; the default of the nodes too
DEFAULT_TIMEOUT = 5.0
TIMEOUTS_PER_TTL = 3  # a TTL must have room for so many attempts
DEFAULT_UNREACHABLE = 15.0  # seconds without an answer of any node after which a call fails
MIN_WAIT, MAX_WAIT = 1.0, 60.0  # seconds that one request waits
MIN_TTL, MAX_TTL = 1.0, 24 * 3600.0


def seconds(of: Seconds) -> float:
    """Return a duration in seconds."""
    return of.total_seconds() if isinstance(of, timedelta) else float(of)


def ms(of: float) -> int:
    """Return a duration in milliseconds, rounded up."""
    return -int(-of * 1000 // 1)


def checked_wait(of: Seconds) -> float:
    """Return a wait in seconds. Raises ValueError if it is negative."""
    wait = seconds(of)
    if not wait >= 0:
        raise ValueError(f"wait must be 0 or more seconds, not {wait:g}")
    return wait


class Config:
    """The settings that all calls of a client share."""

    def __init__(
        self,
        addresses: Sequence[str],
        holder: Optional[str] = None,
        session: Optional[str] = None,
        request_timeout: Optional[Seconds] = None,
        retry_for: Seconds = 5.0,
        clock: _clock.Clock = _clock.system,
        report: Callable[[BaseException], None] = _report.by_thread,
        headers: Optional[Mapping[str, str]] = None,
        unreachable_timeout: Seconds = DEFAULT_UNREACHABLE,
        wait_piece: Seconds = MAX_WAIT,
        token: Optional[str] = None,
        token_file: Optional[Path] = None,
        insecure: bool = False,
    ) -> None:
        self.addresses = read_addresses(addresses)
        self.tokens = Tokens(token, token_file, clock)
        self.tokens.check_addresses(self.addresses, insecure)
        self.headers = checked(headers, bool(self.tokens))
        self._holder = holder
        self.holder, self.session = holder or _label(), session or secrets.token_hex(16)
        self.timeout = None if request_timeout is None else seconds(request_timeout)
        if self.timeout is not None and not self.timeout > 0:
            raise ValueError("request_timeout must be more than 0")
        self.retry_for = seconds(retry_for)
        self.unreachable_timeout = seconds(unreachable_timeout)
        if not self.unreachable_timeout > 0:
            raise ValueError("unreachable_timeout must be more than 0; FOREVER is no limit")
        self.wait_piece = seconds(wait_piece)
        if not MIN_WAIT <= self.wait_piece <= MAX_WAIT:
            raise ValueError(f"wait_piece must be from {MIN_WAIT:g} to {MAX_WAIT:g} seconds")
        self.clock = clock
        self.report = report  # receives errors that no caller can receive
        self.route = Route(len(self.addresses))
        self.reach = Reach(self.addresses)

    def after_fork(self) -> None:
        """Start again in a forked child, with a session of its own, also if the parent's was given."""
        self.holder, self.session = self._holder or _label(), secrets.token_hex(16)
        self.reach, self.route = Reach(self.addresses), Route(len(self.addresses))

    def attempt_timeout(self, ttl: float = DEFAULT_TTL) -> float:
        """Return the timeout of one attempt about a lease of this TTL, in seconds."""
        return self.timeout or min(DEFAULT_TIMEOUT, ttl / (TIMEOUTS_PER_TTL + 1))

    def check_ttl(self, ttl: float) -> None:
        """Raise ValueError for a TTL that no node grants, or that has no room for the request timeout."""
        if not MIN_TTL <= ttl <= MAX_TTL:
            raise ValueError(f"ttl {ttl:g} s must be from {MIN_TTL:g} to {MAX_TTL:g}")
        if self.timeout is not None and ttl < TIMEOUTS_PER_TTL * self.timeout:
            raise ValueError(
                f"ttl {ttl:g} s is too short for request_timeout {self.timeout:g}: "
                f"it must have room for {TIMEOUTS_PER_TTL}"
            )


def _label() -> str:
    return f"{socket.gethostname()}/{os.getpid()}"
