"""What nodes tell. Durations are seconds here; members that are not known are ignored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Optional

Json = Mapping[str, Any]


def _seconds(of: Json, key: str) -> Optional[float]:
    ms = of.get(key)
    return None if ms is None else float(ms) / 1000


@dataclass(frozen=True)
class Previous:
    """How the last hold of a name ended."""

    holder: str
    token: int
    end: str  # released, transferred, expired, broken or reclaimed


@dataclass(frozen=True)
class StepDown:
    """Somebody asked the holder to hand over."""

    by: str = ""
    reason: str = ""
    to: str = ""
    within: Optional[float] = None

    @staticmethod
    def of(raw: Json) -> StepDown:
        """Read it."""
        return StepDown(raw.get("by", ""), raw.get("reason", ""), raw.get("to", ""), _seconds(raw, "within_ms"))


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
    def of(raw: Json) -> Grant:
        """Read it."""
        previous, step_down = raw.get("previous"), raw.get("step_down")
        return Grant(
            name=raw["name"],
            holder=raw.get("holder", ""),
            token=int(raw["token"]),
            slot=int(raw.get("slot", 0)),
            ttl=raw["ttl_ms"] / 1000,
            expires_in=raw["expires_in_ms"] / 1000,
            waited=raw.get("waited_ms", 0) / 1000,
            revision=int(raw.get("revision", 0)),
            meta=raw.get("meta"),
            previous=Previous(previous["holder"], int(previous["token"]), previous["end"]) if previous else None,
            step_down=StepDown.of(step_down) if step_down else None,
        )


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

    @staticmethod
    def of(raw: Json) -> State:
        """Read it."""
        return State(
            name=raw["name"],
            state=raw.get("state", ""),
            revision=int(raw.get("revision", 0)),
            limit=int(raw.get("limit", 1)),
            holder=raw.get("holder", ""),
            token=int(raw.get("token", 0)),
            holders=tuple(
                HolderState(
                    h["holder"], int(h["token"]), int(h.get("slot", 0)), h["ttl_ms"] / 1000,
                    h.get("held_ms", 0) / 1000, _seconds(h, "free_in_ms"), h.get("meta"),
                )
                for h in raw.get("holders") or ()
            ),
            queue_length=int(raw.get("queue_length", 0)),
            available_in=_seconds(raw, "available_in_ms"),
            transitions=int(raw.get("transitions", 0)),
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
    def of(kind: str, ident: str, raw: Json) -> Event:
        """Read it from a message of a stream."""
        lease = raw.get("lease")
        state = State.of(lease) if lease else None
        return Event(
            type=kind or raw.get("type", ""),
            revision=int(raw.get("revision") or (ident if ident.isdecimal() else 0)),
            name=raw.get("name", "") or (state.name if state else ""),
            holder=raw.get("holder", "") or (state.holder if state else ""),
            token=int(raw.get("token", 0)) or (state.token if state else 0),
            cause=raw.get("cause", ""),
            reason=raw.get("reason", ""),
            by=raw.get("by", ""),
            to=raw.get("to", ""),
            at=str(raw.get("at", "")),
            meta=raw.get("meta"),
            lease=state,
        )


@dataclass(frozen=True)
class Page:
    """One page of a listing, in the order of the names."""

    leases: tuple[State, ...]
    next: str  # cursor of the next page; "" at the end
    revision: int
