"""Elections: how a candidate ends, and which errors of its work are raised."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any, Awaitable, Callable

import pytest
from fake import Response, grant, problem, serving

import lockd
import lockd.aio
from lockd._within import within


class Interrupted(threading.Event):
    """An event whose second check is interrupted."""

    calls = 0

    def is_set(self) -> bool:
        self.calls += 1
        if self.calls == 2:
            raise KeyboardInterrupt
        return False


def lead(lease: lockd.Lease) -> None:
    raise AssertionError("it never leads")


def test_a_candidate_that_is_interrupted_leaves_the_queue(lockd_server: str) -> None:
    other = lockd.Client(lockd_server)
    with other.lock("boss-1"):
        with pytest.raises(KeyboardInterrupt):
            lockd.Client(lockd_server).elect("boss-1", lead, stop=Interrupted())
        assert other.get("boss-1").queue_length == 0


def test_a_candidate_that_stops_does_not_release_the_lease_of_another_thread(lockd_server: str) -> None:
    client, stop = lockd.Client(lockd_server), threading.Event()
    with client.lock("boss-2") as lease:
        candidate = threading.Thread(target=client.elect, args=("boss-2", lead), kwargs={"stop": stop})
        candidate.start()
        while not client._local._queues["boss-2"][1:]:
            time.sleep(0.001)
        stop.set()
        candidate.join(60)
        assert not candidate.is_alive()
        assert client.check("boss-2", lease.token)


OWN = [
    lockd.LeaseLost("another lease"), lockd.Unavailable("what it works with"), lockd.OutcomeUnknown("of its own"),
    lockd.Held("another lease"), LookupError("what it looked for"),
]


class Cluster:
    """A fake node that grants every acquire, and answers other requests as the test decides."""

    def __init__(self, renewals: Callable[[], Response] = lambda: problem("not-holder", 409, lost=True),
                 releases: Response = (200, "{}")) -> None:
        self.granted = 0
        self.renewals = renewals
        self.releases = releases

    def __call__(self, path: str, _body: Any) -> Response:
        if path.endswith("renew"):
            return self.renewals()
        if path.endswith("release"):
            return self.releases
        self.granted += 1
        return 201, json.dumps(grant(path.split("/")[3], token=self.granted))


@pytest.mark.parametrize("own", OWN, ids=lambda e: type(e).__name__)
def test_an_error_of_the_work_itself_ends_the_election(own: Exception) -> None:
    cluster = Cluster()

    def work(_lease: lockd.Lease) -> None:
        raise own

    with serving(cluster) as node:
        with pytest.raises(type(own)) as e:
            lockd.Client(node.address).elect("boss", work)
    assert e.value is own and cluster.granted == 1


@pytest.mark.parametrize("own", OWN, ids=lambda e: type(e).__name__)
def test_an_error_of_the_work_itself_ends_the_election_of_asyncio(own: Exception) -> None:
    cluster = Cluster()

    async def work(_lease: lockd.aio.Lease) -> None:
        raise own

    async def scenario(address: str) -> None:
        async with lockd.aio.Client(address) as client:
            await client.elect("boss", work)

    with serving(cluster) as node:
        with pytest.raises(type(own)) as e:
            asyncio.run(scenario(node.address))
    assert e.value is own and cluster.granted == 1


@pytest.mark.parametrize("after", [*OWN, None], ids=lambda e: type(e).__name__)
def test_after_a_loss_it_is_a_candidate_again_also_if_the_work_raised(after: Any) -> None:
    def work(lease: lockd.Lease) -> int:
        if lease.token == 1:
            with pytest.raises(lockd.LeaseLost):
                lease.renew()
            if after is not None:
                raise after
        return lease.token

    with serving(Cluster()) as node:
        assert lockd.Client(node.address).elect("boss", work) == 2


@pytest.mark.parametrize("after", [*OWN, None], ids=lambda e: type(e).__name__)
def test_after_a_loss_it_is_a_candidate_again_with_asyncio(after: Any) -> None:
    async def work(lease: lockd.aio.Lease) -> int:
        if lease.token == 1:
            with pytest.raises(lockd.LeaseLost):
                await lease.renew()
            if after is not None:
                raise after
        return lease.token

    async def scenario(address: str) -> int:
        async with lockd.aio.Client(address) as client:
            return await client.elect("boss", work)

    with serving(Cluster()) as node:
        assert asyncio.run(scenario(node.address)) == 2


def test_an_election_returns_the_result_of_its_work_if_the_release_fails() -> None:
    unavailable = problem("no-leader", 503)
    with serving(Cluster(releases=unavailable)) as node:
        assert lockd.Client(node.address, retry_for=0).elect("boss", lambda lease: lease.token) == 1

        async def work(lease: lockd.aio.Lease) -> int:
            return lease.token

        async def scenario() -> int:
            return await lockd.aio.Client(node.address, retry_for=0).elect("boss", work)

        assert asyncio.run(scenario()) == 2


async def by_renewal(lease: lockd.aio.Lease) -> None:
    await lease.renew()


async def swallowing(lease: lockd.aio.Lease) -> None:
    renewal = asyncio.ensure_future(lease.renew())
    with pytest.raises(asyncio.CancelledError):
        await asyncio.Event().wait()
    with pytest.raises(lockd.LeaseLost):
        await renewal


@pytest.mark.parametrize("work", [by_renewal, swallowing])
def test_a_block_that_notices_the_loss_itself_raises_it_and_is_not_cancelled_again(
    work: Callable[[lockd.aio.Lease], Awaitable[None]],
) -> None:
    async def scenario(address: str) -> None:
        async with lockd.aio.Client(address) as client:
            with pytest.raises(lockd.LeaseLost):
                async with client.lock("x") as lease:
                    await work(lease)
            task = asyncio.current_task()
            assert task is not None
            if hasattr(task, "cancelling"):
                assert task.cancelling() == 0
            await asyncio.sleep(0.01)

    with serving(Cluster()) as node:
        asyncio.run(scenario(node.address))


def test_a_loss_is_reported_after_the_client_of_asyncio_was_closed() -> None:
    def serve(path: str, _body: Any) -> Response:
        return 201, json.dumps(grant("x", ttl_ms=1000, expires_in_ms=999))

    async def scenario(address: str) -> None:
        async with lockd.aio.Client(address) as client:
            lease = await client.acquire("x", ttl=1)
        await asyncio.wait_for(lease.wait_lost(), 60)

    with serving(serve) as node:
        asyncio.run(scenario(node.address))


class Queue:
    """A fake node that queues every acquire."""

    def __init__(self) -> None:
        self.queued = threading.Event()

    def __call__(self, path: str, _body: Any) -> Response:
        if path.endswith("release"):
            return 200, "{}"
        self.queued.set()
        return problem("held", 409, queued=True, position=1, ticket_expires_in_ms=5000)


def test_a_candidate_of_asyncio_that_is_cancelled_leaves_the_queue_at_once() -> None:
    async def lead_not(_lease: lockd.aio.Lease) -> None:
        raise AssertionError("it never leads")

    async def scenario(address: str) -> None:
        async with lockd.aio.Client(address) as client:
            election = asyncio.ensure_future(client.elect("boss", lead_not))
            while not queue.queued.is_set() or not client._transport._idle[0]:
                await asyncio.sleep(0.001)  # until the answer was received
            for _ in range(10):
                await asyncio.sleep(0)  # now it pauses, for at least 25 ms
            election.cancel()
            with pytest.raises(asyncio.CancelledError):
                await election
            assert node.paths[-1] == "/v1/leases/boss/release"
            assert not client._local._claims and not client._local._queues

    queue = Queue()
    with serving(queue) as node:
        asyncio.run(scenario(node.address))


def test_an_acquire_that_is_interrupted_between_two_requests_leaves_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    with serving(Queue()) as node:
        client = lockd.Client(node.address)
        drive = client._transport.drive
        monkeypatch.setattr(client._transport, "drive", lambda operation: drive(operation, interrupted))
        with pytest.raises(KeyboardInterrupt):
            client.acquire("boss", wait=60)
        assert node.paths[-1] == "/v1/leases/boss/release"
        assert not client._local._claims and not client._local._queues


def test_a_cancellation_at_the_same_time_as_an_answer_is_not_lost() -> None:
    async def scenario() -> None:
        answer = asyncio.get_running_loop().create_future()
        waiting = asyncio.ensure_future(within(answer, 60))
        await asyncio.sleep(0)
        answer.set_result(7)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(scenario())
