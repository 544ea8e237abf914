"""Renewals of several holds in as few requests as possible. Threads and asyncio drive them."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, Sequence

from ._clock import Instant
from ._config import Config
from ._errors import DENIED, LeaseLost, LockdError, NotAllowed
from ._hold import Hold
from ._model import Renewals
from ._operations import renew
from ._retry import Call, Operation, fixed, send

MAX_PER_RENEWAL = 256  # leases that one renewal may name


def until_renewal(hold: Hold) -> float:
    """Return how many seconds remain until the next renewal: a third of the TTL after the last one, with jitter."""
    third = hold.third
    return third - random.uniform(0, third / 10) - hold.since_sent()


def renew_holds(cfg: Config, holds: Sequence[Hold]) -> Operation[bool]:
    """Renew the holds whose renewal is due or will be due soon. Returns whether no attempt failed.

    A hold that an answer leaves out is renewed alone, so that a node reports how it was lost.
    """
    due = [h for h in holds if h.since_sent() >= h.third / 2 and not h.busy]
    ok = True
    for session in dict.fromkeys(h.session for h in due):
        ok = (yield from _renew_due(cfg, [h for h in due if h.session == session])) and ok
    return ok


def _renew_due(cfg: Config, due: Sequence[Hold]) -> Operation[bool]:
    ok = True
    for at in range(0, len(due), MAX_PER_RENEWAL):
        part = [h for h in due[at : at + MAX_PER_RENEWAL] if h.remaining() > 0]
        try:
            missing = (yield from _renew_part(cfg, part)) if len(part) > 1 else part
        except (LeaseLost, NotAllowed):
            missing = part  # perhaps only one of them is lost, or not allowed
        except LockdError as e:
            _note(cfg, e)
            ok = False
            continue
        for h in missing:
            ok = (yield from _renew_alone(cfg, h)) and ok
    return ok


def _renew_part(cfg: Config, part: Sequence[Hold]) -> Operation[list[Hold]]:
    """Renew holds of one session by one request. Returns the holds that the answer leaves out."""
    body = {"session": part[0].session, "leases": [{"name": h.grant.name, "token": h.grant.token} for h in part]}
    timeout, budget = cfg.attempt_timeout(min(h.grant.ttl for h in part)), min(h.remaining() for h in part)
    answer, sent = yield from send(cfg, renewal_call(body, timeout, budget=budget))
    cfg.tokens.renewed(None)
    return extend_all(part, answer, sent)


def renewal_call(body: dict[str, Any], timeout: float, **more: Any) -> Call:
    """Return the request that renews leases of one session."""
    return Call("POST", "/v1/sessions/renew", fixed(body, timeout), Renewals.of, **more)


def extend_all(holds: Sequence[Hold], answer: Renewals, sent: Instant) -> list[Hold]:
    """Extend the holds that an answer lists. Returns the others."""
    renewed = {(l.name, l.token): l for l in answer.leases}
    missing = []
    for h in holds:
        g = h.grant
        l = renewed.get((g.name, g.token))
        if l is None:
            missing.append(h)
            continue
        h.extend(
            replace(
                g, waited=answer.waited, expires_in=l.expires_in, revision=answer.revision, previous=None,
                step_down=l.step_down,
            ),
            sent,
        )
    return missing


def _renew_alone(cfg: Config, hold: Hold) -> Operation[bool]:
    left = hold.remaining()
    if left <= 0:
        return True  # the deadline loop ends it
    try:
        yield from renew(cfg, hold, budget=left)
    except LeaseLost:
        return True
    except LockdError as e:
        _note(cfg, e)
        return hold.ended is not None
    cfg.tokens.renewed(None)
    return True


def _note(cfg: Config, error: LockdError) -> None:
    """Log that the credentials were refused, since no caller receives the error."""
    if isinstance(error, DENIED):
        cfg.tokens.renewed(error)
