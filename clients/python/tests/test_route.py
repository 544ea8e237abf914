"""The order of addresses of a call."""

from __future__ import annotations

from lockd._clock import Instant
from lockd._route import AVOID_FAILED, Route


def at(seconds: float) -> Instant:
    return Instant(seconds, seconds, seconds)


def answered(route: Route, to: int, node: str, leader: str) -> None:
    route.answered(to, node, leader)
    route.final(to)


def test_calls_start_at_the_leader_once_its_address_is_known() -> None:
    route = Route(3)
    assert route.order(True, at(0)) == [0, 1, 2]
    answered(route, 0, "a", "c")
    assert route.order(True, at(0))[0] == 1  # its node is not known
    answered(route, 1, "b", "c")
    answered(route, 2, "c", "c")
    assert route.order(True, at(0)) == [2, 1, 0]
    assert route.order(False, at(0)) == [1, 2, 0]  # any node can answer
    answered(route, 2, "c", "a")
    assert route.order(True, at(0))[0] == 0


def test_a_leader_without_an_answer_is_avoided_for_some_time() -> None:
    route = Route(2)
    answered(route, 1, "b", "b")
    route.no_answer(1, at(0))
    answered(route, 0, "a", "b")
    assert route.order(True, at(AVOID_FAILED - 1)) == [0, 1]
    assert route.order(True, at(AVOID_FAILED)) == [1, 0]


def test_a_leader_at_no_address_of_the_client_receives_nothing() -> None:
    route = Route(2)
    answered(route, 0, "a", "elsewhere")
    answered(route, 1, "b", "elsewhere")
    assert route.order(True, at(0)) == [1, 0]
