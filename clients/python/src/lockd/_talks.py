"""What is said to a cluster about leases: each talk is driven by threads or by asyncio."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any, Callable, Mapping, Optional, Sequence, cast

from ._clock import between
from ._config import DEFAULT_TTL, Config, Seconds, ms, seconds
from ._errors import LeaseLost, LockdError, OutcomeUnknown, Unavailable
from ._hold import Hold
from ._model import Grant, Page, Renewals, State
from ._rounds import (
    MAX_PAUSE,
    MIN_PAUSE,
    Call,
    Heard,
    Pause,
    Prepared,
    Talk,
    encoded,
    fixed,
    get,
    jitter,
    lease_path,
    send,
    unreachable,
)
from ._shape import Malformed, at_least_one, members, whole

MAX_TOGETHER = 256  # leases that one renewal may name
LEAVE_TIMEOUT = 1.0
MAX_LIMIT, MAX_PRIORITY, MAX_DELAY, MAX_META = 1024, 100, 60.0, 4096

_WORTH_WAITING = {"held", "delayed", "queue-full", "too-many-leases", "state-full", "rate-limited"}


@dataclass(frozen=True)
class Wish:
    """How a lease is wanted. Durations are in seconds."""

    name: str
    ttl: float = DEFAULT_TTL
    limit: int = 1
    delay: float = 0.0
    priority: int = 0
    meta: Optional[Mapping[str, Any]] = None
    reclaim: bool = False

    @staticmethod
    def of(
        cfg: Config, name: str, ttl: Seconds, limit: int, delay: Seconds, priority: int,
        meta: Optional[Mapping[str, Any]], reclaim: bool,
    ) -> Wish:
        """Check it before anything is sent."""
        wish = Wish(name, seconds(ttl), limit, seconds(delay), priority, checked_meta(meta), bool(reclaim))
        if not isinstance(name, str) or not name:
            raise ValueError("name must be a str that is not empty")
        cfg.check_ttl(wish.ttl)
        check_integer("limit", limit, 1, MAX_LIMIT)
        check_seconds("delay", wish.delay, MAX_DELAY)
        check_integer("priority", priority, -MAX_PRIORITY, MAX_PRIORITY)
        return wish

    def body(self, cfg: Config, wait: float) -> Mapping[str, Any]:
        """Return what is sent; what is not said is left to the cluster."""
        said: dict[str, Any] = {"holder": cfg.holder, "session": cfg.session, "ttl_ms": ms(self.ttl)}
        rare = {
            "wait_ms": ms(wait), "limit": self.limit if self.limit != 1 else None, "delay_ms": ms(self.delay),
            "priority": self.priority, "meta": self.meta, "reclaim": self.reclaim,
        }
        said.update({k: v for k, v in rare.items() if v})
        return said


def check_integer(name: str, value: int, least: int, most: int) -> None:
    """Refuse a parameter that is no integer in these bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} must be an integer from {least} to {most}, not {value!r}")


def check_seconds(name: str, value: float, most: float) -> None:
    """Refuse a parameter that is no duration in these bounds."""
    if not 0 <= value <= most:
        raise ValueError(f"{name} must be from 0 to {most:g} seconds, not {value:g}")


def checked_meta(meta: Optional[Mapping[str, Any]]) -> Optional[dict[str, Any]]:
    """Return meta as a dict. Raises ValueError if it is no JSON object, or too large."""
    if meta is None:
        return None
    if not isinstance(meta, Mapping):
        raise ValueError(f"meta must be a mapping, not {type(meta).__name__}")
    try:
        size = len(encoded(dict(meta)))
    except (TypeError, ValueError, RecursionError) as e:
        raise ValueError(f"meta must be made of JSON's types: {e}") from None
    if size > MAX_META:
        raise ValueError(f"meta must have at most {MAX_META} bytes as JSON, not {size}")
    return dict(meta)


@dataclass
class Place:
    """Whether the session has a place in the queue that no open request holds."""

    kept: bool = False

    def told(self, e: LockdError) -> None:
        """Take what a refusal says of it."""
        if e.problem is not None and e.problem.definitive and not isinstance(e, Unavailable):
            self.kept = e.problem.queued


def acquire(cfg: Config, debts: Debts, wish: Wish, wait: float, place: Place, keep_place: bool = False) -> Talk[Hold]:
    """Ask until the lease is had or the wait is over; then leave the queue, unless the place is kept.

    While the wait runs, failures that cost nothing are not raised: the session
    keeps its place and asks again. Whoever ends the talk early leaves the queue.
    """
    start, pause, heard = cfg.clock(), MIN_PAUSE, Heard()
    before = place.kept
    while True:
        asked = cfg.clock()
        left = min(max(wait - between(start, asked), 0.0), cfg.wait_piece)
        try:
            yield from debts.settle(cfg, wish.name)
            before, place.kept = place.kept, place.kept or left > 0  # for a caller that is interrupted meanwhile
            return (yield from _acquire_once(cfg, wish, left, heard))
        except LockdError as e:
            if isinstance(e, Unavailable):
                place.kept = before
            place.told(e)
            over = between(start, cfg.clock()) >= wait or unreachable(cfg, start)
            if over or not _worth_waiting(e, wish):
                if place.kept and not keep_place:
                    yield from leave_queue(cfg, wish.name)
                raise
        took = between(asked, cfg.clock())
        if took >= left > 0:
            pause = MIN_PAUSE  # the wait ran its course: ask again at once
            continue
        if took >= MAX_PAUSE:
            pause = MIN_PAUSE  # it was cut while it waited: its place is kept for a few seconds
        yield Pause(jitter(pause))
        pause = min(2 * pause, MAX_PAUSE)


def _acquire_once(cfg: Config, wish: Wish, wait: float, heard: Heard) -> Talk[Hold]:
    def prepare(elapsed: float) -> Prepared:
        left = max(wait - elapsed, 0.0)
        return Prepared(wish.body(cfg, left), left + cfg.attempt_timeout(wish.ttl), left)

    # A late copy of a reclaim would take the token of its repeat.
    path, read = lease_path(wish.name, "acquire"), _grant_of(wish.name)
    grant, sent = yield from send(cfg, Call("POST", path, prepare, read, repeatable=not wish.reclaim, heard=heard))
    return Hold(cfg, grant, sent, wish.ttl)


def _grant_of(name: str, token: Optional[int] = None) -> Callable[[Any], Grant]:
    """Return what reads a grant of this lease, and of this hold where that is known."""

    def read(raw: Any) -> Grant:
        g = Grant.of(raw)
        if g.name != name or token not in (None, g.token):
            raise Malformed("it is of another hold")
        return g

    return read


def _worth_waiting(e: LockdError, wish: Wish) -> bool:
    if isinstance(e, OutcomeUnknown):
        return not wish.reclaim
    return isinstance(e, Unavailable) or e.problem is not None and e.problem.type in _WORTH_WAITING


def leave_queue(cfg: Config, name: str) -> Talk[None]:
    """Give up a place that nobody will ask for again; where that fails it ends by itself in seconds."""
    body = {"session": cfg.session}
    call = Call("POST", lease_path(name, "release"), fixed(body, cfg.attempt_timeout()), budget=LEAVE_TIMEOUT)
    try:
        yield from send(cfg, call)
    except LockdError:
        pass


class Debts:
    """Holds that were given back without a word of what came of it.

    A copy of that request may yet arrive. It is repeated until it is certain
    before the session asks for the lease again, so that the next hold has a token
    that no late copy reaches.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, int] = {}

    def owe(self, name: str, token: int) -> None:
        """Note one."""
        self._tokens[name] = token

    def paid(self, name: str) -> None:
        """Note that it is certain."""
        self._tokens.pop(name, None)

    def settle(self, cfg: Config, name: str) -> Talk[None]:
        """Give it back for certain."""
        token = self._tokens.get(name)
        if token is None:
            return
        body = {"session": cfg.session, "token": token}
        try:
            yield from send(cfg, Call("POST", lease_path(name, "release"), fixed(body, cfg.attempt_timeout())))
        except LeaseLost:
            pass
        self.paid(name)


def release(cfg: Config, debts: Debts, hold: Hold, delay: float) -> Talk[None]:
    """Give a lease back. That it was lost already is no error. A forked child sends nothing."""
    if hold.foreign:
        return
    g = hold.grant
    hold.give_back()
    body: dict[str, Any] = {"session": cfg.session, "token": g.token}
    if delay:
        body["delay_ms"] = ms(delay)
    debts.owe(g.name, g.token)  # until it is certain; whoever is cut off here owes it still
    try:
        yield from send(cfg, Call("POST", lease_path(g.name, "release"), fixed(body, cfg.attempt_timeout())))
    except LeaseLost:
        pass
    debts.paid(g.name)


def renew(cfg: Config, hold: Hold, ttl: Optional[float] = None, meta: Optional[Mapping[str, Any]] = None,
          budget: Optional[float] = None) -> Talk[None]:
    """Keep a lease. A loss ends the hold; after another error the deadline stands as it was."""
    if hold.ended is not None:
        raise hold.ended
    if ttl is not None:
        cfg.check_ttl(ttl)
    meta = checked_meta(meta)
    g = hold.grant
    doubt = False
    if ttl is not None:
        hold.shorten(ttl)
    try:
        body: dict[str, Any] = {"session": cfg.session, "token": g.token}
        if ttl is not None:
            body["ttl_ms"] = ms(ttl)
        if meta is not None:
            body["meta"] = meta
        prepare, read = fixed(body, cfg.attempt_timeout(ttl or g.ttl)), _grant_of(g.name, g.token)
        grant, sent = yield from send(cfg, Call("POST", lease_path(g.name, "renew"), prepare, read, budget=budget))
        hold.extend(grant, sent, change=ttl)
    except LeaseLost as e:
        hold.lose(e)
        raise
    except (OutcomeUnknown, GeneratorExit):
        doubt = True
        raise
    finally:
        if ttl is not None:
            hold.settle(ttl, doubt)
    if hold.ended is not None:
        raise hold.ended  # an answer that came too late revives nothing


def transfer(cfg: Config, debts: Debts, hold: Hold, to: str) -> Talk[int]:
    """Hand a lease to a waiter in one step. From now on nothing is held, unless nothing changed."""
    if hold.ended is not None:
        raise hold.ended
    g = hold.grant
    hold.hand(+1)
    try:
        body = {"session": cfg.session, "token": g.token, "to": to}
        path, read = lease_path(g.name, "transfer"), lambda raw: whole(members(raw), "token")
        token, _ = yield from send(cfg, Call("POST", path, fixed(body, cfg.attempt_timeout()), read))
    except LeaseLost as e:
        hold.lose(e)
        raise
    except (LockdError, GeneratorExit) as e:
        if isinstance(e, (OutcomeUnknown, GeneratorExit)):
            debts.owe(g.name, g.token)
            hold.give_back()
        raise
    finally:
        hold.hand(-1)
    hold.give_back()
    return int(token)


def until_renewal(hold: Hold) -> float:
    """Return how long to wait for the next renewal: a third of the TTL, jittered, after the last."""
    third = hold.third
    return third - random.uniform(0, third / 10) - hold.since_sent()


def renew_together(cfg: Config, holds: Sequence[Hold]) -> Talk[bool]:
    """Renew those that are due or will be soon, in as few calls as may be.

    Returns whether no attempt failed. What an answer leaves out is asked for
    alone, to be told how it was lost.
    """
    due = [h for h in holds if h.since_sent() >= h.third / 2 and not h.busy]
    ok = True
    for at in range(0, len(due), MAX_TOGETHER):
        part = [h for h in due[at : at + MAX_TOGETHER] if h.remaining() > 0]
        try:
            left = (yield from _renew_part(cfg, part)) if len(part) > 1 else part
        except LeaseLost:
            left = part
        except LockdError:
            ok = False
            continue
        for h in left:
            ok = (yield from _renew_alone(cfg, h)) and ok
    return ok


def _renew_part(cfg: Config, part: Sequence[Hold]) -> Talk[list[Hold]]:
    """Return those of which the answer says nothing."""
    body = {"session": cfg.session, "leases": [{"name": h.grant.name, "token": h.grant.token} for h in part]}
    timeout = cfg.attempt_timeout(min(h.grant.ttl for h in part))
    budget = min(h.remaining() for h in part)
    answer, sent = yield from send(cfg, Call("POST", "/v1/sessions/renew", fixed(body, timeout), Renewals.of, budget=budget))
    told = {(l.name, l.token): l for l in answer.leases}
    left = []
    for h in part:
        g = h.grant
        l = told.get((g.name, g.token))
        if l is None:
            left.append(h)
            continue
        h.extend(
            replace(
                g, waited=answer.waited, expires_in=l.expires_in, revision=answer.revision, previous=None,
                step_down=l.step_down,
            ),
            sent,
        )
    return left


def _renew_alone(cfg: Config, hold: Hold) -> Talk[bool]:
    left = hold.remaining()
    if left <= 0:
        return True  # whoever watches the deadline ends it
    try:
        yield from renew(cfg, hold, budget=left)
    except LeaseLost:
        return True
    except LockdError:
        return hold.ended is not None
    return True


def read(cfg: Config, name: str, stale: bool) -> Talk[State]:
    """Read a lease. A free lease is a state, and no error."""
    query = {"stale": "true"} if stale else None
    state, _ = yield from send(cfg, get(cfg, lease_path(name), query, _state_of(name)))
    return cast(State, state)


def _state_of(name: str) -> Callable[[Any], State]:
    def read(raw: Any) -> State:
        state = State.of(raw)
        if state.name != name:
            raise Malformed("it is of another lease")
        return state

    return read


def page(cfg: Config, prefix: str, holder: str, cursor: str, stale: bool) -> Talk[Page]:
    """Read one page of the leases that are held, delayed or waited for."""
    said = {"prefix": prefix, "holder": holder, "cursor": cursor, "stale": "true" if stale else ""}
    of, _ = yield from send(cfg, get(cfg, "/v1/leases", {k: v for k, v in said.items() if v}, Page.of))
    return cast(Page, of)


def check(cfg: Config, name: str, token: int) -> Talk[bool]:
    """Ask whether a token is that of a hold that stands."""

    def current(raw: Any) -> bool:
        if at_least_one(members(raw), "token") != token:
            raise Malformed("it is of another hold")
        return True

    try:
        yield from send(cfg, get(cfg, lease_path(name, "check"), {"token": str(token)}, current))
    except LockdError as e:
        if e.problem is not None and e.problem.status == 409:
            return False
        raise
    return True
