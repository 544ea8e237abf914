"""The fixture for tests, and with it the client on a real server."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import lockd
from lockd.pytest_plugin import serve


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


def test_a_node_for_tests_has_no_settings_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKD_HEARTBEAT_TIMEOUT", "that of a real cluster")
    with serve(tmp_path) as address:
        assert lockd.Client(address).get("x").state == "free"


def test_a_node_for_tests_that_breaks_shows_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path / "lockd"
    binary.write_text("#!/bin/sh\necho this is no JSON >&2\necho 7 >&2\nsleep 0.2\nexit 1\n")
    binary.chmod(0o755)
    monkeypatch.setenv("LOCKD_BINARY", str(binary))
    with pytest.raises(RuntimeError, match="this is no JSON"):
        with serve(tmp_path):
            pass
