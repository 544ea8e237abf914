"""Clients and leases after os.fork.

A child has none of its parent's threads, and any lock may stay locked. So a child takes no lock of its parent: a lease
of the parent only reports that it is not held, and a client starts again with new locks and a new session.
"""

from __future__ import annotations

import os
import weakref
from typing import Any, Callable

_forks = 0
_clients: "dict[int, tuple[weakref.ref[Any], Callable[[Any], None]]]" = {}  # clients, and the method that restarts each


def process() -> tuple[int, int]:
    """Return a value that differs in a forked child."""
    return os.getpid(), _forks


def restart(begin: Callable[[], None]) -> None:
    """Call a bound method in each forked child while its object exists."""
    client: Any = begin.__self__  # type: ignore[attr-defined]
    key, clients = id(client), _clients  # the names of the module may be deleted when the interpreter exits
    _clients[key] = weakref.ref(client, lambda _gone: clients.pop(key, None)), begin.__func__  # type: ignore[attr-defined]


def _in_child() -> None:
    global _forks
    _forks += 1
    for client, begin in list(_clients.values()):
        of = client()
        if of is not None:
            begin(of)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
