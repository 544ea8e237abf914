"""Leases and locks for the tasks of asyncio."""

from __future__ import annotations

import asyncio
import functools
from types import TracebackType
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Mapping, Optional, TypeVar

from . import _operations
from ._config import Seconds, seconds
from ._errors import PERMANENT_REFUSALS, LeaseLost, LockdError, NotAcquired, Released
from ._hold import Hold
from ._lease import LeaseView, raise_loss
from ._local_locks import Claim
from ._lock_entries import LockEntries
from ._options import MAX_DELAY, AcquireOptions, check_seconds, timeout_of

if TYPE_CHECKING:
    from .aio import Client

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


class Lease(LeaseView):
    """A hold on a lease. It is renewed in the background until it is released or lost."""

    def __init__(self, client: Client, hold: Hold, claim: Claim) -> None:
        super().__init__(hold)
        self._client = client
        self._claim = claim
        self._ended_event = asyncio.Event()
        self._block: Optional[asyncio.Task[Any]] = None
        self._cancelled = False
        hold.at_end(self._ended)

    def _leave(self) -> None:
        self._client._local.leave(self._claim)

    def _ended(self, why: LockdError) -> None:
        self._ended_event.set()
        if not isinstance(why, LeaseLost):
            return  # the release itself unlocks it, after its answer
        self._leave()
        if self._block is not None:
            # Not at once: the block itself may have noticed the loss, and then receives it as an error.
            self._block.get_loop().call_soon(self._cancel_block)

    def _cancel_block(self) -> None:
        if self._block is not None:
            self._cancelled = True
            self._block.cancel()

    async def wait_lost(self) -> None:
        """Wait until it ends."""
        if self._hold.foreign:
            return
        await self._ended_event.wait()

    async def renew(self, ttl: Optional[Seconds] = None, meta: Optional[Mapping[str, Any]] = None) -> None:
        """Renew it now, optionally with another TTL or meta."""
        to = None if ttl is None else seconds(ttl)
        await self._client._drive(_operations.renew(self._client._cfg, self._hold, to, meta))

    async def transfer(self, to: str) -> int:
        """Transfer it to the first waiter with this holder name, and return the token of the new hold.

        Stop the work first: the hold ends when the request is sent, unless a node refuses it.
        """
        c = self._client
        try:
            return await c._drive(_operations.transfer(c._cfg, c._pending, self._hold, to))
        finally:
            if self._hold.ended is not None and not self._hold.foreign:
                self._leave()

    async def release(self, delay: Seconds = 0.0) -> None:
        """Release it. For the time of ``delay`` no client gets the lease. The call may be repeated.

        Stop the work first: the hold ends when the request is sent. Raises LeaseLost if the node reports that it had
        ended before, unless that was known already. After another error, and after a cancellation, the release
        continues in the background until a node confirms it. A forked child sends nothing.
        """
        c = self._client
        check_seconds("delay", seconds(delay), MAX_DELAY)
        if self._hold.foreign:
            return
        try:
            await c._drive(_operations.release(c._cfg, c._pending, self._hold, seconds(delay)))
        finally:
            self._leave()

    async def _finish(self) -> Optional[LeaseLost]:
        """Release it after finished work, unless the work did so. Returns a loss that only the node knew.

        Another error is logged, because the work has a result, and the release continues in the background.
        """
        c = self._client
        if self._hold.foreign or isinstance(self._hold.ended, Released):
            return None
        reported = self._hold.ended is not None
        try:
            await c._drive(_operations.release(c._cfg, c._pending, self._hold, budget=_operations.FINISH_TIMEOUT))
        except LeaseLost as e:
            return e
        except LockdError as e:
            if not reported:
                self._warn(e)
        finally:
            self._leave()
        return None

    async def __aenter__(self) -> Lease:
        if self._hold.ended is not None:
            raise self._hold.ended
        self._block = self._claim.entered_by = asyncio.current_task()
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], at: Optional[TracebackType]
    ) -> None:
        block, self._block = self._block, None
        here = block is asyncio.current_task()
        by_loss = self._cancelled and here and not _still_cancelled(block)
        loss = self._loss
        late = await self._client._shielded(self._finish())  # it is also released if the block is cancelled
        if loss is not None and by_loss and isinstance(error, asyncio.CancelledError):
            raise loss from error
        raise_loss(error, loss, late)

    def __repr__(self) -> str:
        return f"<lockd.aio.Lease {self.name} token={self.token} remaining={self.remaining():.3f}>"


def _still_cancelled(task: Optional[asyncio.Task[Any]]) -> bool:
    """Revoke the cancellation by a loss, and return whether another one remains."""
    uncancel = getattr(task, "uncancel", None)  # from Python 3.11; before, the loss takes precedence
    return bool(uncancel()) if uncancel is not None else False


class Lock:
    """A lease with the interface of asyncio.Lock. Any task may enter it by ``async with``, once or repeatedly.

    It is not reentrant: a task that has it and waits for it gets Reentrant. With a limit above 1 several tasks may have
    it.
    """

    def __init__(self, client: Client, options: AcquireOptions, wait: float, keep: bool) -> None:
        self._client = client
        self._options = options
        self._wait = wait
        self._keep = keep
        self._entries: LockEntries[Lease] = LockEntries()

    async def acquire(self, blocking: bool = True, timeout: Seconds = -1) -> bool:
        """Acquire it, and return whether it was acquired within timeout seconds; -1 is the lock's own wait.

        It is held until release, and a loss cancels no task. A refusal for another reason than that others hold it is
        raised.
        """
        try:
            lease = await self._client._acquire(self._options, timeout_of(blocking, timeout, self._wait), self._keep)
        except NotAcquired as e:
            if e.problem is None or e.problem.type not in PERMANENT_REFUSALS:
                return False
            raise
        lease._claim.entered_by = asyncio.current_task()
        self._entries.add(asyncio.current_task(), lease)
        return True

    def release(self) -> Awaitable[None]:
        """Start to release this task's last entry, or the only one if it has none. Await the result for its end.

        Raises RuntimeError if it is not acquired, or if several other tasks have it. The awaitable raises
        LeaseLost if it was lost before.
        """
        lease = self._entries.pop(asyncio.current_task())
        lease._claim.entered_by = None  # from now on the task may wait for it again
        return asyncio.shield(self._client._start(self._release(lease)))

    async def _release(self, lease: Lease) -> None:
        loss = lease._loss
        try:
            await lease.release()
        except LockdError:
            if loss is None:
                raise
        if loss is not None:
            raise loss

    def locked(self) -> bool:
        """Report whether a task has it by this object. ``client.get`` reports whether any client has the lease."""
        return any(lease.held for lease in self._entries.leases())

    @property
    def lease(self) -> Optional[Lease]:
        """The lease of this task's last entry, or of the only entry if it has none; otherwise None."""
        return self._entries.get(asyncio.current_task())

    async def __aenter__(self) -> Lease:
        lease = await self._client._acquire(self._options, self._wait, self._keep)
        await lease.__aenter__()
        self._entries.add(asyncio.current_task(), lease)
        return lease

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], at: Optional[TracebackType]
    ) -> None:
        await self._entries.pop(asyncio.current_task()).__aexit__(kind, error, at)

    def __call__(self, work: F) -> F:
        """Decorate a function: each call runs under the lease."""

        @functools.wraps(work)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            async with self:
                return await work(*args, **kwargs)

        return guarded  # type: ignore[return-value]
