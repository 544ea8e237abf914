"""Attempts of threads, over http.client."""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from dataclasses import replace
from typing import Any, Callable, Optional

from . import _dial
from ._address import Address
from ._config import Config
from ._retry import (
    MAX_ANSWER,
    TOKEN_REFUSED,
    Answer,
    Attempt,
    Failure,
    Operation,
    Outcome,
    Pause,
    T,
)
from ._tls import Tls
from ._tokens import masked

_IDLE = 64  # connections that are kept to each node
_PIECE = 1 << 16
_REUSED_AND_CLOSED = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)


class TooLate(TimeoutError):
    """No time was left for an answer when the connection was made. Nothing was sent."""


class _Socket:
    """A socket with one deadline for all its reads and writes."""

    def __init__(self, sock: socket.socket, end: float) -> None:
        self._sock = sock
        self.end = end  # by time.monotonic
        self._readers = 0
        self._closed = False

    def _bound(self) -> socket.socket:
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        return self._sock

    def sendall(self, data: Any) -> None:
        view = memoryview(data).cast("B")
        while view:
            try:
                view = view[self._bound().send(view) :]
            except socket.timeout:
                raise TimeoutError("timed out") from None

    def receive(self, into: Any) -> int:
        try:
            return self._bound().recv_into(into)
        except socket.timeout:
            raise TimeoutError("timed out") from None

    def makefile(self, _mode: str, *_: Any) -> io.BufferedReader:
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def reader_closed(self) -> None:
        self._readers -= 1
        if self._closed and not self._readers:
            self._sock.close()

    def close(self) -> None:
        """Close it when the last reader is closed: http.client closes a connection before it reads the answer."""
        self._closed = True
        if not self._readers:
            self._sock.close()


class _Reader(io.RawIOBase):
    def __init__(self, of: _Socket) -> None:
        super().__init__()
        self._of = of

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        return self._of.receive(into)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._of.reader_closed()


class Connection(http.client.HTTPConnection):
    """A connection to a node, with one deadline for all its reads and writes."""

    auto_open = 0

    def __init__(self, at: Address, sock: _Socket) -> None:
        super().__init__(at.host, at.port)
        self._timed = sock
        self.sock = sock

    def until(self, end: float) -> None:
        """Set the deadline of the next reads and writes."""
        self._timed.end = end


class Transport:
    """Connections to the nodes of a cluster."""

    def __init__(self, cfg: Config, tls: Tls) -> None:
        addresses = cfg.addresses
        self._addresses = addresses
        self._headers = cfg.headers
        self._tokens = cfg.tokens
        self._tls = tls
        self._resolver = _dial.Resolver()
        self._lock = threading.Lock()
        self._idle: list[list[Connection]] = [[] for _ in addresses]

    def after_fork(self) -> None:
        """Start without connections in a forked child: they belong to the parent."""
        self._resolver, self._lock = _dial.Resolver(), threading.Lock()
        self._idle = [[] for _ in self._addresses]

    def drive(self, operation: Operation[T], sleep: Callable[[float], object] = time.sleep) -> T:
        """Perform the steps of an operation and return its result."""
        outcome: Outcome = None
        try:
            while True:
                step = operation.send(outcome)
                if isinstance(step, Pause):
                    sleep(step.seconds)
                    outcome = None
                else:
                    outcome = self.attempt(step)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            operation.close()

    def attempt(self, a: Attempt) -> Outcome:
        """Send a request once. If the token is refused, repeat it once if the token has changed."""
        end, token = time.monotonic() + a.timeout, self._tokens.current()
        outcome = self._attempt(a, end, token)
        if isinstance(outcome, Answer) and outcome.status in TOKEN_REFUSED and self._tokens.changed(token):
            outcome = self._attempt(a, end, self._tokens.current())
        return outcome

    def _attempt(self, a: Attempt, end: float, token: Optional[str]) -> Outcome:
        """Send a request once. If an idle connection was just closed, use a new one."""
        # A request that must not be sent twice gets a new connection, which the node has not closed.
        idle = self._take(a.to) if a.repeatable else None
        if idle is not None:
            outcome = self._exchange(idle, a, end, token)
            if not (isinstance(outcome, Failure) and isinstance(outcome.cause, _REUSED_AND_CLOSED)):
                return outcome
        try:
            fresh = self.connect(a.to, end, a.timeout - a.wait)
            if end - time.monotonic() < a.wait + (a.timeout - a.wait) * _dial.LEAST_TO_SEND:
                fresh.close()
                raise TooLate("connected too late to send a request; nothing was sent")
        except OSError as e:
            return Failure(e, sent=idle is not None)
        outcome = self._exchange(fresh, a, end, token)
        return replace(outcome, repeated=idle is not None) if isinstance(outcome, Answer) else outcome

    def connect(self, to: int, end: float, timeout: float) -> Connection:
        """Make a connection. Raises OSError."""
        at = self._addresses[to]
        sock = _dial.connect(self._resolver.resolve(at, end), _dial.per_address(timeout), end)
        try:
            if at.secure:
                context = self._tls.context()
                sock.settimeout(max(end - time.monotonic(), 0.001))
                sock = context.wrap_socket(sock, server_hostname=at.host)
        except BaseException:
            sock.close()
            raise
        return Connection(at, _Socket(sock, end))

    def headers(self, accept: str, token: Optional[str], body: Optional[bytes] = None) -> dict[str, str]:
        """Return the headers of a request except Host and Content-Length."""
        headers = {"Accept": accept, **self._headers}
        if token is not None:
            headers["Authorization"] = "Bearer " + token
        if body is not None:
            headers["Content-Type"] = "application/json"
        return headers

    def target(self, to: int, path: str) -> str:
        """Return the path with the base path of the address."""
        return self._addresses[to].path + path

    def _exchange(self, c: Connection, a: Attempt, end: float, token: Optional[str]) -> Outcome:
        try:
            c.until(end)
            c.request(a.method, self.target(a.to, a.path), a.body, self.headers("application/json", token, a.body))
            answer = c.getresponse()
            body = read(answer)
        except (OSError, http.client.HTTPException) as e:
            c.close()
            return Failure(e, sent=True)
        except BaseException:
            c.close()  # so that the node sees that the caller has gone
            raise
        if answer.will_close:
            c.close()
        else:
            self._keep(a.to, c)
        node, leader = answer.getheader("Lockd-Node", ""), answer.getheader("Lockd-Leader", "")
        return Answer(answer.status, answer.getheader("Retry-After", ""), masked(body, token), node, leader)

    def _take(self, to: int) -> Optional[Connection]:
        with self._lock:
            return self._idle[to].pop() if self._idle[to] else None

    def _keep(self, to: int, c: Connection) -> None:
        with self._lock:
            if len(self._idle[to]) < _IDLE:
                self._idle[to].append(c)
                return
        c.close()

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle = [c for of in self._idle for c in of]
            self._idle = [[] for _ in self._addresses]
        for c in idle:
            c.close()


def read(answer: http.client.HTTPResponse) -> bytes:
    """Return the body of an answer. Raises HTTPException if it is too long."""
    body = bytearray()
    while len(body) <= MAX_ANSWER:
        piece = answer.read(_PIECE)
        if not piece:
            return bytes(body)
        body += piece
    answer.close()
    raise http.client.HTTPException(f"the answer is longer than {MAX_ANSWER} bytes")
