"""Connections: every resolved IP address is tried, each for its share of the timeout of the attempt.

The next address is tried 250 ms after the one before (RFC 8305), or as soon as that one has failed. The first
connection is used.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import itertools
import os
import selectors
import socket
import struct
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Optional, Sequence

from ._address import Address

STAGGER = 0.25  # seconds until the next address is tried in parallel
MOST_PER_ADDRESS = 2.0
SHARE_PER_ADDRESS = 1 / 3  # of the timeout of the attempt
LEAST_TO_SEND = 1 / 4  # of the timeout of the attempt: with less time left after a connect, nothing is sent
MOST_ADDRESSES = 16  # of one name

_UNDER_WAY = {errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK)}

Found = tuple[int, int, int, str, Any]  # as socket.getaddrinfo returns it


def per_address(timeout: float) -> float:
    """Return the timeout of a connect to one IP address."""
    return min(MOST_PER_ADDRESS, timeout * SHARE_PER_ADDRESS)


class Resolver:
    """Resolves names for threads, with a timeout. At most one lookup of a name runs at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Address, Future[list[Found]]] = {}

    def resolve(self, at: Address, end: float) -> list[Found]:
        """Return the IP addresses of a host. Raises OSError, and TimeoutError at the end time."""
        if is_ip(at.host):
            return _lookup(at)
        with self._lock:
            answer = self._running.get(at)
            if answer is None:
                answer = self._running[at] = Future()
                threading.Thread(target=self._run, args=(at, answer), name="lockd-resolve", daemon=True).start()
        try:
            return answer.result(max(end - time.monotonic(), 0.0))
        except FutureTimeout:
            raise TimeoutError(f"resolving {at.host} timed out") from None

    def _run(self, at: Address, answer: Future[list[Found]]) -> None:
        try:
            found = _lookup(at)
        except Exception as e:
            self._forget(at)
            answer.set_exception(e)
        else:
            self._forget(at)
            answer.set_result(found)

    def _forget(self, at: Address) -> None:
        with self._lock:
            del self._running[at]


def is_ip(host: str) -> bool:
    """Report whether a host needs no lookup."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _lookup(at: Address) -> list[Found]:
    return alternated(socket.getaddrinfo(at.host, at.port, type=socket.SOCK_STREAM))


def alternated(found: Sequence[Any]) -> list[Found]:
    """Return addresses with alternating families, starting with the family of the first."""
    first = [f for f in found if f[0] == found[0][0]]
    other = [f for f in found if f[0] != found[0][0]]
    pairs = itertools.zip_longest(first, other)
    return [f for pair in pairs for f in pair if f is not None][:MOST_ADDRESSES]


def _socket(of: Found) -> socket.socket:
    s = socket.socket(of[0], of[1], of[2])
    s.setblocking(False)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # When an attempt is given up, the kernel discards unsent data, so that no copy of a request arrives late.
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
    return s


def connect(found: Sequence[Found], each: float, end: float) -> socket.socket:
    """Return a connection to the first address that accepts one. Raises OSError."""
    race = _Race(found, each, end)
    try:
        return race.run()
    finally:
        race.close()


class _Race:
    """Connects to several addresses in parallel, by one thread."""

    def __init__(self, found: Sequence[Found], each: float, end: float) -> None:
        self._left = list(found)
        self._each, self._end = each, end
        self._selector = selectors.DefaultSelector()
        self._until: dict[socket.socket, float] = {}  # when each connect is given up
        self._start_next = 0.0  # when the next address is tried
        self._error: OSError = TimeoutError("connecting timed out")

    def run(self) -> socket.socket:
        while True:
            now = time.monotonic()
            if now >= self._end or not self._left and not self._until:
                raise self._error
            if self._left and (now >= self._start_next):
                self._start(self._left.pop(0), now)
                self._start_next = now + STAGGER
            until = min([self._end, *self._until.values(), *([self._start_next] if self._left else [])])
            for key, _ in self._selector.select(max(until - time.monotonic(), 0.0)):
                s = key.fileobj
                assert isinstance(s, socket.socket)
                error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not error:
                    del self._until[s]
                    return s
                self._drop(s, OSError(error, f"connect: {os.strerror(error)}"))
            self._give_up(time.monotonic())

    def _start(self, of: Found, now: float) -> None:
        try:
            s = _socket(of)
        except OSError as e:  # the machine has no such address family, or no free file descriptor
            self._error, self._start_next = e, 0.0
            return
        self._selector.register(s, selectors.EVENT_WRITE)
        self._until[s] = now + self._each
        error = s.connect_ex(of[4])
        if error and error not in _UNDER_WAY:
            self._drop(s, OSError(error, f"connect: {os.strerror(error)}"))

    def _give_up(self, now: float) -> None:
        for s in [s for s, until in self._until.items() if until <= now]:
            self._drop(s, TimeoutError("connecting timed out"))

    def _drop(self, s: socket.socket, error: OSError) -> None:
        self._error, self._start_next = error, 0.0
        self._selector.unregister(s)
        del self._until[s]
        s.close()

    def close(self) -> None:
        """Close the sockets of connects under way, also after an exception from outside at any line above."""
        self._selector.close()
        for s in self._until:
            s.close()


async def connect_async(found: Sequence[Found], each: float) -> socket.socket:
    """Return a connection to the first address that accepts one. The caller limits the time. Raises OSError."""
    loop = asyncio.get_running_loop()
    left = list(found)
    under_way: set[asyncio.Task[socket.socket]] = set()
    error: OSError = TimeoutError("connecting timed out")
    winner: Optional[socket.socket] = None
    try:
        while left or under_way:
            if left:
                under_way.add(loop.create_task(_connect_one(left.pop(0), each)))
            done, under_way = await asyncio.wait(
                under_way, timeout=STAGGER if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                failed = task.exception()
                if failed is None and winner is None:
                    winner = task.result()
                elif failed is None:
                    task.result().close()
                elif isinstance(failed, OSError):
                    error = failed
                else:
                    raise failed
            if winner is not None:
                return winner
        raise error
    finally:
        for task in under_way:
            task.cancel()
            task.add_done_callback(_close_late)


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connect_one(of: Found, each: float) -> socket.socket:
    s = _socket(of)
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(s, of[4]), each)
    except asyncio.TimeoutError:
        s.close()
        raise TimeoutError("connecting timed out") from None
    except BaseException:
        s.close()
        raise
    return s
