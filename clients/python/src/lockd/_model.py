"""What nodes tell. Durations are seconds here; members that are not known are ignored.

What is not of the form that it must have is Malformed, and counts as no answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from ._shape import (
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

_OF_A_LEASE = frozenset(
    ("acquired", "released", "expired", "broken", "transferred", "delayed", "free", "meta", "step_down", "reclaimed")
)


@dataclass(frozen=True)
class Previous:
    """How the last hold of a name ended."""

    holder: str
    token: int
    end: str  # released, transferred, expired, broken or reclaimed

    @staticmethod
    def of(raw: Optional[Json]) -> Optional[Previous]:
        """Read it; None: there was none."""
        return None if raw is None else Previous(text_at(raw, "holder"), whole(raw, "token"), text_at(raw, "end"))


@dataclass(frozen=True)
class StepDown:
    """Somebody asked the holder to hand over."""

    by: str = ""
    reason: str = ""
    to: str = ""
    within: Optional[float] = None

    @staticmethod
    def of(raw: Optional[Json]) -> Optional[StepDown]:
        """Read it; None: nobody did."""
        if raw is None:
            return None
        within = seconds_at(raw, "within_ms")
        return StepDown(text_at(raw, "by"), text_at(raw, "reason"), text_at(raw, "to"), within)


@dataclass(frozen=True)
class Grant:
    """You hold it. The durations count from when the request was sent."""

    name: str
    holder: str
    token: int  # fencing number: grows with every grant of any name
    slot: int  # 0 to limit-1, stable while held
    ttl: float
    expires_in: float
    waited: float
    revision: int
    meta: Optional[Any] = None
    previous: Optional[Previous] = None
    step_down: Optional[StepDown] = None

    @staticmethod
    def of(raw: Any) -> Grant:
        """Read it."""
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
    """One of the leases that a session renewed in one call."""

    name: str
    token: int
    expires_in: float
    step_down: Optional[StepDown]

    @staticmethod
    def of(raw: Any) -> Renewed:
        """Read it."""
        raw = members(raw)
        return Renewed(
            text_at(raw, "name", needed=True), at_least_one(raw, "token"), promised(raw, "expires_in_ms"),
            StepDown.of(members_at(raw, "step_down")),
        )


@dataclass(frozen=True)
class Renewals:
    """What a session renewed in one call. The durations count from when the request was sent."""

    leases: tuple[Renewed, ...]
    waited: float
    revision: int

    @staticmethod
    def of(raw: Any) -> Renewals:
        """Read it."""
        raw = members(raw)
        leases = tuple(Renewed.of(l) for l in listed(raw, "leases"))
        return Renewals(leases, promised(raw, "waited_ms", needed=False), whole(raw, "revision"))


@dataclass(frozen=True)
class ReleaseAnswer:
    """The outcome of a release."""

    was_held: Optional[bool]  # None: the answer does not say, as that to a release by attempt
    ended: str  # how the hold had ended before; "": the node does not know

    @staticmethod
    def of(raw: Any) -> ReleaseAnswer:
        """Read it."""
        raw = members(raw)
        was_held = raw.get("was_held")
        if was_held is not None and not isinstance(was_held, bool):
            raise Malformed("was_held is no boolean")
        return ReleaseAnswer(was_held, text_at(raw, "ended"))


@dataclass(frozen=True)
class Waiter:
    """One place in the queue, as every reader sees it."""

    holder: str
    priority: int
    waiting: float

    @staticmethod
    def of(raw: Any) -> Waiter:
        """Read it."""
        raw = members(raw)
        priority = raw.get("priority", 0)
        if isinstance(priority, bool) or not isinstance(priority, int):
            raise Malformed("priority is no integer")
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

    @staticmethod
    def of(raw: Any) -> HolderState:
        """Read it."""
        raw = members(raw)
        return HolderState(
            text_at(raw, "holder"), at_least_one(raw, "token"), whole(raw, "slot"), seconds_at(raw, "ttl_ms") or 0.0,
            seconds_at(raw, "held_ms") or 0.0, seconds_at(raw, "free_in_ms"), raw.get("meta"),
        )


@dataclass(frozen=True)
class State:
    """A lease as every reader sees it. It never shows a session."""

    name: str
    state: str  # free, held, delayed or breaking
    revision: int
    limit: int
    holder: str  # of the first; "" where nobody holds it
    token: int  # of the first; 0 where nobody holds it
    holders: tuple[HolderState, ...]
    queue_length: int
    available_in: Optional[float]
    transitions: int
    queue: tuple[Waiter, ...] = ()  # in the order in which they are served

    @staticmethod
    def of(raw: Any) -> State:
        """Read it."""
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
class Event:
    """One change of one lease."""

    type: str  # state, synced, acquired, released, expired, broken, transferred, delayed, free, …
    revision: int
    name: str = ""
    holder: str = ""
    token: int = 0
    cause: str = ""  # acquired: how the last hold ended; delayed, free: what ended the hold
    reason: str = ""
    by: str = ""
    to: str = ""
    at: str = ""  # for people's eyes, RFC 3339
    meta: Optional[Any] = None
    lease: Optional[State] = None  # the whole, with type "state"

    @staticmethod
    def of(kind: str, ident: str, raw: Any) -> Event:
        """Read it from a message of a stream."""
        raw = members(raw)
        kind = kind or text_at(raw, "type")
        told = raw if kind != "state" else {**raw, "lease": raw.get("lease") or {}}
        state = None if told.get("lease") is None else State.of(told["lease"])
        return Event(
            type=kind,
            revision=whole(raw, "revision") or _revision(ident),
            name=text_at(raw, "name", needed=kind in _OF_A_LEASE) or (state.name if state else ""),
            holder=text_at(raw, "holder") or (state.holder if state else ""),
            token=whole(raw, "token") or (state.token if state else 0),
            cause=text_at(raw, "cause"),
            reason=text_at(raw, "reason"),
            by=text_at(raw, "by"),
            to=text_at(raw, "to"),
            at=str(raw.get("at", "")),
            meta=raw.get("meta"),
            lease=state,
        )


def _revision(ident: str) -> int:
    """Read the id of a message; 0: it has none."""
    return whole({"id": int(ident)}, "id") if ident.isdecimal() and len(ident) <= 20 else 0


@dataclass(frozen=True)
class Page:
    """One page of a listing, in the order of the names."""

    leases: tuple[State, ...]
    next: str  # cursor of the next page; "" at the end
    revision: int

    @staticmethod
    def of(raw: Any) -> Page:
        """Read it."""
        raw = members(raw)
        leases = tuple(State.of(l) for l in listed(raw, "leases"))
        return Page(leases, text_at(raw, "next"), whole(raw, "revision"))
