"""Operations on all leases of a client: renew them, or release them. Threads and asyncio drive each of them."""

from __future__ import annotations

from typing import Optional, Sequence

from ._config import DEFAULT_TTL, Config
from ._errors import LeaseLost
from ._hold import Hold
from ._model import Renewals, SessionReleased
from ._operations import abandon
from ._pending import PendingReleases
from ._renewals import extend_all, renewal_call
from ._retry import Call, Operation, fixed, send


def sessions_of(cfg: Config, holds: Sequence[Hold]) -> list[str]:
    """Return the client's session, then the sessions of further holds with a limit above 1."""
    return list(dict.fromkeys([cfg.session, *(h.session for h in holds)]))


def renew_session(cfg: Config, holds: Sequence[Hold]) -> Operation[Renewals]:
    """Renew all leases of a client, by one request for each of its sessions. Holds that an answer lists are extended.

    Raises LeaseLost if none of the sessions holds a lease.
    """
    parts: list[Renewals] = []
    refusal: Optional[LeaseLost] = None
    for session in sessions_of(cfg, holds):
        part = [h for h in holds if h.session == session and h.ended is None and not h.busy]
        timeout = cfg.attempt_timeout(min([h.grant.ttl for h in part], default=DEFAULT_TTL))
        try:
            answer, sent = yield from send(cfg, renewal_call({"session": session}, timeout))
        except LeaseLost as e:
            refusal = e
            continue
        extend_all(part, answer, sent)
        parts.append(answer)
    if not parts:
        assert refusal is not None
        raise refusal
    leases = tuple(l for part in parts for l in part.leases)
    return Renewals(leases, max(p.waited for p in parts), min(p.revision for p in parts))


def release_session(cfg: Config, pending: PendingReleases, holds: Sequence[Hold]) -> Operation[SessionReleased]:
    """Release all leases of a client and leave every queue. Every hold ends when its request is sent.

    If it fails, each hold is released in the background.
    """
    answers: list[SessionReleased] = []
    for session in sessions_of(cfg, holds):
        part = [h for h in holds if h.session == session]
        for h in part:
            h.mark_released()
        try:
            prepare = fixed({"session": session}, cfg.attempt_timeout())
            call = Call("POST", "/v1/sessions/release", prepare, SessionReleased.of)
            answer, _ = yield from send(cfg, call)
        except BaseException:
            for h in holds:
                abandon(pending, h)
            raise
        for h in part:
            h.released = True
        answers.append(answer)
    return SessionReleased(
        tuple(h for a in answers for h in a.released), tuple(name for a in answers for name in a.left),
        max(a.revision for a in answers),
    )
