"""What can go wrong, by what a holder has to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

from ._model import State
from ._validate import Json, listed, members, parsed, seconds_at, text_at, whole


def _wrong(e: dict[str, Any]) -> str:
    """Say what is wrong with a parameter, by its name in Python."""
    field, reason = str(e.get("field")), str(e.get("reason"))
    return f"{field[:-3]} {reason} (in milliseconds)" if field.endswith("_ms") else f"{field} {reason}"


@dataclass(frozen=True)
class Problem:
    """A node's refusal, after RFC 9457."""

    type: str  # the short name, such as "held"; "" where the answer was no problem
    status: int
    title: str = ""
    detail: str = ""
    definitive: bool = True  # nothing was applied
    lost: bool = False  # the caller certainly holds nothing: stop
    lease: Optional[State] = None  # the lease at the time of the refusal
    leases: tuple[State, ...] = ()  # those that blocked an acquire of several leases
    queued: bool = False  # the session keeps its place in the queue
    position: int = 0  # 1 is next
    ticket_expires_in: float = 0.0
    retry_after: float = 0.0  # at most 30 s
    oldest: int = 0  # with "gone": from which revision a watch can resume
    errors: list[Any] = field(default_factory=list)  # with "invalid": field and reason

    def __str__(self) -> str:
        wrong = "; ".join(_wrong(e) for e in self.errors if isinstance(e, dict))
        text = wrong or self.detail or self.title or f"status {self.status}"
        return f"{text} ({self.type})" if self.type else text


class LockdError(Exception):
    """Any failure of this package; ``problem`` is the node's answer, where it was one."""

    def __init__(self, message: object, problem: Optional[Problem] = None) -> None:
        super().__init__(str(message))
        self.problem = problem

    @property
    def lease(self) -> Optional[State]:
        """The lease as the node that refused a request has it; None if the node did not say."""
        return None if self.problem is None else self.problem.lease

    @property
    def holder(self) -> str:
        """The label of the lease's first holder, by the node that refused a request; "" if that is not known."""
        return "" if self.lease is None else self.lease.holder


class Refused(LockdError):
    """A node answered, and nothing was applied."""


class NotAcquired(Refused):
    """An acquire was refused: you do not hold it."""


class Held(NotAcquired):
    """An acquire was refused because others hold the lease or wait for it."""


class Reentrant(LockdError):
    """The caller would wait for itself, in a block under the lease that it asks for. Nothing was sent."""


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


MAX_RETRY_AFTER = 30  # seconds; a node cannot make a client wait for longer
PERMANENT_REFUSALS = {"limit-mismatch", "session-in-use"}  # to campaign on
_NOT_ACQUIRED = {"held", "delayed", "withdrawn", *PERMANENT_REFUSALS}


def problem_of(status: int, retry_after: str, body: bytes) -> Problem:
    """Read a node's answer that is no 2xx; one that is no problem, too."""
    after = 0.0
    if retry_after.isdecimal():
        after = float(MAX_RETRY_AFTER if len(retry_after) > 9 else min(int(retry_after), MAX_RETRY_AFTER))
    try:
        return _problem(status, after, members(parsed(body)))
    except (ValueError, RecursionError):
        line = body.decode("utf-8", "replace").strip().split("\n")[0]
        return Problem("", status, detail=line[:200], definitive=status < 500, retry_after=after)


def _problem(status: int, retry_after: float, raw: Json) -> Problem:
    lease, definitive, asked = raw.get("lease"), raw.get("definitive"), seconds_at(raw, "retry_after_ms")
    return Problem(
        type=text_at(raw, "type").rsplit("/", 1)[-1],
        status=status,
        title=text_at(raw, "title"),
        detail=text_at(raw, "detail"),
        definitive=definitive if isinstance(definitive, bool) else status < 500,
        lost=raw.get("lost") is True,
        lease=None if lease is None else State.of(lease),
        leases=tuple(State.of(l) for l in listed(raw, "leases", needed=False)),
        queued=raw.get("queued") is True,
        position=whole(raw, "position"),
        ticket_expires_in=seconds_at(raw, "ticket_expires_in_ms") or 0.0,
        retry_after=retry_after if asked is None else min(asked, MAX_RETRY_AFTER),
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
