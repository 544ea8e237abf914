"""Operations on one hold: release, renew and transfer. Threads and asyncio drive each of them."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from ._acquire import grant_of
from ._config import Config, ms
from ._errors import LeaseLost, LockdError, OutcomeUnknown
from ._hold import Hold
from ._model import ReleaseAnswer
from ._options import checked_meta
from ._pending import PendingReleases
from ._retry import Call, Operation, fixed, lease_path, send
from ._validate import members, whole

FINISH_TIMEOUT = 5.0  # seconds, for a release after finished work and for the releases of a client that is closed


def release(
    cfg: Config, pending: PendingReleases, hold: Hold, delay: float = 0.0, budget: Optional[float] = None
) -> Operation[None]:
    """Release a lease. A forked child sends nothing.

    Raises LeaseLost if the node reports that the hold had ended before, unless the caller knew of the loss already.
    After another error the release continues in the background.
    """
    if hold.foreign or hold.released:
        return
    reported, g = isinstance(hold.ended, LeaseLost), hold.grant
    target: dict[str, Any] = {"token": g.token}
    if delay:
        target["delay_ms"] = ms(delay)
    release = pending.begin(g.name, hold.session, target, hold.longest_ttl, hold.release_errors)
    hold.mark_released()
    answer = yield from pending.perform(release, budget)
    hold.released = True
    if not reported:
        _check_end(hold, answer)


def abandon(pending: PendingReleases, hold: Hold) -> None:
    """Release a hold in the background, after an exception from outside ended its release."""
    if hold.foreign or hold.released:
        return
    g = hold.grant
    pending.repeat(pending.begin(g.name, hold.session, {"token": g.token}, hold.longest_ttl, hold.release_errors))
    hold.mark_released()


def _check_end(hold: Hold, answer: ReleaseAnswer) -> None:
    """Raise an error if the answer to a release means that the hold had ended before."""
    if answer.was_held is not False or answer.ended in ("released", "transferred"):
        return  # only the session itself ends a hold in these ways: a node may have repeated the request
    g = hold.grant
    if hold.release_errors.maybe_applied:
        if not answer.ended:
            raise OutcomeUnknown(f"{g.name} is released; whether it was lost before is not known")
    how = f": {answer.ended}" if answer.ended else ""
    hold.late_loss = LeaseLost(f"the hold of {g.name} with token {g.token} had ended before its release{how}")
    raise hold.late_loss


def renew(cfg: Config, hold: Hold, ttl: Optional[float] = None, meta: Optional[Mapping[str, Any]] = None,
          budget: Optional[float] = None) -> Operation[None]:
    """Renew a lease. A loss ends the hold. After another error the deadline is unchanged."""
    if hold.ended is not None:
        raise hold.ended
    if ttl is not None:
        cfg.check_ttl(ttl)
    meta = checked_meta(meta)
    g = hold.grant
    unknown = False
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
        unknown = True
        raise
    finally:
        if ttl is not None:
            hold.settle(ttl, unknown)
    if hold.ended is not None:
        raise hold.ended  # an answer after the deadline does not extend the hold


def transfer(cfg: Config, pending: PendingReleases, hold: Hold, to: str) -> Operation[int]:
    """Transfer a lease to a waiter in one step. The hold ends when this is sent, unless a node refuses it."""
    if not isinstance(to, str):
        raise ValueError(f"to must be a str, not {type(to).__name__}")
    if hold.ended is not None:
        raise hold.ended
    g = hold.grant
    hold.count_transfer(+1)
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
            hold.mark_released()
        raise
    finally:
        hold.count_transfer(-1)
    hold.mark_released()
    return int(token)
