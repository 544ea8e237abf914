"""An acquire of several leases: all are held, or none."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Dict, List

import pytest
from both_clients import both, client, run
from fake import Cut, Leases, Response, serving
from test_retry import Simulation
from test_validate import ANY_ANSWER, answering

import lockd
import lockd.aio
from lockd import Held, LeaseLost, OutcomeUnknown
from lockd._acquire_all import AcquireAll, acquire_all
from lockd._retry import lease_path

NAMES = ["x", "a/b", "y"]
HOLDS = {"holder": "h", "ttl_ms": 15000, "expires_in_ms": 14985, "waited_ms": 0, "revision": 9}
LEASES = [{"name": name, "token": 7 + n, "slot": 0} for n, name in enumerate(NAMES)]
WRONG_MEMBERS: List[Dict[str, Any]] = [
    {"leases": 3}, {"leases": []}, {"leases": LEASES[:2]}, {"leases": LEASES[::-1]}, {"leases": [*LEASES, LEASES[0]]},
    {"leases": [*LEASES[:2], 3]}, {"leases": [*LEASES[:2], {"name": "y"}]}, {"leases": LEASES, "ttl_ms": 0},
    {"leases": LEASES, "expires_in_ms": 1e12}, {"leases": LEASES, "waited_ms": -1},
]
WRONG = ANY_ANSWER + ["{}"] + [json.dumps({**HOLDS, **wrong}) for wrong in WRONG_MEMBERS]


@both
def test_all_leases_are_held_in_order_and_end_one_by_one(make: str) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        first, second, third = await c.acquire_all(NAMES, ttl=60, meta={"a": 1})
        assert [(l.name, l.token) for l in (first, second, third)] == [("x", 1), ("a/b", 2), ("y", 3)]
        assert leases.of("acquire-all")[0]["names"] == NAMES and leases.of("acquire-all")[0]["meta"] == {"a": 1}
        with pytest.raises(Held):
            await c.acquire("y")
        await first.release()
        assert not first.held and second.held and third.held
        leases.end("y")
        with pytest.raises(LeaseLost):
            await third.renew()
        assert second.held and leases.holders("a/b") == [c.session]
        await (await c.acquire("x")).release()

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


@both
def test_a_refused_acquire_of_several_leases_holds_none_and_has_the_leases_that_blocked_it(make: str) -> None:
    async def scenario() -> None:
        c, other = client(make, node.address), client(make, node.address, holder="other")
        await other.acquire("a/b")
        with pytest.raises(Held) as e:
            await c.acquire_all(NAMES)
        assert e.value.problem is not None
        (blocking,) = e.value.problem.leases
        assert (blocking.name, blocking.holder) == ("a/b", "other")
        assert leases.holders("x") == leases.holders("y") == [] and c._local._claims == {}
        own = await c.acquire("y")
        before = len(leases.requests)
        with pytest.raises(Held, match="y is held by this client"):
            await c.acquire_all(["x", "y"])
        assert len(leases.requests) == before and own.held
        await own.release()

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


@both
@pytest.mark.parametrize("names", ["xy", [], ["x", "x"], ["x", "-"], [7], [f"n{i}" for i in range(65)]], ids=lambda n: str(n)[:9])
def test_wrong_names_are_refused_before_anything_is_sent(make: str, names: Any) -> None:
    async def scenario() -> None:
        with pytest.raises(ValueError, match="^name"):
            await client(make, node.address).acquire_all(names)

    with serving(Leases()) as node:
        run(scenario)
    assert node.paths == []


@pytest.mark.parametrize("wrong", WRONG)
def test_no_lease_results_from_a_wrong_answer(wrong: str) -> None:
    w = Simulation()
    of = AcquireAll.of(w.cfg, NAMES, 15.0, None)
    with pytest.raises(OutcomeUnknown):
        w.drive(acquire_all(w.cfg, w.pending, of), answering(wrong))
    tried = {a.path for a in w.sent} | {lease_path(r.name, "release") for r in w.pending._releases}
    assert tried == {"/v1/acquire", *(lease_path(name, "release") for name in NAMES)}


@both
def test_an_acquire_of_unknown_outcome_releases_its_attempt_for_each_name(make: str) -> None:
    def granted_and_cut(name: str, body: Dict[str, Any]) -> Response:
        leases.serve("acquire-all", name, body)
        raise Cut

    async def scenario() -> None:
        c = client(make, node.address)
        with pytest.raises(OutcomeUnknown):
            await c.acquire_all(NAMES)
        leases.answers.clear()
        attempt = leases.of("acquire-all")[0]["attempt"]
        while any(leases.holders(name) for name in NAMES):
            await asyncio.sleep(0.001)
        assert {(r["name"], r["attempt"]) for r in leases.of("release")} == {(name, attempt) for name in NAMES}

    leases = Leases()
    leases.answers = {"acquire-all": granted_and_cut}
    with serving(leases) as node:
        run(scenario)


def test_a_cancelled_acquire_of_several_leases_releases_its_attempt() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        c = lockd.aio.Client(node.address)
        task = asyncio.ensure_future(c.acquire_all(NAMES))

        def granted_then_cancelled(name: str, body: Dict[str, Any]) -> Response:
            response = leases.serve("acquire-all", name, body)
            loop.call_soon_threadsafe(task.cancel)
            leases.wait_for(lambda: len(leases.of("release")) > 0)
            return response

        leases.answers["acquire-all"] = granted_then_cancelled
        with pytest.raises(asyncio.CancelledError):
            await task
        await c.close()
        assert [leases.holders(name) for name in NAMES] == [[], [], []] and c._local._claims == {}

    leases = Leases()
    with serving(leases) as node:
        run(scenario)


def test_the_next_acquire_of_several_leases_sends_the_pending_releases_first() -> None:
    w = Simulation(1)
    of = AcquireAll.of(w.cfg, NAMES, 15.0, None)
    with pytest.raises(OutcomeUnknown):
        w.drive(acquire_all(w.cfg, w.pending, of), answering("[]"))
    w.sent.clear()
    paths: List[str] = []

    def node(attempt: Any) -> Any:
        paths.append(attempt.path)
        body = json.dumps({**HOLDS, "leases": LEASES}) if attempt.path == "/v1/acquire" else "{}"
        return answering(body)(attempt)

    holds = w.drive(acquire_all(w.cfg, w.pending, AcquireAll.of(w.cfg, NAMES, 15.0, None)), node)
    assert [h.grant.token for h in holds] == [7, 8, 9]
    assert paths == ["/v1/leases/x/release", "/v1/leases/a%2Fb/release", "/v1/leases/y/release", "/v1/acquire"]
