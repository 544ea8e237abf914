"""The operations of an operator: break, request to step down, history and cluster."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Callable, Dict, List

import pytest
from both_clients import both, client, run
from fake import Response, problem, serving
from test_retry import Simulation
from test_validate import ANY_ANSWER, answering

from lockd import LeaseLost, OutcomeUnknown, StepDown, Unavailable
from lockd._admin import break_lease, request_step_down
from lockd._reads import cluster, history

EVENT = {"revision": 7, "type": "broken", "name": "x", "token": 7, "reason": "r", "by": "10.0.0.9", "held_ms": 1500}
NODE = {"id": "a-1", "name": "a", "http": "h:1", "peer": "p:1", "state": "leader", "version": "v1", "entry_version": 3}
MEMBER = {"id": "a-1", "name": "a", "http": "h:1", "peer": "p:1", "voter": True, "leader": True, "entry_version": 3}
CLUSTER = {
    "cluster_id": "c", "node": NODE, "leader": "a", "term": 2, "revision": 9, "applied_index": 11, "last_log_term": 2,
    "last_log_index": 12, "nodes": [MEMBER, {**MEMBER, "name": "b", "voter": False, "last_contact_ms": 250}],
}


def serve_json(bodies: List[Dict[str, Any]], answer: Dict[str, Any]) -> Callable[[str, Dict[str, Any]], Response]:
    def serve(_path: str, body: Dict[str, Any]) -> Response:
        bodies.append(body)
        return 202, json.dumps(answer)

    return serve


@both
def test_a_break_names_the_hold_by_its_token(make: str) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        broken = await c.break_lease("x", 7, reason="unreachable", grace=timedelta(seconds=1.5))
        assert (broken.name, broken.token, broken.available_in, broken.revision) == ("x", 7, 9.8, 8)
        await c.break_lease("x", 7, reason="r")
        await c.break_lease("x", 7, reason="r", grace=0)
        for wrong in ({"reason": ""}, {"reason": "r" * 501}, {"reason": 3}, {"reason": "r", "grace": -1}):
            with pytest.raises(ValueError):
                await c.break_lease("x", 7, **wrong)
        for token in (0, True, "7", 2**53):
            with pytest.raises(ValueError, match="^token "):
                await c.break_lease("x", token, reason="r")

    bodies: List[Dict[str, Any]] = []
    with serving(serve_json(bodies, {"name": "x", "token": 7, "available_in_ms": 9800, "revision": 8})) as node:
        run(scenario)
    assert bodies == [
        {"token": 7, "reason": "unreachable", "grace_ms": 1500}, {"token": 7, "reason": "r"},
        {"token": 7, "reason": "r", "grace_ms": 0},
    ]
    assert set(node.paths) == {"/v1/leases/x/break"}


@both
def test_a_request_to_step_down_names_the_hold_and_the_next_holder(make: str) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        accepted = await c.request_step_down("x", 7, to="other", within=30)
        assert (accepted.holder, accepted.token, accepted.step_down) == ("h", 7, StepDown(to="other", within=30.0))
        await c.request_step_down("x", 7)
        for wrong in ({"to": 3}, {"within": 0}, {"within": 86401}):
            with pytest.raises(ValueError):
                await c.request_step_down("x", 7, **wrong)

    bodies: List[Dict[str, Any]] = []
    answer = {"name": "x", "holder": "h", "token": 7, "step_down": {"to": "other", "within_ms": 30000}, "revision": 8}
    with serving(serve_json(bodies, answer)) as node:
        run(scenario)
    assert bodies == [{"token": 7, "to": "other", "within_ms": 30000}, {"token": 7}]
    assert set(node.paths) == {"/v1/leases/x/step-down"}


@both
def test_a_token_that_is_not_current_is_a_loss(make: str) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        with pytest.raises(LeaseLost):
            await c.break_lease("x", 7, reason="r")
        with pytest.raises(LeaseLost):
            await c.request_step_down("x", 7)

    with serving(lambda *_: problem("stale-token", 409, lost=True)) as node:
        run(scenario)


@both
def test_a_history_has_the_events_and_a_cluster_its_members(make: str) -> None:
    async def scenario() -> None:
        c = client(make, node.address)
        of = await c.history("x")
        (event,) = of.events
        assert (of.name, of.revision) == ("x", 9)
        assert (event.type, event.token, event.reason, event.by, event.held) == ("broken", 7, "r", "10.0.0.9", 1.5)
        of = await c.cluster()
        assert (of.id, of.leader, of.term, of.node.state, of.node.version) == ("c", "a", 2, "leader", "v1")
        assert [(n.name, n.voter, n.last_contact) for n in of.nodes] == [("a", True, None), ("b", False, 0.25)]

    def serve(path: str, _body: Any) -> Response:
        return 200, json.dumps(CLUSTER if path == "/v1/cluster" else {"name": "x", "events": [EVENT], "revision": 9})

    with serving(serve) as node:
        run(scenario)


WRONG_ADMIN = ANY_ANSWER + ["{}", '{"name":"y","token":7}', '{"name":"x","token":8}', '{"name":"x","token":"7"}']
WRONG_HISTORY = ANY_ANSWER + [
    "{}", '{"name":"x"}', '{"name":"y","events":[]}', '{"name":"x","events":[3]}', '{"name":"x","events":[{"type":"acquired"}]}',
]
WRONG_CLUSTER = ANY_ANSWER + ["{}"] + [
    json.dumps({**CLUSTER, **wrong})
    for wrong in ({"node": None}, {"nodes": 3}, {"nodes": [3]}, {"term": -1}, {"nodes": [{**MEMBER, "voter": 1}]})
]


@pytest.mark.parametrize("wrong", WRONG_ADMIN)
def test_a_wrong_answer_to_an_operator_is_an_unknown_outcome(wrong: str) -> None:
    for call in (lambda w: break_lease(w.cfg, "x", 7, "r", None), lambda w: request_step_down(w.cfg, "x", 7, "", None)):
        w = Simulation()
        with pytest.raises(OutcomeUnknown):
            w.drive(call(w), answering(wrong))
        assert {a.to for a in w.sent} == {0, 1}, "the request is repeated at the other node"


@pytest.mark.parametrize("wrong", WRONG_HISTORY)
def test_a_wrong_answer_to_a_read_of_a_history_is_no_answer(wrong: str) -> None:
    w = Simulation()
    with pytest.raises(Unavailable):
        w.drive(history(w.cfg, "x", False), answering(wrong))


@pytest.mark.parametrize("wrong", WRONG_CLUSTER)
def test_a_wrong_answer_to_a_read_of_the_cluster_is_no_answer(wrong: str) -> None:
    w = Simulation()
    with pytest.raises(Unavailable):
        w.drive(cluster(w.cfg), answering(wrong))
