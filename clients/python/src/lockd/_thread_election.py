"""An election for threads: work runs whenever this client leads."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Callable, Optional, TypeVar

from ._acquire import WORTH_WAITING, Acquisition, acquire, withdraw
from ._errors import (
    PERMANENT_REFUSALS,
    LeaseLost,
    NotAcquired,
    OutcomeUnknown,
    Refused,
    Unavailable,
)
from ._local_locks import Claim
from ._options import AcquireOptions
from ._retry import MIN_PAUSE, jitter
from ._thread_lock import Lease

if TYPE_CHECKING:
    from ._client import Client

T = TypeVar("T")
_STOP_CHECK_INTERVAL = 1.0  # how often a waiting candidate checks its stop event, in seconds


def elect(client: Client, options: AcquireOptions, work: Callable[[Lease], T], stop: threading.Event) -> Optional[T]:
    """Run work whenever the client leads, and again after each loss. Returns None once stop is set."""
    while not stop.is_set():
        lease = _campaign(client, options, stop)
        if lease is None:
            break
        try:
            with lease:
                return work(lease)
        except Exception as e:
            if not lease._ended_by_loss(e):
                raise
        stop.wait(jitter(MIN_PAUSE))
    return None


def _campaign(client: Client, options: AcquireOptions, stop: threading.Event) -> Optional[Lease]:
    """Wait until the client leads. Returns None if stop is set; then the client has left the queue."""
    claim = client._claim(options, math.inf)
    try:
        locked = threading.Event()
        if client._local.enter(claim, options.limit, locked.set):
            locked.set()
        while not locked.wait(_STOP_CHECK_INTERVAL):
            if stop.is_set():
                break
        lease = _acquire(client, claim, options, stop)
    except BaseException:
        client._give_up(claim)
        raise
    if lease is None:
        client._give_up(claim)
    return lease


def _acquire(client: Client, claim: Claim, options: AcquireOptions, stop: threading.Event) -> Optional[Lease]:
    of = Acquisition(options, claim.session)
    try:
        while not stop.is_set():
            try:
                operation = acquire(client._cfg, client._pending, of, _STOP_CHECK_INTERVAL, keep_place=True)
                return client._granted(claim, client._drive(operation), keep=True)
            except NotAcquired as e:
                if e.problem is not None and e.problem.type in PERMANENT_REFUSALS:
                    raise
            except Refused as e:
                if e.problem is None or e.problem.type not in WORTH_WAITING:
                    raise
            except (LeaseLost, Unavailable, OutcomeUnknown):
                stop.wait(jitter(MIN_PAUSE))
            if not of.queued:
                of = Acquisition(options, claim.session)  # the one before has left nothing at the nodes
    except BaseException:
        client._drive(withdraw(client._cfg, client._pending, of))
        raise
    client._drive(withdraw(client._cfg, client._pending, of))
    return None
