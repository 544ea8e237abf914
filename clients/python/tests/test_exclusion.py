"""Several acquires of one client for one name, and validation before anything is sent."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Callable, Dict, List

import pytest
from both_clients import Adapted, both, client, elect, guarded, run
from fake import Leases, Response, serving

import lockd
import lockd.aio
from lockd import Held, LeaseLost, Reentrant


@both
def test_with_a_limit_above_1_each_hold_of_a_client_has_its_own_session_and_slot(make: str) -> None:
    async def scenario() -> None:
        c = client(make, node.address, session="a-session-of-the-user")
        held = [await c.acquire("x", limit=3) for _ in range(3)]
        assert [lease.slot for lease in held] == [0, 1, 2]
        sessions = leases.holders("x")
        assert len(set(sessions)) == 3 and sessions[0] == "a-session-of-the-user"
        with pytest.raises(Held):
            await c.acquire("x", limit=3)
        await held[1].release()
        held[1] = await c.acquire("x", limit=3)
        assert held[1].slot == 1
        for lease in held:
            await lease.renew()
            await lease.release()  # with the wrong session it would raise a loss
        assert (await c.acquire("x")).token > held[1].token

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


@both
def test_holds_with_their_own_sessions_are_renewed_and_lost_one_by_one(make: str) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        held = [await c.acquire("x", limit=2, ttl=6) for _ in range(2)]
        for name in "yz":
            await c.acquire(name, ttl=6)
        sessions = set(leases.holders("x"))
        while {a["session"] for a in leases.of("renew") + leases.of("renew-all")} != sessions:
            await asyncio.sleep(0.001)
        for lease in held:
            lease.check()
        leases.end("x")
        with pytest.raises(LeaseLost):
            await held[1].renew()
        held[0].check()

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


def test_a_lock_with_a_limit_admits_as_many_threads() -> None:
    inside = threading.Barrier(3, timeout=60)

    def work() -> None:
        with lock as lease:
            slots.append(lease.slot)
            inside.wait()

    slots: List[int] = []
    with serving(Leases()) as node:
        lock = lockd.Client(node.address).lock("x", limit=3)
        threads = [threading.Thread(target=work) for _ in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
    assert sorted(slots) == [0, 1, 2]


def test_a_lock_with_a_limit_admits_as_many_tasks() -> None:
    async def scenario() -> None:
        lock, inside = lockd.aio.Client(node.address).lock("x", limit=3), asyncio.Event()

        async def work() -> int:
            async with lock as lease:
                if len(leases.holders("x")) == 3:
                    inside.set()
                await asyncio.wait_for(inside.wait(), 60)
                return lease.slot

        assert sorted(await asyncio.gather(*(work() for _ in range(3)))) == [0, 1, 2]

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


def test_a_cancelled_acquire_with_a_limit_releases_its_own_session() -> None:
    async def scenario() -> None:
        c = lockd.aio.Client(node.address)
        held = [await c.acquire("x", limit=2) for _ in range(2)]
        waits = asyncio.ensure_future(c.acquire("x", limit=2, wait=60))
        while not leases.queued("x"):
            await asyncio.sleep(0.001)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        acquired, released = leases.of("acquire")[2], leases.of("release")[0]
        assert (released["session"], released["attempt"]) == (acquired["session"], acquired["attempt"])
        for lease in held:
            await lease.release()

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


async def by_with(c: Any) -> None:
    async with c.lock("x", wait=5):
        raise AssertionError("it waited for itself")


async def by_lock(c: Any) -> None:
    await c.lock("x", wait=5).acquire()


ASK: List[Callable[[Any], Any]] = [
    by_with, by_lock, lambda c: c.acquire("x", wait=5), lambda c: guarded(c, "x", lambda: None),
    lambda c: elect(c, "x", lambda _lease: None),
]


@both
@pytest.mark.parametrize("ask", ASK)
def test_a_block_that_would_wait_for_its_own_lease_gets_an_error_and_sends_nothing(make: str, ask: Any) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        lock = c.lock("x")
        assert await lock.acquire()
        with pytest.raises(Reentrant, match="x is held .* not reentrant"):
            await ask(c)
        await lock.release()
        async with c.lock("x"):
            with pytest.raises(Reentrant):
                await ask(c)
            async with c.lock("y"):
                with pytest.raises(Reentrant):
                    await ask(c)
            with pytest.raises(Held):
                await c.acquire("x")
        await (await c.acquire("x", wait=60)).release()
        assert [a["name"] for a in leases.of("acquire")] == ["x", "x", "y", "x"]

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


@both
def test_a_block_that_holds_every_slot_gets_an_error_and_another_waits(make: str) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        lock = c.lock("x", limit=2)
        async with lock, lock:
            with pytest.raises(Reentrant):
                await lock.acquire()
        assert leases.holders("x") == []

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


def test_another_task_or_client_may_wait_for_the_lease_of_a_block() -> None:
    async def scenario() -> None:
        c = lockd.aio.Client(node.address)

        async def enter(of: Any) -> None:
            async with of.lock("x"):
                pass

        async with c.lock("x"):
            others = [asyncio.ensure_future(enter(of)) for of in (c, lockd.aio.Client(node.address))]
            await asyncio.sleep(0)
        await asyncio.gather(*others)

    with serving(Leases()) as node:
        run(scenario)


WRONG = [7, None, b"x", "", ".", "..", "-x", "a b", "a//b", "x/", "\ud800", "ä", "x\n", "x" * 201]


@both
@pytest.mark.parametrize("name", WRONG, ids=ascii)
def test_a_wrong_name_is_refused_before_anything_is_sent(make: str, name: Any) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        of = c.of if isinstance(c, Adapted) else c
        for call in (c.acquire, c.get, lambda n: c.check(n, 7), lambda n: elect(c, n, print)):
            with pytest.raises(ValueError, match="^name "):
                await call(name)
        for make_it in (of.lock, of.exclusive):
            with pytest.raises(ValueError, match="^name "):
                make_it(name)
        with pytest.raises(ValueError):
            watch = of.watch(name)
            await watch.__anext__() if make == "asyncio" else next(watch)
        if name not in (None, "", "x/"):  # None: no prefix
            for call in (lambda p: of.list(p), lambda p: of.watch(prefix=p)):
                with pytest.raises(ValueError, match="^prefix "):
                    found = call(name)
                    await found.__anext__() if make == "asyncio" else next(found)

    leases = Leases()
    with serving(leases) as node:
        run(scenario)
    assert leases.requests == [] and node.paths == []


@both
def test_a_legal_name_is_sent(make: str) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        for name in ("7", "A.b_c:d-e", "x" * 200):
            await (await c.acquire(name)).release()
        lease = await c.acquire("x")
        with pytest.raises(ValueError, match="^to "):
            await lease.transfer(7)
        lease.check()

    with serving(Leases()) as node:
        run(scenario)


@both
def test_a_refusal_has_the_problem_the_lease_and_its_holder(make: str) -> None:
    async def scenario() -> None:
        other = lockd.Client(node.address, holder="other")
        other.acquire("x")
        with pytest.raises(Held) as e:
            await client(make, node.address).acquire("x")
        assert e.value.problem is not None and e.value.problem.type == "held" and e.value.problem.status == 409
        assert e.value.lease is not None and e.value.lease.name == "x" and e.value.holder == "other"
        assert Held("by this client").holder == "" and Held("by this client").lease is None

    with serving(Leases()) as node:
        run(scenario)


def test_a_withdrawn_attempt_is_not_acquired() -> None:
    leases = Leases()

    def late(name: str, body: Dict[str, Any]) -> Response:
        leases.serve("release", name, body)
        return leases.serve("acquire", name, body)

    leases.answers["acquire"] = late
    with serving(leases) as node:
        with pytest.raises(lockd.NotAcquired, match="withdrawn"):
            lockd.Client(node.address).acquire("x")


@both
def test_a_state_has_the_waiters_in_their_order(make: str) -> None:
    async def scenario() -> None:
        c = client(make, lockd_node.address)
        for n, name in enumerate(("first", "second")):
            other = lockd.Client(lockd_node.address, holder=name)
            threading.Thread(target=other.acquire, args=("x",), kwargs={"wait": 60, "priority": n}, daemon=True).start()
            while leases.queued("x") < n:
                await asyncio.sleep(0.001)
            while len(leases.of("acquire")) < n + 1:
                await asyncio.sleep(0.001)
        while leases.queued("x") < 1:
            await asyncio.sleep(0.001)
        state = await c.get("x")
        assert state.holder == "first" and state.queue == (lockd.Waiter("second", 1, 1.5),)
        leases.end("x")

    leases = Leases()
    with serving(leases) as lockd_node:
        run(scenario)
