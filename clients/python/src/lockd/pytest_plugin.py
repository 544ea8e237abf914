"""A real lockd for tests with pytest, from the binary ``lockd`` or the one that LOCKD_BINARY names.

    # conftest.py
    pytest_plugins = ["lockd.pytest_plugin"]

    # test_report.py
    def test_two_reports_exclude_each_other(lockd_server):
        client = lockd.Client(lockd_server)
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Mapping

import pytest

from ._client import Client

_PATIENCE = 30.0  # seconds until a node must serve


@pytest.fixture(scope="session")
def lockd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run one node until the tests have ended, and yield its address.

    All tests share it: use different names in each.
    """
    with serve(tmp_path_factory.mktemp("lockd")) as address:
        yield address


@contextmanager
def serve(directory: Path) -> Iterator[str]:
    """Run one node with its data and its log in a directory, and yield its address.

    It ignores the LOCKD_ variables of the environment: they may be those of a real cluster.
    """
    log = directory / "log"
    command = [os.environ.get("LOCKD_BINARY", "lockd"), "server", "--data-dir", str(directory / "data")]
    command += ["--http-addr", "127.0.0.1:0", "--peer-addr", "127.0.0.1:0", "--log-format", "json"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LOCKD_")}
    with log.open("wb") as out, subprocess.Popen(command, stderr=out, env=environment) as node:
        try:
            address = _served(node, log)
            with Client(address, retry_for=_PATIENCE) as client:
                client.get("ready")
            yield address
        finally:
            node.kill()


def _served(node: "subprocess.Popen[bytes]", log: Path) -> str:
    """Wait until the log has the address of the node."""
    end = time.monotonic() + _PATIENCE
    while node.poll() is None and time.monotonic() < end:
        for line in log.read_text().rpartition("\n")[0].splitlines():
            message = _message(line)
            if message.get("msg") == "lockd serves":
                return str(message["http"])
        time.sleep(0.01)
    raise RuntimeError(f"lockd does not serve; its log:\n{log.read_text()}")


def _message(line: str) -> Mapping[str, Any]:
    """Parse a line of the log. A line that is not JSON, such as that of a crash, is empty."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
