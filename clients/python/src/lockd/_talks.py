"""What is said to a cluster about leases that are held: each talk is driven by threads or by asyncio."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, Callable, Mapping, Optional, Sequence, cast

from ._acquire import grant_of
from ._config import Config, ms
from ._errors import LeaseLost, LockdError, OutcomeUnknown
from ._hold import Hold
from ._model import Page, ReleaseAnswer, Renewals, State
from ._names import check_name, check_prefix
from ._pending import PendingReleases
from ._rounds import Call, Talk, fixed, get, lease_path, send
from ._shape import Malformed, at_least_one, members, whole
from ._wanted import checked_meta

MAX_TOGETHER = 256  # leases that one renewal may name
FINISH_TIMEOUT = 5.0  # for a release after finished work, and for those of a client that is closed


def release(
    cfg: Config, pending: PendingReleases, hold: Hold, delay: float = 0.0, budget: Optional[float] = None
) -> Talk[None]:
    """Release a lease. A forked child sends nothing.

    Raises LeaseLost if the node reports that the hold had ended before, unless the caller knew of the loss already.
    After another error the release goes on in the background.
    """
    if hold.foreign or hold.released:
        return
    reported, g = isinstance(hold.ended, LeaseLost), hold.grant
    target: dict[str, Any] = {"token": g.token}
    if delay:
        target["delay_ms"] = ms(delay)
    release = pending.begin(g.name, hold.session, target, hold.longest_ttl, hold.releases)
    hold.give_back()
    answer = yield from pending.perform(release, budget)
    hold.released = True
    if not reported:
        _check_end(hold, answer)


def abandon(pending: PendingReleases, hold: Hold) -> None:
    """Release a hold in the background, if a release of it was ended by an exception from outside."""
    if hold.foreign or hold.released:
        return
    g = hold.grant
    pending.repeat(pending.begin(g.name, hold.session, {"token": g.token}, hold.longest_ttl, hold.releases))
    hold.give_back()


def _check_end(hold: Hold, answer: ReleaseAnswer) -> None:
    """Raise if the answer to a release means that the hold had ended before."""
    if answer.was_held is not False:
        return
    g = hold.grant
    if hold.releases.doubtful:
        if answer.ended == "released":
            return  # by an earlier copy of this request
        if not answer.ended:
            raise OutcomeUnknown(f"{g.name} is released; whether it was lost before is not known")
    how = f": {answer.ended}" if answer.ended else ""
    hold.late_loss = LeaseLost(f"the hold of {g.name} with token {g.token} had ended before its release{how}")
    raise hold.late_loss


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
        body: dict[str, Any] = {"session": hold.session, "token": g.token}
        if ttl is not None:
            body["ttl_ms"] = ms(ttl)
        if meta is not None:
            body["meta"] = meta
        prepare, read = fixed(body, cfg.attempt_timeout(ttl or g.ttl)), grant_of(g.name, g.token)
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


def transfer(cfg: Config, pending: PendingReleases, hold: Hold, to: str) -> Talk[int]:
    """Hand a lease to a waiter in one step. From now on nothing is held, unless nothing changed."""
    if not isinstance(to, str):
        raise ValueError(f"to must be a str, not {type(to).__name__}")
    if hold.ended is not None:
        raise hold.ended
    g = hold.grant
    hold.hand(+1)
    try:
        body = {"session": hold.session, "token": g.token, "to": to}
        path, read = lease_path(g.name, "transfer"), lambda raw: whole(members(raw), "token")
        token, _ = yield from send(cfg, Call("POST", path, fixed(body, cfg.attempt_timeout()), read))
    except LeaseLost as e:
        hold.lose(e)
        raise
    except (LockdError, GeneratorExit) as e:
        if isinstance(e, (OutcomeUnknown, GeneratorExit)):
            pending.repeat(pending.begin(g.name, hold.session, {"token": g.token}, hold.longest_ttl))
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
    for session in dict.fromkeys(h.session for h in due):
        ok = (yield from _renew_session(cfg, [h for h in due if h.session == session])) and ok
    return ok


def _renew_session(cfg: Config, due: Sequence[Hold]) -> Talk[bool]:
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
    body = {"session": part[0].session, "leases": [{"name": h.grant.name, "token": h.grant.token} for h in part]}
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
    check_name(name)
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
    check_prefix(prefix)
    said = {"prefix": prefix, "holder": holder, "cursor": cursor, "stale": "true" if stale else ""}
    of, _ = yield from send(cfg, get(cfg, "/v1/leases", {k: v for k, v in said.items() if v}, Page.of))
    return cast(Page, of)


def check(cfg: Config, name: str, token: int) -> Talk[bool]:
    """Report whether a token is that of a hold that is current."""
    check_name(name)

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
