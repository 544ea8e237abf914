"""How a candidate goes."""

from __future__ import annotations

import threading

import pytest

import lockd


class Interrupted(threading.Event):
    """Is interrupted where it is asked for the second time."""

    asked = 0

    def is_set(self) -> bool:
        self.asked += 1
        if self.asked == 2:
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


def test_a_candidate_that_stops_takes_nothing_from_another_thread(lockd_server: str) -> None:
    client, stop = lockd.Client(lockd_server), threading.Event()
    with client.lock("boss-2") as lease:
        threading.Timer(0.1, stop.set).start()
        assert client.elect("boss-2", lead, stop=stop) is None
        assert client.check("boss-2", lease.token)
