"""The Python client of lockd, a distributed lock and leader-election service.

There is one noun, the lease: a named, time-bounded right with a holder.

    import lockd

    client = lockd.Client("10.0.0.1:7400", "10.0.0.2:7400", "10.0.0.3:7400")
    with client.lock("nightly-report", ttl=15) as lease:
        report(token=lease.token)

Every grant has a fencing token that only grows: give it to what the lease
protects, and let that refuse a lower one. ``lockd.aio`` is the same for asyncio.
"""

from ._client import FOREVER, Client
from ._errors import (
    Gone,
    Held,
    LeaseLost,
    LockdError,
    NotAcquired,
    OutcomeUnknown,
    Problem,
    Reentrant,
    Refused,
    Released,
    Unavailable,
)
from ._model import Event, Grant, HolderState, Previous, State, StepDown, Waiter
from ._thread_lock import Lease, Lock

__all__ = [
    "FOREVER",
    "Client",
    "Event",
    "Gone",
    "Grant",
    "Held",
    "HolderState",
    "Lease",
    "LeaseLost",
    "Lock",
    "LockdError",
    "NotAcquired",
    "OutcomeUnknown",
    "Previous",
    "Problem",
    "Reentrant",
    "Refused",
    "Released",
    "State",
    "StepDown",
    "Unavailable",
    "Waiter",
]
