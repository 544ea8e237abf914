"""A hold on a lease: its local deadline, and its one end."""

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
    """Return how many seconds before the end of a validity the holder stops."""
    return max(MIN_MARGIN, of * MARGIN)


class Hold:
    """The state of one hold. Any thread may call its methods. They never wait.

    _lock guards the members below it. In a forked child the hold has ended; a child never takes the lock, because a
    thread of the parent may have locked it.
    """

    def __init__(
        self, cfg: Config, grant: Grant, sent: Instant, asked: Optional[float] = None, session: Optional[str] = None
    ) -> None:
        self._cfg = cfg
        self.session = session or cfg.session
        self.release_errors = AttemptErrors()  # the errors of its release requests
        self.released = False  # whether a node has confirmed its release
        self.late_loss: Optional[LeaseLost] = None  # a loss that only the answer to its release reported
        self._process = process()
        self._lock = threading.Lock()
        self._requested_ttl = grant.ttl if asked is None else asked  # no validity is longer than the requested TTL
        self._overlapping = False  # whether several changes of the TTL are under way at once
        self._grant, self._sent = grant, sent
        self._valid = self._validity(grant, sent)
        self._transfers = 0
        self._changing = 0
        self._last_change = sent  # when the last change of the TTL was answered
        self._smallest_ttl = MAX_TTL  # of the changes under way and of those of unknown outcome
        self._unknown_ttl = MAX_TTL  # the smallest TTL of the changes of unknown outcome
        self._ended: Optional[LockdError] = None
        self._at_end: list[Callable[[LockdError], None]] = []

    @property
    def foreign(self) -> bool:
        """Whether it belongs to the process from which this one was forked."""
        return process() != self._process

    @property
    def grant(self) -> Grant:
        """The latest answer of the cluster about this hold."""
        if self.foreign:
            return self._grant
        with self._lock:
            return self._grant

    @property
    def ended(self) -> Optional[LockdError]:
        """How it ended: LeaseLost or Released; None if it has not ended."""
        if self.foreign:
            return LeaseLost(
                f"{self._grant.name}: the lease is held by the process from which this one was forked, not by "
                "this one; acquire it here"
            )
        with self._lock:
            return self._ended

    def remaining(self) -> float:
        """Return the seconds until the local deadline; 0: it is not held."""
        if self.foreign:
            return 0.0
        with self._lock:
            return self._remaining()

    def _remaining(self) -> float:
        if self._ended is not None or self._transfers:
            return 0.0
        return max(0.0, self._valid - between(self._sent, self._cfg.clock()))

    def since_sent(self) -> float:
        """Return the seconds since the request of the latest grant was sent."""
        with self._lock:
            return between(self._sent, self._cfg.clock())

    @property
    def busy(self) -> bool:
        """Whether a transfer or a change of the TTL is under way. Then it is not renewed."""
        with self._lock:
            return self._transfers > 0 or self._changing > 0

    @property
    def longest_ttl(self) -> float:
        """The TTL after which it has ended at the nodes if it is not renewed."""
        with self._lock:
            return max(self._grant.ttl, self._requested_ttl)

    @property
    def third(self) -> float:
        """A third of the TTL, or of the shorter validity after a change."""
        with self._lock:
            return min(self._grant.ttl, self._valid) / TIMEOUTS_PER_TTL

    def expire(self) -> float:
        """End it if its deadline has passed. Returns the seconds until the next check."""
        if self.foreign:
            return 0.0
        with self._lock:
            if self._transfers:
                return MIN_MARGIN
            left = self._remaining()
            if left > 0 or self._ended is not None:
                return left
            notify = self._end(LeaseLost(f"{self._grant.name}: the local deadline passed"))
        notify()
        return 0.0

    def extend(self, grant: Grant, sent: Instant, change: Optional[float] = None) -> None:
        """Take the answer to a renewal, unless the answer to a later request is known. change is its new TTL, if any.

        The order in which nodes apply concurrent requests is not known. So a renewal that was concurrent with a change
        of the TTL does not extend the hold, and of concurrent changes the smallest TTL counts.
        """
        with self._lock:
            overlaps = change is None and (self._changing > 0 or sent.mono < self._last_change.mono)
            if self._ended is None and sent.mono >= self._sent.mono and not overlaps:
                if change is not None and not self._overlapping:
                    self._requested_ttl = change
                self._grant, self._sent = grant, sent
                self._valid = min(self._validity(grant, sent), _less_margin(self._smallest_ttl))

    def shorten(self, ttl: float) -> None:
        """Use a smaller TTL, which is about to be sent, from now until settle."""
        with self._lock:
            self._overlapping = self._overlapping or self._changing > 0
            self._changing += 1
            self._smallest_ttl, self._requested_ttl = min(self._smallest_ttl, ttl), max(self._requested_ttl, ttl)
            now, soon = self._cfg.clock(), _less_margin(ttl)
            if soon < self._valid - between(self._sent, now):
                self._sent, self._valid = now, soon

    def settle(self, ttl: float, unknown: bool) -> None:
        """End a change of the TTL. A change of unknown outcome may still be applied at any later time."""
        with self._lock:
            self._last_change = self._cfg.clock()
            if unknown:
                self._unknown_ttl = min(self._unknown_ttl, ttl)
            self._changing -= 1
            if not self._changing:
                self._smallest_ttl, self._overlapping = self._unknown_ttl, False

    def count_transfer(self, by: int) -> None:
        """Count the transfers under way. During a transfer nothing is held."""
        with self._lock:
            self._transfers += by

    def lose(self, why: LockdError) -> None:
        """End it because of a definitive answer."""
        self._finish(why if isinstance(why, LeaseLost) else LeaseLost(why, why.problem))

    def mark_released(self) -> None:
        """End it because its holder releases or transfers it."""
        self._finish(Released(f"{self.grant.name} was released by its holder"))

    def at_end(self, call: Callable[[LockdError], None]) -> None:
        """Call a function once when the hold ends, on the thread that ends it. If it has ended already, call it now."""
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
            notify = self._end(why)
        notify()

    def _end(self, why: LockdError) -> Callable[[], None]:
        """Note the first end. The caller holds the lock, and calls the result without it."""
        if self._ended is not None:
            return lambda: None
        self._ended = why
        calls, self._at_end = self._at_end, []
        return lambda: self._notify(calls, why)

    def _notify(self, calls: Sequence[Callable[[LockdError], None]], why: LockdError) -> None:
        """Call each function, also if another raises. KeyboardInterrupt and SystemExit are raised at the end."""
        exit_request: Union[KeyboardInterrupt, SystemExit, None] = None
        for call in calls:
            try:
                call(why)
            except (KeyboardInterrupt, SystemExit) as e:
                exit_request = e
            except BaseException as e:
                self._cfg.report(e)
        if exit_request is not None:
            raise exit_request

    def _validity(self, grant: Grant, sent: Instant) -> float:
        """Return for how many seconds after its request was sent a grant is valid.

        It limits what a node reports: a wait is at most as long as the request took, and a validity is at most the
        requested TTL.
        """
        took = max(self._cfg.clock().mono - sent.mono, 0.0)
        return min(grant.waited, took) + _less_margin(min(grant.expires_in, self._requested_ttl))

    @property
    def step_down(self) -> Optional[StepDown]:
        """The request that the holder steps down; None if there is none."""
        return self.grant.step_down


def _less_margin(of: float) -> float:
    return of - margin(of)
