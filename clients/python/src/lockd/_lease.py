"""What a lease tells, for threads and for asyncio."""

from __future__ import annotations

from typing import Callable, Optional

from ._errors import LeaseLost, LockdError
from ._hold import Hold
from ._model import Previous, StepDown


class Told:
    """What can be asked of a hold without waiting for anything."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold

    @property
    def name(self) -> str:
        """Its name."""
        return self._hold.grant.name

    @property
    def token(self) -> int:
        """The fencing number: give it to what the lease protects."""
        return self._hold.grant.token

    @property
    def slot(self) -> int:
        """From 0 to limit-1, stable while held: a shard number."""
        return self._hold.grant.slot

    @property
    def previous(self) -> Optional[Previous]:
        """How the last hold ended, where that is known."""
        return self._hold.grant.previous

    @property
    def step_down(self) -> Optional[StepDown]:
        """Who asked for a hand-over; None: nobody."""
        return self._hold.step_down

    @property
    def held(self) -> bool:
        """Whether it may still be relied on, at this moment."""
        return self.remaining() > 0

    @property
    def lost(self) -> bool:
        """Whether it ended against its holder's will."""
        self._hold.expire()
        return isinstance(self._hold.ended, LeaseLost)

    def remaining(self) -> float:
        """Return for how many seconds it may still be relied on; 0: stop.

        Ask it right before what must not happen too late.
        """
        return self._hold.remaining()

    def check(self) -> None:
        """Raise LeaseLost (or Released) unless it may still be relied on.

        In a process that was forked from the holder's it raises LeaseLost.
        """
        self._hold.expire()
        if self._hold.ended is not None:
            raise self._hold.ended
        if self.remaining() <= 0:
            raise LeaseLost(f"{self.name} is being handed over")

    def on_lost(self, call: Callable[[LeaseLost], object]) -> None:
        """Call once, at once, when it is lost: on whichever thread finds out. The call may not wait for long.

        What it raises goes to threading.excepthook, or to the event loop's exception handler.
        """

        def told(why: LockdError) -> None:
            if isinstance(why, LeaseLost):
                call(why)

        self._hold.at_end(told)
