"""Two threads for the leases of one client: one renews, one ends what was not renewed before its deadline."""

from __future__ import annotations

import threading
import time
from typing import Callable, Optional

from ._clock import between
from ._config import Config
from ._hold import Hold
from ._renewals import renew_holds, until_renewal
from ._retry import MAX_PAUSE, MIN_PAUSE, jitter
from ._transport import Transport

# Timers do not run during a suspension, so this limits how late a jump of the wall clock is noticed.
CHECK_INTERVAL = 1.0


class Loop:
    """Repeats a step for all its holds, in a thread that runs while there is one."""

    def __init__(self, cfg: Config, name: str, step: Callable[[list[Hold]], float]) -> None:
        self._cfg = cfg
        self._name = name
        self._step = step  # returns the seconds until its next call
        self._changed = threading.Condition()
        self._has_changed = False
        self._holds: list[Hold] = []
        self._thread: Optional[threading.Thread] = None

    def join(self, hold: Hold) -> None:
        """Include a hold until it ends."""
        with self._changed:
            self._holds.append(hold)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                thread.start()  # if it raises, the next hold starts a thread
                self._thread = thread
        hold.at_end(lambda _why: self._wake())
        self._wake()

    def _wake(self) -> None:
        with self._changed:
            self._has_changed = True
            self._changed.notify_all()

    def _run(self) -> None:
        pause = MIN_PAUSE
        while True:
            with self._changed:
                self._has_changed = False
                self._holds = [h for h in self._holds if h.ended is None]
                if not self._holds:
                    self._thread = None
                    return
                holds = list(self._holds)
            try:
                left, pause = self._step(holds), MIN_PAUSE
            except BaseException as e:  # so that the thread continues for the other holds
                self._cfg.report(e)
                time.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE)
                continue
            with self._changed:
                if not self._has_changed:
                    self._changed.wait(min(max(left, 0.001), CHECK_INTERVAL))


class Renewer:
    """Renews the holds of one client and ends those whose deadline has passed.

    The thread that ends holds never waits for a node.
    """

    def __init__(self, cfg: Config, transport: Transport) -> None:
        self._cfg = cfg
        self._transport = transport
        self._pause = MIN_PAUSE
        self._last_attempt, self._min_pause = cfg.clock(), 0.0
        self.renewals = Loop(cfg, "lockd-renewals", self._renew)
        self.deadlines = Loop(cfg, "lockd-deadlines", lambda holds: min(h.expire() for h in holds))

    def _renew(self, holds: list[Hold]) -> float:
        pause_left = self._min_pause - between(self._last_attempt, self._cfg.clock())
        due = max(pause_left, min(until_renewal(h) for h in holds))
        if due > 0:
            return due
        ok = self._transport.drive(renew_holds(self._cfg, holds))
        self._pause = MIN_PAUSE if ok else min(2 * self._pause, MAX_PAUSE)
        self._last_attempt, self._min_pause = self._cfg.clock(), jitter(self._pause)
        return self._min_pause
