"""Renewal and release of all leases of a client."""

from __future__ import annotations

import asyncio

import pytest
from both_clients import both, client, run
from fake import Cut, Leases, Response, serving

from lockd import HeldLease, LeaseLost, OutcomeUnknown, Released


@both
def test_all_leases_of_a_client_are_renewed_by_one_request_for_each_session(make: str) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        with pytest.raises(LeaseLost):
            await c.renew_session()
        held = [await c.acquire("x", limit=2, keep=False), await c.acquire("x", limit=2, keep=False)]
        held.append(await c.acquire("y", keep=False))
        sent = [lease._hold._sent.mono for lease in held]
        before = len(leases.of("renew-all"))
        renewals = await c.renew_session()
        assert {(l.name, l.token) for l in renewals.leases} == {("x", 1), ("x", 2), ("y", 3)}
        assert len(leases.of("renew-all")) - before == 2
        assert all(lease._hold._sent.mono > s for lease, s in zip(held, sent)), "each deadline is extended"
        leases.end("y")
        assert {l.name for l in (await c.renew_session()).leases} == {"x"}

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


@both
def test_a_released_session_holds_nothing_and_its_client_works_on(make: str) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        held = [await c.acquire("x", limit=2), await c.acquire("x", limit=2), await c.acquire("y")]
        lock = c.lock("z")
        await lock.acquire()
        answer = await c.release_session()
        assert set(answer.released) == {HeldLease("x", 1), HeldLease("x", 2), HeldLease("y", 3), HeldLease("z", 4)}
        assert [leases.holders(name) for name in "xyz"] == [[], [], []]
        for lease in held:
            assert not lease.held and not lease.lost
            with pytest.raises(Released):
                lease.check()
            await lease.release()  # it sends nothing
        await lock.release()
        assert leases.of("release") == [] and c._local._claims == {}
        assert (await c.acquire("y")).token == 5

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


@both
def test_a_release_of_a_session_that_fails_continues_for_each_hold_in_the_background(make: str) -> None:
    def cut(*_: object) -> Response:
        raise Cut

    async def scenario() -> None:
        c = client(make, node.address)
        for name in "xy":
            await c.acquire(name)
        with pytest.raises(OutcomeUnknown):
            await c.release_session()
        while leases.holders("x") or leases.holders("y"):
            await asyncio.sleep(0.001)
        assert {(r["name"], r["token"]) for r in leases.of("release")} == {("x", 1), ("y", 2)}

    leases = Leases()
    leases.answers["release-all"] = cut
    with serving(leases) as node:
        run(scenario)
