"""Runs the commands of the conformance scenarios: see clients/conformance/README.md.

With the argument "aio" it uses the client for asyncio, otherwise the client for threads.
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


def emit(**message: Any) -> None:
    with _out:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def result_of(error: BaseException) -> str:
    for kind, name in (
        (Cancelled, "cancelled"),
        (lockd.LeaseLost, "lost"), (lockd.Released, "released"), (lockd.OutcomeUnknown, "unknown"),
        (lockd.Unavailable, "unavailable"), (lockd.Held, "held"), (lockd.Refused, "refused"), (ValueError, "invalid"),
    ):
        if isinstance(error, kind):
            return name
    return "failed"


def answer(c: Dict[str, Any], members: Dict[str, Any]) -> None:
    emit(id=c["id"], result="ok", **members)


def refuse(c: Dict[str, Any], error: BaseException) -> None:
    emit(id=c["id"], result=result_of(error), detail=f"{type(error).__name__}: {error}")


def client_options(c: Dict[str, Any]) -> Dict[str, Any]:
    timeout = c.get("request_timeout_ms")
    return {
        "holder": c.get("holder"), "session": c.get("session"),
        "request_timeout": timeout / 1000 if timeout else None,
        **{name: c.get(name) for name in ("token_file", "ca_file", "cert_file", "key_file")},
    }


def acquire_options(c: Dict[str, Any]) -> Dict[str, Any]:
    return {
        "ttl": c["ttl_ms"] / 1000, "wait": c.get("wait_ms", 0) / 1000, "limit": c.get("limit") or 1,
        "priority": c.get("priority", 0), "meta": c.get("meta"), "keep": c.get("keep", False), "reclaim": c.get("reclaim", False),
    }


def emit_watched(c: Dict[str, Any], e: lockd.Event) -> None:
    emit(event="watched", client=c["client"], type=e.type, name=e.name, token=e.token)


class Threads:
    """The client for threads."""

    def __init__(self) -> None:
        self.clients: Dict[str, lockd.Client] = {}
        self.leases: Dict[str, lockd.Lease] = {}

    def run(self) -> None:
        for line in sys.stdin:
            c = json.loads(line)
            if c["do"] == "client":
                self.execute(c)  # later commands name it
            else:
                threading.Thread(target=self.execute, args=(c,), daemon=True).start()

    def execute(self, c: Dict[str, Any]) -> None:
        try:
            answer(c, getattr(self, c["do"])(c) or {})
        except Exception as e:
            refuse(c, e)

    def client(self, c: Dict[str, Any]) -> None:
        self.clients[c["client"]] = lockd.Client(*c["addresses"], **client_options(c))

    def acquire(self, c: Dict[str, Any]) -> Dict[str, Any]:
        lease = self.clients[c["client"]].acquire(c["name"], **acquire_options(c))
        self.leases[c["lease"]] = lease
        lease.on_lost(lambda _why: emit(event="lost", lease=c["lease"]))
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
                emit_watched(c, e)

        threading.Thread(target=run, daemon=True).start()

    def elect(self, c: Dict[str, Any]) -> None:
        def work(lease: lockd.Lease) -> None:
            emit(event="leads", client=c["client"], token=lease.token)
            lease.wait_lost()
            emit(event="resigned", client=c["client"])

        def run() -> None:
            self.clients[c["client"]].elect(c["name"], work, ttl=c["ttl_ms"] / 1000)

        threading.Thread(target=run, daemon=True).start()


class Asyncio:
    """The client for asyncio."""

    def __init__(self) -> None:
        self.clients: Dict[str, lockd.aio.Client] = {}
        self.leases: Dict[str, lockd.aio.Lease] = {}
        self.acquires: Dict[str, asyncio.Future[lockd.aio.Lease]] = {}  # by the lease of the command
        self.jobs: set[asyncio.Future[Any]] = set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        lines = asyncio.StreamReader(limit=1 << 20)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            c = json.loads(line)
            if c["do"] == "client":
                self.client(c)
            else:
                self.start(self.execute(c))

    def start(self, job: Any) -> None:
        task = asyncio.ensure_future(job)
        self.jobs.add(task)
        task.add_done_callback(self.jobs.discard)

    def client(self, c: Dict[str, Any]) -> None:
        try:
            self.clients[c["client"]] = lockd.aio.Client(*c["addresses"], **client_options(c))
            answer(c, {})
        except ValueError as e:
            refuse(c, e)

    async def execute(self, c: Dict[str, Any]) -> None:
        try:
            answer(c, await getattr(self, c["do"])(c) or {})
        except Exception as e:
            refuse(c, e)

    async def acquire(self, c: Dict[str, Any]) -> Dict[str, Any]:
        acquire = asyncio.ensure_future(self.clients[c["client"]].acquire(c["name"], **acquire_options(c)))
        self.acquires[c["lease"]] = acquire
        await asyncio.wait((acquire,))
        if acquire.cancelled():
            raise Cancelled("cancelled by the scenario")
        lease = acquire.result()
        self.leases[c["lease"]] = lease
        lease.on_lost(lambda _why: emit(event="lost", lease=c["lease"]))
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
                emit_watched(c, e)

        self.start(run())

    async def elect(self, c: Dict[str, Any]) -> None:
        async def work(lease: lockd.aio.Lease) -> None:
            emit(event="leads", client=c["client"], token=lease.token)
            try:
                await asyncio.Event().wait()  # the loss cancels it
            finally:
                emit(event="resigned", client=c["client"])

        self.start(self.clients[c["client"]].elect(c["name"], work, ttl=c["ttl_ms"] / 1000))


if __name__ == "__main__":
    if "aio" in sys.argv:
        asyncio.run(Asyncio().run())
    else:
        Threads().run()
