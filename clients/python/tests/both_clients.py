"""One test for both clients: an adapter gives the client for threads the interface of that for asyncio."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable

import pytest

import lockd
import lockd.aio

both = pytest.mark.parametrize("make", ["threads", "asyncio"])
_WAIT = {
    "acquire", "acquire_all", "break_lease", "close", "cluster", "get", "history", "release", "release_session", "renew",
    "renew_session", "request_step_down", "transfer",
}


class Adapted:
    """A client, a lease or a lock for threads whose calls can be awaited. They block."""

    def __init__(self, of: Any) -> None:
        self.of = of

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.of, name)
        if not callable(value):
            return _adapted(value)

        def call(*args: Any, **kwargs: Any) -> Any:
            return _adapted(value(*args, **kwargs))

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            return call(*args, **kwargs)

        return awaited if name in _WAIT or name == "check" and isinstance(self.of, lockd.Client) else call

    async def __aenter__(self) -> Any:
        return _adapted(self.of.__enter__())

    async def __aexit__(self, *error: Any) -> None:
        self.of.__exit__(*error)


def _adapted(value: Any) -> Any:
    if isinstance(value, list):
        return [_adapted(v) for v in value]
    return Adapted(value) if isinstance(value, (lockd.Lease, lockd.Lock)) else value


def client(make: str, address: str, **options: Any) -> Any:
    """Make a client of one kind."""
    options = {"retry_for": 0.0, **options}
    return lockd.aio.Client(address, **options) if make == "asyncio" else Adapted(lockd.Client(address, **options))


def run(scenario: Callable[[], Awaitable[Any]]) -> Any:
    """Run a test's coroutine."""

    async def main() -> Any:
        return await asyncio.wait_for(scenario(), 60)

    return asyncio.run(main())


def guarded(of: Any, name: str, work: Callable[[], Any]) -> Awaitable[Any]:
    """Run work by the decorator of a client."""
    if isinstance(of, Adapted):

        async def call() -> Any:
            return of.of.exclusive(name)(work)()

        return call()

    async def job() -> Any:
        return work()

    return of.exclusive(name)(job)()  # type: ignore[no-any-return]


def elect(of: Any, name: str, work: Callable[[Any], Any]) -> Awaitable[Any]:
    """Run work in an election."""
    if isinstance(of, Adapted):

        async def call() -> Any:
            return of.of.elect(name, work)

        return call()

    async def job(lease: Any) -> Any:
        return work(lease)

    return of.elect(name, job)  # type: ignore[no-any-return]
