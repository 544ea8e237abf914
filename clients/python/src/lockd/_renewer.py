"""Two threads that keep leases: one renews, one watches deadlines and never waits for a node."""

from __future__ import annotations

import threading
import time
from typing import Callable, Optional

from ._clock import between
from ._config import Config
from ._hold import Hold
from ._transport import Transport
from ._retry import MAX_PAUSE, MIN_PAUSE, jitter
from ._renewals import renew_holds, until_renewal

# Bounds how late a jump of the wall clock is noticed: timers sleep through a suspension.
CHECK_INTERVAL = 1.0


class Loop:
    """Does a step for all its holds again and again, in a thread that lasts as long as one of them."""

    def __init__(self, cfg: Config, name: str, step: Callable[[list[Hold]], float]) -> None:
        self._cfg = cfg
        self._name = name
        self._step = step  # returns when it wants to be called again, in seconds
        self._changed = threading.Condition()
        self._has_changed = False
        self._holds: list[Hold] = []
        self._thread: Optional[threading.Thread] = None

    def join(self, hold: Hold) -> None:
        """Keep a hold until it ends."""
        with self._changed:
            self._holds.append(hold)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                thread.start()  # where no thread can be had, the next hold asks for one again
                self._thread = thread
        hold.at_end(lambda _why: self._notify())
        self._notify()

    def _notify(self) -> None:
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
            except BaseException as e:  # or the other holds would be kept no more
                self._cfg.report(e)
                time.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE)
                continue
            with self._changed:
                if not self._has_changed:
                    self._changed.wait(min(max(left, 0.001), CHECK_INTERVAL))


class Renewer:
    """What keeps the holds of a client."""

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
