"""Leases and locks for threads."""

from __future__ import annotations

import functools
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional, TypeVar

from . import _operations
from ._config import Seconds, seconds
from ._errors import PERMANENT_REFUSALS, LeaseLost, LockdError, NotAcquired, Released
from ._hold import Hold
from ._lease import LeaseView, raise_loss
from ._local_locks import Claim
from ._lock_entries import LockEntries
from ._options import MAX_DELAY, AcquireOptions, check_seconds, timeout_of

if TYPE_CHECKING:
    from ._client import Client

F = TypeVar("F", bound=Callable[..., Any])


class Lease(LeaseView):
    """A hold on a lease. It is renewed in the background until it is released or lost."""

    def __init__(self, client: Client, hold: Hold, claim: Claim) -> None:
        super().__init__(hold)
        self._client = client
        self._claim = claim
        self._ended_event = threading.Event()
        hold.at_end(self._ended)

    def _leave(self) -> None:
        self._client._local.leave(self._claim)

    def _ended(self, why: LockdError) -> None:
        self._ended_event.set()
        if isinstance(why, LeaseLost):
            self._leave()  # the release itself unlocks it, after its answer

    def wait_lost(self, timeout: Optional[Seconds] = None) -> bool:
        """Wait until it ends, and return whether it did. Use it instead of sleep in the work."""
        if self._hold.foreign:
            return True
        return self._ended_event.wait(None if timeout is None else seconds(timeout))

    def renew(self, ttl: Optional[Seconds] = None, meta: Optional[Mapping[str, Any]] = None) -> None:
        """Renew it now, optionally with another TTL or meta."""
        self._client._drive(_operations.renew(self._client._cfg, self._hold, None if ttl is None else seconds(ttl), meta))

    def transfer(self, to: str) -> int:
        """Transfer it to the first waiter with this holder name, and return the token of the new hold.

        Stop the work first: the hold ends when the request is sent, unless a node refuses it.
        """
        c = self._client
        try:
            return c._drive(_operations.transfer(c._cfg, c._pending, self._hold, to))
        finally:
            if self._hold.ended is not None and not self._hold.foreign:
                self._leave()

    def release(self, delay: Seconds = 0.0) -> None:
        """Release it. For the time of ``delay`` no client gets the lease. The call may be repeated.

        Stop the work first: the hold ends when the request is sent. Raises LeaseLost if the node reports that it had
        ended before, unless that was known already. After another error the release continues in the background
        until a node confirms it. A forked child sends nothing.
        """
        c = self._client
        check_seconds("delay", seconds(delay), MAX_DELAY)
        if self._hold.foreign:
            return
        try:
            try:
                c._drive(_operations.release(c._cfg, c._pending, self._hold, seconds(delay)))
            finally:
                self._leave()
        except LockdError:
            raise
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        """Release it in the background, after an exception from outside at any line of a release."""
        _operations.abandon(self._client._pending, self._hold)
        self._leave()

    def _finish(self) -> Optional[LeaseLost]:
        """Release it after finished work, unless the work did so. Returns a loss that only the node knew.

        Another error is logged, because the work has a result, and the release continues in the background.
        """
        c = self._client
        if self._hold.foreign or isinstance(self._hold.ended, Released):
            return None
        reported = self._hold.ended is not None
        try:
            c._drive(_operations.release(c._cfg, c._pending, self._hold, budget=_operations.FINISH_TIMEOUT))
        except LeaseLost as e:
            return e
        except LockdError as e:
            if not reported:
                self._warn(e)
        finally:
            self._leave()
        return None

    def __enter__(self) -> Lease:
        self._claim.entered_by = threading.current_thread()
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], at: Optional[TracebackType]
    ) -> None:
        try:
            loss, late = self._loss, self._finish()
        except BaseException:
            self._abandon()
            raise
        raise_loss(error, loss, late)

    def __repr__(self) -> str:
        return f"<lockd.Lease {self.name} token={self.token} remaining={self.remaining():.3f}>"


class Lock:
    """A lease with the interface of threading.Lock. Any thread may enter it by ``with``, once or repeatedly.

    It is not reentrant: a thread that has it and waits for it gets Reentrant. With a limit above 1 several threads
    may have it.
    """

    def __init__(self, client: Client, options: AcquireOptions, wait: float, keep: bool) -> None:
        self._client = client
        self._options = options
        self._wait = wait
        self._keep = keep
        self._entries: LockEntries[Lease] = LockEntries()

    def acquire(self, blocking: bool = True, timeout: Seconds = -1) -> bool:
        """Acquire it, and return whether it was acquired within timeout seconds; -1 is the lock's own wait.

        It is held until release. A refusal for another reason than that others hold it is raised.
        """
        try:
            self._enter(timeout_of(blocking, timeout, self._wait))
        except NotAcquired as e:
            if e.problem is None or e.problem.type not in PERMANENT_REFUSALS:
                return False
            raise
        return True

    def release(self) -> None:
        """Release it: this thread's last entry, or the only one if it has none.

        Raises RuntimeError if it is not acquired, or if several other threads have it; LeaseLost if it was lost
        meanwhile.
        """
        lease = self._entries.pop(threading.current_thread())
        loss = lease._loss
        try:
            lease.release()
        except LockdError:
            if loss is None:
                raise
        if loss is not None:
            raise loss

    def locked(self) -> bool:
        """Report whether a thread has it by this object. ``client.get`` reports whether any client has the lease."""
        return any(lease.held for lease in self._entries.leases())

    @property
    def lease(self) -> Optional[Lease]:
        """The lease of this thread's last entry, or of the only entry if it has none; otherwise None."""
        return self._entries.get(threading.current_thread())

    def _enter(self, wait: float) -> Lease:
        lease = self._client._acquire(self._options, wait, self._keep)
        try:
            self._entries.add(threading.current_thread(), lease)
            return lease.__enter__()
        except BaseException:
            lease._finish()
            raise

    def __enter__(self) -> Lease:
        return self._enter(self._wait)

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], at: Optional[TracebackType]
    ) -> None:
        self._entries.pop(threading.current_thread()).__exit__(kind, error, at)

    def __call__(self, work: F) -> F:
        """Decorate a function: each call runs under the lease."""

        @functools.wraps(work)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            with self:
                return work(*args, **kwargs)

        return guarded  # type: ignore[return-value]
