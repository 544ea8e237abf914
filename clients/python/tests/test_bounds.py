"""Bounds of a client against a node or a network that is broken or malicious."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest
from test_retry import GRANT, REFUSED, Simulation, answer, problem

import lockd
import lockd.aio
from lockd import Held, OutcomeUnknown, Unavailable
from lockd._acquire import Acquisition
from lockd._dial import per_address
from lockd._errors import problem_of
from lockd._event import Event
from lockd._model import State
from lockd._operations import renew
from lockd._options import AcquireOptions
from lockd._retry import MAX_ANSWER, Answer, Attempt, Failure
from lockd._watch import MAX_EVENT, Parser

PATIENCE = 30.0
Do = Callable[..., Any]


def threads(do: str, *args: Any, client: Dict[str, Any], **kwargs: Any) -> Any:
    c = lockd.Client(*client.pop("addresses"), **client)
    return next(iter(c.watch("x"))) if do == "watch" else getattr(c, do)(*args, **kwargs)


def tasks(do: str, *args: Any, client: Dict[str, Any], **kwargs: Any) -> Any:
    async def run() -> Any:
        c = lockd.aio.Client(*client.pop("addresses"), **client)
        if do == "watch":
            async for event in c.watch("x"):
                return event
        return await getattr(c, do)(*args, **kwargs)

    return asyncio.run(run())


both = pytest.mark.parametrize("do", [threads, tasks], ids=["threads", "asyncio"])


@contextmanager
def raw(handle: Callable[[socket.socket, bytes], None], host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Run a server that handles each request by a function, and yield its port."""
    listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    open_now: List[socket.socket] = []

    def serve(c: socket.socket) -> None:
        try:
            with c, c.makefile("rb") as lines:
                while True:
                    head, length = b"", 0
                    while (line := lines.readline()) not in (b"\r\n", b""):
                        head += line
                        name, _, value = line.partition(b":")
                        length = int(value) if name.lower() == b"content-length" else length
                    if not head:
                        return
                    handle(c, head + b"\r\n" + lines.read(length))
        except OSError:
            pass

    def accept() -> None:
        while True:
            try:
                c, _ = listening.accept()
            except OSError:
                return
            open_now.append(c)
            threading.Thread(target=serve, args=(c,), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        accepting.join(PATIENCE)
        for c in open_now:
            c.close()


def drip(c: socket.socket, _request: bytes) -> None:
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        c.sendall(b" ")
        time.sleep(0.05)


def drip_headers(c: socket.socket, _request: bytes) -> None:
    c.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        c.sendall(b"X-A: b\r\n")
        time.sleep(0.05)


def interim(c: socket.socket, _request: bytes) -> None:
    while True:
        c.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.05)


@both
@pytest.mark.parametrize("node", [drip, drip_headers, interim])
def test_an_attempt_has_one_deadline_for_all_its_bytes(do: Do, node: Any) -> None:
    client = {"request_timeout": 0.8, "retry_for": 0.0}
    with raw(node) as port:
        start = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            do("acquire", "x", client={"addresses": [f"127.0.0.1:{port}"], **client})
        with pytest.raises(Unavailable):
            do("get", "x", client={"addresses": [f"127.0.0.1:{port}"], **client})
        assert time.monotonic() - start < PATIENCE


def endless(head: bytes, piece: bytes, sent: List[int]) -> Callable[[socket.socket, bytes], None]:
    def node(c: socket.socket, _request: bytes) -> None:
        c.sendall(head)
        for _ in range(32 * MAX_ANSWER // len(piece)):
            c.sendall(piece)
            sent.append(len(piece))

    return node


ENDLESS = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n", b"x" * 65536),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" " * 65536),
    "error": (b"HTTP/1.1 500 x\r\nContent-Length: 10737418240\r\n\r\n", b"<" * 65536),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * 8000 + b"\r\n"),
}


@both
@pytest.mark.parametrize("kind", ENDLESS)
def test_an_answer_is_not_read_beyond_its_bound(do: Do, kind: str) -> None:
    sent: List[int] = []
    answer = endless(*ENDLESS[kind], sent)

    def node(c: socket.socket, request: bytes) -> None:
        if b"/release" in request:
            c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        else:
            answer(c, request)

    with raw(node) as port:
        with pytest.raises(OutcomeUnknown):
            do("acquire", "x", client={"addresses": [f"127.0.0.1:{port}"], "retry_for": 0.0, "request_timeout": 5})
        with pytest.raises(Unavailable):
            do("get", "x", client={"addresses": [f"127.0.0.1:{port}"], "retry_for": 0.0, "request_timeout": 5})
    assert sum(sent) < 6 * MAX_ANSWER, "more was read than two answers and the buffers of the sockets"


@both
def test_an_answer_of_the_largest_size_is_read(do: Do) -> None:
    grant = json.dumps({**GRANT, "ttl_ms": 15000}).encode()
    body = grant + b" " * (MAX_ANSWER - len(grant))
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    with raw(lambda c, _request: c.sendall(head + body)) as port:
        assert do("acquire", "x", client={"addresses": [f"127.0.0.1:{port}"]}, keep=False).token == 7


@both
@pytest.mark.parametrize("piece", [b"data: " + b"x" * 65536, b"data: " + b"x" * 65536 + b"\n", b"x" * 65536])
def test_a_message_of_a_watch_is_not_read_beyond_its_bound(do: Do, piece: bytes) -> None:
    sent: List[int] = []
    with raw(endless(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", piece, sent)) as port:
        with pytest.raises(Unavailable, match="longer than"):
            do("watch", client={"addresses": [f"127.0.0.1:{port}"], "retry_for": 0.0})
    assert sum(sent) < 3 * MAX_EVENT


def test_the_bound_applies_to_each_message() -> None:
    parser, line = Parser(), b"data: " + b"x" * (MAX_EVENT // 2)
    for _ in range(4):
        assert parser.line(line) is None
        assert parser.line(b"") is not None


@contextmanager
def unreachable(port: int) -> Iterator[None]:
    """Make 127.0.0.9 an address that drops connections: the backlog of its listener is full."""
    with socket.socket() as hole:
        hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hole.bind(("127.0.0.9", port))
        hole.listen(0)
        filling = []
        try:
            for _ in range(4):
                s = socket.socket()
                filling.append(s)
                s.setblocking(False)
                s.connect_ex(("127.0.0.9", port))
            yield
        finally:
            for s in filling:
                s.close()


def names(monkeypatch: pytest.MonkeyPatch, *ips: str, delay: float = 0.0) -> None:
    found = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "lockd.test":
            return found(host, *args, **kwargs)
        time.sleep(delay)
        return [one for ip in ips for one in found(ip, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@both
def test_an_unreachable_first_ip_address_does_not_fail_the_acquire(do: Do, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, "127.0.0.9", "127.0.0.1")
    body = json.dumps({**GRANT, "ttl_ms": 15000}).encode()
    requests: List[bytes] = []

    def node(c: socket.socket, request: bytes) -> None:
        requests.append(request)
        c.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with raw(node) as port, unreachable(port):
        lease = do("acquire", "x", client={"addresses": [f"lockd.test:{port}"], "retry_for": 0.0}, keep=False)
    assert lease.token == 7 and len(requests) == 1
    assert lease._hold._sent.mono + 1.0 > time.monotonic() - PATIENCE
    assert per_address(3.0) == 1.0 and per_address(60.0) == 2.0


@both
@pytest.mark.parametrize("delay", [0.4, PATIENCE])
def test_nothing_is_sent_if_no_time_is_left_for_an_answer(do: Do, delay: float, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: List[bytes] = []
    late = threading.Event()
    names(monkeypatch, "127.0.0.1")
    resolve = socket.getaddrinfo

    def slow(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "lockd.test":
            late.wait(delay)
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with raw(lambda _c, request: requests.append(request)) as port:
        start = time.monotonic()
        try:
            with pytest.raises(Unavailable):
                client = {"addresses": [f"lockd.test:{port}"], "request_timeout": 0.5, "retry_for": 0.0}
                if do is tasks:
                    threading.Timer(1.0, late.set).start()  # asyncio.run waits for its executor
                do("acquire", "x", client=client)
        finally:
            late.set()
        assert time.monotonic() - start < PATIENCE
    assert requests == []


@both
def test_extra_headers_are_sent_with_each_request(do: Do) -> None:
    requests: List[bytes] = []

    def node(c: socket.socket, request: bytes) -> None:
        requests.append(request)
        c.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    with raw(node) as port:
        for call in (("acquire", "x"), ("get", "x"), ("watch",)):
            headers = {"X-Tenant": "a b", "Authorization": "Basic dXNlcjpwYXNzQHdvcmQ="}
            with pytest.raises(lockd.NotAllowed):
                do(*call, client={"addresses": [f"http://127.0.0.1:{port}/the/locks/"], "headers": headers})
    first = [r.split(b" HTTP")[0] for r in requests]
    assert first == [b"POST /the/locks/v1/leases/x/acquire", b"GET /the/locks/v1/leases/x", b"GET /the/locks/v1/watch?name=x"]
    for r in requests:
        assert b"authorization: basic dxnlcjpwyxnzqhdvcmq=\r\n" in r.lower() and b"x-tenant: a b\r\n" in r.lower()
        assert b"host: 127.0.0.1:%d\r\n" % port in r.lower()


@pytest.mark.parametrize("make", [lockd.Client, lockd.aio.Client])
@pytest.mark.parametrize(
    "headers",
    [{"Host": "x"}, {"content-length": "1"}, {"Content-Type": "x"}, {"ACCEPT": "x"}, {"a b": "x"}, {"": "x"}, {"x:": "y"},
     {"x": "secret\r\ny: z"}, {"x": "secret\n"}, {"x": "secret\0"}, {"x": "secrét"}, {"x": 3}, {"x": "a", "X": "b"}],
)
def test_a_wrong_header_is_refused_when_the_client_is_made(make: Any, headers: Any) -> None:
    with pytest.raises(ValueError, match="header") as e:
        make("n", headers=headers)
    assert "secr" not in str(e.value)


@both
def test_a_proxy_of_the_environment_is_not_used(do: Do, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: List[bytes] = []
    body = json.dumps({**GRANT, "ttl_ms": 15000}).encode()
    names(monkeypatch, "127.0.0.1")
    with raw(lambda _c, request: requests.append(request)) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        with raw(lambda c, _r: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)) as port:
            assert do("acquire", "x", client={"addresses": [f"lockd.test:{port}"]}, keep=False).token == 7
    assert requests == []


# Rules that need no socket.

WRONG_JSON = [
    '{"name":"x","token":7,"ttl_ms":5000,"expires_in_ms":4995,"token":8}',
    '{"name":"x","token":7,"ttl_ms":5000,"expires_in_ms":4995,"expires_in_ms":86000000}',
    '{"name":"x","token":9007199254740992,"ttl_ms":5000,"expires_in_ms":4995}',
    '{"name":"x","token":7,"revision":18446744073709551616,"ttl_ms":5000,"expires_in_ms":4995}',
    '{"name":"x","token":-1,"ttl_ms":5000,"expires_in_ms":4995}',
    '{"name":"x","token":7.0,"ttl_ms":5000,"expires_in_ms":4995}',
    '{"name":"x","token":7,"ttl_ms":5000,"expires_in_ms":4995,"previous":{"token":1,"token":2}}',
    '{"name":"x","token":7,"ttl_ms":5000,"expires_in_ms":Infinity}',
]


@pytest.mark.parametrize("wrong", WRONG_JSON)
def test_ambiguous_or_inexact_json_is_no_answer(wrong: str) -> None:
    w = Simulation()
    with pytest.raises(OutcomeUnknown):
        w.drive(w.acquire(0.0), lambda _a: Answer(200, "", wrong.encode()))


def test_the_largest_token_is_read_and_meta_may_be_ambiguous() -> None:
    w = Simulation()
    text = '{"name":"x","token":9007199254740991,"ttl_ms":5000,"expires_in_ms":4995,"meta":{"a":1,"a":2.5}}'
    hold = w.drive(w.acquire(0.0), [Answer(200, "", text.encode())])
    assert hold.grant.token == 2**53 - 1 and hold.grant.meta == {"a": 2.5}


def test_a_validity_is_at_most_the_requested_ttl() -> None:
    w = Simulation(1)
    long = answer(200, **{**GRANT, "ttl_ms": 86_400_000, "expires_in_ms": 86_313_600})
    hold = w.drive(w.acquire(0.0, ttl=15.0), [long])
    assert 14.0 < hold.remaining() < 15.0
    w.drive(renew(w.cfg, hold), [long])
    assert 14.0 < hold.remaining() < 15.0
    w.drive(renew(w.cfg, hold, ttl=60.0), [long])
    assert 58.0 < hold.remaining() < 60.0
    w.drive(renew(w.cfg, hold, ttl=2.0), [long])
    w.drive(renew(w.cfg, hold), [long])
    assert 1.0 < hold.remaining() < 2.0


def test_a_reported_wait_is_at_most_the_time_of_the_request() -> None:
    w = Simulation(1)
    granted = answer(200, **{**GRANT, "waited_ms": 80_000_000})
    hold = w.drive(w.acquire(10.0, ttl=5.0), [granted], takes=3.0)
    assert hold.remaining() == pytest.approx(4.995 * 0.98)
    w.drive(renew(w.cfg, hold), [granted], takes=1.0)
    assert hold.remaining() == pytest.approx(4.995 * 0.98)


@pytest.mark.parametrize("after", ["9999999", "31", "9" * 30])
def test_retry_after_is_honoured_up_to_30_seconds(after: str) -> None:
    assert problem_of(503, after, b"").retry_after == 30.0
    assert problem_of(503, "7", b"").retry_after == 7.0
    assert problem_of(429, "7", b'{"retry_after_ms":1500}').retry_after == 1.5
    assert problem_of(429, "7", b'{"retry_after_ms":99999999}').retry_after == 30.0


@pytest.mark.parametrize("budget", [None, 2.0])
def test_retry_after_never_exceeds_the_budget_of_a_call(budget: Optional[float]) -> None:
    w = Simulation(1)
    overloaded = Answer(503, "9999999", b'{"type":"/problems/overloaded","definitive":true}')
    call = w.post()
    call.budget = budget
    start = w.now
    from lockd._retry import send

    with pytest.raises(Unavailable):
        w.drive(send(w.cfg, call), lambda _a: overloaded)
    assert w.now - start <= (budget or w.cfg.retry_for) + 1.0
    assert len(w.sent) <= 3


def test_a_wait_ends_if_no_node_is_reachable_and_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    w = Simulation()
    with pytest.raises(Unavailable):
        w.drive(w.acquire(3600.0), lambda _a: REFUSED)
    assert 15.0 <= w.now - 1000.0 < 17.0
    with pytest.raises(Unavailable):
        w.drive(w.acquire(3600.0), lambda _a: REFUSED)
    (warning,) = caplog.records
    assert (warning.name, warning.levelno) == ("lockd", logging.WARNING)
    assert "http://n0:1, http://n1:1" in warning.getMessage() and "refused" in warning.getMessage()
    w.drive(w.acquire(0.0), [answer(201, **GRANT)])
    with pytest.raises(Unavailable):
        w.drive(w.acquire(3600.0), lambda _a: REFUSED)
    assert len(caplog.records) == 2


def test_an_answer_of_any_kind_counts_as_reachable(caplog: pytest.LogCaptureFixture) -> None:
    w = Simulation()
    no_leader = problem("no-leader", 503, definitive=True)
    with pytest.raises(Unavailable):
        w.drive(w.acquire(60.0), lambda a: no_leader if a.to else REFUSED)
    assert w.now - 1000.0 >= 60.0 and not caplog.records


@pytest.mark.parametrize("kept,ends", [(50.0, False), (10.0, True)])
def test_a_load_balancer_that_cuts_long_waits_counts_as_reachable(kept: float, ends: bool) -> None:
    w = Simulation(1)
    waits: List[float] = []

    def node(a: Attempt) -> Any:
        waits.append(a.wait)
        w.now += kept
        return Failure(ConnectionResetError("cut"), sent=True) if len(waits) < 6 else answer(201, **GRANT)

    operation = w.acquire(3600.0)
    if ends:
        with pytest.raises(OutcomeUnknown):
            w.drive(operation, node)
    else:
        start = w.now
        w.drive(operation, node)
        assert w.now - start < 6 * kept + 6.0, "after a cut the next request is sent within a second"


def test_the_longest_wait_of_one_request_is_an_option() -> None:
    w = Simulation(1)
    w.cfg.wait_piece = 20.0
    waits: List[int] = []

    def node(a: Attempt) -> Any:
        wait = json.loads(a.body or b"{}").get("wait_ms", 0)
        waits.append(wait)
        w.now += wait / 1000
        return problem("held", 409, queued=True)

    with pytest.raises(Held):
        w.drive(w.acquire(50.0), node)
    assert waits == [20000, 20000, 10000, 0], "the last request leaves the queue"
    for wrong in (0.5, 61.0, float("nan")):
        with pytest.raises(ValueError, match="wait_piece"):
            lockd.Client("n", wait_piece=wrong)
    with pytest.raises(ValueError, match="unreachable_timeout"):
        lockd.Client("n", unreachable_timeout=0)


def test_an_acquire_closed_during_its_request_may_have_left_a_hold() -> None:
    w = Simulation(1)
    of = Acquisition(AcquireOptions("x"), w.cfg.session)
    operation = w.acquire(60.0, of=of)
    next(operation)
    operation.close()
    assert of.may_have_left
    of = Acquisition(AcquireOptions("x"), w.cfg.session)
    with pytest.raises(Unavailable):
        w.drive(w.acquire(60.0, of=of), lambda _a: REFUSED)
    assert not of.may_have_left, "nothing was sent"


@both
@pytest.mark.parametrize(
    "wrong,name",
    [({"ttl": 0.5}, "ttl"), ({"ttl": float("nan")}, "ttl"), ({"wait": -1}, "wait"), ({"limit": 0}, "limit"),
     ({"limit": 1.5}, "limit"), ({"priority": 101}, "priority"), ({"delay": 61}, "delay"), ({"meta": ["x"]}, "meta"),
     ({"meta": {"x": object()}}, "meta"), ({"meta": {"x": "y" * 4096}}, "meta")],
)
def test_wrong_parameters_are_refused_by_their_names(do: Do, wrong: Dict[str, Any], name: str) -> None:
    for call in ("acquire", "lock", "exclusive"):
        with pytest.raises(ValueError, match=f"^{name} ") as e:
            client = lockd.Client("127.0.0.1:1") if do is threads else lockd.aio.Client("127.0.0.1:1")
            result = getattr(client, call)("x", **wrong)
            asyncio.run(result)
        assert "_ms" not in str(e.value)


def test_a_refusal_by_a_node_has_the_parameter_names_of_python() -> None:
    body = {"type": "/problems/invalid", "errors": [{"field": "ttl_ms", "reason": "must be at least 1000"}]}
    text = str(problem_of(400, "", json.dumps(body).encode()))
    assert text == "ttl must be at least 1000 (in milliseconds) (invalid)"


def test_an_answer_with_a_duplicate_member_is_malformed() -> None:
    from lockd._validate import parsed

    for read, text in (
        (State.of, '{"name":"x","revision":1,"revision":2}'),
        (lambda raw: Event.of("", "", raw), '{"type":"acquired","name":"x","token":1,"token":2}'),
    ):
        with pytest.raises(ValueError, match="twice"):
            read(parsed(text))
