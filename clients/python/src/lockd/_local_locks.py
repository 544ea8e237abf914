"""Local locks, by which acquires of one client exclude each other: to a node one session is one holder."""

from __future__ import annotations

import secrets
import threading
from typing import Callable, Optional, Sequence, TypeVar

from ._errors import Reentrant
from ._hold import Hold

T = TypeVar("T")


class Claim:
    """One acquire of a client, from its start to the end of its hold."""

    def __init__(self, name: str, session: str) -> None:
        self.name = name
        self.session = session  # of its requests
        self.hold: Optional[Hold] = None  # granted to it
        self.entered_by: Optional[object] = None  # the thread or task whose block the hold guards

    def is_held_by(self, caller: object) -> bool:
        """Report whether the caller is inside the block that the hold guards."""
        entered = self.entered_by is not None and self.entered_by is caller
        return entered and self.hold is not None and self.hold.ended is None


class LocalLocks:
    """The locks of one client by name, each with a queue in order of arrival.

    Any thread may call its methods. They never wait. _lock guards the members below it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._claims: dict[str, list[Claim]] = {}  # all claims of a name
        self._queues: dict[str, list[tuple[Claim, Callable[[], None]]]] = {}  # the first one has the lock

    def enter(self, claim: Claim, limit: int, locked: Callable[[], None]) -> bool:
        """Lock a name for a claim and return True, or queue the claim and return False.

        In the latter case it calls locked, at least once, when the claim has the lock.
        With a limit above 1 a claim that would wait gets a session of its own instead.
        """
        with self._lock:
            self._claims.setdefault(claim.name, []).append(claim)
            queue = self._queues.get(claim.name)
            if queue and limit > 1:
                claim.session = secrets.token_hex(16)
                return True
            if queue is None:
                queue = self._queues[claim.name] = []
            queue.append((claim, locked))
            return len(queue) == 1

    def has(self, claim: Claim) -> bool:
        """Report whether a claim has the lock of its name."""
        with self._lock:
            queue = self._queues.get(claim.name)
            return queue is not None and queue[0][0] is claim

    def leave(self, claim: Claim) -> None:
        """End a claim, and give its lock to the next one. It may be called again, also after an interrupt."""
        with self._lock:
            _remove(self._claims, claim.name, lambda c: c is claim)
            _remove(self._queues, claim.name, lambda waiter: waiter[0] is claim)
            first = self._queues.get(claim.name, [])[:1]
        for _, locked in first:
            locked()

    def holds(self) -> list[Hold]:
        """Return the holds of the client that have not ended, and those whose release is under way."""
        with self._lock:
            return [c.hold for claims in self._claims.values() for c in claims if c.hold is not None]

    def claims_of(self, holds: Sequence[Hold]) -> list[Claim]:
        """Return the claims that have these holds."""
        with self._lock:
            return [c for claims in self._claims.values() for c in claims if c.hold in holds]

    def refuse_reentrance(self, name: str, limit: int, caller: object) -> None:
        """Raise Reentrant if the caller would wait for itself: its own blocks hold every slot."""
        with self._lock:
            claims = list(self._claims.get(name, ()))
        if sum(claim.is_held_by(caller) for claim in claims) >= limit:
            raise Reentrant(
                f"{name} is held by the caller's own block, and locks are not reentrant; pass the lease to "
                "the functions that the block calls, acquire without a wait, or acquire after the block has ended"
            )


def _remove(of: dict[str, list[T]], name: str, is_it: Callable[[T], bool]) -> None:
    """Remove an element from the list of a name, and a list without elements."""
    items = of.get(name, [])
    items[:] = [item for item in items if not is_it(item)]
    if not items:
        of.pop(name, None)
