"""One attempt of a talk over http.client, by whichever thread asks."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from typing import Callable, Optional

from ._address import Address
from ._rounds import MAX_ANSWER, Answer, Attempt, Failure, Outcome, Pause, Talk, T

_IDLE = 64  # connections that are kept to each node
_REUSED_AND_CLOSED = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)


class Transport:
    """Connections to the nodes of a cluster."""

    def __init__(self, addresses: list[Address], context: Optional[ssl.SSLContext]) -> None:
        self._addresses = addresses
        self._context = context
        self._lock = threading.Lock()
        self._idle: list[list[http.client.HTTPConnection]] = [[] for _ in addresses]

    def drive(self, talk: Talk[T], sleep: Callable[[float], object] = time.sleep) -> T:
        """Do what a talk asks for, and return what it comes to."""
        outcome: Outcome = None
        try:
            while True:
                step = talk.send(outcome)
                if isinstance(step, Pause):
                    sleep(step.seconds)
                    outcome = None
                else:
                    outcome = self.attempt(step)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            talk.close()

    def attempt(self, a: Attempt) -> Outcome:
        """Send it once. A connection that had been idle and was just closed counts for nothing."""
        end = time.monotonic() + a.timeout
        # What may not be sent twice gets a connection of its own, which nobody has closed.
        idle = self._take(a.to) if a.repeatable else None
        if idle is not None:
            outcome = self._exchange(idle, a, end)
            if not (isinstance(outcome, Failure) and isinstance(outcome.cause, _REUSED_AND_CLOSED)):
                return outcome
        left = end - time.monotonic()
        if left <= 0:
            return Failure(TimeoutError("timed out"), sent=idle is not None)
        fresh = self.connection(a.to, left)
        try:
            fresh.connect()
        except OSError as e:
            fresh.close()
            return Failure(e, sent=idle is not None)
        return self._exchange(fresh, a, end)

    def connection(self, to: int, timeout: float) -> http.client.HTTPConnection:
        """Return a connection that is not made yet."""
        at = self._addresses[to]
        if at.secure:
            return http.client.HTTPSConnection(at.host, at.port, timeout=timeout, context=self._context)
        return http.client.HTTPConnection(at.host, at.port, timeout=timeout)

    def _exchange(self, c: http.client.HTTPConnection, a: Attempt, end: float) -> Outcome:
        headers = {"Accept": "application/json"}
        if a.body is not None:
            headers["Content-Type"] = "application/json"
        try:
            c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            c.sock.settimeout(max(end - time.monotonic(), 0.001))
            c.request(a.method, a.path, a.body, headers)
            c.sock.settimeout(max(end - time.monotonic(), 0.001))
            answer = c.getresponse()
            body = answer.read(MAX_ANSWER)
        except (OSError, http.client.HTTPException) as e:
            c.close()
            return Failure(e, sent=True)
        except BaseException:
            c.close()  # the node sees that nobody waits any more
            raise
        if answer.will_close:
            c.close()
        else:
            self._keep(a.to, c)
        return Answer(answer.status, answer.getheader("Retry-After", ""), body)

    def _take(self, to: int) -> Optional[http.client.HTTPConnection]:
        with self._lock:
            return self._idle[to].pop() if self._idle[to] else None

    def _keep(self, to: int, c: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle[to]) < _IDLE:
                self._idle[to].append(c)
                return
        c.close()

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle = [c for of in self._idle for c in of]
            self._idle = [[] for _ in self._addresses]
        for c in idle:
            c.close()
