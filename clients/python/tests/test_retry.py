"""The rules of one request, with a simulated clock and simulated nodes."""

from __future__ import annotations

import json
from typing import Any, Callable, List, Optional, Tuple, Union

import pytest

from lockd import Held, LeaseLost, OutcomeUnknown, Refused, Unavailable
from lockd._acquire import Acquisition, acquire
from lockd._clock import Instant
from lockd._config import Config
from lockd._hold import Hold
from lockd._model import Grant
from lockd._operations import release, renew
from lockd._options import AcquireOptions
from lockd._pending import PendingReleases
from lockd._renewals import until_renewal
from lockd._retry import (
    Answer,
    Attempt,
    Call,
    Failure,
    Outcome,
    Pause,
    fixed,
    get,
    send,
)

REFUSED = Failure(ConnectionRefusedError("refused"), sent=False)
SILENCE = Failure(TimeoutError("timed out"), sent=True)


def answer(status: int, **body: Any) -> Answer:
    return Answer(status, "", json.dumps(body).encode())


def problem(kind: str, status: int, **more: Any) -> Answer:
    return answer(status, type=f"/problems/{kind}", **more)


GRANT = {"name": "x", "holder": "h", "token": 7, "ttl_ms": 5000, "expires_in_ms": 4995, "waited_ms": 0, "revision": 7}


class Simulation:
    """A simulated clock and cluster: time passes by the pauses and the timeouts of an operation."""

    def __init__(self, nodes: int = 2) -> None:
        self.now = 1000.0
        self.cfg = Config([f"n{i}:1" for i in range(nodes)], "h", "s" * 16, None, 5.0, clock=self.clock)
        self.sent: List[Attempt] = []
        self.background: List[Any] = []  # operations that run in the background
        self.pending = PendingReleases(self.cfg, self.background.append)

    def clock(self) -> Instant:
        return Instant(self.now, self.now, self.now)

    def drive(self, operation: Any, answers: Union[List[Outcome], Callable[[Attempt], Outcome]], takes: float = 0.0) -> Any:
        outcome: Optional[Outcome] = None
        try:
            while True:
                step = operation.send(outcome)
                if isinstance(step, Pause):
                    self.now += step.seconds
                    outcome = None
                    continue
                self.sent.append(step)
                outcome = answers(step) if callable(answers) else answers.pop(0)
                self.now += step.timeout if outcome is SILENCE else takes
        except StopIteration as end:
            return end.value

    def acquire(self, wait: float, name: str = "x", of: Optional[Acquisition] = None, **more: Any) -> Any:
        of = of or Acquisition(AcquireOptions(name, **more), self.cfg.session)
        return acquire(self.cfg, self.pending, of, wait)

    def post(self, repeatable: bool = True) -> Call:
        return Call("POST", "/p", fixed({}, 1.0), repeatable=repeatable)


def test_a_request_that_was_not_sent_goes_to_the_next_address() -> None:
    w = Simulation()
    raw, _ = w.drive(send(w.cfg, w.post(repeatable=False)), [REFUSED, answer(200, ok=1)])
    assert raw == {"ok": 1} and [a.to for a in w.sent] == [0, 1]
    w.drive(send(w.cfg, w.post()), [answer(200)])
    assert w.sent[-1].to == 1, "the address that answered last is tried first"


def test_a_call_fails_at_once_if_no_address_accepts_a_connection() -> None:
    w = Simulation()
    with pytest.raises(Unavailable):
        w.drive(send(w.cfg, w.post()), [REFUSED, REFUSED])
    assert w.now == 1000.0


def test_a_request_of_unknown_outcome_is_repeated_only_if_it_is_idempotent() -> None:
    w = Simulation()
    with pytest.raises(OutcomeUnknown):
        w.drive(send(w.cfg, w.post(repeatable=False)), [SILENCE])
    assert len(w.sent) == 1
    raw, sent = w.drive(send(w.cfg, w.post()), [SILENCE, answer(200, ok=1)])
    assert raw == {"ok": 1} and sent.mono == w.now


def test_an_outcome_stays_unknown_until_an_answer_is_final() -> None:
    w = Simulation()
    unavailable = problem("no-leader", 503, definitive=True)
    with pytest.raises(OutcomeUnknown):
        w.drive(send(w.cfg, w.post()), lambda a: SILENCE if len(w.sent) == 1 else unavailable)
    with pytest.raises(LeaseLost):
        w.drive(send(w.cfg, w.post()), [SILENCE, problem("not-holder", 409, lost=True)])


def test_a_read_is_never_of_unknown_outcome() -> None:
    w = Simulation()
    with pytest.raises(Unavailable):
        w.drive(send(w.cfg, get(w.cfg, "/v1/leases/x")), lambda a: SILENCE)


def test_a_refusal_raises_the_exception_of_its_type() -> None:
    w = Simulation()
    with pytest.raises(Held) as e:
        w.drive(send(w.cfg, w.post()), [problem("held", 409, lease={"name": "x", "holder": "other", "token": 3})])
    assert e.value.problem is not None and e.value.problem.lease is not None
    assert e.value.problem.lease.holder == "other"


def test_a_wait_is_sent_in_pieces_with_one_session() -> None:
    w = Simulation(1)

    def node(a: Attempt) -> Outcome:
        assert a.body is not None
        body = json.loads(a.body)
        if len(w.sent) < 3:
            w.now += body["wait_ms"] / 1000
            return problem("held", 409, queued=True, position=1, ticket_expires_in_ms=5000)
        return answer(201, **GRANT)

    hold = w.drive(w.acquire(150.0), node)
    assert hold.grant.token == 7
    assert [json.loads(a.body or b"")["wait_ms"] for a in w.sent] == [60000, 60000, 30000]


def test_an_acquire_that_gives_up_leaves_the_queue() -> None:
    w = Simulation(1)
    queued = problem("held", 409, queued=True, position=1, ticket_expires_in_ms=5000)
    with pytest.raises(Held):
        w.drive(w.acquire(0.0), [queued, answer(200)])
    assert [a.path for a in w.sent] == ["/v1/leases/x/acquire", "/v1/leases/x/release"]


def test_a_release_of_unknown_outcome_is_settled_before_the_next_acquire() -> None:
    w = Simulation(1)
    hold = w.drive(w.acquire(0.0), [answer(201, **GRANT)])
    with pytest.raises(OutcomeUnknown):
        w.drive(release(w.cfg, w.pending, hold), lambda a: SILENCE)
    w.sent.clear()
    w.drive(w.acquire(0.0), [problem("not-holder", 409, lost=True), answer(201, **GRANT)])
    assert [a.path for a in w.sent] == ["/v1/leases/x/release", "/v1/leases/x/acquire"]
    assert json.loads(w.sent[0].body or b"")["token"] == 7


def test_the_deadline_counts_from_the_sending_minus_a_margin() -> None:
    w = Simulation(1)
    hold = w.drive(w.acquire(0.0), [answer(201, **GRANT)], takes=2.0)
    assert hold.remaining() == pytest.approx(4.995 * 0.98 - 2.0)
    with pytest.raises(OutcomeUnknown):
        w.drive(renew(w.cfg, hold, budget=hold.remaining()), lambda a: SILENCE)
    assert hold.expire() == 0.0 and isinstance(hold.ended, LeaseLost)


def test_a_forward_jump_of_the_wall_clock_counts_as_elapsed_and_a_backward_jump_is_ignored() -> None:
    at = [Instant(0, 0, 0)]
    cfg = Config(["n:1"], "h", "s" * 16, None, 5.0, clock=lambda: at[0])
    hold = Hold(cfg, Grant.of(GRANT), at[0])
    at[0] = Instant(1, 1, -100)
    assert hold.remaining() == pytest.approx(4.995 * 0.98 - 1)
    at[0] = Instant(1, 1, 60)
    assert hold.remaining() == 0.0
    at[0] = Instant(1, 60, 1)
    assert hold.remaining() == 0.0


def test_a_smaller_ttl_counts_from_when_it_is_sent() -> None:
    w = Simulation(1)
    hold = Hold(w.cfg, Grant.of({**GRANT, "ttl_ms": 60000, "expires_in_ms": 59940}), w.clock())
    with pytest.raises(OutcomeUnknown):
        w.drive(renew(w.cfg, hold, ttl=2.0), lambda a: Failure(ConnectionResetError("reset"), sent=True))
    assert hold.remaining() <= 2.0


def test_the_answer_to_an_older_renewal_does_not_extend_the_hold() -> None:
    w = Simulation(1)
    long = Grant.of({**GRANT, "ttl_ms": 60000, "expires_in_ms": 59940})
    short = Grant.of({**GRANT, "ttl_ms": 60000, "expires_in_ms": 5000})
    hold = Hold(w.cfg, long, w.clock())
    w.now += 1
    older = w.clock()
    w.now += 1
    hold.extend(short, w.clock())
    left = hold.remaining()
    hold.extend(long, older)
    assert hold.remaining() == left <= 5.0 and hold.grant == short


def test_a_renewal_concurrent_with_a_change_of_the_ttl_does_not_extend_the_hold() -> None:
    w = Simulation(1)
    long = Grant.of({**GRANT, "ttl_ms": 60000, "expires_in_ms": 59940})
    hold = Hold(w.cfg, long, w.clock())
    w.now += 1
    hold.shorten(2.0)
    w.now += 0.1
    crossing = w.clock()
    hold.extend(long, crossing)
    assert hold.remaining() <= 2.0, "the change is under way"
    w.now += 0.1
    hold.settle(2.0, unknown=False)
    hold.extend(long, crossing)
    assert hold.remaining() <= 2.0, "it was sent before the change was answered"
    hold.extend(long, w.clock())
    assert hold.remaining() > 50.0


ORDERS = [(60, 4), (4, 60)]


@pytest.mark.parametrize("lost", [(), (60,), (4,), (60, 4)])
@pytest.mark.parametrize("ended", ORDERS)
@pytest.mark.parametrize("sent", ORDERS)
def test_of_concurrent_changes_of_the_ttl_the_smallest_counts(
    sent: Tuple[int, int], ended: Tuple[int, int], lost: Tuple[int, ...]
) -> None:
    w = Simulation(1)
    w.cfg.retry_for = 0.0

    def granted(ttl: int) -> Answer:
        return answer(200, **{**GRANT, "ttl_ms": ttl * 1000, "expires_in_ms": ttl * 999})

    hold = Hold(w.cfg, Grant.of({**GRANT, "ttl_ms": 15000, "expires_in_ms": 2000}), w.clock())
    changes = {}
    for ttl in sent:
        changes[ttl] = renew(w.cfg, hold, ttl=float(ttl))
        next(changes[ttl])
        w.now += 0.1
    for ttl in ended:
        with pytest.raises(OutcomeUnknown if ttl in lost else StopIteration):
            changes[ttl].send(Failure(ConnectionResetError("reset"), sent=True) if ttl in lost else granted(ttl))
        w.now += 0.1
        assert 0 < hold.remaining() <= 4.0, f"the change to {ttl} s was answered"
    assert (hold.remaining() > 2.0) == (len(lost) < len(sent)), "both were answered"
    w.drive(renew(w.cfg, hold), [granted(60)])
    assert (hold.remaining() <= 4.0) == (4 in lost), "it was sent after both changes"
    assert (until_renewal(hold) <= 4.0 / 3) == (4 in lost), "the next renewal is in time"


def test_a_cancelled_change_of_the_ttl_counts_as_unknown_outcome() -> None:
    w = Simulation(1)
    hold = Hold(w.cfg, Grant.of(GRANT), w.clock())
    change = renew(w.cfg, hold, ttl=2.0)
    next(change)
    change.close()
    w.now += 0.1
    w.drive(renew(w.cfg, hold), [answer(200, **GRANT)])
    assert 0 < hold.remaining() <= 2.0


def test_a_loss_is_reported_once() -> None:
    w = Simulation(1)
    hold = Hold(w.cfg, Grant.of(GRANT), w.clock())
    reported: List[Exception] = []
    hold.at_end(reported.append)
    hold.lose(LeaseLost("first"))
    hold.lose(LeaseLost("second"))
    hold.mark_released()
    assert [str(e) for e in reported] == ["first"]
    hold.extend(Grant.of(GRANT), w.clock())
    assert hold.remaining() == 0.0, "a late answer does not extend it"


def test_a_ttl_without_room_for_the_timeout_is_refused() -> None:
    cfg = Config(["n:1"], "h", "s" * 16, 2.0, 5.0)
    with pytest.raises(ValueError, match="too short"):
        cfg.check_ttl(5.0)
    cfg.check_ttl(6.0)
    for ttl in (0.5, 86401.0):
        with pytest.raises(ValueError, match="must be from"):
            Config(["n:1"], "h", "s" * 16, None, 5.0).check_ttl(ttl)




def test_a_full_state_is_retried_and_an_unknown_host_is_not() -> None:
    w = Simulation()
    full = problem("state-full", 429, definitive=True)
    assert w.drive(w.acquire(60.0), [full, answer(200, **GRANT)]).grant.token == 7
    with pytest.raises(Refused, match="unknown-host"):
        w.drive(w.acquire(60.0), [problem("unknown-host", 421, definitive=True)])


def test_a_slash_in_a_name_is_sent_as_an_escape() -> None:
    w = Simulation()
    w.drive(w.acquire(0.0, name="jobs/a"), [answer(200, **{**GRANT, "name": "jobs/a"})])
    assert w.sent[0].path == "/v1/leases/jobs%2Fa/acquire"
