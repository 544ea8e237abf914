"""The fixture for tests, and with it the client on a real server."""

from __future__ import annotations

import threading

import pytest

import lockd


def test_two_clients_exclude_each_other(lockd_server: str) -> None:
    one, two = lockd.Client(lockd_server), lockd.Client(lockd_server)
    with one.lock("report") as lease:
        with pytest.raises(lockd.Held):
            two.acquire("report")
    with two.lock("report") as next_lease:
        assert next_lease.token > lease.token


def test_a_loss_is_told(lockd_server: str) -> None:
    client = lockd.Client(lockd_server)
    told = threading.Event()
    lease = client.acquire("unkept", ttl=1, keep=False)
    lease.on_lost(lambda _why: told.set())
    assert told.wait(60)
    assert lease.lost
