"""An error of a callback does not affect the other leases of its client."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.request
from typing import Any, Callable, Dict, List

import pytest

import lockd
import lockd.aio
from lockd._config import Config
from lockd._hold import Hold
from lockd._renewer import Loop

PATIENCE = 60.0


def fail(_why: lockd.LeaseLost) -> None:
    raise LookupError("a callback of the program")


def break_it(address: str, name: str, token: int) -> None:
    body = json.dumps({"token": token, "reason": "a test", "grace_ms": 0}).encode()
    urllib.request.urlopen(f"{address}/v1/leases/{name}/break", body).close()


def eventually(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "the condition did not become true"
        time.sleep(0.01)


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> List[BaseException]:
    reports: List[BaseException] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: reports.append(args.exc_value))
    return reports


def test_a_callback_that_raises_does_not_stop_the_deadline_of_another_lease(
    lockd_server: str, reported: List[BaseException]
) -> None:
    client = lockd.Client(lockd_server)
    first, second = client.acquire("raises-1", ttl=1, keep=False), client.acquire("raises-2", ttl=2, keep=False)
    reports = [threading.Event(), threading.Event()]
    first.on_lost(fail)
    first.on_lost(lambda _why: reports[0].set())
    second.on_lost(lambda _why: reports[1].set())
    assert reports[0].wait(PATIENCE), "the next callback of the same lease"
    assert reports[1].wait(PATIENCE) and second.wait_lost(PATIENCE)
    assert [type(e) for e in reported] == [LookupError]


def test_a_callback_that_raises_does_not_stop_the_renewals_of_another_lease(
    lockd_server: str, reported: List[BaseException]
) -> None:
    client = lockd.Client(lockd_server)
    first, second = client.acquire("raises-3", ttl=4), client.acquire("raises-4", ttl=4)
    first.on_lost(fail)
    break_it(lockd_server, first.name, first.token)
    assert first.wait_lost(PATIENCE)
    lost = second._hold._sent.mono
    eventually(lambda: second._hold._sent.mono > lost or second.lost)
    assert second.held
    reports = threading.Event()
    second.on_lost(lambda _why: reports.set())
    break_it(lockd_server, second.name, second.token)
    assert reports.wait(PATIENCE)
    assert [type(e) for e in reported] == [LookupError]


def test_the_error_of_a_callback_after_the_end_of_the_lease_is_reported(
    lockd_server: str, reported: List[BaseException]
) -> None:
    lease = lockd.Client(lockd_server).acquire("raises-5", ttl=1, keep=False)
    assert lease.wait_lost(PATIENCE)
    lease.on_lost(fail)
    assert [type(e) for e in reported] == [LookupError]


def test_system_exit_of_a_callback_is_raised_after_the_last_callback(lockd_server: str) -> None:
    lease = lockd.Client(lockd_server).acquire("raises-6", ttl=60)
    reports: List[BaseException] = []

    def leave(_why: BaseException) -> None:
        raise SystemExit(3)

    lease.on_lost(leave)
    lease.on_lost(reports.append)
    with pytest.raises(SystemExit):
        lease._hold.lose(lockd.LeaseLost("a test"))
    assert len(reports) == 1


def test_a_loop_continues_after_a_step_that_raises(reported: List[BaseException]) -> None:
    cfg = Config(["n:1"], None, None, None, 5.0)
    steps: List[int] = []

    def step(holds: List[Hold]) -> float:
        steps.append(len(holds))
        if len(steps) < 3:
            raise SystemExit if len(steps) == 1 else LookupError
        for h in holds:
            h.mark_released()
        return 0.0

    grant = lockd.Grant.of({"name": "x", "holder": "h", "token": 7, "ttl_ms": 5000, "expires_in_ms": 4995})
    hold = Hold(cfg, grant, cfg.clock())
    Loop(cfg, "lockd-test", step).join(hold)
    eventually(lambda: hold.ended is not None)
    assert steps == [1, 1, 1]
    assert [type(e) for e in reported] == [SystemExit, LookupError]


def test_a_callback_that_raises_does_not_stop_the_loss_of_another_task(lockd_server: str) -> None:
    reported: List[Dict[str, Any]] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
        async with lockd.aio.Client(lockd_server) as client:
            first = await client.acquire("raises-7", ttl=1, keep=False)
            first.on_lost(fail)
            with pytest.raises(lockd.LeaseLost):
                async with client.lock("raises-8", ttl=2, keep=False):
                    await asyncio.wait_for(asyncio.Event().wait(), PATIENCE)
            broken, kept = await client.acquire("raises-9", ttl=4), await client.acquire("raises-10", ttl=4)
            broken.on_lost(fail)
            await asyncio.to_thread(break_it, lockd_server, broken.name, broken.token)
            await asyncio.wait_for(broken.wait_lost(), PATIENCE)
            lost = kept._hold._sent.mono
            while kept._hold._sent.mono == lost and not kept.lost:
                await asyncio.sleep(0.01)
            assert kept.held

    asyncio.run(scenario())
    assert [type(c["exception"]) for c in reported] == [LookupError, LookupError]


def test_a_renewal_job_of_asyncio_continues_after_an_error(lockd_server: str) -> None:
    reported: List[Dict[str, Any]] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
        async with lockd.aio.Client(lockd_server) as client:
            drive = client._drive

            async def broken(operation: Any) -> Any:
                operation.close()
                client._drive = drive  # type: ignore[method-assign]
                raise LookupError

            lease = await client.acquire("raises-11", ttl=4)
            client._drive = broken  # type: ignore[method-assign]
            sent = lease._hold._sent.mono
            while lease._hold._sent.mono == sent and not lease.lost:
                await asyncio.sleep(0.01)
            assert lease.held

    asyncio.run(scenario())
    assert [type(c["exception"]) for c in reported] == [LookupError]
