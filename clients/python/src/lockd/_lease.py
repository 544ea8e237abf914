"""What a lease tells, for threads and for asyncio."""

from __future__ import annotations

import logging
from typing import Callable, Optional

from ._errors import LeaseLost, LockdError
from ._hold import Hold
from ._model import Previous, StepDown

_log = logging.getLogger("lockd")


class LeaseView:
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
        return self._loss is not None

    @property
    def _loss(self) -> Optional[LeaseLost]:
        """The loss, also one that only the answer to the release reported."""
        self._hold.expire()
        ended = self._hold.ended
        return ended if isinstance(ended, LeaseLost) else self._hold.late_loss

    def _ended_by_loss(self, error: Exception) -> bool:
        """Report whether work under it ended because of a loss: then its error, of any kind, does not count."""
        return isinstance(self._hold.ended, LeaseLost) or error is self._hold.late_loss

    def _warn(self, error: LockdError) -> None:
        """Log that the release after finished work failed: the result of the work counts."""
        more = "" if self._hold.released else "; the release goes on in the background"
        _log.warning("the work under %s has finished, but its release failed: %s%s", self.name, error, more)

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


def raise_loss(error: Optional[BaseException], loss: Optional[LeaseLost], late: Optional[LeaseLost]) -> None:
    """End a block with a loss, or else with its own error; late is a loss that only the release reported.

    If the block has an error of its own without a cause, the late loss becomes the cause.
    """
    if error is None:
        if loss is not None or late is not None:
            raise loss or late  # type: ignore[misc]
    elif late is not None and late is not error and error.__cause__ is None and error.__context__ is None:
        error.__cause__ = late
