"""One request, its addresses and its retries.

Nothing here does I/O or waits. An operation is a generator: it yields an Attempt or a Pause and receives the outcome,
so that threads and asyncio drive the same code.
"""

from __future__ import annotations

import json
import random
import socket
from dataclasses import dataclass, field
from typing import (
    Any,
    Callable,
    Generator,
    Mapping,
    NamedTuple,
    Optional,
    TypeVar,
    Union,
)
from urllib.parse import quote, urlencode

from ._clock import Instant, between
from ._config import Config
from ._errors import (
    LockdError,
    OutcomeUnknown,
    Problem,
    Unavailable,
    error_of,
    problem_of,
)
from ._validate import members, parsed

MIN_PAUSE, MAX_PAUSE = 0.05, 1.0
MAX_ANSWER = 8 << 20  # bytes of the body of one answer
TOKEN_REFUSED = (401, 429)  # the statuses of an answer to a wrong token; 429 if it has failed too often


@dataclass(frozen=True)
class Attempt:
    """A step of an operation: send a request once. Its outcome is an Answer or a Failure."""

    to: int  # the index of the address
    method: str
    path: str
    body: Optional[bytes]
    timeout: float  # seconds for all of it: resolve, connect, send, and the whole answer
    repeatable: bool
    wait: float = 0.0  # the part of timeout during which the node may wait before it answers


@dataclass(frozen=True)
class Pause:
    """A step of an operation: wait. It has no outcome."""

    seconds: float


@dataclass(frozen=True)
class Answer:
    """The answer of a node."""

    status: int
    retry_after: str
    body: bytes
    node: str = ""  # the name of the node, and of the leader that it knows; "" in the answer of a proxy
    leader: str = ""
    repeated: bool = False  # whether an earlier copy of the request may have been applied on another connection


@dataclass(frozen=True)
class Failure:
    """An attempt without a whole answer."""

    cause: Exception
    sent: bool  # whether a byte of the request may have been sent

    @property
    def cut(self) -> bool:
        """Whether the connection was closed before the timeout."""
        return self.sent and not isinstance(self.cause, (TimeoutError, socket.timeout))


Step = Union[Attempt, Pause]
Outcome = Union[Answer, Failure, None]
T = TypeVar("T")
Operation = Generator[Step, Outcome, T]


def lease_path(name: str, verb: str = "") -> str:
    """Return the path of a request about a lease. The verb may be empty."""
    return "/v1/leases/" + quote(name, safe="") + ("/" + verb if verb else "")


def encoded(body: Mapping[str, Any]) -> bytes:
    """Return the body of a request as JSON."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def jitter(d: float) -> float:
    """Return a random duration from half of d to d."""
    return d * random.uniform(0.5, 1)


@dataclass
class AttemptErrors:
    """The errors of the attempts of a call that has no final answer yet."""

    unknown: Optional[LockdError] = None  # the last attempt that may have been applied
    maybe_applied: bool = False  # an attempt may have been applied, also if a later one was refused
    answer: Optional[LockdError] = None  # the last answer that reported that nothing was applied

    def add(self, error: LockdError) -> None:
        """Note the error of an attempt."""
        if isinstance(error, OutcomeUnknown):
            self.unknown, self.maybe_applied = error, True
        elif error.problem is not None:
            self.answer = error

    def failure(self, error: LockdError) -> LockdError:
        """Return the error of a call that ends without a final answer."""
        if self.unknown is not None and self.answer is not None:
            return OutcomeUnknown(f"{self.unknown}; the last answer was: {self.answer}", self.unknown.problem)
        return self.unknown or self.answer or error


class Prepared(NamedTuple):
    """The part of an attempt that may depend on its start."""

    body: Optional[Mapping[str, Any]]
    timeout: float
    wait: float = 0.0  # the part of timeout during which the node may wait


@dataclass
class Call:
    """A request.

    ``prepare`` returns the body of an attempt, from the seconds since the start of the call. ``read`` returns the
    result from the JSON of a 2xx, or raises ValueError.
    """

    method: str
    path: str
    prepare: Callable[[float], Prepared]
    read: Callable[[Any], Any] = members
    query: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True  # idempotent: sent twice it has the effect of once
    budget: Optional[float] = None  # seconds after which the call ends in any case
    errors: AttemptErrors = field(default_factory=AttemptErrors)


def fixed(body: Optional[Mapping[str, Any]], timeout: float) -> Callable[[float], Prepared]:
    """Return a prepare function that returns the same for every attempt."""
    return lambda _elapsed: Prepared(body, timeout)


def get(cfg: Config, path: str, query: Optional[Mapping[str, str]] = None, read: Callable[[Any], Any] = members) -> Call:
    """Return the call of a read."""
    return Call("GET", path, fixed(None, cfg.attempt_timeout()), read, query or {})


def send(cfg: Config, call: Call) -> Operation[tuple[Any, Instant]]:
    """Try the addresses in rounds until one gives a final answer.

    Returns the result and the time when its request was sent. A request that certainly was not applied is sent to the
    next address. A request of unknown outcome is repeated only if it is idempotent. After an unknown outcome the
    outcome of the call is unknown until an answer is final.
    """
    start, pause, errors = cfg.clock(), MIN_PAUSE, call.errors
    target = call.path + ("?" + urlencode(call.query) if call.query else "")
    while True:
        refused, answered, wait, error = 0, False, 0.0, LockdError("no address")
        for to in cfg.route.order(_forwarded(call), cfg.clock()):
            sent = cfg.clock()
            elapsed = between(start, sent)
            body, timeout, waits = call.prepare(elapsed)
            if call.budget is not None:
                timeout = min(timeout, call.budget - elapsed)
                if timeout <= 0:
                    raise errors.failure(Unavailable("no node answered in time"))
            raw = None if body is None else encoded(body)
            outcome = yield Attempt(to, call.method, target, raw, timeout, call.repeatable, waits)
            answered = _record_contact(cfg, to, outcome, sent) or answered
            errors.maybe_applied = errors.maybe_applied or isinstance(outcome, Answer) and outcome.repeated
            result = _result_of(call, outcome)
            if not isinstance(result, LockdError) or _is_final(result):
                cfg.route.final(to)
                errors.unknown, errors.answer = None, None
                if isinstance(result, LockdError):
                    raise result
                return result, sent
            error = result
            refused += isinstance(outcome, Failure) and not outcome.sent
            errors.add(error)
            if errors.unknown is not None and not call.repeatable:
                raise errors.failure(error)
            wait = max(wait, _overload(error.problem))
        if not answered:
            cfg.reach.no_answer(error)
        if refused == len(cfg.addresses):
            errors.answer = None  # that node is no longer reachable
        left = cfg.retry_for - between(start, cfg.clock())
        if refused == len(cfg.addresses) or left <= 0 or unreachable(cfg, start):
            raise errors.failure(error)
        if call.budget is not None:
            left = min(left, max(call.budget - between(start, cfg.clock()), 0.0))
        yield Pause(max(min(wait, left), jitter(pause)))
        pause = min(2 * pause, MAX_PAUSE)


def _forwarded(call: Call) -> bool:
    """Report whether a follower would forward the call to the leader.

    A call that waits is excluded: waits keep their connections, and those shall not all be at one node.
    """
    return not call.query.get("stale") and not call.prepare(0.0).wait


def _record_contact(cfg: Config, to: int, outcome: Outcome, sent: Instant) -> bool:
    """Record whether a node is reachable, and return whether this attempt was answered.

    A connection that was closed after it had been open for longer than the limit counts as an answer: a load balancer
    closes the connection of a long wait.
    """
    now = cfg.clock()
    answered = isinstance(outcome, Answer)
    if answered or isinstance(outcome, Failure) and outcome.cut and between(sent, now) >= cfg.unreachable_timeout:
        cfg.reach.answered(now)
    if isinstance(outcome, Answer):
        cfg.route.answered(to, outcome.node, outcome.leader)
    else:
        cfg.route.no_answer(to, now)
    return answered


def unreachable(cfg: Config, start: Instant) -> bool:
    """Report whether a call that began at start fails because no node has answered for unreachable_timeout."""
    return cfg.reach.unanswered_for(start, cfg.clock()) >= cfg.unreachable_timeout


def _result_of(call: Call, outcome: Outcome) -> Any:
    """Return the result of a 2xx, or the error of an attempt."""
    if isinstance(outcome, Failure):
        if not outcome.sent or call.method == "GET":
            return _caused(Unavailable(f"no answer: {outcome.cause}"), outcome.cause)
        return _caused(OutcomeUnknown(f"outcome unknown: {outcome.cause}"), outcome.cause)
    assert isinstance(outcome, Answer)
    if 200 <= outcome.status <= 299:
        try:
            return call.read(parsed(outcome.body))
        except (ValueError, RecursionError) as e:
            kind = Unavailable if call.method == "GET" else OutcomeUnknown
            return _caused(kind(f"malformed answer: {e}"), e)
    error = error_of(problem_of(outcome.status, outcome.retry_after, outcome.body))
    if call.method == "GET" and isinstance(error, OutcomeUnknown):
        return Unavailable(error, error.problem)
    return error


def _caused(error: LockdError, by: Exception) -> LockdError:
    error.__cause__ = by
    return error


def _is_final(error: LockdError) -> bool:
    return not isinstance(error, (Unavailable, OutcomeUnknown))


def _overload(problem: Optional[Problem]) -> float:
    return problem.retry_after if problem is not None and problem.type == "overloaded" else 0.0
