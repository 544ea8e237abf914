"""One attempt of a talk over asyncio's streams: as much of HTTP/1.1 as a node speaks."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from typing import AsyncIterator, Awaitable, Mapping, Optional, TypeVar

from ._address import Address
from ._rounds import MAX_ANSWER, Answer, Attempt, Failure, Outcome, Pause, Talk, T

_IDLE = 64  # connections that are kept to each node
_MAX_LINE = 16 << 20
R = TypeVar("R")


async def within(of: Awaitable[R], seconds: Optional[float]) -> R:
    """Wait so long, as asyncio.wait_for does; that of Python 3.11 and older may swallow a cancellation."""
    task = asyncio.ensure_future(of)
    try:
        await asyncio.wait((task,), timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        if task.done() and not task.cancelled():
            task.exception()  # or it would be reported as one that nobody has seen
        task.cancel()


class BadAnswer(Exception):
    """What came is no HTTP."""


@dataclass
class Connection:
    """A connection to a node."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def close(self) -> None:
        """Cut it: the node sees that nobody waits any more."""
        self.writer.transport.abort()

    async def send(self, host: str, method: str, path: str, accept: str, body: Optional[bytes]) -> None:
        """Send a request."""
        head = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Accept: {accept}"]
        if body is not None:
            head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        self.writer.write(("\r\n".join(head) + "\r\n\r\n").encode("ascii") + (body or b""))
        await self.writer.drain()

    async def head(self) -> tuple[int, Mapping[str, str]]:
        """Read the status and the headers, by their names in lower case."""
        line = await self._line()
        parts = line.split(" ", 2)
        if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdecimal():
            raise BadAnswer(f"no HTTP: {line[:80]!r}")
        headers: dict[str, str] = {}
        while True:
            line = await self._line()
            if not line:
                return int(parts[1]), headers
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()

    async def _line(self) -> str:
        raw = await self.reader.readline()
        if not raw.endswith(b"\n"):
            raise ConnectionResetError("the connection was closed")
        return raw.decode("latin-1").rstrip("\r\n")

    async def body(self, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Read the body piece by piece, to its end."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while True:
                size = int((await self._line()).partition(";")[0], 16)
                piece = await self.reader.readexactly(size)
                await self._line()
                if not size:
                    return
                yield piece
        elif "content-length" in headers:
            left = int(headers["content-length"])
            if left > MAX_ANSWER:
                raise BadAnswer("the answer is too long")
            yield await self.reader.readexactly(left)
        else:
            while piece := await self.reader.read(1 << 16):
                yield piece


class Transport:
    """Connections to the nodes of a cluster, for one event loop."""

    def __init__(self, addresses: list[Address], context: Optional[ssl.SSLContext]) -> None:
        self._addresses = addresses
        self._context = context
        self._idle: list[list[Connection]] = [[] for _ in addresses]

    async def drive(self, talk: Talk[T]) -> T:
        """Do what a talk asks for, and return what it comes to."""
        outcome: Outcome = None
        try:
            while True:
                step = talk.send(outcome)
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    outcome = None
                else:
                    outcome = await self.attempt(step)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            talk.close()

    async def attempt(self, a: Attempt) -> Outcome:
        """Send it once. A connection that had been idle and was just closed counts for nothing."""
        end = time.monotonic() + a.timeout
        # What may not be sent twice gets a connection of its own, which nobody has closed.
        idle = self._take(a.to) if a.repeatable else None
        if idle is not None:
            outcome = await self._exchange(idle, a, end)
            if not (isinstance(outcome, Failure) and isinstance(outcome.cause, ConnectionError)):
                return outcome
        try:
            fresh = await within(self.connect(a.to), max(end - time.monotonic(), 0.001))
        except (OSError, asyncio.TimeoutError) as e:
            return Failure(_named(e), sent=idle is not None)
        return await self._exchange(fresh, a, end)

    async def connect(self, to: int) -> Connection:
        """Make a connection."""
        at = self._addresses[to]
        secure = (self._context or ssl.create_default_context()) if at.secure else None
        return Connection(*await asyncio.open_connection(at.host, at.port, ssl=secure, limit=_MAX_LINE))

    def host(self, to: int) -> str:
        """Return what the Host header says."""
        return self._addresses[to].url.partition("://")[2]

    async def _exchange(self, c: Connection, a: Attempt, end: float) -> Outcome:
        try:
            return await within(self._ask(c, a), max(end - time.monotonic(), 0.001))
        except (OSError, asyncio.TimeoutError, EOFError, ValueError, BadAnswer) as e:
            c.close()
            return Failure(_named(e), sent=True)
        except BaseException:
            c.close()
            raise

    async def _ask(self, c: Connection, a: Attempt) -> Answer:
        await c.send(self.host(a.to), a.method, a.path, "application/json", a.body)
        status, headers = await c.head()
        body = b"".join([piece async for piece in c.body(headers)])
        closing = headers.get("connection", "").lower() == "close" or not (
            "content-length" in headers or "transfer-encoding" in headers
        )
        if closing or len(self._idle[a.to]) >= _IDLE:
            c.close()
        else:
            self._idle[a.to].append(c)
        return Answer(status, headers.get("retry-after", ""), body)

    def _take(self, to: int) -> Optional[Connection]:
        while self._idle[to]:
            c = self._idle[to].pop()
            if not c.reader.at_eof():
                return c
            c.close()
        return None

    def close(self) -> None:
        """Close what is idle."""
        for of in self._idle:
            while of:
                of.pop().close()


def _named(e: Exception) -> Exception:
    return TimeoutError("timed out") if isinstance(e, asyncio.TimeoutError) else e
