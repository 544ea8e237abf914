"""A hold as its holder may rely on it: the local deadline, and its one end."""

from __future__ import annotations

import threading
from typing import Callable, Optional, Sequence, Union

from ._clock import Instant, between
from ._config import MAX_TTL, TIMEOUTS_PER_TTL, Config
from ._errors import LeaseLost, LockdError, Released
from ._fork import process
from ._model import Grant, StepDown
from ._retry import AttemptErrors

MIN_MARGIN, MARGIN = 0.05, 0.02


def margin(of: float) -> float:
    """Return by how much a holder stops before a promise ends."""
    return max(MIN_MARGIN, of * MARGIN)


class Hold:
    """The state of one hold. Its methods may be called by any thread, and never wait.

    In a forked child it has ended. Its lock may have been taken in the parent, so a
    child never takes it.
    """

    def __init__(
        self, cfg: Config, grant: Grant, sent: Instant, asked: Optional[float] = None, session: Optional[str] = None
    ) -> None:
        self._cfg = cfg
        self.session = session or cfg.session  # the holder
        self.release_errors = AttemptErrors()  # what came of its releases
        self.released = False  # whether a node has confirmed that it has ended
        self.late_loss: Optional[LeaseLost] = None  # the loss that only the answer to its release reported
        self._process = process()
        self._lock = threading.Lock()
        self._requested_ttl = grant.ttl if asked is None else asked  # no promise is longer than the TTL that was asked for
        self._overlapping = False  # whether changes of the TTL are under way together
        self._grant, self._sent = grant, sent
        self._valid = self._validity(grant, sent)
        self._transfers = 0
        self._changing = 0
        self._last_change = sent  # when the last change was answered
        self._smallest_ttl = MAX_TTL  # smallest TTL of the changes under way, and of those in doubt
        self._unknown_ttl = MAX_TTL  # smallest TTL of those in doubt: their outcome is unknown
        self._ended: Optional[LockdError] = None
        self._at_end: list[Callable[[LockdError], None]] = []

    @property
    def foreign(self) -> bool:
        """Whether it is that of the process from which this one was forked."""
        return process() != self._process

    @property
    def grant(self) -> Grant:
        """The newest answer of the cluster about this hold."""
        if self.foreign:
            return self._grant
        with self._lock:
            return self._grant

    @property
    def ended(self) -> Optional[LockdError]:
        """How it ended: LeaseLost or Released; None while it lasts."""
        if self.foreign:
            return LeaseLost(
                f"{self._grant.name}: the lease is held by the process from which this one was forked, not by this one; "
                "acquire it here"
            )
        with self._lock:
            return self._ended

    def remaining(self) -> float:
        """Return how long it may still be relied on, in seconds; 0: stop."""
        if self.foreign:
            return 0.0
        with self._lock:
            return self._remaining()

    def _remaining(self) -> float:
        if self._ended is not None or self._transfers:
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
            return self._transfers > 0 or self._changing > 0

    @property
    def longest_ttl(self) -> float:
        """The TTL after which it has ended at the nodes, if nothing renews it."""
        with self._lock:
            return max(self._grant.ttl, self._requested_ttl)

    @property
    def third(self) -> float:
        """A third of the TTL, or of what is left of it by a change."""
        with self._lock:
            return min(self._grant.ttl, self._valid) / TIMEOUTS_PER_TTL

    def expire(self) -> float:
        """End it if its time is up, and return when to look again, in seconds."""
        if self.foreign:
            return 0.0
        with self._lock:
            if self._transfers:
                return MIN_MARGIN
            left = self._remaining()
            if left > 0 or self._ended is not None:
                return left
            tell = self._end(LeaseLost(f"{self._grant.name}: the local deadline passed"))
        tell()
        return 0.0

    def extend(self, grant: Grant, sent: Instant, change: Optional[float] = None) -> None:
        """Take a renewal's answer, unless that of a later request is known; change is the TTL that it changed to.

        Of requests that were under way together nobody knows which came first: a
        renewal that overlaps a change of the TTL may promise what no longer counts, and
        a change gives no more than the least of those that it overlaps.
        """
        with self._lock:
            overlaps = change is None and (self._changing > 0 or sent.mono < self._last_change.mono)
            if self._ended is None and sent.mono >= self._sent.mono and not overlaps:
                if change is not None and not self._overlapping:
                    self._requested_ttl = change
                self._grant, self._sent = grant, sent
                self._valid = min(self._validity(grant, sent), _less_margin(self._smallest_ttl))

    def shorten(self, ttl: float) -> None:
        """Count with a smaller TTL that is about to be sent, until it is settled."""
        with self._lock:
            self._overlapping = self._overlapping or self._changing > 0
            self._changing += 1
            self._smallest_ttl, self._requested_ttl = min(self._smallest_ttl, ttl), max(self._requested_ttl, ttl)
            now, soon = self._cfg.clock(), _less_margin(ttl)
            if soon < self._valid - between(self._sent, now):
                self._sent, self._valid = now, soon

    def settle(self, ttl: float, doubt: bool) -> None:
        """End a change of the TTL. One in doubt may arrive at any time after."""
        with self._lock:
            self._last_change = self._cfg.clock()
            if doubt:
                self._unknown_ttl = min(self._unknown_ttl, ttl)
            self._changing -= 1
            if not self._changing:
                self._smallest_ttl, self._overlapping = self._unknown_ttl, False

    def count_transfer(self, by: int) -> None:
        """Count hand-overs under way: meanwhile nothing is held."""
        with self._lock:
            self._transfers += by

    def lose(self, why: LockdError) -> None:
        """End it by a definitive answer."""
        self._finish(why if isinstance(why, LeaseLost) else LeaseLost(why, why.problem))

    def mark_released(self) -> None:
        """End it by its holder's own will."""
        self._finish(Released(f"{self.grant.name} was given back"))

    def at_end(self, call: Callable[[LockdError], None]) -> None:
        """Call once when it has ended, or now; on whichever thread ends it."""
        if self.foreign:
            lost = self.ended
            assert lost is not None
            self._notify([call], lost)
            return
        with self._lock:
            ended = self._ended
            if ended is None:
                self._at_end.append(call)
        if ended is not None:
            self._notify([call], ended)

    def _finish(self, why: LockdError) -> None:
        if self.foreign:
            return
        with self._lock:
            tell = self._end(why)
        tell()

    def _end(self, why: LockdError) -> Callable[[], None]:
        """Note the first end; the lock is held, and the result is called without it."""
        if self._ended is not None:
            return lambda: None
        self._ended = why
        calls, self._at_end = self._at_end, []
        return lambda: self._notify(calls, why)

    def _notify(self, calls: Sequence[Callable[[LockdError], None]], why: LockdError) -> None:
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

    def _validity(self, grant: Grant, sent: Instant) -> float:
        """Return how long after its request was sent a grant may be relied on, whatever the node says.

        It cannot have waited for longer than the request took, nor promise more than
        the TTL that was asked for.
        """
        took = max(self._cfg.clock().mono - sent.mono, 0.0)
        return min(grant.waited, took) + _less_margin(min(grant.expires_in, self._requested_ttl))

    @property
    def step_down(self) -> Optional[StepDown]:
        """Who asked the holder to hand over; None: nobody."""
        return self.grant.step_down


def _less_margin(of: float) -> float:
    return of - margin(of)
