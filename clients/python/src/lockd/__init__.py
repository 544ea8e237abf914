"""The Python client of lockd, a distributed lock and leader-election service.

A lease is a named right with a holder and a time limit.

    import lockd

    client = lockd.Client("10.0.0.1:7400", "10.0.0.2:7400", "10.0.0.3:7400")
    with client.lock("nightly-report", ttl=15) as lease:
        report(token=lease.token)

Each grant has a fencing token that is higher than all before. Send it to the store that the lease protects, and let the
store reject a lower one. ``lockd.aio`` has the same client for asyncio.
"""

from ._client import FOREVER, Client
from ._cluster import Cluster, Node, NodeStatus
from ._errors import (
    CrossOrigin,
    Gone,
    Held,
    LeaseLost,
    LockdError,
    NotAcquired,
    NotAllowed,
    OutcomeUnknown,
    Problem,
    QuotaExceeded,
    Reentrant,
    Refused,
    Released,
    Unauthenticated,
    Unavailable,
)
from ._event import Event, History
from ._model import (
    Broken,
    Grant,
    HeldLease,
    HolderState,
    Previous,
    Renewals,
    Renewed,
    SessionReleased,
    State,
    StepDown,
    StepDownAccepted,
    Waiter,
)
from ._thread_lock import Lease, Lock

__all__ = [
    "FOREVER",
    "Broken",
    "Client",
    "Cluster",
    "CrossOrigin",
    "Event",
    "Gone",
    "Grant",
    "Held",
    "HeldLease",
    "History",
    "HolderState",
    "Lease",
    "LeaseLost",
    "Lock",
    "LockdError",
    "Node",
    "NodeStatus",
    "NotAcquired",
    "NotAllowed",
    "OutcomeUnknown",
    "Previous",
    "Problem",
    "QuotaExceeded",
    "Reentrant",
    "Refused",
    "Released",
    "Renewals",
    "Renewed",
    "SessionReleased",
    "State",
    "StepDown",
    "StepDownAccepted",
    "Unauthenticated",
    "Unavailable",
    "Waiter",
]
