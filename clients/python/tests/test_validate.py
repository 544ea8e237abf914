"""A malformed answer is no answer, also with the status 200 of a broken proxy."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Callable, Dict, List

import pytest
from fake import Response, grant, problem, serving
from test_retry import GRANT, Simulation

import lockd
import lockd.aio
from lockd import LeaseLost, LockdError, OutcomeUnknown, Unavailable
from lockd._hold import Hold
from lockd._model import Grant
from lockd._operations import release, renew
from lockd._reads import check, page, read
from lockd._renewals import renew_holds
from lockd._retry import Answer

ANY_ANSWER = [
    "[]", '"x"', "3", "null", "true", "", "<html>", '{"lease":3}', "[" * 100_000,
]
WRONG_IN_A_GRANT: List[Dict[str, Any]] = [
    {"name": "other"}, {"name": 3}, {"token": None}, {"token": 0}, {"token": "7"}, {"token": 7.5}, {"token": True},
    {"ttl_ms": None}, {"ttl_ms": 0}, {"ttl_ms": "x"}, {"expires_in_ms": None}, {"expires_in_ms": "x"},
    {"expires_in_ms": -1}, {"expires_in_ms": 1e300}, {"expires_in_ms": float("nan")},
    {"expires_in_ms": float("inf")}, {"waited_ms": []}, {"waited_ms": 1e12}, {"previous": 3}, {"step_down": "x"},
]
GRANTS = ANY_ANSWER + ["{}"] + [json.dumps({**GRANT, **wrong}) for wrong in WRONG_IN_A_GRANT]
RENEWALS = ANY_ANSWER + ["{}", '{"leases":3}', '{"leases":[3]}', '{"leases":[{"name":"x"}]}'] + [
    json.dumps({"leases": [{"name": "x", "token": 7, "expires_in_ms": e}], "waited_ms": w})
    for e, w in ((None, 0), ("x", 0), (float("inf"), 0), (1e12, 0), (59940, "x"), (59940, 1e12))
]
STATES = ANY_ANSWER + [
    "{}", '{"name":"other"}', '{"name":"x","holders":3}', '{"name":"x","holders":[3]}', '{"name":"x","token":"x"}',
    '{"name":"x","holders":[{"holder":"h","token":7,"ttl_ms":"x"}]}', '{"name":"x","revision":1e999}',
]
PAGES = ANY_ANSWER + ["{}", '{"leases":3}', '{"leases":[{}]}', '{"leases":[],"next":3}']
CHECKS = ANY_ANSWER + ["{}", '{"token":8}', '{"token":"7"}']
EVENTS = [b for b in ANY_ANSWER if b != ""] + [
    "{}", '{"name":3}', '{"name":"x","revision":"x"}', '{"name":"x","revision":1e999}', '{"name":"x","token":[]}',
    '{"name":"x","lease":3}', '{"name":"x","lease":{}}',
]


def answering(body: str) -> Any:
    return lambda _attempt: Answer(200, "", body.encode())


@pytest.mark.parametrize("wrong", GRANTS)
def test_a_malformed_grant_is_an_unknown_outcome(wrong: str) -> None:
    w = Simulation()
    with pytest.raises(OutcomeUnknown):
        w.drive(w.acquire(0.0), answering(wrong))
    assert {a.to for a in w.sent} == {0, 1}, "the request is also sent to the other node"


@pytest.mark.parametrize("wrong", GRANTS + [json.dumps({**GRANT, "token": 8})])
def test_a_malformed_answer_to_a_renewal_does_not_change_the_deadline(wrong: str) -> None:
    w = Simulation()
    hold = Hold(w.cfg, Grant.of(GRANT), w.clock())
    end = w.now + hold.remaining()
    with pytest.raises(OutcomeUnknown):
        w.drive(renew(w.cfg, hold, budget=hold.remaining() / 2), answering(wrong), takes=0.1)
    assert hold.ended is None and hold.grant.token == 7
    assert w.now + hold.remaining() == pytest.approx(end)


@pytest.mark.parametrize("wrong", RENEWALS)
def test_a_malformed_answer_to_a_renewal_of_all_does_not_change_the_deadlines(wrong: str) -> None:
    w = Simulation()
    holds = [Hold(w.cfg, Grant.of({**GRANT, "name": name}), w.clock()) for name in ("x", "y")]
    ends = [w.now + h.remaining() for h in holds]
    w.now += 2.0
    assert w.drive(renew_holds(w.cfg, holds), answering(wrong), takes=0.1) is False
    assert [h.ended for h in holds] == [None, None]
    assert [w.now + h.remaining() for h in holds if h.remaining() > 0] == pytest.approx([e for e in ends if e > w.now])


@pytest.mark.parametrize(
    "what,wrong",
    [(w, b) for w, of in (("read", STATES), ("page", PAGES), ("check", CHECKS)) for b in of],
)
def test_a_malformed_answer_to_a_read_is_no_answer(what: str, wrong: str) -> None:
    w = Simulation()
    operations: Dict[str, Callable[[], Any]] = {
        "read": lambda: read(w.cfg, "x", False), "page": lambda: page(w.cfg, "", "", "", False),
        "check": lambda: check(w.cfg, "x", 7),
    }
    with pytest.raises(Unavailable):
        w.drive(operations[what](), answering(wrong))


@pytest.mark.parametrize("wrong", ["[]", '"x"', "", "3"])
def test_a_release_with_a_malformed_answer_is_repeated_before_the_next_acquire(wrong: str) -> None:
    w = Simulation(1)
    hold = Hold(w.cfg, Grant.of({**GRANT, "ttl_ms": 60000}), w.clock())
    with pytest.raises(OutcomeUnknown):
        w.drive(release(w.cfg, w.pending, hold), answering(wrong))
    w.sent.clear()
    with pytest.raises(OutcomeUnknown):
        w.drive(w.acquire(0.0), answering("[]"))
    assert {a.path for a in w.sent} == {"/v1/leases/x/release"}


@pytest.mark.parametrize("status,kind", [(503, OutcomeUnknown), (409, LockdError)])
@pytest.mark.parametrize(
    "wrong", ANY_ANSWER + ['{"type":3}', '{"position":"x"}', '{"errors":3}', '{"errors":[null]}', '{"oldest":[]}', '{"lease":{}}'],
)
def test_a_malformed_problem_has_only_its_status(status: int, kind: Any, wrong: str) -> None:
    w = Simulation(1)
    with pytest.raises(kind) as e:
        w.drive(w.acquire(0.0), lambda _a: Answer(status, "x", wrong.encode()))
    assert not isinstance(e.value, LeaseLost) and e.value.problem is not None and e.value.problem.status == status


def stream(*messages: str) -> Response:
    return 200, "".join(f"id: 7\nevent: {m.partition(' ')[0]}\ndata: {m.partition(' ')[2]}\n\n" for m in messages)


RIGHT = 'acquired {"name":"x","revision":7,"token":7}'


@pytest.mark.parametrize("asynchronous", [False, True], ids=["threads", "asyncio"])
@pytest.mark.parametrize("wrong", ["acquired " + b for b in EVENTS] + ["state {}", 'state {"lease":3}', 'state {"lease":{}}'])
def test_a_watch_resumes_after_a_malformed_event(wrong: str, asynchronous: bool) -> None:
    connections: List[str] = []

    def serve(path: str, _body: Any) -> Response:
        connections.append(path)
        return stream(wrong) if len(connections) == 1 else stream(RIGHT)

    async def first(client: lockd.aio.Client) -> lockd.Event:
        async for event in client.watch("x"):
            return event
        raise AssertionError("the watch ended")

    with serving(serve) as node:
        if asynchronous:
            event = asyncio.run(first(lockd.aio.Client(node.address)))
        else:
            event = next(lockd.Client(node.address).watch("x"))
    assert (event.type, event.name, event.token) == ("acquired", "x", 7)
    assert len(connections) == 2


@pytest.mark.parametrize("wrong", ['{"token":7}', "[]", '{"lease":3}'])
def test_asyncio_renews_its_leases_after_malformed_answers(wrong: str) -> None:
    renewals: List[str] = []

    def serve(path: str, body: Any) -> Response:
        name = path.split("/")[3]
        if path.endswith("acquire"):
            return 201, json.dumps(grant(name, ttl_ms=2000, expires_in_ms=1998))
        if path.endswith("release"):
            return 200, "{}"
        renewals.append(path)
        if len(renewals) == 1:
            return 200, wrong
        return problem("not-holder", 409, lost=True)

    async def scenario(address: str) -> None:
        reported: List[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
        async with lockd.aio.Client(address) as client:
            with pytest.raises(LeaseLost, match="409"):
                async with client.lock("x", ttl=2):
                    await asyncio.wait_for(asyncio.Event().wait(), 60)
        assert reported == []

    with serving(serve) as node:
        asyncio.run(scenario(node.address))
    assert len(renewals) >= 2
