"""Attempts of asyncio, over its streams."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import replace
from typing import Optional

from . import _dial
from ._address import Address
from ._aio_http import PIECE, BadAnswer, Connection
from ._config import Config
from ._retry import (
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
from ._within import within

_IDLE = 64  # connections that are kept to each node


class Transport:
    """Connections to the nodes of a cluster, for one event loop."""

    def __init__(self, cfg: Config, tls: Tls) -> None:
        self._addresses = cfg.addresses
        self._headers = cfg.headers
        self._tokens = cfg.tokens
        self._tls = tls
        self.after_fork()

    def after_fork(self) -> None:
        """Start without connections: in a forked child they belong to the parent."""
        self._idle: list[list[Connection]] = [[] for _ in self._addresses]
        self._lookups: dict[Address, asyncio.Task[list[_dial.Found]]] = {}

    async def drive(self, operation: Operation[T]) -> T:
        """Perform the steps of an operation and return its result."""
        outcome: Outcome = None
        try:
            while True:
                step = operation.send(outcome)
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    outcome = None
                else:
                    outcome = await self.attempt(step)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            operation.close()

    async def attempt(self, a: Attempt) -> Outcome:
        """Send a request once. If the token is refused, repeat it once if the token has changed."""
        end, token = time.monotonic() + a.timeout, self._tokens.current()
        outcome = await self._attempt(a, end, token)
        if isinstance(outcome, Answer) and outcome.status in TOKEN_REFUSED and self._tokens.changed(token):
            outcome = await self._attempt(a, end, self._tokens.current())
        return outcome

    async def _attempt(self, a: Attempt, end: float, token: Optional[str]) -> Outcome:
        """Send a request once. If an idle connection was just closed, use a new one."""
        # A request that must not be sent twice gets a new connection, which the node has not closed.
        idle = self._take(a.to) if a.repeatable else None
        if idle is not None:
            outcome = await self._exchange(idle, a, end, token)
            if not (isinstance(outcome, Failure) and isinstance(outcome.cause, ConnectionError)):
                return outcome
        try:
            fresh = await within(self.connect(a.to, a.timeout - a.wait), max(end - time.monotonic(), 0.001))
        except (OSError, asyncio.TimeoutError) as e:
            return Failure(_readable(e), sent=idle is not None)
        if end - time.monotonic() < a.wait + (a.timeout - a.wait) * _dial.LEAST_TO_SEND:
            fresh.close()
            late = TimeoutError("connected too late to send a request; nothing was sent")
            return Failure(late, sent=idle is not None)
        outcome = await self._exchange(fresh, a, end, token)
        return replace(outcome, repeated=idle is not None) if isinstance(outcome, Answer) else outcome

    async def connect(self, to: int, timeout: float) -> Connection:
        """Make a connection for an attempt with this timeout. The caller limits the time."""
        at = self._addresses[to]
        sock = await _dial.connect_async(await self._resolve(at), _dial.per_address(timeout))
        try:
            secure, name = (self._tls.context(), at.host) if at.secure else (None, None)
            return Connection(*await asyncio.open_connection(sock=sock, ssl=secure, server_hostname=name, limit=PIECE))
        except BaseException:
            sock.close()
            raise

    async def _resolve(self, at: Address) -> list[_dial.Found]:
        """Return the IP addresses of a host. Callers share one lookup of a name, which continues if one gives up."""
        loop = asyncio.get_running_loop()
        if _dial.is_ip(at.host):
            return _dial.alternated(await loop.getaddrinfo(at.host, at.port, type=socket.SOCK_STREAM))
        lookup = self._lookups.get(at)
        if lookup is None or lookup.done():
            lookup = self._lookups[at] = loop.create_task(self._lookup(at))
            lookup.add_done_callback(_retrieve)
        return await asyncio.shield(lookup)

    async def _lookup(self, at: Address) -> list[_dial.Found]:
        loop = asyncio.get_running_loop()
        return _dial.alternated(await loop.getaddrinfo(at.host, at.port, type=socket.SOCK_STREAM))

    def headers(self, to: int, accept: str, token: Optional[str], body: Optional[bytes] = None) -> dict[str, str]:
        """Return the headers of a request except Content-Length."""
        headers = {"Host": self._addresses[to].authority, "Accept": accept, **self._headers}
        if token is not None:
            headers["Authorization"] = "Bearer " + token
        if body is not None:
            headers["Content-Type"] = "application/json"
        return headers

    def target(self, to: int, path: str) -> str:
        """Return the path with the base path of the address."""
        return self._addresses[to].path + path

    async def _exchange(self, c: Connection, a: Attempt, end: float, token: Optional[str]) -> Outcome:
        try:
            return await within(self._ask(c, a, token), max(end - time.monotonic(), 0.001))
        except (OSError, asyncio.TimeoutError, EOFError, ValueError, BadAnswer) as e:
            c.close()
            return Failure(_readable(e), sent=True)
        except BaseException:
            c.close()
            raise

    async def _ask(self, c: Connection, a: Attempt, token: Optional[str]) -> Answer:
        await c.send(a.method, self.target(a.to, a.path), self.headers(a.to, "application/json", token, a.body), a.body)
        status, headers = await c.head()
        body = await c.whole(headers)
        closing = headers.get("connection", "").lower() == "close" or not (
            "content-length" in headers or "transfer-encoding" in headers
        )
        if closing or len(self._idle[a.to]) >= _IDLE:
            c.close()
        else:
            self._idle[a.to].append(c)
        node, leader = headers.get("lockd-node", ""), headers.get("lockd-leader", "")
        return Answer(status, headers.get("retry-after", ""), masked(body, token), node, leader)

    def _take(self, to: int) -> Optional[Connection]:
        while self._idle[to]:
            c = self._idle[to].pop()
            if not c.reader.at_eof():
                return c
            c.close()
        return None

    def close(self) -> None:
        """Close the idle connections."""
        for of in self._idle:
            while of:
                of.pop().close()


def _retrieve(task: "asyncio.Task[list[_dial.Found]]") -> None:
    if not task.cancelled():
        task.exception()  # so that asyncio does not report it as never retrieved


def _readable(e: Exception) -> Exception:
    return TimeoutError("timed out") if isinstance(e, asyncio.TimeoutError) else e
