"""Two handles on one name in one process exclude each other, although they have one session."""

from __future__ import annotations

import threading
import time
from typing import Callable

from ._errors import Held


class Turns:
    """Who of this client has, or asks for, which name."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken: dict[str, object] = {}

    def take(self, name: str, wait: float) -> Callable[[], None]:
        """Wait for the turn, and return how to end it."""
        end = time.monotonic() + min(wait, threading.TIMEOUT_MAX / 2)
        mine = object()
        with self._changed:
            if not self._changed.wait_for(lambda: name not in self._taken, max(end - time.monotonic(), 0)):
                raise Held(f"{name} is held by this client")
            self._taken[name] = mine

        def leave() -> None:
            with self._changed:
                if self._taken.get(name) is mine:
                    del self._taken[name]
                    self._changed.notify_all()

        return leave
