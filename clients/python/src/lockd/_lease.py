"""The part of a lease that threads and asyncio share."""

from __future__ import annotations

import logging
from typing import Callable, Optional

from ._errors import DENIED, LeaseLost, LockdError
from ._hold import Hold
from ._model import Previous, StepDown

_log = logging.getLogger("lockd")


class LeaseView:
    """The properties of a lease that need no request."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold

    @property
    def name(self) -> str:
        """The name of the lease."""
        return self._hold.grant.name

    @property
    def token(self) -> int:
        """The fencing token. Send it to the store that the lease protects."""
        return self._hold.grant.token

    @property
    def slot(self) -> int:
        """The slot, from 0 to limit-1. It does not change during the hold, so it may serve as a shard number."""
        return self._hold.grant.slot

    @property
    def previous(self) -> Optional[Previous]:
        """How the last hold ended; None if it is not known."""
        return self._hold.grant.previous

    @property
    def step_down(self) -> Optional[StepDown]:
        """The request that the holder steps down; None if there is none."""
        return self._hold.step_down

    @property
    def held(self) -> bool:
        """Whether it is held at this moment."""
        return self.remaining() > 0

    @property
    def lost(self) -> bool:
        """Whether it ended without a release or a transfer by its holder."""
        return self._loss is not None

    @property
    def _loss(self) -> Optional[LeaseLost]:
        """The loss, also one that only the answer to the release reported."""
        self._hold.expire()
        ended = self._hold.ended
        return ended if isinstance(ended, LeaseLost) else self._hold.late_loss

    def _ended_by_loss(self, error: Exception) -> bool:
        """Report whether the work ended because of a loss. Then its error, of any type, is not raised."""
        return isinstance(self._hold.ended, LeaseLost) or error is self._hold.late_loss

    def _warn(self, error: LockdError) -> None:
        """Log that the release after finished work failed. The result of the work is returned."""
        more = "" if self._hold.released else "; the release continues in the background"
        if isinstance(error, DENIED):
            more = "; the lease ends with its TTL"
        _log.warning("the work under %s has finished, but its release failed: %s%s", self.name, error, more)

    def remaining(self) -> float:
        """Return the seconds until the local deadline; 0: it is not held, stop the work.

        Call it right before a step that must not happen after the deadline.
        """
        return self._hold.remaining()

    def check(self) -> None:
        """Raise LeaseLost or Released if it is not held.

        In a forked child it raises LeaseLost.
        """
        self._hold.expire()
        if self._hold.ended is not None:
            raise self._hold.ended
        if self.remaining() <= 0:
            raise LeaseLost(f"{self.name} is being transferred")

    def on_lost(self, call: Callable[[LeaseLost], object]) -> None:
        """Call a function once, as soon as the lease is lost, on the thread that notices it. It must not block.

        An error that it raises goes to threading.excepthook, or to the exception handler of the event loop.
        """

        def ended(why: LockdError) -> None:
            if isinstance(why, LeaseLost):
                call(why)

        self._hold.at_end(ended)


def raise_loss(error: Optional[BaseException], loss: Optional[LeaseLost], late: Optional[LeaseLost]) -> None:
    """Raise the loss at the end of a block that has no error of its own. late is a loss that only the release reported.

    If the error of the block has no cause, the late loss becomes its cause.
    """
    if error is None:
        if loss is not None or late is not None:
            raise loss or late  # type: ignore[misc]
    elif late is not None and late is not error and error.__cause__ is None and error.__context__ is None:
        error.__cause__ = late
