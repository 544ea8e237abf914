"""Reachability of the nodes. See "Without a reachable node" in clients/README.md."""

from __future__ import annotations

import logging
import threading
from typing import Optional, Sequence

from ._address import Address
from ._clock import Instant, between

_log = logging.getLogger("lockd")


class Reach:
    """Records when a node of this client last answered. Any thread may call its methods."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = addresses
        self._lock = threading.Lock()
        self._contact: Optional[Instant] = None
        self._warned = False

    def answered(self, at: Instant) -> None:
        """Note that a node answered, with any status."""
        with self._lock:
            self._contact, self._warned = at, False

    def no_answer(self, error: object) -> None:
        """Note a round over all addresses without an answer. The first one after an answer is logged."""
        with self._lock:
            if self._warned:
                return
            self._warned = True
        _log.warning("no node answered at %s; last error: %s", ", ".join(map(str, self._addresses)), error)

    def unanswered_for(self, start: Instant, now: Instant) -> float:
        """Return the seconds during which no node has answered a call that began at start."""
        with self._lock:
            contact = self._contact
        return between(start, now) if contact is None else min(between(start, now), between(contact, now))
