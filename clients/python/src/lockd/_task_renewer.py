"""Two tasks for the leases of one asyncio client: one renews, one ends what was not renewed before its deadline."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable, Optional

from ._config import Config
from ._hold import Hold
from ._renewals import renew_holds, until_renewal
from ._retry import MAX_PAUSE, MIN_PAUSE, Operation, jitter
from ._within import within

# Timers do not run during a suspension, so this limits how late a jump of the wall clock is noticed.
_CHECK_INTERVAL = 1.0


class Renewer:
    """Renews the holds of one client and ends those whose deadline has passed."""

    def __init__(self, cfg: Config, drive: Callable[[Operation[bool]], Awaitable[bool]]) -> None:
        self._cfg = cfg
        self._drive = drive
        self._renewed: list[Hold] = []
        self._all: list[Hold] = []
        self._changed: Optional[asyncio.Event] = None  # made when an event loop runs
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._pause = MIN_PAUSE  # after the next renewal

    def join(self, hold: Hold, keep: bool) -> None:
        """Watch the deadline of a hold until it ends, and renew it if it is to be kept."""
        self._all.append(hold)
        if keep:
            self._renewed.append(hold)
        hold.at_end(lambda _why: self._wake())
        self._wake()
        for step in (self._renew, self._expire):
            job = self._jobs.get(step.__name__)
            if job is None or job.done():
                self._jobs[step.__name__] = asyncio.get_running_loop().create_task(self._run(step))

    def stop(self) -> None:
        """Stop renewing. Deadlines are still watched."""
        renewing: Optional[asyncio.Task[Any]] = self._jobs.pop(self._renew.__name__, None)
        if renewing is not None:
            renewing.cancel()

    async def _run(self, step: Callable[[], Awaitable[None]]) -> None:
        """Repeat a step, also after an error, as long as there is a hold."""
        pause = MIN_PAUSE
        while self._has_holds():
            try:
                await step()
                pause = MIN_PAUSE
            except Exception as e:
                self._cfg.report(e)
                await asyncio.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE)

    def _has_holds(self) -> bool:
        self._renewed = [h for h in self._renewed if h.ended is None]
        self._all = [h for h in self._all if h.ended is None]
        return bool(self._all)

    async def _renew(self) -> None:
        """Renew the holds whose renewal is due."""
        due = min((until_renewal(h) for h in self._renewed), default=_CHECK_INTERVAL)
        if due > 0:
            await self._wait_for_change(due)
            return
        ok = await self._drive(renew_holds(self._cfg, list(self._renewed)))
        pause, self._pause = jitter(self._pause), (MIN_PAUSE if ok else min(2 * self._pause, MAX_PAUSE))
        await asyncio.sleep(pause)

    async def _expire(self) -> None:
        """End the holds whose deadline has passed. It never waits for a node."""
        left = min(h.expire() for h in self._all)
        await self._wait_for_change(max(left, 0.001))

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()

    async def _wait_for_change(self, longest: float) -> None:
        """Wait until the holds change, or for so many seconds."""
        if self._changed is None:
            self._changed = asyncio.Event()
        self._changed.clear()
        try:
            await within(self._changed.wait(), min(longest, _CHECK_INTERVAL))
        except asyncio.TimeoutError:
            pass
