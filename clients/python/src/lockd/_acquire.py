"""An acquire: it is granted, or it leaves nothing at the nodes. Threads and asyncio drive it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from ._clock import between
from ._config import Config
from ._errors import DENIED, LockdError, OutcomeUnknown, Unavailable
from ._hold import Hold
from ._model import Grant
from ._options import AcquireOptions
from ._pending import PendingReleases, Release
from ._retry import (
    MAX_PAUSE,
    MIN_PAUSE,
    AttemptErrors,
    Call,
    Operation,
    Pause,
    Prepared,
    jitter,
    lease_path,
    send,
    unreachable,
)
from ._validate import Malformed

WITHDRAW_TIMEOUT = 1.0  # seconds that a failed acquire waits for the release of what it may have acquired

WORTH_WAITING = {"held", "delayed", "queue-full", "too-many-leases", "state-full", "rate-limited", "quota"}


@dataclass
class Acquisition:
    """One call of acquire, with all its requests, until its caller has the lease."""

    options: AcquireOptions
    session: str
    # Identifies the requests of this call, and what they acquired, to the nodes. It is random.
    attempt: str = field(default_factory=lambda: secrets.token_hex(8))
    errors: AttemptErrors = field(default_factory=AttemptErrors)
    queued: bool = False  # the session has a place in the queue without an open request
    under_way: bool = False  # a request is under way, or was granted
    wait: float = 0.0  # the longest wait that a request may have asked for

    @property
    def may_have_left(self) -> bool:
        """Whether a node may store a hold or a place in a queue that its caller does not get."""
        return self.under_way or self.queued or self.errors.maybe_applied

    def abandon(self, cfg: Config, pending: PendingReleases) -> Optional[Release]:
        """Note the release of what it may have left; None if it left nothing."""
        if not self.may_have_left:
            return None
        self.under_way = self.queued = self.errors.maybe_applied = False
        ttl = self.options.ttl
        lasts = ttl + min(self.wait, cfg.wait_piece) + cfg.attempt_timeout(ttl)
        return pending.begin(self.options.name, self.session, {"attempt": self.attempt}, lasts)


def acquire(
    cfg: Config, pending: PendingReleases, of: Acquisition, wait: float, keep_place: bool = False
) -> Operation[Hold]:
    """Send requests until the lease is granted or the wait is over. Then release what was left.

    With keep_place a place in the queue is kept. During the wait, errors that a retry can resolve are not raised: the
    session keeps its place. A caller that closes the operation early has to call withdraw.
    """
    start, pause, options = cfg.clock(), MIN_PAUSE, of.options
    of.wait = max(of.wait, wait)
    while True:
        started = cfg.clock()
        left = min(max(wait - between(start, started), 0.0), cfg.wait_piece)
        try:
            yield from pending.settle(options.name, of.session)
            return (yield from _acquire_once(cfg, of, left))
        except LockdError as e:
            _record_place(of, e)
            over = between(start, cfg.clock()) >= wait or unreachable(cfg, start)
            if over or not _worth_waiting(e):
                if not (keep_place and of.queued):
                    yield from withdraw(cfg, pending, of)
                raise
        took = between(started, cfg.clock())
        if took >= left > 0:
            pause = MIN_PAUSE  # the wait is over: send the next request at once
            continue
        if took >= MAX_PAUSE:
            pause = MIN_PAUSE  # the connection was cut during the wait: nodes keep its place for a few seconds
        yield Pause(jitter(pause))
        pause = min(2 * pause, MAX_PAUSE)


def _acquire_once(cfg: Config, of: Acquisition, wait: float) -> Operation[Hold]:
    options = of.options

    def prepare(elapsed: float) -> Prepared:
        left = max(wait - elapsed, 0.0)
        body = options.body(cfg.holder, of.session, of.attempt, left)
        return Prepared(body, left + cfg.attempt_timeout(options.ttl), left)

    call = Call("POST", lease_path(options.name, "acquire"), prepare, grant_of(options.name), errors=of.errors)
    of.under_way = True
    try:
        grant, sent = yield from send(cfg, call)
    except LockdError:
        of.under_way = False
        raise
    return Hold(cfg, grant, sent, options.ttl, of.session)


def grant_of(name: str, token: Optional[int] = None) -> Callable[[Any], Grant]:
    """Return a function that reads a grant of this lease, and of this hold if its token is given."""

    def read(raw: Any) -> Grant:
        g = Grant.of(raw)
        if g.name != name or token not in (None, g.token):
            raise Malformed("it is about another hold")
        return g

    return read


def _record_place(of: Acquisition, e: LockdError) -> None:
    """Note whether the session keeps its place in the queue after a refusal. One for the credentials does not report it."""
    if e.problem is not None and e.problem.definitive and not isinstance(e, (Unavailable, *DENIED)):
        of.queued = e.problem.queued


def _worth_waiting(e: LockdError) -> bool:
    if isinstance(e, (OutcomeUnknown, Unavailable)):
        return True
    return e.problem is not None and e.problem.type in WORTH_WAITING


def withdraw(cfg: Config, pending: PendingReleases, of: Acquisition) -> Operation[None]:
    """Release what the requests may have acquired. It takes at most 1 s; then it continues in the background."""
    release = of.abandon(cfg, pending)
    if release is None:
        return
    try:
        yield from pending.perform(release, WITHDRAW_TIMEOUT)
    except LockdError:
        pass
