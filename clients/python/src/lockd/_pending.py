"""Releases that no node has confirmed yet."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ._clock import Instant, between
from ._config import Config
from ._errors import DENIED, LeaseLost, LockdError, Refused
from ._model import ReleaseAnswer
from ._retry import (
    MAX_PAUSE,
    AttemptErrors,
    Call,
    Operation,
    Pause,
    fixed,
    jitter,
    lease_path,
    send,
)

FINISH_PAUSE = 0.2  # seconds between two rounds of finish
MAX_PENDING = 4096  # of one client; beyond it the oldest is dropped, and its hold ends with its TTL


@dataclass(eq=False)
class Release:
    """A release that no node has confirmed yet."""

    name: str
    session: str
    target: dict[str, Any]  # the token of a hold, or the attempt of an acquire
    begun: Instant
    lasts: float  # seconds after which the hold has ended with its TTL
    attempts: AttemptErrors  # the errors of its requests
    background: bool = False  # whether it is repeated in the background
    denied: bool = False  # whether it was refused for the credentials; then only the next acquire repeats it


class PendingReleases:
    """The releases of one client that no node has confirmed yet.

    They are repeated in the background until a node has answered, or until the hold has ended with its TTL. The next
    acquire of the same name and session settles them first, so that no late copy of a request can end its hold. One
    that was refused for the credentials is not repeated in the background: nodes count such requests.
    """

    def __init__(self, cfg: Config, run: Callable[[Operation[None]], object]) -> None:
        """Make it. run drives an operation in the background."""
        self._cfg = cfg
        self._run = run
        self._lock = threading.Lock()
        self._releases: list[Release] = []
        self._running = False

    def begin(
        self, name: str, session: str, target: dict[str, Any], lasts: float, attempts: Optional[AttemptErrors] = None
    ) -> Release:
        """Note a release that is about to be sent. A release with the same errors object is noted once."""
        release = Release(name, session, target, self._cfg.clock(), lasts, attempts or AttemptErrors())
        with self._lock:
            for earlier in self._releases:
                if earlier.attempts is release.attempts:
                    return earlier
            self._releases = [r for r in self._releases if self._left(r) > 0][-MAX_PENDING + 1 :] + [release]
        return release

    def perform(self, release: Release, budget: Optional[float] = None) -> Operation[ReleaseAnswer]:
        """Send a release and return the answer. The refusal that the hold was lost is an answer.

        If no node confirms it, raise the error and continue in the background, unless the credentials were refused:
        then the hold ends with its TTL.
        """
        try:
            return (yield from self._send(release, release.attempts, budget))
        except DENIED:
            release.denied = True
            raise
        except BaseException as e:
            if _is_hopeless(e):
                release.target.pop("delay_ms", None)
            self.repeat(release)
            raise

    def repeat(self, release: Release) -> None:
        """Repeat a release in the background."""
        with self._lock:
            release.background = True
            release.attempts.maybe_applied = True  # copies are sent from now on
            if self._running:
                return
            self._running = True
        try:
            self._run(self._repeat_all())
        except RuntimeError:  # no thread can be had, or no event loop runs; the next release tries again
            with self._lock:
                self._running = False

    def settle(self, name: str, session: str) -> Operation[None]:
        """Confirm the earlier releases of a name and session. Raises the error if a node does not confirm them."""
        for release in self._all():
            if (release.name, release.session) == (name, session) and self._left(release) > 0:
                yield from self._copy(release, None)

    def finish(self, within: float) -> Operation[None]:
        """Repeat all releases until they are confirmed, for at most so many seconds."""
        start = self._cfg.clock()
        while True:
            for release in self._open():
                yield from self._try(release, min(within - between(start, self._cfg.clock()), self._left(release)))
            left = within - between(start, self._cfg.clock())
            if left <= 0 or not self._open():
                return
            yield Pause(min(jitter(FINISH_PAUSE), left))

    def _repeat_all(self) -> Operation[None]:
        try:
            while True:
                for release in [r for r in self._all() if r.background]:
                    yield from self._try(release, self._left(release))
                with self._lock:
                    if not any(r.background for r in self._releases):
                        self._running = False
                        return
                yield Pause(jitter(MAX_PAUSE))
        except BaseException:
            with self._lock:
                self._running = False
            raise

    def _try(self, release: Release, budget: float) -> Operation[None]:
        try:
            if self._left(release) <= 0:
                self._done(release)
            elif budget > 0:
                yield from self._copy(release, budget)
        except LockdError:
            pass

    def _copy(self, release: Release, budget: Optional[float]) -> Operation[None]:
        release.attempts.maybe_applied = True
        try:
            yield from self._send(release, AttemptErrors(), budget)
        except LockdError as e:
            if isinstance(e, DENIED):
                release.background, release.denied = False, True
            if not _is_hopeless(e):
                raise
            self._done(release)

    def _send(self, release: Release, errors: AttemptErrors, budget: Optional[float]) -> Operation[ReleaseAnswer]:
        body = {"session": release.session, **release.target}
        prepare, path = fixed(body, self._cfg.attempt_timeout()), lease_path(release.name, "release")
        answer: ReleaseAnswer
        try:
            call = Call("POST", path, prepare, ReleaseAnswer.of, budget=budget, errors=errors)
            answer, _ = yield from send(self._cfg, call)
        except LeaseLost:
            answer = ReleaseAnswer(False, "")
        self._done(release)
        return answer

    def _all(self) -> list[Release]:
        with self._lock:
            return list(self._releases)

    def _open(self) -> list[Release]:
        """Return those that a repeat may confirm."""
        return [r for r in self._all() if not r.denied]

    def _done(self, release: Release) -> None:
        with self._lock:
            if release in self._releases:
                self._releases.remove(release)

    def _left(self, release: Release) -> float:
        return release.lasts - between(release.begun, self._cfg.clock())


def _is_hopeless(e: BaseException) -> bool:
    """Report whether a node refused the form of a release, so that it would also refuse a repeat."""
    return isinstance(e, Refused) and e.problem is not None and e.problem.status == 400
