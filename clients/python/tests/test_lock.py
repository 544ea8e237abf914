"""Locks with the interface of threading.Lock and asyncio.Lock."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any, List

import pytest
from both_clients import both, client, run
from fake import Leases, problem, serving

import lockd
import lockd.aio
from lockd import LeaseLost


@both
def test_a_lock_has_the_interface_of_the_standard_library(make: str) -> None:
    async def scenario() -> None:
        lock, other = (client(make, node.address).lock("x") for _ in range(2))
        assert not lock.locked() and not lock.lease
        assert await lock.acquire() is True
        assert lock.locked() and lock.lease.token == 1 and not other.locked()
        assert await other.acquire(blocking=False) is False
        assert await other.acquire(timeout=0) is False
        await lock.release()
        assert not lock.locked() and not lock.lease
        with pytest.raises(RuntimeError, match="not acquired"):
            await lock.release()
        assert await other.acquire(False) is True
        assert await lock.acquire(True, 0) is False
        await other.release()
        async with lock as lease:
            assert lock.locked() and lock.lease.token == lease.token
        for wrong in ({"blocking": False, "timeout": 1}, {"timeout": -2}, {"timeout": float("nan")}):
            with pytest.raises(ValueError):
                await lock.acquire(**wrong)
        assert not lock.locked()

    with serving(Leases()) as node:
        run(scenario)


@both
def test_a_lock_waits_for_its_own_wait_by_default(make: str) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        await lockd.aio.Client(node.address).acquire("x")
        assert await c.lock("x", wait=0).acquire() is False
        assert "wait_ms" not in leases.requests[-1]

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


@both
def test_a_lock_raises_a_refusal_that_no_wait_resolves(make: str) -> None:
    async def scenario() -> None:
        lock = client(make, node.address).lock("x")
        with pytest.raises(lockd.NotAcquired, match="limit-mismatch"):
            await lock.acquire(blocking=False)
        assert not lock.locked()

    with serving(Leases(acquire=lambda *_: problem("limit-mismatch", 409))) as node:
        run(scenario)


@both
def test_the_release_of_a_lock_that_was_lost_is_a_loss(make: str) -> None:
    async def scenario() -> None:
        lock = client(make, node.address).lock("x")
        await lock.acquire()
        leases.end("x")
        with pytest.raises(LeaseLost):
            await lock.lease.renew()
        assert not lock.locked()
        with pytest.raises(LeaseLost):
            await lock.release()
        assert await lock.acquire() is True

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


def test_a_lock_of_asyncio_may_be_released_without_await() -> None:
    async def scenario() -> None:
        c = lockd.aio.Client(node.address)
        lock = c.lock("x")
        await lock.acquire()
        lock.release()
        assert await lock.acquire() is True, "it waits for the release"
        await lock.release()

    leases = Leases()
    with serving(leases) as node:
        run(scenario)
    assert leases.verbs() == ["acquire", "release"] * 2


def test_the_release_of_a_lock_of_asyncio_continues_if_its_caller_is_cancelled() -> None:
    async def scenario() -> None:
        lock = lockd.aio.Client(node.address).lock("x")

        async def work() -> None:
            await lock.acquire()
            task.cancel()
            await lock.release()

        task = asyncio.ensure_future(work())
        with pytest.raises(asyncio.CancelledError):
            await task
        while leases.holders("x"):
            await asyncio.sleep(0.001)

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


def in_thread(work: Any) -> Any:
    result: List[Any] = []
    thread = threading.Thread(target=lambda: result.append(work()))
    thread.start()
    thread.join(60)
    return result[0] if result else None


def raised(work: Any) -> Any:
    try:
        return work()
    except Exception as e:
        return e


def test_a_lock_that_is_entered_in_one_thread_may_be_left_in_another() -> None:
    leases = Leases()
    with serving(leases) as node:
        lock = lockd.Client(node.address).lock("x")
        lock.__enter__()
        assert in_thread(lambda: raised(lambda: lock.__exit__(None, None, None))) is None
        assert leases.holders("x") == [] and not lock.locked()
        in_thread(lock.acquire)
        lock.release()
        assert leases.holders("x") == []
        with pytest.raises(RuntimeError, match="not acquired"):
            lock.__exit__(None, None, None)


def test_a_thread_leaves_its_own_entry_and_none_of_several_others() -> None:
    leases = Leases()
    with serving(leases) as node:
        lock = lockd.Client(node.address).lock("x", limit=3)
        first, second = in_thread(lock.__enter__), in_thread(lock.__enter__)
        with lock as own:
            assert lock.lease is own
        assert not own.held and first.held and second.held
        with pytest.raises(RuntimeError, match=r"2 other threads or tasks .* client\.lock"):
            lock.release()
        for lease in (first, second):
            lease.release()


def test_a_lock_that_is_entered_in_one_task_may_be_left_in_another() -> None:
    async def scenario() -> None:
        c = lockd.aio.Client(node.address)
        lock = c.lock("x")

        async def enter() -> lockd.aio.Lease:
            return await lock.__aenter__()

        async def leave() -> None:
            await lock.__aexit__(None, None, None)

        await asyncio.ensure_future(enter())
        await asyncio.ensure_future(leave())
        assert leases.holders("x") == [] and not lock.locked() and c._local._claims == {}
        several = c.lock("y", limit=2)
        for _ in range(2):
            await asyncio.ensure_future(several.acquire())
        with pytest.raises(RuntimeError, match="2 other threads or tasks"):
            several.release()

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


def test_a_loss_is_raised_in_the_task_that_leaves_the_lock() -> None:
    async def scenario() -> None:
        lock = lockd.aio.Client(node.address).lock("x")

        async def enter() -> None:
            await lock.__aenter__()

        await asyncio.ensure_future(enter())
        leases.end("x")
        assert lock.lease is not None
        with pytest.raises(LeaseLost):
            await lock.lease.renew()
        with pytest.raises(LeaseLost):
            await lock.__aexit__(None, None, None)

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


def test_a_context_manager_that_ends_in_another_task_releases() -> None:
    async def scenario() -> None:
        c = lockd.aio.Client(node.address)

        @contextlib.asynccontextmanager
        async def fixture() -> Any:
            async with c.lock("x") as lease:
                yield lease

        async def call(of: Any) -> Any:
            return await of

        of = fixture()
        await asyncio.ensure_future(call(of.__aenter__()))
        assert leases.holders("x")
        await asyncio.ensure_future(call(of.__aexit__(None, None, None)))
        assert leases.holders("x") == []

    leases = Leases()
    with serving(leases) as node:
        run(scenario)
