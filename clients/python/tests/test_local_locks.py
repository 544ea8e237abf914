"""Local locks of one client, and the parser of a watch."""

from __future__ import annotations

from lockd._local_locks import Claim, LocalLocks
from lockd._watch import Message, Parser


def test_local_locks_are_granted_in_the_order_of_arrival() -> None:
    locks, order = LocalLocks(), list[int]()
    claims = [Claim("x", "s") for _ in range(4)]
    entered = [locks.enter(c, 1, lambda n=n: order.append(n)) for n, c in enumerate(claims)]  # type: ignore[misc]
    assert entered == [True, False, False, False] and locks.has(claims[0])
    assert locks.enter(Claim("y", "s"), 1, lambda: None), "another name"
    locks.leave(claims[1])
    assert locks.has(claims[0]) and set(order) == {0}
    locks.leave(claims[0])
    locks.leave(claims[0])  # again: it has no effect
    assert locks.has(claims[2]) and set(order) == {0, 2}
    locks.leave(claims[2])
    locks.leave(claims[3])
    assert set(order) == {0, 2, 3} and "x" not in locks._claims


def test_a_parser_makes_messages_of_lines() -> None:
    parser = Parser()
    lines = [b": alive", b"id: 7", b"event: acquired", b'data: {"a":', b"data: 1}", b"", b"", b"data:x", b""]
    messages = [m for m in map(parser.line, lines) if m is not None]
    assert messages == [Message("", "", ""), Message("7", "acquired", '{"a":\n1}'), Message("", "", "x")]
