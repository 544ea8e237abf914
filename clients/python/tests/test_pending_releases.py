"""A call that ends leaves no hold and no place in a queue at the nodes."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from typing import Any, Callable, Dict, List

import pytest
from both_clients import both, client, elect, guarded, run
from fake import Cut, Leases, Response, serving
from fake import problem as fake_problem
from test_retry import GRANT, REFUSED, SILENCE, Simulation, answer, problem

import lockd
import lockd.aio
from lockd import Held, LeaseLost, OutcomeUnknown, Unavailable
from lockd._acquire import Acquisition, withdraw
from lockd._hold import Hold
from lockd._model import Grant
from lockd._operations import release
from lockd._options import AcquireOptions
from lockd._retry import Answer, Failure, Outcome

CUT = Failure(ConnectionResetError("reset"), sent=True)


def cut(_name: str, _body: Any) -> Response:
    raise Cut


class Ending:
    """A fake node that grants a lease, ends the call of the client, and answers after the release of the call."""

    def __init__(self, end: Callable[[], object]) -> None:
        self.end = end
        self.released = threading.Event()
        self.leases = Leases(acquire=self.acquire, release=self.release)

    def acquire(self, name: str, body: Dict[str, Any]) -> Response:
        response = self.leases.serve("acquire", name, body)
        self.end()
        assert self.released.wait(60)
        return response

    def release(self, name: str, body: Dict[str, Any]) -> Response:
        response = self.leases.serve("release", name, body)
        self.released.set()
        return response

    def check(self) -> None:
        first, second = self.leases.requests
        assert second == {"verb": "release", "name": "x", "session": first["session"], "attempt": first["attempt"]}
        assert self.leases.holders("x") == []


def interrupt() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def enter(c: Any) -> None:
    with c.lock("x"):
        raise AssertionError("it was interrupted")


async def enter_async(c: Any) -> None:
    async with c.lock("x"):
        raise AssertionError("it was cancelled")


def never(*_: Any) -> None:
    raise AssertionError("it was ended before")


WAYS: List[Callable[[Any], Any]] = [
    lambda c: c.acquire("x"), lambda c: c.acquire("x", wait=60), lambda c: c.acquire("x", reclaim=True),
    lambda c: c.acquire("x", limit=3), lambda c: c.lock("x").acquire(),
]
RUN: List[Callable[[Any], Any]] = [lambda c: c.exclusive("x")(never)(), lambda c: c.elect("x", never)]


@pytest.mark.parametrize("way", [*WAYS, enter, *RUN])
def test_a_call_that_is_interrupted_at_the_grant_releases_its_attempt(way: Callable[[lockd.Client], Any]) -> None:
    ending = Ending(interrupt)
    with serving(ending.leases) as node:
        with pytest.raises(KeyboardInterrupt):
            way(lockd.Client(node.address))
    ending.check()


@pytest.mark.parametrize("way", [*WAYS, enter_async, *RUN])
@pytest.mark.parametrize("within", [False, True], ids=["cancelled", "timeout"])
def test_a_task_that_is_cancelled_at_the_grant_releases_its_attempt(way: Callable[[Any], Any], within: bool) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(way(lockd.aio.Client(node.address)))
        ending.end = lambda: loop.call_soon_threadsafe(task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await (asyncio.wait_for(task, 60) if within else task)

    ending = Ending(lambda: None)
    with serving(ending.leases) as node:
        run(scenario)
    ending.check()


def test_an_acquire_that_waits_for_another_one_of_its_client_leaves_nothing_when_it_is_cancelled() -> None:
    async def scenario() -> None:
        c = lockd.aio.Client(node.address)
        first = await c.acquire("x")
        second, third = (asyncio.ensure_future(c.acquire("x", wait=60)) for _ in range(2))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        await first.release()
        await (await third).release()

    leases = Leases()
    with serving(leases) as node:
        run(scenario)
    assert leases.verbs() == ["acquire", "release"] * 2


def test_each_acquire_has_an_attempt_of_its_own_and_one_for_all_its_pieces() -> None:
    w = Simulation(1)
    for _ in range(2):
        queued = problem("held", 409, queued=True)
        hold = w.drive(w.acquire(150.0), [queued, CUT, answer(201, **GRANT)])
        w.drive(release(w.cfg, w.pending, hold), [answer(200, was_held=True)])
    attempts = [json.loads(a.body or b"").get("attempt") for a in w.sent]
    assert [attempts.index(a) for a in attempts if a] == [0, 0, 0, 4, 4, 4]


@pytest.mark.parametrize("answers", [[problem("held", 409)], [REFUSED, REFUSED]], ids=["held", "refused"])
def test_an_acquire_that_certainly_acquired_nothing_releases_nothing(answers: List[Any]) -> None:
    w = Simulation()
    with pytest.raises((Held, Unavailable)):
        w.drive(w.acquire(0.0), answers)
    assert {a.path for a in w.sent} == {"/v1/leases/x/acquire"} and w.background == []


@pytest.mark.parametrize("first", [SILENCE, Answer(504, "", b"")], ids=["silence", "504"])
def test_an_earlier_copy_of_unknown_outcome_is_withdrawn_after_a_refusal_of_a_later_copy(first: Any) -> None:
    w = Simulation()
    with pytest.raises(Held):
        w.drive(w.acquire(0.0), [first, problem("held", 409), answer(200)])
    assert [a.path.rpartition("/")[2] for a in w.sent] == ["acquire", "acquire", "release"]


def test_a_copy_on_a_connection_that_was_closed_counts_as_unknown_outcome() -> None:
    w = Simulation(1)
    held = Answer(409, "", b'{"type":"/problems/held","definitive":true}', repeated=True)
    with pytest.raises(Held):
        w.drive(w.acquire(0.0), [held, answer(200)])
    assert [a.path.rpartition("/")[2] for a in w.sent] == ["acquire", "release"]


def test_a_release_in_the_background_ends_when_the_hold_has_ended_with_its_ttl() -> None:
    w = Simulation(1)
    with pytest.raises(OutcomeUnknown):
        w.drive(w.acquire(0.0), lambda _a: SILENCE)
    assert w.pending._releases[0].lasts == 15.0 + 3.75
    (background,), begun = w.background, w.now
    w.drive(background, lambda _a: SILENCE)
    assert 17.0 < w.now - begun < 30.0 and w.pending._releases == []


def test_the_next_acquire_does_not_wait_for_the_release_of_an_expired_hold() -> None:
    w = Simulation(1)
    hold = Hold(w.cfg, Grant.of(GRANT), w.clock())
    with pytest.raises(OutcomeUnknown):
        w.drive(release(w.cfg, w.pending, hold, budget=0.1), lambda _a: SILENCE)
    w.now += 6.0
    w.drive(w.acquire(0.0), [answer(201, **GRANT)])


def test_a_release_whose_form_a_node_refuses_is_not_repeated() -> None:
    w = Simulation(1)
    of = Acquisition(AcquireOptions("x"), w.cfg.session, queued=True)
    w.drive(withdraw(w.cfg, w.pending, of), lambda _a: problem("invalid", 400))
    w.drive(w.background[0], lambda _a: problem("invalid", 400))
    assert len(w.sent) == 2 and w.pending._releases == []


def test_a_release_that_is_refused_for_its_delay_is_repeated_without_it() -> None:
    w = Simulation(1)
    hold = Hold(w.cfg, Grant.of(GRANT), w.clock())
    with pytest.raises(lockd.Refused):
        w.drive(release(w.cfg, w.pending, hold, delay=60.0), [problem("invalid", 400)])
    w.drive(w.background[0], [answer(200, was_held=True)])
    assert ["delay_ms" in json.loads(a.body or b"") for a in w.sent] == [True, False]


@both
def test_the_next_acquire_sends_the_pending_release_first(make: str) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        with pytest.raises(OutcomeUnknown):
            await c.acquire("x")
        before = len(leases.requests)
        with pytest.raises(OutcomeUnknown):
            await c.acquire("x")
        assert set(leases.verbs()[before:]) == {"release"}
        leases.answers.clear()
        lease = await c.acquire("x")
        assert leases.of("acquire")[-1]["attempt"] != leases.requests[0]["attempt"] == leases.of("release")[-1]["attempt"]
        await lease.release()

    leases = Leases(acquire=cut, release=cut)
    with serving(leases) as node:
        run(scenario)


@both
def test_a_release_continues_in_the_background_without_a_further_call(make: str) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        lease = await c.acquire("x")
        with pytest.raises(OutcomeUnknown):
            await lease.release()
        leases.answers.clear()
        while leases.holders("x"):
            await asyncio.sleep(0.001)

    leases = Leases(release=cut)
    with serving(leases) as node:
        run(scenario)


def leave(lease: lockd.Lease) -> None:
    with lease:
        pass


@pytest.mark.parametrize("end", [leave, lambda lease: lease.release()])
def test_an_interrupted_release_continues_in_the_background(end: Callable[[lockd.Lease], None]) -> None:
    def interrupted(_why: Exception) -> None:
        raise KeyboardInterrupt

    leases = Leases()
    with serving(leases) as node:
        c = lockd.Client(node.address)
        lease = c.acquire("x")
        lease._hold.at_end(interrupted)
        with pytest.raises(KeyboardInterrupt):
            end(lease)
        assert c._local._claims == {}
        leases.wait_for(lambda: leases.holders("x") == [])


@both
def test_close_confirms_pending_releases(make: str) -> None:
    cuts = 0

    async def scenario() -> None:
        c = client(make, node.address)
        c._pending._run = lambda operation: operation.close()  # nothing runs in the background
        lease = await c.acquire("x")
        with pytest.raises(OutcomeUnknown):
            await lease.release()
        leases.answers["release"] = cut_twice
        await c.close()
        assert leases.holders("x") == [] and cuts == 2

    def cut_twice(name: str, body: Any) -> Response:
        nonlocal cuts
        if (cuts := cuts + 1) == 2:
            leases.answers.clear()
        return cut(name, body)

    leases = Leases(release=cut)
    with serving(leases) as node:
        run(scenario)


def not_held(ended: str) -> Callable[[str, Any], Response]:
    return lambda _name, _body: (200, json.dumps({"was_held": False, **({"ended": ended} if ended else {})}))


def stale(_name: str, _body: Any) -> Response:
    return 409, json.dumps({"type": "/problems/stale-token", "definitive": True, "lost": True})


@both
@pytest.mark.parametrize("answers", [not_held("broken"), not_held(""), stale], ids=["broken", "unknown", "stale-token"])
def test_a_loss_that_only_the_node_knows_is_reported_at_the_end_of_the_work(make: str, answers: Any) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        lease = await c.acquire("x")
        with pytest.raises(LeaseLost, match="had ended before its release"):
            await lease.release()
        assert lease.lost
        await lease.release()  # it was reported already
        with pytest.raises(LeaseLost):
            async with c.lock("x"):
                pass
        with pytest.raises(LeaseLost):
            await guarded(c, "x", lambda: 3)
        lock = c.lock("x")
        assert await lock.acquire()
        with pytest.raises(LeaseLost):
            await lock.release()
        own = LookupError("of the work")
        with pytest.raises(LookupError) as e:
            async with c.lock("x"):
                raise own
        assert e.value is own and isinstance(own.__cause__, LeaseLost)
        assert leases.verbs() == ["acquire", "release"] * 5

    leases = Leases(release=answers)
    with serving(leases) as node:
        leases.answers["acquire"] = lambda name, body: leases.end(name) or leases.serve("acquire", name, body)
        run(scenario)


@both
@pytest.mark.parametrize("ended", ["released", "transferred"])
def test_a_hold_that_its_own_session_has_ended_is_not_lost(make: str, ended: str) -> None:
    async def scenario() -> None:
        await (await client(make, node.address).acquire("x")).release()

    with serving(Leases(release=not_held(ended))) as node:
        run(scenario)


@both
def test_a_candidate_whose_lease_was_lost_before_its_release_is_a_candidate_again(make: str) -> None:
    async def scenario() -> int:
        return await elect(client(make, node.address), "x", lambda lease: lease.token)  # type: ignore[no-any-return]

    def first_is_lost(name: str, body: Any) -> Response:
        if len(leases.of("release")) > 1:
            return leases.serve("release", name, body)
        leases.end(name)
        return stale(name, body)

    leases = Leases(release=first_is_lost)
    with serving(leases) as node:
        assert run(scenario) == 2


@pytest.mark.parametrize("ended,kind", [("released", None), ("expired", LeaseLost), ("", OutcomeUnknown)])
@pytest.mark.parametrize("by_connection", [False, True], ids=["two nodes", "closed connection"])
def test_the_reported_end_decides_the_result_of_a_repeated_release(ended: str, kind: Any, by_connection: bool) -> None:
    w = Simulation()
    hold = Hold(w.cfg, Grant.of(GRANT), w.clock())
    last = Answer(200, "", json.dumps({"was_held": False, "ended": ended}).encode(), repeated=by_connection)
    answers: List[Outcome] = [last] if by_connection else [SILENCE, last]
    if kind is None:
        w.drive(release(w.cfg, w.pending, hold), answers)
    else:
        with pytest.raises(kind):
            w.drive(release(w.cfg, w.pending, hold), answers)
    w.sent.clear()
    w.drive(release(w.cfg, w.pending, hold), [])
    assert w.sent == [] and w.pending._releases == []


@both
@pytest.mark.parametrize("answers", [lambda *_: fake_problem("no-leader", 503), cut], ids=["503", "cut"])
def test_a_failed_release_does_not_hide_the_result_of_the_work(
    make: str, answers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        async with c.lock("w"):
            pass
        assert await guarded(c, "x", lambda: "the result") == "the result"
        assert await elect(c, "y", lambda _lease: "the result") == "the result"
        async with await c.acquire("z"):
            pass
        leases.answers.clear()
        while any(leases.holders(name) for name in "wxyz"):
            await asyncio.sleep(0.001)

    leases = Leases(release=answers)
    with serving(leases) as node:
        run(scenario)
    warnings = [r.getMessage() for r in caplog.records if "its release failed" in r.getMessage()]
    assert [w.split()[3] for w in warnings] == list("wxyz")
    assert all(w.endswith("continues in the background") for w in warnings)


@both
def test_the_error_of_the_work_is_raised_if_the_release_fails_too(make: str) -> None:
    async def scenario() -> None:
        with pytest.raises(LookupError):
            async with client(make, node.address).lock("x"):
                raise LookupError

    with serving(Leases(release=cut)) as node:
        run(scenario)


def test_a_block_that_is_cancelled_releases_its_lease() -> None:
    async def scenario() -> None:
        c = lockd.aio.Client(node.address)
        entered = asyncio.Event()

        async def work() -> None:
            async with c.lock("x"):
                entered.set()
                await asyncio.Event().wait()

        task = asyncio.ensure_future(work())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    leases = Leases()
    with serving(leases) as node:
        run(scenario)
    assert leases.holders("x") == []
