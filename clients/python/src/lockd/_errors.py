"""The errors of the client. Each class is one reaction of a holder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

from ._model import State
from ._validate import Json, listed, members, parsed, seconds_at, text_at, whole


def _wrong(e: dict[str, Any]) -> str:
    """Return the text about a wrong parameter, with its name in Python."""
    field, reason = str(e.get("field")), str(e.get("reason"))
    return f"{field[:-3]} {reason} (in milliseconds)" if field.endswith("_ms") else f"{field} {reason}"


@dataclass(frozen=True)
class Problem:
    """The refusal of a node, as RFC 9457 problem details."""

    type: str  # the short name, such as "held"; "" if the answer was not a problem
    status: int
    title: str = ""
    detail: str = ""
    definitive: bool = True  # nothing was applied
    lost: bool = False  # the caller does not hold the lease: stop the work
    lease: Optional[State] = None  # the lease at the time of the refusal
    leases: tuple[State, ...] = ()  # those that blocked an acquire of several leases
    queued: bool = False  # the session keeps its place in the queue
    position: int = 0  # 1 is next
    ticket_expires_in: float = 0.0
    retry_after: float = 0.0  # seconds, at most 30
    oldest: int = 0  # with "gone": the oldest revision from which a watch can resume
    errors: list[Any] = field(default_factory=list)  # with "invalid": a field and a reason each

    def __str__(self) -> str:
        wrong = "; ".join(_wrong(e) for e in self.errors if isinstance(e, dict))
        text = wrong or self.detail or self.title or f"status {self.status}"
        return f"{text} ({self.type})" if self.type else text


class LockdError(Exception):
    """The base of all errors of this package. ``problem`` is the answer of the node, if there was one."""

    def __init__(self, message: object, problem: Optional[Problem] = None) -> None:
        super().__init__(str(message))
        self.problem = problem

    @property
    def lease(self) -> Optional[State]:
        """The lease in the answer of the node that refused the request; None if it is not there."""
        return None if self.problem is None else self.problem.lease

    @property
    def holder(self) -> str:
        """The holder name of the first hold, in the answer of the node; "" if it is not known."""
        return "" if self.lease is None else self.lease.holder


class Refused(LockdError):
    """A node refused the request. Nothing was applied."""


class NotAcquired(Refused):
    """An acquire was refused. The caller does not hold the lease."""


class Held(NotAcquired):
    """An acquire was refused because others hold the lease or wait for it."""


class Unauthenticated(Refused):
    """The token or the client certificate is missing, wrong, expired or revoked (401). No hold is lost because of it."""


class NotAllowed(Refused):
    """The caller may not do this (403). No hold is lost because of it."""


class CrossOrigin(Refused):
    """A browser sent the request from a page of another origin (403)."""


class QuotaExceeded(Refused):
    """A quota of the lease's scope is used up (429)."""


class Reentrant(LockdError):
    """The caller would wait for itself: its own block holds the lease. Nothing was sent."""


class LeaseLost(LockdError):
    """The hold has certainly ended, or its local deadline has passed. Stop the work."""


class Released(LockdError):
    """The holder has released or transferred the lease."""


class Unavailable(LockdError):
    """No node accepted the request. Nothing was applied, and no hold is lost because of it."""


class OutcomeUnknown(LockdError):
    """The request may have been applied. Continue the work until the deadline, and repeat the request."""


class Gone(LockdError):
    """A watch cannot resume: its revision is no longer in the history."""


MAX_RETRY_AFTER = 30  # seconds; the longest pause that a node can ask for
PERMANENT_REFUSALS = {"limit-mismatch", "session-in-use"}  # no retry of an acquire can succeed
DENIED = (Unauthenticated, NotAllowed)  # a repeat with the same credentials would be refused too
_NOT_ACQUIRED = {"held", "delayed", "withdrawn", *PERMANENT_REFUSALS}


def problem_of(status: int, retry_after: str, body: bytes) -> Problem:
    """Return the problem of an answer that is not a 2xx, also if its body is not a problem."""
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
    """Return the exception for a problem."""
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
    elif p.type == "unauthenticated" or p.type == "" and p.status == 401:
        kind = Unauthenticated
    elif p.type == "not-allowed" or p.type == "" and p.status == 403:
        kind = NotAllowed
    elif p.type == "cross-origin":
        kind = CrossOrigin
    elif p.type == "quota":
        kind = QuotaExceeded
    return kind(p, p)
