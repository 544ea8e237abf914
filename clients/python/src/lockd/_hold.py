"""A hold as its holder may rely on it: the local deadline, and its one end."""

from __future__ import annotations

import os
import threading
from typing import Callable, Optional, Sequence, Union

from ._clock import Instant, between
from ._config import MAX_TTL, TIMEOUTS_PER_TTL, Config
from ._errors import LeaseLost, LockdError, Released
from ._model import Grant, StepDown

MIN_MARGIN, MARGIN = 0.05, 0.02


def margin(of: float) -> float:
    """Return by how much a holder stops before a promise ends."""
    return max(MIN_MARGIN, of * MARGIN)


class Hold:
    """The state of one hold. Its methods may be called by any thread, and never wait."""

    def __init__(self, cfg: Config, grant: Grant, sent: Instant) -> None:
        self._cfg = cfg
        self._lock = threading.Lock()
        self._grant, self._sent, self._valid = grant, sent, _validity(grant)
        self._handing = 0
        self._changing = 0
        self._settled = sent  # when the last change was answered
        self._least = MAX_TTL  # smallest TTL of the changes under way, and of those in doubt
        self._doubtful = MAX_TTL  # smallest TTL of those in doubt: their outcome is unknown
        self._ended: Optional[LockdError] = None
        self._at_end: list[Callable[[LockdError], None]] = []

    @property
    def grant(self) -> Grant:
        """The newest answer of the cluster about this hold."""
        with self._lock:
            return self._grant

    @property
    def ended(self) -> Optional[LockdError]:
        """How it ended: LeaseLost or Released; None while it lasts."""
        with self._lock:
            return self._ended

    def remaining(self) -> float:
        """Return how long it may still be relied on, in seconds; 0: stop."""
        with self._lock:
            return self._remaining()

    def _remaining(self) -> float:
        if self._ended is not None or self._handing or os.getpid() != self._cfg.pid:
            return 0.0
        return max(0.0, self._valid - between(self._sent, self._cfg.clock()))

    def since_sent(self) -> float:
        """Return how long ago the request behind the newest grant was sent."""
        with self._lock:
            return between(self._sent, self._cfg.clock())

    @property
    def busy(self) -> bool:
        """Whether a change is under way that a renewal may not cross."""
        with self._lock:
            return self._handing > 0 or self._changing > 0

    @property
    def third(self) -> float:
        """A third of the TTL, or of what is left of it by a change."""
        with self._lock:
            return min(self._grant.ttl, self._valid) / TIMEOUTS_PER_TTL

    def expire(self) -> float:
        """End it if its time is up, and return when to look again, in seconds."""
        with self._lock:
            if self._handing:
                return MIN_MARGIN
            left = self._remaining()
            if left > 0 or self._ended is not None:
                return left
            tell = self._end(LeaseLost(f"{self._grant.name}: the local deadline passed"))
        tell()
        return 0.0

    def extend(self, grant: Grant, sent: Instant, change: bool = False) -> None:
        """Take a renewal's answer, unless that of a later request is known.

        Of requests that were under way together nobody knows which came first: a
        renewal that crossed a change of the TTL may promise what no longer counts, and
        a change gives no more than the least of those that it crossed.
        """
        with self._lock:
            crossed = not change and (self._changing > 0 or sent.mono < self._settled.mono)
            if self._ended is None and sent.mono >= self._sent.mono and not crossed:
                self._grant, self._sent = grant, sent
                self._valid = min(_validity(grant), _less_margin(self._least))

    def shorten(self, ttl: float) -> None:
        """Count with a smaller TTL that is about to be sent, until it is settled."""
        with self._lock:
            self._changing += 1
            self._least = min(self._least, ttl)
            now, soon = self._cfg.clock(), _less_margin(ttl)
            if soon < self._valid - between(self._sent, now):
                self._sent, self._valid = now, soon

    def settle(self, ttl: float, doubt: bool) -> None:
        """End a change of the TTL. One in doubt may arrive at any time after."""
        with self._lock:
            self._settled = self._cfg.clock()
            if doubt:
                self._doubtful = min(self._doubtful, ttl)
            self._changing -= 1
            if not self._changing:
                self._least = self._doubtful

    def hand(self, by: int) -> None:
        """Count hand-overs under way: meanwhile nothing is held."""
        with self._lock:
            self._handing += by

    def lose(self, why: LockdError) -> None:
        """End it by a definitive answer."""
        self._finish(why if isinstance(why, LeaseLost) else LeaseLost(why, why.problem))

    def give_back(self) -> None:
        """End it by its holder's own will."""
        self._finish(Released(f"{self.grant.name} was given back"))

    def at_end(self, call: Callable[[LockdError], None]) -> None:
        """Call once when it has ended, or now; on whichever thread ends it."""
        with self._lock:
            ended = self._ended
            if ended is None:
                self._at_end.append(call)
        if ended is not None:
            self._tell([call], ended)

    def _finish(self, why: LockdError) -> None:
        with self._lock:
            tell = self._end(why)
        tell()

    def _end(self, why: LockdError) -> Callable[[], None]:
        """Note the first end; the lock is held, and the result is called without it."""
        if self._ended is not None:
            return lambda: None
        self._ended = why
        calls, self._at_end = self._at_end, []
        return lambda: self._tell(calls, why)

    def _tell(self, calls: Sequence[Callable[[LockdError], None]], why: LockdError) -> None:
        """Call each, whatever another raises. A wish to end the program is raised when all are told."""
        wish: Union[KeyboardInterrupt, SystemExit, None] = None
        for call in calls:
            try:
                call(why)
            except (KeyboardInterrupt, SystemExit) as e:
                wish = e
            except BaseException as e:
                self._cfg.report(e)
        if wish is not None:
            raise wish

    @property
    def step_down(self) -> Optional[StepDown]:
        """Who asked the holder to hand over; None: nobody."""
        return self.grant.step_down


def _validity(grant: Grant) -> float:
    """Return how long after its request was sent a grant may be relied on."""
    return grant.waited + _less_margin(grant.expires_in)


def _less_margin(of: float) -> float:
    return of - margin(of)
