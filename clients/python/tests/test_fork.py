"""Clients and leases of a parent in a forked child: a lease is not held there, and a client starts again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
import traceback
from typing import Any, Callable

import pytest

import lockd
import lockd.aio

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
PATIENCE = 60.0


def in_child(work: Callable[[], Any]) -> int:
    """Run work in a forked child and return its exit status. A child that hangs is killed."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    end = time.monotonic() + PATIENCE
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise AssertionError("the child hangs")
        time.sleep(0.001)


def lock_everything(client: lockd.Client, lease: lockd.Lease) -> Callable[[], None]:
    """Lock every lock, as threads of the parent may have done at a fork. Returns a function that unlocks them."""
    locks: list[Any] = [
        client._renewer.renewals._changed, client._renewer.deadlines._changed, client._local._lock, client._pending._lock,
        client._transport._lock, client._transport._resolver._lock, client._cfg.reach._lock,
        lease._hold._lock,  # the last one: threads of the renewer take it while they have their own lock
    ]
    for lock in locks:
        assert lock.acquire(timeout=PATIENCE)

    def unlock() -> None:
        for lock in locks:
            lock.release()

    return unlock


def test_a_lease_of_the_parent_is_not_held_by_a_child(lockd_server: str) -> None:
    client = lockd.Client(lockd_server)
    with client.lock("forked-1", ttl=30) as lease:
        called: list[object] = []
        lease.on_lost(called.append)
        release = lock_everything(client, lease)

        def child() -> None:
            with pytest.raises(lockd.LeaseLost, match="forked-1: the lease is held by the process from which"):
                lease.check()
            assert not lease.held and lease.lost and lease.remaining() == 0 and lease.wait_lost()
            assert lease.token > 0 and lease.name == "forked-1"
            with pytest.raises(lockd.LeaseLost):
                lease.renew()
            with pytest.raises(lockd.LeaseLost):
                lease.transfer("x")
            lease.release()
            assert not called
            repr(lease)

        try:
            assert in_child(child) == 0
        finally:
            release()
        lease.check()
        state = lockd.Client(lockd_server).get("forked-1")
        assert state.token == lease.token, "the child has sent a release"


def test_a_child_that_leaves_the_block_releases_nothing(lockd_server: str) -> None:
    client = lockd.Client(lockd_server)
    lock = client.lock("forked-2", ttl=30)
    lease = lock.__enter__()

    def child() -> None:
        with pytest.raises(lockd.LeaseLost):
            lock.__exit__(None, None, None)

    assert in_child(child) == 0
    lease.check()
    assert lockd.Client(lockd_server).get("forked-2").token == lease.token
    lock.__exit__(None, None, None)


@pytest.mark.parametrize("session", [None, "the-session-of-the-parent"])
def test_a_lock_works_in_a_child_with_a_session_of_its_own(lockd_server: str, session: Any) -> None:
    client = lockd.Client(lockd_server, session=session)
    parents, holder = client.session, client.holder
    lock = client.lock("forked-3", ttl=30, wait=0)
    with lock as lease:
        release = lock_everything(client, lease)

        def child() -> None:
            assert client.session != parents and client.holder != holder
            with pytest.raises(lockd.Held, match="holds the lease"):
                lock.__enter__()
            with client.lock("forked-4", ttl=1) as own:
                deadline = time.monotonic() + 1.5
                while time.monotonic() < deadline:
                    own.check()  # it is renewed, by threads of the child
                    time.sleep(0.01)

        try:
            status = in_child(child)
        finally:
            release()
        assert status == 0


def test_a_fork_during_calls_of_other_threads_does_not_block_the_child(lockd_server: str) -> None:
    client = lockd.Client(lockd_server)
    stop = threading.Event()
    with client.lock("forked-5", ttl=30) as lease:

        def work() -> None:
            while not stop.is_set():
                lease.renew()
                lease.remaining()

        def child() -> None:
            with pytest.raises(lockd.LeaseLost):
                lease.check()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        try:
            assert [in_child(child) for _ in range(50)] == [0] * 50
        finally:
            stop.set()
            for t in threads:
                t.join()


def test_a_client_of_asyncio_works_in_a_child(lockd_server: str) -> None:
    client = lockd.aio.Client(lockd_server)
    parents = client.session

    async def use(name: str) -> lockd.aio.Lease:
        return await client.acquire(name, ttl=30)

    lease = asyncio.run(use("forked-6"))

    async def begin_again() -> None:
        with pytest.raises(lockd.LeaseLost, match="forked"):
            lease.check()
        await lease.wait_lost()
        await lease.release()
        with pytest.raises(lockd.Held, match="holds the lease"):
            await use("forked-6")
        await (await use("forked-7")).release()

    def child() -> None:
        assert client.session != parents
        asyncio.run(begin_again())

    assert in_child(child) == 0
    assert lockd.Client(lockd_server).get("forked-6").token == lease.token
