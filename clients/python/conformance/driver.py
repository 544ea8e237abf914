"""Does what it is told through the Python clients: see clients/conformance/README.md.

With the argument "aio" through the one for asyncio, else through the one for threads.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from typing import Any, Dict

import lockd
import lockd.aio

_out = threading.Lock()


class Cancelled(Exception):
    """An acquire was ended by the command "cancel"."""



def say(**message: Any) -> None:
    with _out:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def result(error: BaseException) -> str:
    for kind, name in (
        (Cancelled, "cancelled"),
        (lockd.LeaseLost, "lost"), (lockd.Released, "released"), (lockd.OutcomeUnknown, "unknown"),
        (lockd.Unavailable, "unavailable"), (lockd.Held, "held"), (lockd.Refused, "refused"), (ValueError, "invalid"),
    ):
        if isinstance(error, kind):
            return name
    return "failed"


def answer(c: Dict[str, Any], told: Dict[str, Any]) -> None:
    say(id=c["id"], result="ok", **told)


def refuse(c: Dict[str, Any], error: BaseException) -> None:
    say(id=c["id"], result=result(error), detail=f"{type(error).__name__}: {error}")


def made(c: Dict[str, Any]) -> Dict[str, Any]:
    timeout = c.get("request_timeout_ms")
    return {
        "holder": c.get("holder"), "session": c.get("session"),
        "request_timeout": timeout / 1000 if timeout else None,
    }


def wish(c: Dict[str, Any]) -> Dict[str, Any]:
    return {
        "ttl": c["ttl_ms"] / 1000, "wait": c.get("wait_ms", 0) / 1000, "limit": c.get("limit") or 1,
        "priority": c.get("priority", 0), "meta": c.get("meta"), "keep": c.get("keep", False), "reclaim": c.get("reclaim", False),
    }


def watched(c: Dict[str, Any], e: lockd.Event) -> None:
    say(event="watched", client=c["client"], type=e.type, name=e.name, token=e.token)


class Threads:
    """The client for threads."""

    def __init__(self) -> None:
        self.clients: Dict[str, lockd.Client] = {}
        self.leases: Dict[str, lockd.Lease] = {}

    def run(self) -> None:
        for line in sys.stdin:
            c = json.loads(line)
            if c["do"] == "client":
                self.tell(c)  # others speak of it
            else:
                threading.Thread(target=self.tell, args=(c,), daemon=True).start()

    def tell(self, c: Dict[str, Any]) -> None:
        try:
            answer(c, getattr(self, c["do"])(c) or {})
        except Exception as e:
            refuse(c, e)

    def client(self, c: Dict[str, Any]) -> None:
        self.clients[c["client"]] = lockd.Client(*c["addresses"], **made(c))

    def acquire(self, c: Dict[str, Any]) -> Dict[str, Any]:
        lease = self.clients[c["client"]].acquire(c["name"], **wish(c))
        self.leases[c["lease"]] = lease
        lease.on_lost(lambda _why: say(event="lost", lease=c["lease"]))
        return {"token": lease.token, "slot": lease.slot}

    def renew(self, c: Dict[str, Any]) -> None:
        self.leases[c["lease"]].renew()

    def release(self, c: Dict[str, Any]) -> None:
        self.leases[c["lease"]].release()

    def transfer(self, c: Dict[str, Any]) -> None:
        self.leases[c["lease"]].transfer(c["to"])

    def watch(self, c: Dict[str, Any]) -> None:
        def run() -> None:
            for e in self.clients[c["client"]].watch(c["name"]):
                watched(c, e)

        threading.Thread(target=run, daemon=True).start()

    def elect(self, c: Dict[str, Any]) -> None:
        def work(lease: lockd.Lease) -> None:
            say(event="leads", client=c["client"], token=lease.token)
            lease.wait_lost()
            say(event="resigned", client=c["client"])

        def run() -> None:
            self.clients[c["client"]].elect(c["name"], work, ttl=c["ttl_ms"] / 1000)

        threading.Thread(target=run, daemon=True).start()


class Asyncio:
    """The client for asyncio."""

    def __init__(self) -> None:
        self.clients: Dict[str, lockd.aio.Client] = {}
        self.leases: Dict[str, lockd.aio.Lease] = {}
        self.acquires: Dict[str, asyncio.Future[lockd.aio.Lease]] = {}  # by the lease's word
        self.jobs: set[asyncio.Future[Any]] = set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        lines = asyncio.StreamReader(limit=1 << 20)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            c = json.loads(line)
            if c["do"] == "client":
                self.clients[c["client"]] = lockd.aio.Client(*c["addresses"], **made(c))
                answer(c, {})
            else:
                self.start(self.tell(c))

    def start(self, job: Any) -> None:
        task = asyncio.ensure_future(job)
        self.jobs.add(task)
        task.add_done_callback(self.jobs.discard)

    async def tell(self, c: Dict[str, Any]) -> None:
        try:
            answer(c, await getattr(self, c["do"])(c) or {})
        except Exception as e:
            refuse(c, e)

    async def acquire(self, c: Dict[str, Any]) -> Dict[str, Any]:
        acquire = asyncio.ensure_future(self.clients[c["client"]].acquire(c["name"], **wish(c)))
        self.acquires[c["lease"]] = acquire
        await asyncio.wait((acquire,))
        if acquire.cancelled():
            raise Cancelled("cancelled by the scenario")
        lease = acquire.result()
        self.leases[c["lease"]] = lease
        lease.on_lost(lambda _why: say(event="lost", lease=c["lease"]))
        return {"token": lease.token, "slot": lease.slot}

    async def cancel(self, c: Dict[str, Any]) -> None:
        self.acquires[c["lease"]].cancel()

    async def renew(self, c: Dict[str, Any]) -> None:
        await self.leases[c["lease"]].renew()

    async def release(self, c: Dict[str, Any]) -> None:
        await self.leases[c["lease"]].release()

    async def transfer(self, c: Dict[str, Any]) -> None:
        await self.leases[c["lease"]].transfer(c["to"])

    async def watch(self, c: Dict[str, Any]) -> None:
        async def run() -> None:
            async for e in self.clients[c["client"]].watch(c["name"]):
                watched(c, e)

        self.start(run())

    async def elect(self, c: Dict[str, Any]) -> None:
        async def work(lease: lockd.aio.Lease) -> None:
            say(event="leads", client=c["client"], token=lease.token)
            try:
                await asyncio.Event().wait()  # the loss cancels it
            finally:
                say(event="resigned", client=c["client"])

        self.start(self.clients[c["client"]].elect(c["name"], work, ttl=c["ttl_ms"] / 1000))


if __name__ == "__main__":
    if "aio" in sys.argv:
        asyncio.run(Asyncio().run())
    else:
        Threads().run()
