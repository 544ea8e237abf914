"""Random answers and addresses: only the client's own errors come out, nothing hangs, and no bound is exceeded."""

from __future__ import annotations

import asyncio
import faulthandler
import json
import random
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import pytest
from mutate import FACTOR, cases, mutated, mutated_json
from test_acquire_all import HOLDS, LEASES, NAMES
from test_admin import CLUSTER, EVENT
from test_retry import GRANT, Simulation

import lockd
import lockd.aio
from lockd import LockdError, _aio_http, _task_watch, _watch
from lockd._acquire import grant_of
from lockd._acquire_all import grants_of
from lockd._address import address
from lockd._aio_http import Connection
from lockd._cluster import Cluster
from lockd._config import MAX_TTL
from lockd._errors import problem_of
from lockd._event import Event, History
from lockd._model import (
    Broken,
    Page,
    ReleaseAnswer,
    Renewals,
    SessionReleased,
    State,
    StepDownAccepted,
)
from lockd._retry import Answer, Call, fixed, get, send
from lockd._validate import MAX_INTEGER, Malformed
from lockd._watch import Parser, Watch

PATIENCE = 60.0
BOUND = 600  # bytes, instead of the real bounds, so that mutations exceed it
ADDRESSES = json.loads((Path(__file__).parents[2] / "conformance" / "addresses.json").read_text(encoding="utf-8"))

STATE = {
    "name": "x", "state": "held", "revision": 7, "limit": 2, "holder": "h", "token": 7, "available_in_ms": 10, "queue_length": 1,
    "holders": [{"holder": "h", "token": 7, "slot": 0, "ttl_ms": 5000, "held_ms": 4, "step_down": {"to": "a"}, "meta": {"a": 1}}],
    "queue": [{"holder": "b", "priority": -3, "waiting_ms": 10}], "transitions": 3,
}
PROBLEM = {
    "type": "/problems/held", "title": "t", "detail": "d", "definitive": True, "lost": False, "lease": STATE, "queued": True,
    "position": 1, "ticket_expires_in_ms": 5000, "retry_after_ms": 10, "errors": [{"field": "ttl_ms", "reason": "r"}],
}
BODY = json.dumps(STATE).encode()
RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40;a=b\r\n" + BODY[:64] + b"\r\n%x\r\n" % (len(BODY) - 64)
    + BODY[64:] + b"\r\n0\r\nX-Trailer: y\r\n\r\n",
    b"HTTP/1.1 503 x\r\nRetry-After: 7\r\nContent-Length: 60\r\n\r\n"
    + b'{"type":"/problems/no-leader","definitive":true,"title":"t"}',
]
MESSAGES = b'id: 7\nevent: state\ndata: ' + BODY + b'\n\n: alive\n\nid: 8\nevent: synced\ndata: {"revision":8}\n\n' \
    + b"event: acquired\ndata: " + json.dumps(EVENT).encode() + b'\n\nevent: gone\ndata: {"type":"/problems/gone","oldest":3}\n\n'
STREAMS = [
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + MESSAGES,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(MESSAGES) + MESSAGES + b"\r\n0\r\n\r\n",
    RESPONSES[3],
]


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """End the test run with a traceback if a case never ends."""
    faulthandler.dump_traceback_later(2 * PATIENCE * FACTOR, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_aio_http, "MAX_ANSWER", BOUND)
    monkeypatch.setattr(_aio_http, "MAX_HEAD", BOUND)
    monkeypatch.setattr(_watch, "MAX_EVENT", BOUND)


class Writer:
    """The half of a connection that sends, to nowhere."""

    def __init__(self) -> None:
        self.transport = self

    def write(self, _data: bytes) -> None:
        pass

    async def drain(self) -> None:
        pass

    def abort(self) -> None:
        pass


def connection(r: random.Random, data: bytes, ends: bool = True) -> Connection:
    """Return a connection on which a node sends data in random pieces and then closes it, if it ends."""
    reader = asyncio.StreamReader(limit=_aio_http.PIECE)

    async def feed() -> None:
        rest = data
        while rest:
            size = r.choice((1, 7, 100, len(rest)))
            reader.feed_data(rest[:size])
            rest = rest[size:]
            await asyncio.sleep(0)
        if ends:
            reader.feed_eof()

    reader.feeder = asyncio.ensure_future(feed())  # type: ignore[attr-defined]
    return Connection(reader, Writer())  # type: ignore[arg-type]


def client_of(r: random.Random, data: bytes) -> lockd.aio.Client:
    """Return a client whose connections receive data. Some of them stay open without an end."""
    ends = r.random() > 0.05

    async def connect(_to: int, _timeout: float) -> Connection:
        return connection(r, data, ends)

    client = lockd.aio.Client("n:1", retry_for=0.0, request_timeout=PATIENCE if ends else 0.02)
    client._transport.connect = connect  # type: ignore[method-assign,assignment]
    return client


def run(case: Callable[[random.Random], Any], runs: int) -> int:
    """Run a case for each seed and return how many had a result. The client's own errors are no results."""

    async def main() -> int:
        results = 0
        for r in cases(runs):
            try:
                await asyncio.wait_for(case(r), PATIENCE)
                results += 1
            except LockdError:
                pass
        return results

    return asyncio.run(main())


def test_random_responses(small_bounds: None) -> None:
    async def case(r: random.Random) -> None:
        client = client_of(r, mutated(r, RESPONSES))
        exchange, attempt = [], client._transport.attempt

        async def recorded(a: Any) -> Any:
            exchange.append(await attempt(a))
            return exchange[-1]

        client._transport.attempt = recorded  # type: ignore[method-assign]
        try:
            state = await client.get("x")
            assert state.name == "x" and 0 <= state.revision <= MAX_INTEGER
        finally:
            for outcome in exchange:
                assert not isinstance(outcome, Answer) or len(outcome.body) <= BOUND

    assert run(case, 600) > 50, "too few mutated responses are still valid"


def test_random_heads_stay_within_their_bound(small_bounds: None) -> None:
    async def case(r: random.Random) -> None:
        c = connection(r, mutated(r, RESPONSES))
        try:
            _, headers = await c.head()
        except (OSError, ValueError, EOFError, _aio_http.BadAnswer) as e:
            raise lockd.Unavailable(e) from e
        assert sum(len(name) + len(value) for name, value in headers.items()) <= BOUND

    assert run(case, 300) > 50


def test_random_streams(small_bounds: None, monkeypatch: pytest.MonkeyPatch) -> None:
    async def case(r: random.Random) -> None:
        client = client_of(r, mutated(r, STREAMS))
        monkeypatch.setattr(_task_watch, "MAX_SILENCE", client._cfg.timeout)
        watch = Watch(client._cfg, "x", None, 0)
        async for event in _task_watch._stream(client._transport, watch):
            assert event.type and 0 <= event.revision <= MAX_INTEGER and watch.after <= MAX_INTEGER

    run(case, 400)


def test_random_messages_stay_within_their_bound(small_bounds: None) -> None:
    for r in cases(400):
        parser = Parser()
        try:
            for line in mutated(r, [MESSAGES, MESSAGES * 3]).split(b"\n"):
                message = parser.line(line)
                assert parser._size <= BOUND + 1 and sum(map(len, parser._data)) <= BOUND
                assert message is None or len(message.data) <= BOUND
        except lockd.Unavailable:
            pass


SHAPES: Dict[str, Any] = {
    "grant": (grant_of("x"), [GRANT, {**GRANT, "previous": {"holder": "h", "token": 3, "end": "expired"}, "meta": {"a": 1}}]),
    "grants": (grants_of(NAMES), [{**HOLDS, "leases": LEASES}]),
    "renewals": (Renewals.of, [{"leases": [{"name": "x", "token": 7, "expires_in_ms": 9}], "waited_ms": 0, "revision": 7}]),
    "release": (ReleaseAnswer.of, [{"was_held": False, "ended": "expired"}, {}]),
    "state": (State.of, [STATE]), "page": (Page.of, [{"leases": [STATE], "next": "y", "revision": 7}]),
    "history": (History.of, [{"name": "x", "events": [EVENT], "revision": 7}]),
    "event": (lambda raw: Event.of("", "7", raw), [EVENT, {"type": "state", "revision": 7, "lease": STATE}]),
    "cluster": (Cluster.of, [CLUSTER]), "broken": (Broken.of, [{"name": "x", "token": 7, "available_in_ms": 9, "revision": 7}]),
    "step-down": (StepDownAccepted.of, [{"name": "x", "token": 7, "holder": "h", "step_down": {"to": "a"}, "revision": 7}]),
    "session": (SessionReleased.of, [{"released": [{"name": "x", "token": 7}], "left": ["y"], "revision": 7}]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_random_json(shape: str) -> None:
    read, seeds = SHAPES[shape]
    for r in cases(250):
        w, body = Simulation(1), mutated_json(r, seeds)
        w.cfg.retry_for = 0.0
        try:
            result, _ = w.drive(send(w.cfg, Call("POST", "/p", fixed({}, 1.0), read)), [Answer(200, "", body)])
        except LockdError:
            continue
        for grant in result if shape == "grants" else [result] if shape == "grant" else []:
            assert 1 <= grant.token <= MAX_INTEGER and 0 < grant.ttl <= MAX_TTL
            assert 0 <= grant.expires_in <= MAX_TTL and 0 <= grant.waited <= MAX_TTL


def test_random_problems() -> None:
    for r in cases(500):
        p = problem_of(r.choice((400, 409, 429, 503, 504)), r.choice(("", "7", "x", "9" * 50)), mutated_json(r, [PROBLEM]))
        assert str(p) and 0 <= p.retry_after <= 30 and isinstance(p.definitive, bool)


def test_a_cursor_of_random_text_ends_no_listing_with_another_error() -> None:
    for r in cases(100):
        w, body = Simulation(1), mutated_json(r, [{"leases": [], "next": "y", "revision": 7}])
        w.cfg.retry_for = 0.0
        try:
            page, _ = w.drive(send(w.cfg, get(w.cfg, "/v1/leases", read=Page.of)), [Answer(200, "", body)])
            w.drive(send(w.cfg, get(w.cfg, "/v1/leases", {"cursor": page.next}, Page.of)), [Answer(200, "", body)])
        except LockdError:
            pass


def test_random_addresses() -> None:
    secret = "hunter22"
    seeds = [c["address"].encode("utf-8", "surrogatepass") for c in ADDRESSES]
    seeds += [f"http://user:{secret}@node:7400/base".encode(), f"{secret}@[::1]".encode()]
    for r in cases(1500):
        text = mutated(r, seeds).decode("utf-8", "replace")
        try:
            at = address(text)
        except ValueError as e:
            assert not isinstance(e, Malformed) and str(e).startswith("address ")
            assert secret not in str(e) or secret in text.rpartition("@")[2], "an error shows a password"
            continue
        again = address(str(at))
        assert (again.secure, again.host, again.port, again.path) == (at.secure, at.host, at.port, at.path)
        assert 1 <= at.port <= 65535 and at.authority.isascii() and at.path.isascii()
        assert not set(at.authority + at.path) & set(" \r\n\t?#\\")
