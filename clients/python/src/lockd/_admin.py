"""Operations of an operator on a hold of another session. Threads and asyncio drive each of them."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional, cast

from ._config import Config, Seconds, ms, seconds
from ._model import Broken, StepDownAccepted
from ._names import check_name
from ._options import check_integer, check_seconds
from ._retry import Call, Operation, fixed, lease_path, send
from ._validate import MAX_INTEGER, Malformed

MAX_GRACE = MAX_WITHIN = 24 * 3600.0  # seconds
MAX_REASON = 500  # characters


def break_lease(cfg: Config, name: str, token: int, reason: str, grace: Optional[Seconds]) -> Operation[Broken]:
    """End the hold that has this token. It is repeatable: the token names the hold."""
    if not isinstance(reason, str) or not 1 <= len(reason) <= MAX_REASON:
        raise ValueError(f"reason must be a str of 1 to {MAX_REASON} characters")
    body: dict[str, Any] = {"reason": reason}
    if grace is not None:
        check_seconds("grace", seconds(grace), MAX_GRACE)
        body["grace_ms"] = ms(seconds(grace))
    return cast(Broken, (yield from _send(cfg, name, token, "break", body, Broken.of)))


def request_step_down(
    cfg: Config, name: str, token: int, to: str, within: Optional[Seconds]
) -> Operation[StepDownAccepted]:
    """Ask the holder that has this token to step down. It is repeatable: the token names the hold."""
    if not isinstance(to, str):
        raise ValueError(f"to must be a str, not {type(to).__name__}")
    body: dict[str, Any] = {"to": to} if to else {}
    if within is not None:
        check_seconds("within", seconds(within), MAX_WITHIN)
        if seconds(within) <= 0:
            raise ValueError("within must be more than 0 seconds; None is no time limit")
        body["within_ms"] = ms(seconds(within))
    return cast(StepDownAccepted, (yield from _send(cfg, name, token, "step-down", body, StepDownAccepted.of)))


def _send(
    cfg: Config, name: str, token: int, verb: str, body: Mapping[str, Any], of: Callable[[Any], Any]
) -> Operation[Any]:
    check_name(name)
    check_integer("token", token, 1, MAX_INTEGER)

    def read(raw: Any) -> Any:
        answer = of(raw)
        if (answer.name, answer.token) != (name, token):
            raise Malformed("it is about another hold")
        return answer

    prepare = fixed({"token": token, **body}, cfg.attempt_timeout())
    answer, _ = yield from send(cfg, Call("POST", lease_path(name, verb), prepare, read))
    return answer
