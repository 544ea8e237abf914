"""What can go wrong, by what a holder has to do about it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Optional

from ._model import State
from ._shape import Json, listed, members, seconds_at, text_at, whole


@dataclass(frozen=True)
class Problem:
    """A node's refusal, after RFC 9457."""

    type: str  # the short name, such as "held"; "" where the answer was no problem
    status: int
    title: str = ""
    detail: str = ""
    definitive: bool = True  # nothing was applied
    lost: bool = False  # the caller certainly holds nothing: stop
    lease: Optional[State] = None  # as it stood
    queued: bool = False  # the session keeps its place in the queue
    position: int = 0  # 1 is next
    ticket_expires_in: float = 0.0
    retry_after: float = 0.0
    oldest: int = 0  # with "gone": from which revision a watch can resume
    errors: list[Any] = field(default_factory=list)  # with "invalid": field and reason

    def __str__(self) -> str:
        wrong = "; ".join(f"{e.get('field')} {e.get('reason')}" for e in self.errors if isinstance(e, dict))
        text = wrong or self.detail or self.title or f"status {self.status}"
        return f"{text} ({self.type})" if self.type else text


class LockdError(Exception):
    """Any failure of this package; ``problem`` is the node's answer, where it was one."""

    def __init__(self, message: object, problem: Optional[Problem] = None) -> None:
        super().__init__(str(message))
        self.problem = problem


class Refused(LockdError):
    """A node answered, and nothing was applied."""


class NotAcquired(Refused):
    """An acquire was refused: you do not hold it."""


class Held(NotAcquired):
    """An acquire was refused because others hold the lease or wait for it."""


class LeaseLost(LockdError):
    """The hold has certainly ended, or its local deadline has passed: stop the work."""


class Released(LockdError):
    """The lease was given back or handed over by its holder."""


class Unavailable(LockdError):
    """No node took the request: nothing was applied, and nothing is lost by it."""


class OutcomeUnknown(LockdError):
    """The request may have taken effect: keep working until the deadline, and repeat it."""


class Gone(LockdError):
    """A watch cannot go on: its point of resumption is no longer in the history."""


POINTLESS = {"limit-mismatch", "session-in-use"}  # to campaign on
_NOT_ACQUIRED = {"held", "delayed", *POINTLESS}


def problem_of(status: int, retry_after: str, body: bytes) -> Problem:
    """Read a node's answer that is no 2xx; one that is no problem, too."""
    after = float(retry_after) if retry_after.isdecimal() else 0.0
    try:
        return _problem(status, after, members(json.loads(body)))
    except (ValueError, RecursionError):
        line = body.decode("utf-8", "replace").strip().split("\n")[0]
        return Problem("", status, detail=line[:200], definitive=status < 500, retry_after=after)


def _problem(status: int, retry_after: float, raw: Json) -> Problem:
    lease, definitive = raw.get("lease"), raw.get("definitive")
    return Problem(
        type=text_at(raw, "type").rsplit("/", 1)[-1],
        status=status,
        title=text_at(raw, "title"),
        detail=text_at(raw, "detail"),
        definitive=definitive if isinstance(definitive, bool) else status < 500,
        lost=raw.get("lost") is True,
        lease=None if lease is None else State.of(lease),
        queued=raw.get("queued") is True,
        position=whole(raw, "position"),
        ticket_expires_in=seconds_at(raw, "ticket_expires_in_ms") or 0.0,
        retry_after=retry_after,
        oldest=whole(raw, "oldest"),
        errors=list(listed(raw, "errors", needed=False)),
    )


def error_of(p: Problem) -> LockdError:
    """Return the exception that a problem is."""
    kind: type[LockdError] = Refused
    if p.type == "gone":
        kind = Gone
    elif not p.definitive:
        kind = OutcomeUnknown
    elif p.lost:
        kind = LeaseLost
    elif p.status == 503:
        kind = Unavailable
    elif p.type == "held":
        kind = Held
    elif p.type in _NOT_ACQUIRED:
        kind = NotAcquired
    return kind(p, p)
