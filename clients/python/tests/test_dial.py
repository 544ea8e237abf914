"""Connections over TLS and IPv6, and an election during an outage."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from pathlib import Path
from typing import Any, List

import pytest
from test_bounds import PATIENCE, Do, both, names, raw
from test_retry import GRANT

import lockd
import lockd.aio

PEM = Path(__file__).parent / "lockd.test.pem"  # a key and a certificate for tests
BODY = json.dumps({**GRANT, "ttl_ms": 15000}).encode()
GRANTED = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


def tls_server(requests: List[bytes]) -> socket.socket:
    """Serve TLS and grant every acquire."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as c:
                    requests.append(c.recv(65536))
                    c.sendall(GRANTED)
                    while c.recv(65536):
                        pass
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    return listening


@both
@pytest.mark.parametrize("host,trusted", [("127.0.0.1", True), ("lockd.test", True), ("lockd.test", False), ("other.test", True)])
def test_the_certificate_of_a_node_is_checked(do: Do, host: str, trusted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if host == "other.test":
        found = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda h, *a, **k: found("127.0.0.1" if h == host else h, *a, **k))
    else:
        names(monkeypatch, "127.0.0.1")
    requests: List[bytes] = []
    listening = tls_server(requests)
    try:
        client = {
            "addresses": [f"https://{host}:{listening.getsockname()[1]}"], "retry_for": 0.0,
            "ssl_context": ssl.create_default_context(cafile=str(PEM)) if trusted else None,
        }
        if trusted and host != "other.test":
            assert do("acquire", "x", client=client, keep=False).token == 7
            assert len(requests) == 1
        else:
            with pytest.raises(lockd.Unavailable, match="certificate"):
                do("acquire", "x", client=client)
            assert not any(b"POST" in r for r in requests)
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


@both
def test_a_handshake_without_an_answer_times_out(do: Do) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"https://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(lockd.Unavailable):
            do("acquire", "x", client={"addresses": [address], "request_timeout": 0.3, "retry_for": 0.0})


@both
def test_a_node_at_an_ipv6_address_is_reached(do: Do) -> None:
    requests: List[bytes] = []

    def node(c: socket.socket, request: bytes) -> None:
        requests.append(request)
        c.sendall(GRANTED)

    try:
        listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    listening.close()
    with raw(node, "::1") as port:
        assert do("acquire", "x", client={"addresses": [f"[::1]:{port}"]}, keep=False).token == 7
    assert b"host: [::1]:%d\r\n" % port in requests[0].lower()


@pytest.mark.parametrize("asynchronous", [False, True], ids=["threads", "asyncio"])
def test_an_election_continues_after_unreachable_nodes(asynchronous: bool) -> None:
    attempts: List[bytes] = []
    options: Any = {"unreachable_timeout": 0.01, "retry_for": 0.0}

    def node(c: socket.socket, request: bytes) -> None:
        if b"/acquire" in request:
            attempts.append(request)
        if b"/release" not in request and len(attempts) < 5:
            raise OSError("cut")
        c.sendall(GRANTED)

    async def campaign(address: str) -> int:
        async def work(lease: lockd.aio.Lease) -> int:
            return lease.token

        return await asyncio.wait_for(lockd.aio.Client(address, **options).elect("x", work), PATIENCE)

    with raw(node) as port:
        address = f"127.0.0.1:{port}"
        if asynchronous:
            token = asyncio.run(campaign(address))
        else:
            token = lockd.Client(address, **options).elect("x", lambda lease: lease.token) or 0
    assert token == 7 and len(attempts) >= 5
