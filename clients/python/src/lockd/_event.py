"""Events: the changes of leases, as a watch and a history return them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from ._model import State
from ._validate import listed, members, seconds_at, text_at, whole

_OF_A_LEASE = frozenset(
    ("acquired", "released", "expired", "broken", "transferred", "delayed", "free", "meta", "step_down", "reclaimed")
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
    reason: str = ""  # broken: the operator's reason
    by: str = ""  # broken, step_down: the address of the caller
    to: str = ""  # transferred: the holder that got the lease; step_down: the one that should get it
    at: str = ""  # RFC 3339, for information only
    meta: Optional[Any] = None
    lease: Optional[State] = None  # state: the lease
    within: Optional[float] = None  # step_down: seconds within which to step down
    held: Optional[float] = None  # an end of a hold: how many seconds it lasted
    vacancy: Optional[float] = None  # acquired: for how many seconds the lease had no holder

    @staticmethod
    def of(kind: str, ident: str, raw: Any) -> Event:
        """Read it from the type, the id and the JSON of a message. Raises Malformed."""
        raw = members(raw)
        kind = kind or text_at(raw, "type")
        with_lease = raw if kind != "state" else {**raw, "lease": raw.get("lease") or {}}
        state = None if with_lease.get("lease") is None else State.of(with_lease["lease"])
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
            within=seconds_at(raw, "within_ms"),
            held=seconds_at(raw, "held_ms"),
            vacancy=seconds_at(raw, "vacancy_ms"),
        )


def _revision(ident: str) -> int:
    """Return the revision that the id of a message gives; 0 if it has none."""
    return whole({"id": int(ident)}, "id") if ident.isdecimal() and len(ident) <= 20 else 0


@dataclass(frozen=True)
class History:
    """The newest events of one lease, newest first."""

    name: str
    events: tuple[Event, ...]
    revision: int

    @staticmethod
    def of(raw: Any) -> History:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        events = tuple(Event.of("", "", e) for e in listed(raw, "events"))
        return History(text_at(raw, "name", needed=True), events, whole(raw, "revision"))
