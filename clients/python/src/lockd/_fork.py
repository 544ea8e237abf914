"""What os.fork does to clients and leases.

A child has none of its parent's threads, and each lock may be locked for good. Nothing
that belongs to the parent is locked in a child: a lease of the parent only reports that
it is not held, and a client begins again with new locks and a new session.
"""

from __future__ import annotations

import os
import weakref
from typing import Callable

_forks = 0
_clients: "dict[int, weakref.WeakMethod[Callable[[], None]]]" = {}


def process() -> tuple[int, int]:
    """Return what differs in a forked child."""
    return os.getpid(), _forks


def restart(begin: Callable[[], None]) -> None:
    """Call a bound method in each forked child, as long as its object lives."""
    key = id(begin.__self__)  # type: ignore[attr-defined]
    _clients[key] = weakref.WeakMethod(begin, lambda _gone: _clients.pop(key, None))


def _in_child() -> None:
    global _forks
    _forks += 1
    for method in list(_clients.values()):
        begin = method()
        if begin is not None:
            begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
