"""The pytest fixture, and the client on a real node."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import List

import pytest
from both_clients import both, client, run

import lockd
from lockd.pytest_plugin import serve


def test_two_clients_exclude_each_other(lockd_server: str) -> None:
    one, two = lockd.Client(lockd_server), lockd.Client(lockd_server)
    with one.lock("report") as lease:
        with pytest.raises(lockd.Held):
            two.acquire("report")
    with two.lock("report") as next_lease:
        assert next_lease.token > lease.token


def test_a_loss_is_reported(lockd_server: str) -> None:
    client = lockd.Client(lockd_server)
    reported = threading.Event()
    lease = client.acquire("unkept", ttl=1, keep=False)
    lease.on_lost(lambda _why: reported.set())
    assert reported.wait(60)
    assert lease.lost


def test_a_node_for_tests_ignores_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKD_HEARTBEAT_TIMEOUT", "that of a real cluster")
    with serve(tmp_path) as address:
        assert lockd.Client(address).get("x").state == "free"


def test_the_error_of_a_node_for_tests_that_fails_has_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path / "lockd"
    binary.write_text("#!/bin/sh\necho this is no JSON >&2\necho 7 >&2\nsleep 0.2\nexit 1\n")
    binary.chmod(0o755)
    monkeypatch.setenv("LOCKD_BINARY", str(binary))
    with pytest.raises(RuntimeError, match="this is no JSON"):
        with serve(tmp_path):
            pass


@both
def test_the_operations_of_a_client_on_a_real_node(lockd_server: str, make: str) -> None:
    async def scenario() -> None:
        c = client(make, lockd_server)
        names = [f"all/{make}/{n}" for n in range(3)]
        held = await c.acquire_all(names, ttl=60)
        tokens = [lease.token for lease in held]
        assert tokens == sorted(set(tokens))
        with pytest.raises(lockd.Held) as e:
            await client(make, lockd_server).acquire_all(["free/" + make, *names])
        assert e.value.problem is not None and [s.name for s in e.value.problem.leases] == names
        assert {(l.name, l.token) for l in (await c.renew_session()).leases} == set(zip(names, tokens))
        accepted = await c.request_step_down(names[0], tokens[0], to="next", within=30)
        assert accepted.step_down.to == "next" and 0 < accepted.step_down.within <= 30
        await held[0].renew()
        assert held[0].step_down.to == "next"
        assert (await c.break_lease(names[0], tokens[0], reason="a test", grace=0)).token == tokens[0]
        with pytest.raises(lockd.LeaseLost):
            await held[0].renew()
        events = (await c.history(names[0])).events
        assert [(e.type, e.reason) for e in events if e.type == "broken"] == [("broken", "a test")]
        released = await c.release_session()
        assert {(h.name, h.token) for h in released.released} == set(zip(names[1:], tokens[1:]))
        assert [(await c.get(name)).state for name in names] == ["free"] * 3
        cluster = await c.cluster()
        assert cluster.leader == cluster.node.name and [n.leader for n in cluster.nodes] == [True]

    run(scenario)


@both
def test_a_waiting_acquire_gets_a_new_place_after_a_release_of_its_session(lockd_server: str, make: str) -> None:
    name = f"session-wait-{make}"
    other, waiter = lockd.Client(lockd_server), lockd.Client(lockd_server)
    c = client(make, lockd_server, session=waiter.session)
    acquired: List[lockd.Lease] = []
    thread = threading.Thread(target=lambda: acquired.append(waiter.acquire(name, wait=60)))

    async def scenario() -> None:
        lease = other.acquire(name)
        thread.start()
        while other.get(name).queue_length == 0:
            await asyncio.sleep(0.001)
        assert (await c.release_session()).left == (name,)
        while other.get(name).queue_length == 0:
            await asyncio.sleep(0.001)
        lease.release()
        await asyncio.get_running_loop().run_in_executor(None, thread.join, 60)
        assert acquired and acquired[0].held

    run(scenario)
