"""The answers of nodes. Durations are in seconds. Unknown members are ignored.

JSON of another form raises Malformed, and counts as no answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from ._validate import (
    Json,
    Malformed,
    at_least_one,
    listed,
    members,
    members_at,
    promised,
    seconds_at,
    text_at,
    ttl_at,
    whole,
)


@dataclass(frozen=True)
class Previous:
    """How the last hold of a name ended."""

    holder: str
    token: int
    end: str  # released, transferred, expired, broken or reclaimed

    @staticmethod
    def of(raw: Optional[Json]) -> Optional[Previous]:
        """Read it from JSON. It is None if there was none. Raises Malformed."""
        return None if raw is None else Previous(text_at(raw, "holder"), whole(raw, "token"), text_at(raw, "end"))


@dataclass(frozen=True)
class StepDown:
    """An operator's request that the holder steps down: transfers the lease, or releases it, when that is safe."""

    by: str = ""
    reason: str = ""
    to: str = ""  # the holder name that should get the lease; "": the holder chooses
    within: Optional[float] = None  # seconds that were left when a node answered; None: there is no time limit

    @staticmethod
    def of(raw: Optional[Json]) -> Optional[StepDown]:
        """Read it from JSON. It is None if there is no request. Raises Malformed."""
        if raw is None:
            return None
        within = seconds_at(raw, "within_ms")
        return StepDown(text_at(raw, "by"), text_at(raw, "reason"), text_at(raw, "to"), within)


@dataclass(frozen=True)
class Grant:
    """A hold of the caller. Its durations count from the time when the request was sent."""

    name: str
    holder: str
    token: int  # the fencing token: each grant of any lease has a higher one
    slot: int  # 0 to limit-1; it does not change during the hold
    ttl: float
    expires_in: float
    waited: float
    revision: int
    meta: Optional[Any] = None
    previous: Optional[Previous] = None
    step_down: Optional[StepDown] = None

    @staticmethod
    def of(raw: Any) -> Grant:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        return Grant(
            name=text_at(raw, "name", needed=True),
            holder=text_at(raw, "holder"),
            token=at_least_one(raw, "token"),
            slot=whole(raw, "slot"),
            ttl=ttl_at(raw, "ttl_ms"),
            expires_in=promised(raw, "expires_in_ms"),
            waited=promised(raw, "waited_ms", needed=False),
            revision=whole(raw, "revision"),
            meta=raw.get("meta"),
            previous=Previous.of(members_at(raw, "previous")),
            step_down=StepDown.of(members_at(raw, "step_down")),
        )


@dataclass(frozen=True)
class Renewed:
    """One of the leases that one request renewed."""

    name: str
    token: int
    expires_in: float
    step_down: Optional[StepDown]

    @staticmethod
    def of(raw: Any) -> Renewed:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        return Renewed(
            text_at(raw, "name", needed=True), at_least_one(raw, "token"), promised(raw, "expires_in_ms"),
            StepDown.of(members_at(raw, "step_down")),
        )


@dataclass(frozen=True)
class Renewals:
    """The leases that one request renewed. Durations count from the time when the request was sent."""

    leases: tuple[Renewed, ...]
    waited: float
    revision: int

    @staticmethod
    def of(raw: Any) -> Renewals:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        leases = tuple(Renewed.of(l) for l in listed(raw, "leases"))
        return Renewals(leases, promised(raw, "waited_ms", needed=False), whole(raw, "revision"))


@dataclass(frozen=True)
class ReleaseAnswer:
    """The answer to a release."""

    was_held: Optional[bool]  # None: not reported, as after a release by attempt
    ended: str  # how the hold had ended before; "" if the node does not know

    @staticmethod
    def of(raw: Any) -> ReleaseAnswer:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        was_held = raw.get("was_held")
        if was_held is not None and not isinstance(was_held, bool):
            raise Malformed("was_held is not a boolean")
        return ReleaseAnswer(was_held, text_at(raw, "ended"))


@dataclass(frozen=True)
class Waiter:
    """One waiter in the queue, as every reader sees it."""

    holder: str
    priority: int
    waiting: float

    @staticmethod
    def of(raw: Any) -> Waiter:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        priority = raw.get("priority", 0)
        if isinstance(priority, bool) or not isinstance(priority, int):
            raise Malformed("priority is not an integer")
        return Waiter(text_at(raw, "holder"), priority, seconds_at(raw, "waiting_ms") or 0.0)


@dataclass(frozen=True)
class HolderState:
    """One hold, as every reader sees it."""

    holder: str
    token: int
    slot: int
    ttl: float
    held: float
    free_in: Optional[float]  # None in a stale read
    meta: Optional[Any]
    renewed_ago: Optional[float] = None  # None in a stale read
    breaking: bool = False  # an operator broke it; it ends after its grace period
    step_down: Optional[StepDown] = None

    @staticmethod
    def of(raw: Any) -> HolderState:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        return HolderState(
            text_at(raw, "holder"), at_least_one(raw, "token"), whole(raw, "slot"), seconds_at(raw, "ttl_ms") or 0.0,
            seconds_at(raw, "held_ms") or 0.0, seconds_at(raw, "free_in_ms"), raw.get("meta"),
            seconds_at(raw, "renewed_ms_ago"), raw.get("breaking") is True, StepDown.of(members_at(raw, "step_down")),
        )


@dataclass(frozen=True)
class State:
    """A lease as every reader sees it. It never contains a session."""

    name: str
    state: str  # free, held, delayed or breaking
    revision: int
    limit: int
    holder: str  # of the first hold; "" if there is none
    token: int  # of the first hold; 0 if there is none
    holders: tuple[HolderState, ...]
    queue_length: int
    available_in: Optional[float]
    transitions: int
    queue: tuple[Waiter, ...] = ()  # in the order in which they get the lease

    @staticmethod
    def of(raw: Any) -> State:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        return State(
            name=text_at(raw, "name", needed=True),
            state=text_at(raw, "state"),
            revision=whole(raw, "revision"),
            limit=whole(raw, "limit", 1),
            holder=text_at(raw, "holder"),
            token=whole(raw, "token"),
            holders=tuple(HolderState.of(h) for h in listed(raw, "holders", needed=False)),
            queue_length=whole(raw, "queue_length"),
            available_in=seconds_at(raw, "available_in_ms"),
            transitions=whole(raw, "transitions"),
            queue=tuple(Waiter.of(w) for w in listed(raw, "queue", needed=False)),
        )


@dataclass(frozen=True)
class Page:
    """One page of a listing, in the order of the names."""

    leases: tuple[State, ...]
    next: str  # the cursor of the next page; "" on the last page
    revision: int

    @staticmethod
    def of(raw: Any) -> Page:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        leases = tuple(State.of(l) for l in listed(raw, "leases"))
        return Page(leases, text_at(raw, "next"), whole(raw, "revision"))


@dataclass(frozen=True)
class HeldLease:
    """The name and the token of one hold."""

    name: str
    token: int

    @staticmethod
    def of(raw: Any) -> HeldLease:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        return HeldLease(text_at(raw, "name", needed=True), at_least_one(raw, "token"))


@dataclass(frozen=True)
class SessionReleased:
    """What a client has released, and the queues that it has left."""

    released: tuple[HeldLease, ...]
    left: tuple[str, ...]  # names of leases
    revision: int

    @staticmethod
    def of(raw: Any) -> SessionReleased:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        left = tuple(listed(raw, "left", needed=False))
        if not all(isinstance(name, str) for name in left):
            raise Malformed("left is not a list of names")
        return SessionReleased(tuple(HeldLease.of(h) for h in listed(raw, "released")), left, whole(raw, "revision"))


@dataclass(frozen=True)
class Broken:
    """The answer to a break: from now on the holder's renewals are refused."""

    name: str
    token: int
    available_in: float  # seconds after which the hold has ended at the latest
    revision: int

    @staticmethod
    def of(raw: Any) -> Broken:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        return Broken(
            text_at(raw, "name", needed=True), at_least_one(raw, "token"), seconds_at(raw, "available_in_ms") or 0.0,
            whole(raw, "revision"),
        )


@dataclass(frozen=True)
class StepDownAccepted:
    """The answer to a request to step down: the holder receives the request with its next renewal."""

    name: str
    holder: str
    token: int
    step_down: Optional[StepDown]
    revision: int

    @staticmethod
    def of(raw: Any) -> StepDownAccepted:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        return StepDownAccepted(
            text_at(raw, "name", needed=True), text_at(raw, "holder"), at_least_one(raw, "token"),
            StepDown.of(members_at(raw, "step_down")), whole(raw, "revision"),
        )
