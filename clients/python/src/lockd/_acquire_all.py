"""An acquire of several leases: all are granted, or none. Threads and asyncio drive it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, Optional, Sequence

from ._acquire import WITHDRAW_TIMEOUT
from ._clock import between
from ._config import Config, Seconds, ms, seconds
from ._errors import LockdError
from ._hold import Hold
from ._model import Grant
from ._names import check_name
from ._options import checked_meta
from ._pending import PendingReleases, Release
from ._retry import AttemptErrors, Call, Operation, fixed, send
from ._validate import Malformed, listed, members

MAX_NAMES = 64


@dataclass
class AcquireAll:
    """One call of acquire_all, with all its requests, until its caller has the leases."""

    names: tuple[str, ...]
    ttl: float
    meta: Optional[Mapping[str, Any]]
    session: str
    attempt: str = field(default_factory=lambda: secrets.token_hex(8))
    errors: AttemptErrors = field(default_factory=AttemptErrors)
    under_way: bool = False  # a request is under way, or was granted

    @staticmethod
    def of(cfg: Config, names: Sequence[str], ttl: Seconds, meta: Optional[Mapping[str, Any]]) -> AcquireAll:
        """Check the arguments before anything is sent. Raises ValueError."""
        if isinstance(names, str):
            raise ValueError("names must be a sequence of names, not a str")
        names = tuple(names)
        for name in names:
            check_name(name)
        if not 1 <= len(names) <= MAX_NAMES or len(set(names)) < len(names):
            raise ValueError(f"names must be 1 to {MAX_NAMES} different names")
        cfg.check_ttl(seconds(ttl))
        return AcquireAll(names, seconds(ttl), checked_meta(meta), cfg.session)

    def body(self, holder: str) -> Mapping[str, Any]:
        """Return the body of a request."""
        body = {
            "names": list(self.names), "holder": holder, "session": self.session, "attempt": self.attempt,
            "ttl_ms": ms(self.ttl),
        }
        return {**body, "meta": self.meta} if self.meta else body

    def abandon(self, cfg: Config, pending: PendingReleases) -> list[Release]:
        """Note the releases of what the requests may have acquired. There is none if they acquired nothing."""
        if not (self.under_way or self.errors.maybe_applied):
            return []
        self.under_way = self.errors.maybe_applied = False
        lasts = self.ttl + cfg.attempt_timeout(self.ttl)
        return [pending.begin(name, self.session, {"attempt": self.attempt}, lasts) for name in self.names]


def acquire_all(cfg: Config, pending: PendingReleases, of: AcquireAll) -> Operation[list[Hold]]:
    """Acquire all leases in one step, or none. It never waits for a lease.

    A caller that closes the operation early has to call withdraw_all.
    """
    for name in of.names:
        yield from pending.settle(name, of.session)
    prepare = fixed(of.body(cfg.holder), cfg.attempt_timeout(of.ttl))
    of.under_way = True
    try:
        grants, sent = yield from send(cfg, Call("POST", "/v1/acquire", prepare, grants_of(of.names), errors=of.errors))
    except LockdError:
        of.under_way = False
        yield from withdraw_all(cfg, pending, of)
        raise
    return [Hold(cfg, grant, sent, of.ttl, of.session) for grant in grants]


def grants_of(names: Sequence[str]) -> Callable[[Any], list[Grant]]:
    """Return a function that reads the grants of these leases, in this order."""

    def read(raw: Any) -> list[Grant]:
        raw = members(raw)
        shared = {key: raw.get(key) for key in ("holder", "ttl_ms", "expires_in_ms", "waited_ms", "revision", "meta")}
        grants = [Grant.of({**shared, **_own(one)}) for one in listed(raw, "leases")]
        if [g.name for g in grants] != list(names):
            raise Malformed("it is about other leases")
        return grants

    return read


def _own(one: Any) -> dict[str, Any]:
    """Return the members of one lease; those that all leases share are ignored here."""
    one = members(one)
    return {key: one[key] for key in ("name", "token", "slot", "step_down", "previous") if key in one}


def withdraw_all(cfg: Config, pending: PendingReleases, of: AcquireAll) -> Operation[None]:
    """Release what the requests may have acquired. It takes at most 1 s; then it continues in the background."""
    start, left = cfg.clock(), of.abandon(cfg, pending)
    try:
        while left:
            budget = WITHDRAW_TIMEOUT - between(start, cfg.clock())
            if budget <= 0:
                return
            try:
                yield from pending.perform(left.pop(0), budget)
            except LockdError:
                pass
    finally:
        for release in left:
            pending.repeat(release)
