"""The order in which a call tries the addresses. See "The leader first" in clients/README.md."""

from __future__ import annotations

import threading
from typing import Optional

from ._clock import Instant, between

AVOID_FAILED = 10.0
"""How many seconds a call does not start at an address whose last attempt had no answer."""


class Route:
    """Records which node has answered at each address, and which one leads. Any thread may call its methods.

    A name of a node is only compared with those that the client's own addresses have reported: no request goes to
    another address.
    """

    def __init__(self, addresses: int) -> None:
        self._lock = threading.Lock()
        self._last = 0  # the address that answered last, except for calls that started at the leader
        self._leader = ""
        self._nodes = [""] * addresses  # "": not known
        self._failed: list[Optional[Instant]] = [None] * addresses

    def start(self) -> int:
        """Return the address that answered last."""
        with self._lock:
            return self._last

    def order(self, forwarded: bool, now: Instant) -> list[int]:
        """Return the order for a call.

        A call that a follower would forward starts at the leader. If its address is not known, it starts at an address
        whose node is not known, to learn the name. The others follow, starting with the one that answered last.
        """
        with self._lock:
            count = len(self._nodes)
            rest = [(self._last + n) % count for n in range(count)]
            first = self._preferred(rest, now) if forwarded else self._last
            return [first, *(i for i in rest if i != first)]

    def _preferred(self, rest: list[int], now: Instant) -> int:
        if not self._leader:
            return self._last
        for wanted in (self._leader, ""):
            for i in (i for i in rest if self._nodes[i] == wanted):
                if not self._avoided(i, now):
                    return i
                if wanted:
                    return self._last
        return self._last

    def _avoided(self, i: int, now: Instant) -> bool:
        failed = self._failed[i]
        return failed is not None and between(failed, now) < AVOID_FAILED

    def answered(self, i: int, node: str, leader: str) -> None:
        """Note the names in an answer. A proxy's answer has none."""
        with self._lock:
            self._failed[i] = None
            if node:
                self._nodes[i], self._leader = node, leader

    def no_answer(self, i: int, now: Instant) -> None:
        """Note an attempt without an answer."""
        with self._lock:
            self._failed[i] = now

    def final(self, i: int) -> None:
        """Note the address of a final answer."""
        with self._lock:
            if not self._nodes[i] or self._nodes[i] != self._leader or self._failed[self._last] is not None:
                self._last = i
