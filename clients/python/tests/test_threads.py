"""Locks of one process."""

from __future__ import annotations

import threading

import pytest

import lockd
from lockd._sse import Message, Parser
from lockd._turns import Turns


def test_turns_exclude_each_other_and_are_given_on() -> None:
    turns = Turns()
    leave = turns.take("x", 0)
    with pytest.raises(lockd.Held):
        turns.take("x", 0.01)
    turns.take("y", 0)()
    got = threading.Event()

    def wait() -> None:
        turns.take("x", 60)
        got.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    leave()
    leave()  # more than once does no more
    waiting.join(60)
    assert got.is_set()


def test_messages_of_a_stream() -> None:
    parser = Parser()
    lines = [b": alive", b"id: 7", b"event: acquired", b'data: {"a":', b"data: 1}", b"", b"", b"data:x", b""]
    told = [m for m in map(parser.line, lines) if m is not None]
    assert told == [Message("", "", ""), Message("7", "acquired", '{"a":\n1}'), Message("", "", "x")]
